/* SPDX-License-Identifier: MIT
 * backends/hakmem/large.h - L2.5, blocks to 1 MiB: slabs as in L2, of a few blocks each. Front-ends
 * cache the smaller ones only; for the rest each call takes the arena's lock for a few
 * instructions. The pages of blocks that stay free while their slab lives are given back by age. */
#ifndef HAK_BACKENDS_HAKMEM_LARGE_H
#define HAK_BACKENDS_HAKMEM_LARGE_H

#include "backends/hakmem/slab.h"

/* As backend_take and backend_return, for one class; arena lock. */
void *large_take(struct slab_list *list, unsigned cls, uint16_t arena, bool *zeroed);
void large_return(struct slab_list *list, struct slab *s, void *p, uint32_t now_ms);
/* Gives back the pages of free blocks in slabs that have been quiet for cold_ms; returns bytes. */
size_t large_age(struct slab_list *list, uint32_t now_ms, uint32_t cold_ms);

#endif
