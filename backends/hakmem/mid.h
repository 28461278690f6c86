/* SPDX-License-Identifier: MIT
 * backends/hakmem/mid.h - L2, blocks to 32 KiB: at most 64 to a slab, free ones in a bitmap, so
 * that the lowest address goes out first and a block freed twice is told for certain. L2.5 is the
 * same with fewer blocks. The whole pages of blocks that stay free while their slab lives are given
 * back by age, so that a few blocks that stay do not hold what lies between them. */
#ifndef HAK_BACKENDS_HAKMEM_MID_H
#define HAK_BACKENDS_HAKMEM_MID_H

#include "backends/backend.h"
#include "backends/hakmem/purge.h"

/* As backend_refill and backend_return, for one class; arena lock. */
uint32_t mid_refill(
	struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, struct batch *b);
void mid_return(struct slab_list *list, struct slab *s, void *p, uint32_t now_ms);
/* The next fresh block, else the free one with the lowest address, of those that hold memory if
 * there are any; s has room. *zeroed tells whether it reads as zero, as far as is known. */
void *mid_take(struct slab_list *list, struct slab *s, bool *zeroed);
/* Adds the pages of free blocks in slabs that have been quiet for cold_ms to what is given back. */
void mid_age(struct slab_list *list, uint32_t now_ms, uint32_t cold_ms, struct purge *p);

#endif
