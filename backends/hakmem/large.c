/* SPDX-License-Identifier: MIT
 * backends/hakmem/large.c - take, return and ageing of L2.5 blocks. */
#include "backends/hakmem/large.h"

#include "backends/hakmem/mid.h"
#include "backends/os.h"
#include "base/assert.h"

void *
large_take(struct slab_list *list, unsigned cls, uint16_t arena, bool *zeroed)
{
	struct slab *s = list->head;

	if (!s)
		s = slab_birth(list, SLAB_LARGE, cls, arena);
	return s ? mid_take(list, s, zeroed) : NULL;
}

void
large_return(struct slab_list *list, struct slab *s, void *p, uint32_t now_ms)
{
	s->since_ms = now_ms;
	mid_return(list, s, p);
}

static size_t
purge_blocks(struct slab *s)
{
	size_t size = sizeclass_size(s->cls);
	size_t bytes = 0;

	for (uint64_t bits = s->cut.free.bitmap & ~s->cut.purged; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bits);
		if (!os_purge(s->base + i * size, size))
			continue;
		s->cut.purged |= (uint64_t)1 << i;
		bytes += size;
	}
	return bytes;
}

size_t
large_age(struct slab_list *list, uint32_t now_ms, uint32_t cold_ms)
{
	size_t bytes = 0;

	for (struct slab *s = list->head; s; s = s->cut.next)
		/* Sizes are multiples of 4 KiB; where pages are larger neighbours share one. */
		if (sizeclass_size(s->cls) % os_page_size() == 0 &&
			idle_for(now_ms, s->since_ms, cold_ms))
			bytes += purge_blocks(s);
	return bytes;
}
