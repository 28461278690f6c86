/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny.c - refill and return of Tiny blocks. */
#include "backends/hakmem/tiny.h"

#include "backends/hakmem/tiny_pages.h"
#include "base/assert.h"

/* Blocks of a list are asked for ahead where there are so many, and one for so many lines. */
#define PREFETCH_LEAST 16
#define PREFETCH_PART 4
/* A refill looks at so many slabs of those with room. */
#define LOOKS 8
/* Fresh blocks of so many slabs wait for their lessees before one takes another's. */
#define LEASES 4
/* The largest blocks that are leased: of larger ones few share a page, and a slab for each thread
 * is more memory. */
#define LEASE_SIZE 256

/* A link that the program has overwritten must not lead out of its slab. */
static void
check_link(const struct slab *s, const void *p, const void *from)
{
	if (HAK_UNLIKELY(p && (size_t)((const char *)p - s->base) >= PAGE_BYTES))
		log_fatal("free block %p was written to after it was freed (its link is %p)", from,
			p);
}

/* The length of the slab's free list. */
static uint32_t
list_length(const struct slab *s)
{
	return HAK_LIKELY(s->cut.purged == 0) ? s->cut.nfree : s->cut.nfree - tiny_purged(s);
}

/* Asks the processor for the first line of each block, where n blocks of a list are about to be
 * walked over and that is a good part of the slab's lines: in the order of addresses they come many
 * at a time, along a list one after another. */
static void
prefetch_blocks(const struct slab *s, uint32_t n)
{
	size_t size = sizeclass_size(s->cls), step = size > CACHE_LINE ? size : CACHE_LINE;
	size_t end = s->cut.fresh * size;

	if (n < PREFETCH_LEAST || n * PREFETCH_PART < end / step)
		return;
	for (size_t at = 0; at < end; at += step)
		__builtin_prefetch(s->base + at, 0, 2);
}

/* The slab's whole free list, or its first `most` blocks. */
static void
take_list(struct slab *s, uint32_t most, struct batch *b)
{
	void *head = s->cut.free.list;
	void *last = head;
	uint32_t n = list_length(s);

	prefetch_blocks(s, n < most ? n : most);
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

/* From `want` up to where the next fresh block begins a page, if `most` allows (passive false
 * sharing; Berger et al., ASPLOS 2000). */
static uint32_t
whole_page(const struct slab *s, uint32_t want, uint32_t most)
{
	size_t size = sizeclass_size(s->cls);
	size_t end = round_up((s->cut.fresh + want) * size, REFILL_PAGE);
	uint32_t n = sizeclass_divide(s->cls, end) - s->cut.fresh;

	return n < most ? n : most;
}

void
tiny_take_fresh(struct slab *s, uint32_t want, uint32_t most, struct batch *b)
{
	uint32_t left = slab_capacity(s) - s->cut.fresh;
	uint32_t n = whole_page(s, want, most);

	n = n < left ? n : left;

	b->fresh = s->base + s->cut.fresh * sizeclass_size(s->cls);
	b->nfresh = n;
	s->cut.fresh += n;
	b->count += n;
}

static void
take_purged(struct slab *s, uint32_t most, struct batch *b)
{
	b->nfresh = tiny_unpurge(s, most, &b->fresh);
	b->count += b->nfresh;
}

/* True where the free blocks serve before fresh ones. A few wait, as long as there are fresh ones:
 * the neighbours of single blocks are mostly alive, and other threads may be writing to them. */
static bool
list_serves(const struct slab *s, uint32_t want)
{
	uint32_t n = list_length(s);

	return n > want / 2 || (n > 0 && s->cut.fresh == slab_capacity(s));
}

/* The first of the list's slabs whose free blocks serve; NULL where none of a few does. */
static struct slab *
serving(struct slab *s, uint32_t want)
{
	for (unsigned i = 0; s && i < LOOKS; i++, s = s->cut.next)
		if (list_serves(s, want))
			return s;
	return NULL;
}

/* A slab, from s on, whose fresh blocks are the lessee's or nobody's; where too many wait for
 * others, one of these; NULL where a new slab is better. Fresh memory is touched for one thread by
 * the slab: were it by the page, each of two threads would have what the processor fetches ahead
 * of it taken from the other's caches, round after round (ADR 32). */
static struct slab *
leased(struct slab *s, uint16_t lessee)
{
	struct slab *others = NULL;
	unsigned n = 0;

	for (unsigned i = 0; s && i < LOOKS; i++, s = s->cut.next) {
		if (s->cut.fresh == slab_capacity(s))
			continue;
		if (!s->cut.lessee || s->cut.lessee == lessee)
			return s;
		others = others ? others : s;
		n++;
	}
	return n < LEASES ? NULL : others;
}

/* Adds fresh blocks of a slab that is leased to whom the batch is for, perhaps of a new one;
 * returns the slab. NULL where that would be a new one and others have something in the batch
 * already. */
static struct slab *
take_leased(struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, uint32_t most,
	struct batch *b)
{
	uint16_t lessee = sizeclass_size(cls) <= LEASE_SIZE ? b->lessee : 0;
	struct slab *s = lessee ? leased(list->head, lessee) : list->head;

	if (!s && b->count > 0)
		return NULL;
	if (!s && !(s = slab_birth(list, SLAB_TINY, cls, arena)))
		s = list->head;
	s->cut.lessee = lessee;
	tiny_take_fresh(s, want, most, b);
	return s;
}

uint32_t
tiny_refill(struct slab_list *list, unsigned cls, uint16_t arena, uint32_t want, uint32_t most,
	struct batch *b)
{
	while (b->count < want && b->nchains < BATCH_CHAINS && b->nfresh == 0) {
		/* What there is will do; a slab's birth is for those who have nothing. */
		struct slab *first = slab_first(list, SLAB_TINY, cls, arena, b->count == 0);
		if (!first)
			break;
		struct slab *s = serving(first, want - b->count);
		if (s) {
			/* To cut a list is to walk over its blocks, which are cold: not for the
			 * rest of what is more than half full. */
			if (b->count > want / 2 && list_length(s) > most - b->count)
				break;
			take_list(s, most - b->count, b);
		} else if (first->cut.fresh < slab_capacity(first)) {
			s = take_leased(list, cls, arena, want - b->count, most - b->count, b);
			if (!s)
				break;
		} else {
			s = first;
			take_purged(s, most - b->count, b);
		}
		slab_taken(list, s);
	}
	return b->count;
}
