/* SPDX-License-Identifier: MIT
 * backends/hakmem/mid.h - L2, blocks to 32 KiB: at most 64 to a slab, free ones in a bitmap, so
 * that the lowest address goes out first and a block freed twice is told for certain. L2.5 is the
 * same with fewer blocks, and knows of each free one whether its pages have been given back. */
#ifndef HAK_BACKENDS_HAKMEM_MID_H
#define HAK_BACKENDS_HAKMEM_MID_H

#include "backends/backend.h"
#include "backends/hakmem/slab.h"

/* As backend_refill and backend_return, for one class; arena lock. */
uint32_t mid_refill(
	struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, struct batch *b);
void mid_return(struct slab_list *list, struct slab *s, void *p);
/* The free block with the lowest address, else the next fresh one; s has room. *zeroed tells
 * whether it reads as zero. */
void *mid_take(struct slab_list *list, struct slab *s, bool *zeroed);

#endif
