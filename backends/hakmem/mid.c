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
		uint64_t held = s->cut.free.bitmap & ~s->cut.purged;
		index = (uint32_t)__builtin_ctzll(held ? held : s->cut.free.bitmap);
		uint64_t bit = (uint64_t)1 << index;
		s->cut.free.bitmap &= ~bit;
		s->cut.nfree--;
		/* Of smaller blocks only the whole pages were given back. */
		*zeroed = slab_kind(s) == SLAB_LARGE && (s->cut.purged & bit);
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
		struct slab *s = slab_first(list, kind, cls, arena, b->count == 0);
		if (!s)
			break;
		b->blocks[b->nblocks++] = mid_take(list, s, &zeroed);
		b->count++;
	}
	return b->count;
}

void
mid_return(struct slab_list *list, struct slab *s, void *p, uint32_t now_ms)
{
	uint64_t bit = (uint64_t)1 << slab_index(s, p);

	if (HAK_UNLIKELY(s->cut.free.bitmap & bit))
		log_fatal("double free of %p", p);
	s->cut.free.bitmap |= bit;
	s->cut.nfree++;
	s->since_ms = now_ms;
	slab_returned(list, s);
}

/* The whole pages that n free blocks from the i-th on fill. Blocks of which no page is whole count
 * as given back at once. */
static void
purge_run(struct slab *s, unsigned i, unsigned n, uint64_t run, struct purge *p)
{
	size_t size = sizeclass_size(s->cls), page = os_page_size();
	size_t from = round_up(i * size, page), to = round_down((i + n) * size, page);

	if (from < to)
		purge_add(p, s, from, to - from, run);
	else
		s->cut.purged |= run;
}

/* All of a slab's; a run is done as long as nothing came to it since. */
static void
purge_free(struct slab *s, struct purge *p)
{
	uint64_t fresh = s->cut.free.bitmap & ~s->cut.purged;

	for (uint64_t left = s->cut.free.bitmap; left;) {
		unsigned i, n;
		uint64_t run = purge_take_run(&left, &i, &n);
		if (run & fresh)
			purge_run(s, i, n, run, p);
	}
}

void
mid_age(struct slab_list *list, uint32_t now_ms, uint32_t cold_ms, struct purge *p)
{
	for (struct slab *s = list->head; s; s = s->cut.next)
		/* Blocks of L2.5 are known to be zero afterwards, so they must be whole pages. */
		if ((slab_kind(s) == SLAB_MID || sizeclass_size(s->cls) % os_page_size() == 0) &&
			(s->cut.free.bitmap & ~s->cut.purged) &&
			idle_for(now_ms, s->since_ms, cold_ms)) {
			if (purge_is_over(p))
				break;
			purge_free(s, p);
		}
}
