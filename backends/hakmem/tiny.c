/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny.c - refill and return of Tiny blocks. */
#include "backends/hakmem/tiny.h"

#include "base/assert.h"

/* A link that the program has overwritten must not lead out of its slab. */
static void
check_link(const struct slab *s, const void *p, const void *from)
{
	if (HAK_UNLIKELY(p && (size_t)((const char *)p - s->base) >= PAGE_BYTES))
		log_fatal("free block %p was written to after it was freed (its link is %p)", from,
			p);
}

/* The slab's whole free list, or its first `most` blocks. */
static void
take_list(struct slab *s, uint32_t most, struct batch *b)
{
	void *head = s->cut.free.list;
	void *last = head;
	uint32_t n = s->cut.nfree;

	if (n <= most) {
		s->cut.free.list = NULL;
	} else {
		for (n = 1; n < most; n++) {
			void *next = *(void **)last;
			check_link(s, next, last);
			last = next;
		}
		s->cut.free.list = *(void **)last;
		check_link(s, s->cut.free.list, last);
		*(void **)last = NULL;
	}
	b->chains[b->nchains].head = head;
	b->chains[b->nchains++].count = n;
	s->cut.nfree -= n;
	b->count += n;
}

void
tiny_take_fresh(struct slab *s, uint32_t want, struct batch *b)
{
	uint32_t left = slab_capacity(s) - s->cut.fresh;
	uint32_t n = want < left ? want : left;

	b->fresh = s->base + s->cut.fresh * sizeclass_size(s->cls);
	b->nfresh = n;
	s->cut.fresh += n;
	b->count += n;
}

uint32_t
tiny_refill(struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, uint32_t most,
	struct batch *b)
{
	while (b->count < want && b->nchains < BATCH_CHAINS && b->nfresh == 0) {
		struct slab *s = list->head;
		if (!s) {
			/* What there is will do; a slab's birth is for those who have nothing. */
			if (b->count > 0)
				break;
			s = slab_birth(list, SLAB_TINY, cls, arena);
			if (!s)
				break;
		}
		if (s->cut.nfree > 0)
			take_list(s, most - b->count, b);
		else
			tiny_take_fresh(s, want - b->count, b);
		slab_taken(list, s);
	}
	return b->count;
}

void
tiny_return(struct slab_list *list, struct slab *s, void *p)
{
	slab_index(s, p);
	if (HAK_UNLIKELY(s->cut.free.list == p || s->cut.nfree == s->cut.fresh))
		log_fatal("double free of %p", p);
	*(void **)p = s->cut.free.list;
	s->cut.free.list = p;
	s->cut.nfree++;
	slab_returned(list, s);
}
