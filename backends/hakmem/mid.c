/* SPDX-License-Identifier: MIT
 * backends/hakmem/mid.c - refill and return of blocks kept in a bitmap. */
#include "backends/hakmem/mid.h"

#include "backends/os.h"
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

/* Gives back the whole pages that n free blocks from the i-th on fill, and adds their bytes; false
 * where the system refuses. */
static bool
purge_run(struct slab *s, unsigned i, unsigned n, size_t *bytes)
{
	size_t size = sizeclass_size(s->cls), page = os_page_size();
	size_t from = round_up(i * size, page), to = round_down((i + n) * size, page);

	if (from >= to)
		return true;
	if (!os_purge(s->base + from, to - from))
		return false;
	*bytes += to - from;
	return true;
}

/* All of a slab's; a run is done as long as nothing came to it since. */
static size_t
purge_free(struct slab *s)
{
	uint64_t fresh = s->cut.free.bitmap & ~s->cut.purged;
	uint64_t left = s->cut.free.bitmap;
	size_t bytes = 0;

	while (left && fresh) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t up = ~(left >> i);
		unsigned n = up ? (unsigned)__builtin_ctzll(up) : 64;
		uint64_t run = (n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX) << i;
		left &= ~run;
		if (!(run & fresh))
			continue;
		if (purge_run(s, i, n, &bytes))
			s->cut.purged |= run;
	}
	return bytes;
}

size_t
mid_age(struct slab_list *list, uint32_t now_ms, uint32_t cold_ms)
{
	size_t bytes = 0;

	for (struct slab *s = list->head; s; s = s->cut.next)
		/* Blocks of L2.5 are known to be zero afterwards, so they must be whole pages. */
		if ((slab_kind(s) == SLAB_MID || sizeclass_size(s->cls) % os_page_size() == 0) &&
			s->cut.nfree > 0 && idle_for(now_ms, s->since_ms, cold_ms))
			bytes += purge_free(s);
	return bytes;
}
