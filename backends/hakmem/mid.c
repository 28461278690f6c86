/* SPDX-License-Identifier: MIT
 * backends/hakmem/mid.c - refill and return of blocks kept in a bitmap. */
#include "backends/hakmem/mid.h"

#include "base/assert.h"

void *
mid_take(struct slab_list *list, struct slab *s, bool *zeroed)
{
	uint32_t index;

	if (s->cut.nfree == 0) {
		index = s->cut.fresh++;
		*zeroed = s->zero;
	} else {
		index = (uint32_t)__builtin_ctzll(s->cut.free.bitmap);
		uint64_t bit = (uint64_t)1 << index;
		s->cut.free.bitmap &= ~bit;
		s->cut.nfree--;
		*zeroed = s->cut.purged & bit;
		s->cut.purged &= ~bit;
	}
	slab_taken(list, s);
	return s->base + index * (size_t)sizeclass_size(s->cls);
}

uint32_t
mid_refill(struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, struct batch *b)
{
	enum slab_kind kind = cls < CLASS_LARGE ? SLAB_MID : SLAB_LARGE;
	bool zeroed;

	while (b->count < want && b->nblocks < BATCH_BLOCKS) {
		struct slab *s = list->head;
		if (!s) {
			if (b->count > 0)
				break;
			s = slab_birth(list, kind, cls, arena);
			if (!s)
				break;
		}
		b->blocks[b->nblocks++] = mid_take(list, s, &zeroed);
		b->count++;
	}
	return b->count;
}

void
mid_return(struct slab_list *list, struct slab *s, void *p)
{
	uint64_t bit = (uint64_t)1 << slab_index(s, p);

	if (HAK_UNLIKELY(s->cut.free.bitmap & bit))
		log_fatal("double free of %p", p);
	s->cut.free.bitmap |= bit;
	s->cut.nfree++;
	slab_returned(list, s);
}
