/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny.h - blocks to 1 KiB: free ones in a list through the blocks. */
#ifndef HAK_BACKENDS_HAKMEM_TINY_H
#define HAK_BACKENDS_HAKMEM_TINY_H

#include "backends/backend.h"
#include "backends/hakmem/slab.h"

/* As backend_refill and backend_return, for one class; arena lock. */
uint32_t tiny_refill(struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want,
	uint32_t most, struct batch *b);
void tiny_return(struct slab_list *list, struct slab *s, void *p, uint32_t now_ms);
/* Adds from `want` up to `most` of a slab's fresh blocks to *b, up to where a page ends. */
void tiny_take_fresh(struct slab *s, uint32_t want, uint32_t most, struct batch *b);
/* The same for slabs of a group (tiny_sealed.c). */
uint32_t tiny_sealed_refill(
	struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, struct batch *b);
void tiny_sealed_return(struct slab_list *list, struct slab *s, void *p);

#endif
