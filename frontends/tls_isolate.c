/* SPDX-License-Identifier: MIT
 * frontends/tls_isolate.c - the medium path of malloc and free, and how its bins are filled. */
#include "frontends/tls_isolate.h"

#include "backends/pages.h"
#include "base/assert.h"
#include "base/inject.h"
#include "frontends/magazine.h"
#include "frontends/resolve.h"
#include "frontends/slow.h"
#include "frontends/tls_bins.h"

/* n is a multiple of a Tiny class's size where n * factor is at most `most`, modulo 2^64 (Lemire,
 * Kaser & Kurz, Faster remainder by direct computation, 2019). Of other classes, whose slabs are
 * several pages, it is one of the highest power of two that divides the size: their slabs tell the
 * rest. Fixed at start. */
static struct {
	uint64_t factor, most;
} multiple[FRONTEND_GROUP_BINS];

void
isolate_init(void)
{
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++) {
		uint64_t size = sizeclass_size(cls);
		if (cls >= CLASS_MID)
			size &= 0 - size;
		multiple[cls].most = UINT64_MAX / size;
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
	/* Class 0's bins, for all that is too large, are always empty. */
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
	/* Slabs begin with a page, and a Tiny one is no longer. */
	if (HAK_UNLIKELY((uintptr_t)p % PAGE_BYTES * multiple[cls].factor > multiple[cls].most))
		goto slow;
	RELAXED_SET(hak_tls.busy, true);
	HAK_SIGNAL_FENCE();
	uint32_t capacity = RELAXED(b->capacity);
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

/* Changes that, paid from the budget. */
static void
resize(struct cache *c, unsigned group, unsigned cls, uint32_t size)
{
	uint32_t old = RELAXED(c->isolated->sizes[group][cls]);

	RELAXED_SET(c->budget, RELAXED(c->budget) - budget_cost(cls, old, size));
	set_size(c->isolated, group, cls, size, count_of(c->isolated, group, cls));
}

/* Doubles a bin that misses or is full, within the class's bound and the cache's budget; the first
 * size of small blocks is always granted. */
static void
grow(struct cache *c, unsigned group, unsigned cls)
{
	uint32_t old = RELAXED(c->isolated->sizes[group][cls]);
	uint32_t size = magazine_next(cls, old);
	int64_t cost = budget_cost(cls, old, size);

	if (size > old && (cost <= 0 || cost <= RELAXED(c->budget)))
		resize(c, group, cls, size);
}

/* Fills an empty bin. */
static void
fill(struct cache *c, unsigned group, unsigned cls, struct magazine m)
{
	c->isolated->bins[group][cls].head = m.head;
	/* It may have been filled by a thread with larger ones. */
	if (m.count > RELAXED(c->isolated->sizes[group][cls]))
		resize(c, group, cls, m.count);
	set_size(c->isolated, group, cls, RELAXED(c->isolated->sizes[group][cls]), m.count);
}

/* Takes out all that the bin has. */
static struct magazine
empty(struct isolated *in, unsigned group, unsigned cls)
{
	struct magazine m = {in->bins[group][cls].head, count_of(in, group, cls)};

	in->bins[group][cls].head = NULL;
	set_size(in, group, cls, RELAXED(in->sizes[group][cls]), 0);
	return m;
}

/* Puts m, or nothing, in the place of the spare magazine, which it returns. */
static struct magazine
swap_spare(struct isolated *in, unsigned group, unsigned cls, struct magazine m)
{
	struct sealed_spare *s = &in->spares[group][cls];
	struct magazine old = {s->head, RELAXED(s->count)};

	s->head = m.head;
	RELAXED_SET(s->count, (uint16_t)m.count);
	return old;
}

/* Gives a magazine to a depot, or, where it has been idle or is not worth that, to its slabs. */
static void
give(unsigned cls, struct magazine m, bool idle)
{
	if (!m.head)
		return;
	/* Other classes may need the pages of large blocks. */
	if (!idle && cls < CLASS_LARGE && arena_drain_sealed(cls, m))
		return;
	/* Slabs take plain links, and seal small blocks anew. */
	arena_flush(seal_strip(m.head, NULL));
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
	const struct magazine none = {NULL, 0};
	void *instead;

	resolve_if_ruled(site);
	unsigned group = placement_group(site, sizeclass_size(cls));
	struct bin *b = &c->isolated->bins[group][cls];
	c->freed_bytes = 0;
	if (b->head)
		return pop(b);
	/* Of large blocks only those wait that were freed here. */
	if (cls < CLASS_LARGE)
		grow(c, group, cls);
	struct magazine m = swap_spare(c->isolated, group, cls, none);
	if (!m.head && cls >= CLASS_LARGE)
		return slow_alloc_one(cls, site);
	if (!m.head) {
		uint32_t size = RELAXED(c->isolated->sizes[group][cls]);
		count(cls, COUNT_REFILL);
		m = slow_refill(group, cls, site, size, size, &instead);
		if (!m.head)
			return instead;
	}
	fill(c, group, cls, m);
	void *p = pop(b);
	c->isolated->spares[group][cls].mark = b->head;
	return p;
}

/* magazine_is_back. */
static bool
is_back(struct magazine m, const void *mark)
{
	return m.count > 1 && (m.head == mark || seal_peek(m.head) == mark);
}

/* magazine_halve. */
static struct magazine
halve(struct magazine *m)
{
	void *last = m->head;

	for (uint32_t i = 1; i < m->count / 2; i++)
		last = seal_next(last);
	struct magazine rest = {seal_next(last), m->count - m->count / 2};
	seal_set(last, NULL);
	m->count /= 2;
	return rest;
}

/* The bin is full: it becomes the spare magazine, and that is given away; or half of it does where
 * there is none. */
static void
make_room(struct cache *c, unsigned group, unsigned cls)
{
	struct isolated *in = c->isolated;
	struct magazine now = empty(in, group, cls);

	const struct sealed_spare *s = &in->spares[group][cls];
	if (!s->head && is_back(now, s->mark)) {
		swap_spare(in, group, cls, halve(&now));
		fill(c, group, cls, now);
		return;
	}
	struct magazine full = swap_spare(in, group, cls, now);
	if (magazine_has_room(full, RELAXED(in->sizes[group][cls]))) {
		fill(c, group, cls, full);
		return;
	}
	c->freed_bytes += full.count * (size_t)sizeclass_size(cls);
	count(cls, COUNT_DRAIN);
	HAK_INJECT(INJECT_DRAIN);
	give(cls, full, false);
}

static void
free_cached(struct cache *c, unsigned group, unsigned cls, void *p)
{
	struct bin *b = &c->isolated->bins[group][cls];

	if (HAK_UNLIKELY(seal_is_on(p)))
		log_fatal("double free of %p", p);
	count(cls, COUNT_OVERFLOW);
	if (RELAXED(b->capacity) == 0)
		grow(c, group, cls);
	if (RELAXED(c->isolated->sizes[group][cls]) == 0) {
		c->freed_bytes += sizeclass_size(cls);
		slow_free(p);
		return;
	}
	if (RELAXED(b->capacity) == 0)
		make_room(c, group, cls);
	seal_set(p, b->head);
	b->head = p;
	RELAXED_SET(b->capacity, RELAXED(b->capacity) - 1);
}

void
isolate_free_slow(struct cache *c, void *p, uint32_t now_ms)
{
	const struct slab *s = pagemap_slab(p);

	if (s && s->group && s->cls > 0 && backend_usable(p) > 0) {
		c->spares[s->cls].used_ms = now_ms;
		free_cached(c, s->group, s->cls, p);
	} else {
		c->freed_bytes += FREED_BYTES;
		slow_free(p);
	}
}

void
isolate_flush(struct cache *c, unsigned cls, bool idle)
{
	const struct magazine none = {NULL, 0};
	uint32_t granted = magazine_granted(cls);

	for (unsigned group = 1; group < ARENA_GROUPS; group++) {
		if (RELAXED(c->isolated->sizes[group][cls]) == 0)
			continue;
		struct magazine m = empty(c->isolated, group, cls);
		give(cls, m, idle || m.count < MAGAZINE_WHOLE);
		give(cls, swap_spare(c->isolated, group, cls, none), idle);
		if (RELAXED(c->isolated->sizes[group][cls]) > granted)
			resize(c, group, cls, granted);
	}
}

bool
isolate_is_empty(const struct cache *c, unsigned cls)
{
	for (unsigned group = 1; group < ARENA_GROUPS; group++)
		if (c->isolated->bins[group][cls].head || c->isolated->spares[group][cls].head)
			return false;
	return true;
}

size_t
isolate_cached_bytes(const struct cache *c)
{
	size_t bytes = 0;

	for (unsigned group = 1; group < ARENA_GROUPS; group++)
		for (unsigned cls = CLASS_TINY; cls < BIN_CLASSES; cls++) {
			int32_t n = (int32_t)count_of(c->isolated, group, cls);
			size_t spare = RELAXED(c->isolated->spares[group][cls].count);
			bytes += (n > 0 ? (size_t)n + spare : spare) * sizeclass_size(cls);
		}
	return bytes;
}

static uint32_t
audit_list(const void *p, unsigned group, unsigned cls)
{
	uint32_t n = 0;

	for (; p; p = seal_next(p), n++) {
		const struct slab *s = pagemap_slab(p);
		HAK_CHECK(s && s->group == group && s->cls == cls);
	}
	return n;
}

void
isolate_audit(const struct cache *c)
{
	const struct isolated *in = c->isolated;

	for (unsigned group = 0; group < ARENA_GROUPS; group++)
		for (unsigned cls = 0; cls < BIN_CLASSES; cls++) {
			const struct sealed_spare *s = &in->spares[group][cls];
			HAK_CHECK(audit_list(in->bins[group][cls].head, group, cls) ==
				  count_of(in, group, cls));
			HAK_CHECK(audit_list(s->head, group, cls) == RELAXED(s->count));
		}
}
