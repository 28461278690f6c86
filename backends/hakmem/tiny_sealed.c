/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny_sealed.c - refill and return of Tiny blocks in slabs of a group: sealed
 * while they are free (seal.h). */
#include "backends/hakmem/tiny.h"
#include "backends/seal.h"
#include "base/assert.h"

/* The slab's first free block, its link followed and checked. */
static void *
pop(struct slab *s)
{
	void *p = s->cut.free.list;
	void *next = seal_next(p);

	if (HAK_UNLIKELY(next && (size_t)((char *)next - s->base) >= PAGE_BYTES))
		seal_broken(p);
	s->cut.free.list = next;
	s->cut.nfree--;
	return p;
}

uint32_t
tiny_sealed_refill(
	struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, struct batch *b)
{
	while (b->count < want && b->nblocks < BATCH_BLOCKS && b->nfresh == 0) {
		struct slab *s = slab_first(list, SLAB_TINY, cls, arena, b->count == 0);
		if (!s)
			break;
		if (s->cut.nfree == 0)
			tiny_take_fresh(s, want - b->count, want - b->count, b);
		while (s->cut.nfree > 0 && b->count < want && b->nblocks < BATCH_BLOCKS) {
			b->blocks[b->nblocks++] = pop(s);
			b->count++;
		}
		slab_taken(list, s);
	}
	return b->count;
}

void
tiny_sealed_return(struct slab_list *list, struct slab *s, void *p)
{
	slab_index(s, p);
	if (HAK_UNLIKELY(s->cut.free.list == p || slab_is_empty(s)))
		log_fatal("double free of %p", p);
	seal_set(p, s->cut.free.list);
	s->cut.free.list = p;
	s->cut.nfree++;
	slab_returned(list, s);
}
