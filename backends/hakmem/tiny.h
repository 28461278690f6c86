/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny.h - blocks to 1 KiB: free ones in a list through the blocks. */
#ifndef HAK_BACKENDS_HAKMEM_TINY_H
#define HAK_BACKENDS_HAKMEM_TINY_H

#include "backends/backend.h"
#include "backends/hakmem/slab.h"
#include "backends/hakmem/tiny_pages.h"
#include "base/assert.h"

/* As backend_refill, for one class; arena lock. */
uint32_t tiny_refill(struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want,
	uint32_t most, struct batch *b);
/* Adds from `want` up to `most` of a slab's fresh blocks to *b, up to where a page ends. */
void tiny_take_fresh(struct slab *s, uint32_t want, uint32_t most, struct batch *b);
/* The same for slabs of a group (tiny_sealed.c). */
uint32_t tiny_sealed_refill(
	struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, struct batch *b);
void tiny_sealed_return(struct slab_list *list, struct slab *s, void *p);

/* A block comes back; arena lock. Inline, since lists of blocks come back one by one. */
HAK_INLINE void
tiny_return(struct slab_list *list, struct slab *s, void *p, uint32_t now_ms)
{
	uint32_t index = slab_index(s, p);

	if (HAK_UNLIKELY(s->cut.free.list == p || slab_is_empty(s)))
		log_fatal("double free of %p", p);
	if (HAK_UNLIKELY(s->cut.purged != 0))
		tiny_changed(s, index);
	s->since_ms = now_ms;
	link_set(p, s->cut.free.list);
	s->cut.free.list = p;
	s->cut.nfree++;
	slab_returned(list, s);
}

#endif
