/* SPDX-License-Identifier: MIT
 * frontends/tls_isolate.c - the medium path of malloc and free, and how its bins are filled. */
#include "frontends/tls_isolate.h"

#include "backends/pages.h"
#include "base/assert.h"
#include "base/inject.h"
#include "frontends/magazine.h"
#include "frontends/resolve.h"
#include "frontends/slow.h"

/* n is a multiple of a Tiny class's size where n * factor is at most `most`, modulo 2^64 (Lemire,
 * Kaser & Kurz, Faster remainder by direct computation, 2019). Of other classes all pass: their
 * slabs tell. Fixed at start. */
static struct {
	uint64_t factor, most;
} multiple[FRONTEND_GROUP_BINS];

void
isolate_init(void)
{
	for (unsigned cls = CLASS_TINY; cls < CLASS_MID; cls++) {
		multiple[cls].most = UINT64_MAX / sizeclass_size(cls);
		multiple[cls].factor = multiple[cls].most + 1;
	}
}

/* --- the medium path -------------------------------------------------------------------------- */

/* Where it does not serve it has changed nothing. */

/* A block of the group's bin, which may have none. */
HAK_INLINE void *
take_sealed(struct bin *bins, size_t group, size_t size, bool *zeroed)
{
	struct bin *b = bin_at(bins + group * FRONTEND_GROUP_BINS, sizeclass_bin(size));

	RELAXED_SET(hak_tls.busy, true);
	HAK_SIGNAL_FENCE();
	void *p = b->head;
	if (HAK_UNLIKELY(!p))
		goto leave;
	if (HAK_UNLIKELY(!seal_is_on(p)))
		seal_broken(p);
	void *next = seal_peek(p);
	if (HAK_UNLIKELY(next && !pagemap_in_primary(next))) {
		p = NULL;
		goto leave;
	}
	b->head = next;
	RELAXED_SET(b->capacity, RELAXED(b->capacity) + 1);
	seal_clear(p);
	HAK_SIGNAL_FENCE();
	if (HAK_UNLIKELY(zeroed != NULL))
		*zeroed = false;
leave:
	RELAXED_SET(hak_tls.busy, false);
	return p;
}

/* Where rules place blocks, behind a medium path that missed. */
static HAK_NOINLINE void *
alloc_ruled(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	bool bins = RELAXED(hak_tls.alloc) != hak_empty_bins && !RELAXED(hak_tls.busy) &&
		    size <= MID_MAX && align <= TINY_STEP;
	int group = bins ? placement_ask(site, sizeclass_size(sizeclass_of(size ? size : 1))) : -1;
	void *p =
		group > 0 ? take_sealed(RELAXED(hak_tls.free), (size_t)group, size, zeroed) : NULL;

	return p ? p : tls_alloc_long(size, align, site, zeroed);
}

void *
isolate_alloc(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	struct bin *bins = RELAXED(hak_tls.free);

	if (HAK_UNLIKELY(RELAXED(hak_tls.alloc) == hak_empty_bins))
		goto slow;
	if (HAK_UNLIKELY(RELAXED(hak_tls.busy)) || HAK_UNLIKELY(align > TINY_STEP))
		goto slow;
	/* Class 0's bins, for all that is too large, are as empty as those of L2.5. */
	void *p = take_sealed(bins, 1 + (size_t)placement_bucket(site), size, zeroed);
	if (HAK_LIKELY(p != NULL))
		return p;
slow:
	return placement_is_ruled() ? alloc_ruled(size, align, site, zeroed)
				    : tls_alloc_long(size, align, site, zeroed);
}

void
isolate_free(void *p)
{
	struct bin *bins = RELAXED(hak_tls.free);
	uint16_t offset;

	if (HAK_UNLIKELY(!pagemap_bin(p, &offset)) || HAK_UNLIKELY(bins == hak_empty_bins))
		goto slow;
	if (HAK_UNLIKELY(RELAXED(hak_tls.busy)))
		goto slow;
	struct bin *b = bin_at(bins, offset);
	unsigned cls = offset / sizeof(*b) % FRONTEND_GROUP_BINS;
	/* What the fast path took. */
	RELAXED_SET(b->room, 0);
	/* A Tiny slab is a page. */
	if (HAK_UNLIKELY((uintptr_t)p % PAGE_BYTES * multiple[cls].factor > multiple[cls].most))
		goto slow;
	RELAXED_SET(hak_tls.busy, true);
	HAK_SIGNAL_FENCE();
	uint32_t capacity = RELAXED(b->capacity);
	/* So it is of L2.5, whose blocks have no seals. */
	if (HAK_UNLIKELY(capacity == 0))
		goto leave;
	if (HAK_UNLIKELY(seal_is_on(p)))
		log_fatal("double free of %p", p);
	RELAXED_SET(b->capacity, capacity - 1);
	seal_set(p, b->head);
	b->head = p;
	HAK_SIGNAL_FENCE();
	RELAXED_SET(hak_tls.busy, false);
	return;
leave:
	RELAXED_SET(hak_tls.busy, false);
slow:
	tls_free_long(p);
}

/* --- the slow path ---------------------------------------------------------------------------- */

void
isolate_cache(struct cache *c, struct isolated *bins)
{
	c->isolated = bins;
	c->free_bins = &bins->bins[0][0];
}

static uint32_t
count_of(const struct isolated *in, unsigned group, unsigned cls)
{
	return RELAXED(in->sizes[group][cls]) - RELAXED(in->bins[group][cls].capacity);
}

/* Sets how many blocks the bin, which has n, may have. */
static void
set_size(struct isolated *in, unsigned group, unsigned cls, uint32_t size, uint32_t n)
{
	RELAXED_SET(in->sizes[group][cls], (uint16_t)size);
	RELAXED_SET(in->bins[group][cls].capacity, size - n);
}

/* Doubles a bin that misses or is full, within the class's bound and the cache's budget; the first
 * size is always granted. */
static void
grow(struct cache *c, unsigned group, unsigned cls)
{
	uint32_t old = RELAXED(c->isolated->sizes[group][cls]);
	uint32_t size = magazine_next(cls, old);
	int64_t cost = old ? ((int64_t)size - old) * (int64_t)sizeclass_size(cls) : 0;

	if (size <= old || cost > RELAXED(c->budget))
		return;
	RELAXED_SET(c->budget, RELAXED(c->budget) - cost);
	set_size(c->isolated, group, cls, size, count_of(c->isolated, group, cls));
}

static void *
pop(struct bin *b)
{
	void *p = b->head;

	b->head = seal_next(p);
	RELAXED_SET(b->capacity, RELAXED(b->capacity) + 1);
	seal_clear(p);
	return p;
}

void *
isolate_alloc_slow(struct cache *c, unsigned cls, uintptr_t site)
{
	void *instead;

	resolve_if_ruled(site);
	unsigned group = placement_group(site, sizeclass_size(cls));
	struct bin *b = &c->isolated->bins[group][cls];
	c->freed_bytes = 0;
	if (cls >= CLASS_LARGE)
		return slow_alloc_one(cls, site);
	if (b->head)
		return pop(b);
	grow(c, group, cls);
	count(cls, COUNT_REFILL);
	uint32_t size = RELAXED(c->isolated->sizes[group][cls]);
	struct magazine m = slow_refill(group, cls, site, size, size, &instead);
	if (!m.head)
		return instead;
	b->head = m.head;
	/* It may have been filled by a thread with larger bins, and is paid for as if it had grown.
	 */
	if (m.count > size)
		RELAXED_SET(c->budget,
			RELAXED(c->budget) - (int64_t)(m.count - size) * sizeclass_size(cls));
	set_size(c->isolated, group, cls, m.count > size ? m.count : size, m.count);
	return pop(b);
}

/* Gives all but the `keep` blocks that came last to a depot, or, where they are idle, to their
 * slabs. */
static void
flush(struct isolated *in, unsigned group, unsigned cls, uint32_t keep, bool idle)
{
	struct bin *b = &in->bins[group][cls];
	void *list = b->head, *last = NULL;
	uint32_t kept = 0, n = count_of(in, group, cls);

	for (; kept < keep && list; kept++) {
		last = list;
		list = seal_next(list);
	}
	if (last)
		seal_set(last, NULL);
	else
		b->head = NULL;
	set_size(in, group, cls, RELAXED(in->sizes[group][cls]), kept);
	if (!list || (!idle && arena_drain_sealed(cls, (struct magazine){list, n - kept})))
		return;
	/* Slabs take plain links, and seal the blocks anew. */
	arena_flush(seal_strip(list, NULL));
}

static void
free_cached(struct cache *c, unsigned group, unsigned cls, void *p)
{
	struct isolated *in = c->isolated;
	struct bin *b = &in->bins[group][cls];

	if (HAK_UNLIKELY(seal_is_on(p)))
		log_fatal("double free of %p", p);
	count(cls, COUNT_OVERFLOW);
	if (RELAXED(b->capacity) == 0) {
		uint32_t half = RELAXED(in->sizes[group][cls]) / 2;
		grow(c, group, cls);
		if (RELAXED(b->capacity) == 0) {
			c->freed_bytes += half * (size_t)sizeclass_size(cls);
			count(cls, COUNT_DRAIN);
			HAK_INJECT(INJECT_DRAIN);
			flush(in, group, cls, half, false);
		}
	}
	seal_set(p, b->head);
	b->head = p;
	RELAXED_SET(b->capacity, RELAXED(b->capacity) - 1);
}

void
isolate_free_slow(struct cache *c, void *p, uint32_t now_ms)
{
	const struct slab *s = pagemap_slab(p);

	if (s && s->group && s->cls > 0 && s->cls < CLASS_LARGE && backend_usable(p) > 0) {
		c->spares[s->cls].used_ms = now_ms;
		free_cached(c, s->group, s->cls, p);
	} else {
		c->freed_bytes += FREED_BYTES;
		slow_free(p);
	}
}

void
isolate_flush(struct cache *c, unsigned cls)
{
	struct isolated *in = c->isolated;
	uint32_t granted = magazine_granted(cls);

	for (unsigned group = 1; cls < CLASS_LARGE && group < ARENA_GROUPS; group++) {
		uint32_t size = RELAXED(in->sizes[group][cls]);
		if (in->bins[group][cls].head)
			flush(in, group, cls, 0, true);
		if (size <= granted)
			continue;
		set_size(in, group, cls, granted, 0);
		RELAXED_SET(c->budget,
			RELAXED(c->budget) + (int64_t)(size - granted) * sizeclass_size(cls));
	}
}

bool
isolate_is_empty(const struct cache *c, unsigned cls)
{
	for (unsigned group = 1; group < ARENA_GROUPS; group++)
		if (c->isolated->bins[group][cls].head)
			return false;
	return true;
}

size_t
isolate_cached_bytes(const struct cache *c)
{
	size_t bytes = 0;

	for (unsigned group = 1; group < ARENA_GROUPS; group++)
		for (unsigned cls = CLASS_TINY; cls < CLASS_LARGE; cls++) {
			int32_t n = (int32_t)count_of(c->isolated, group, cls);
			bytes += n > 0 ? (size_t)n * sizeclass_size(cls) : 0;
		}
	return bytes;
}

void
isolate_audit(const struct cache *c)
{
	for (unsigned group = 0; group < ARENA_GROUPS; group++)
		for (unsigned cls = 0; cls < BIN_CLASSES; cls++) {
			uint32_t n = 0;
			void *p = c->isolated->bins[group][cls].head;
			for (; p; p = seal_next(p), n++) {
				const struct slab *s = pagemap_slab(p);
				HAK_CHECK(s && s->group == group && s->cls == cls);
			}
			HAK_CHECK(n == count_of(c->isolated, group, cls));
		}
}
