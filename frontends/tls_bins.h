/* SPDX-License-Identifier: MIT
 * frontends/tls_bins.h - the magazines of a thread's cache, off the fast path.
 *
 * To be called by the owner on a slow path, or by whoever has claimed the cache. */
#ifndef HAK_FRONTENDS_TLS_BINS_H
#define HAK_FRONTENDS_TLS_BINS_H

#include "backends/os.h"
#include "base/assert.h"
#include "frontends/frontend.h"
#include "frontends/magazine.h"
#include "frontends/tls_isolate.h"

/* What a bin that goes on missing may have of the budget though others have it all. */
#define BIN_SHARE ((int64_t)16 << 10)
/* So many misses of a bin double its magazines: what a thread touches once or twice stays small. */
#define GROW_MISSES 6
/* Bytes of L2 count for this part of theirs in the budget. */
#define MID_PART 4

HAK_INLINE uint32_t
active_count(const struct bin *b)
{
	return RELAXED(b->capacity) - (uint32_t)RELAXED(b->room);
}

/* By how much of the budget the bin's magazines grow with that. A few blocks of L2 would have it
 * all, and to miss one costs as much as to miss a small one: they count for a part of their bytes.
 */
HAK_INLINE int64_t
budget_cost(unsigned cls, uint32_t old, uint32_t capacity)
{
	int64_t bytes = magazine_cost(cls, old, capacity);

	return tier_of_class(cls) == TIER_MID ? bytes / MID_PART : bytes;
}

/* Both magazines of the bin may hold this many blocks from now on; paid from the budget. */
HAK_INLINE void
set_capacity(struct cache *c, unsigned cls, uint32_t capacity)
{
	struct bin *b = &c->bins[cls];
	int32_t more = (int32_t)(capacity - RELAXED(b->capacity));

	RELAXED_SET(
		c->budget, RELAXED(c->budget) - budget_cost(cls, RELAXED(b->capacity), capacity));
	RELAXED_SET(b->capacity, capacity);
	RELAXED_SET(b->room, RELAXED(b->room) + more);
}

/* Sets the active magazine; it may have been filled by a thread with larger ones. */
HAK_INLINE void
set_active(struct cache *c, unsigned cls, void *head, uint32_t count)
{
	struct bin *b = &c->bins[cls];

	b->head = head;
	RELAXED_SET(b->room, (int32_t)(RELAXED(b->capacity) - count));
	if (count > RELAXED(b->capacity))
		set_capacity(c, cls, count);
}

/* Takes the active magazine out. */
HAK_INLINE struct magazine
take_active(struct cache *c, unsigned cls)
{
	struct magazine m = {c->bins[cls].head, active_count(&c->bins[cls])};

	set_active(c, cls, NULL, 0);
	return m;
}

HAK_INLINE void
set_spare(struct spare *s, void *head, uint32_t count)
{
	s->head = head;
	RELAXED_SET(s->count, (uint16_t)count);
}

HAK_INLINE struct magazine
take_spare(struct spare *s)
{
	struct magazine m = {s->head, RELAXED(s->count)};

	set_spare(s, NULL, 0);
	return m;
}

/* Fills malloc's own bin, or empties it. */
HAK_INLINE void
set_counted(struct bin *b, struct magazine m)
{
	b->head = m.head;
	RELAXED_SET(b->room, -(int32_t)m.count);
}

/* False where this may be a signal handler's call that interrupted a fast path, and then no bin but
 * the caller's own may be touched: a handler runs with its signal blocked, so the mask tells, as
 * long as it is empty or what it was when the cache was born. */
HAK_INLINE bool
may_touch_bins(const struct cache *c)
{
	uint64_t mask = os_signal_mask();

	return mask == 0 || mask == c->signal_mask;
}

/* What the bin has of the budget, in bytes. */
HAK_INLINE int64_t
charge_of(const struct cache *c, unsigned cls)
{
	return budget_cost(cls, 0, RELAXED(c->bins[cls].capacity));
}

/* Halves the bin that has most of the budget, where that is more than twice `need`, what another is
 * to have of it: so that bins that go on missing come to have equal shares, whichever was first. Of
 * large blocks that would be a few, and they would be taken to and fro. */
static HAK_NOINLINE void
take_from_richest(struct cache *c, int64_t need)
{
	unsigned richest = 0;
	int64_t most = 2 * need;

	if (need > BIN_SHARE)
		return;
	for (unsigned cls = CLASS_TINY; cls < BIN_CLASSES; cls++) {
		int64_t charge = charge_of(c, cls);
		if (charge > most) {
			most = charge;
			richest = cls;
		}
	}
	if (richest == 0 || !may_touch_bins(c))
		return;
	uint32_t half = RELAXED(c->bins[richest].capacity) / 2, granted = magazine_granted(richest);
	half = half > granted ? half : granted;
	magazine_give(richest, take_spare(&c->spares[richest]), false);
	if (active_count(&c->bins[richest]) > half)
		magazine_give(richest, take_active(c, richest), false);
	set_capacity(c, richest, half);
}

/* Doubles the magazines of a bin that goes on missing, within the class's bound and the cache's
 * budget; the first size is always granted. Where the bound has become less an empty bin follows
 * it. */
HAK_INLINE void
grow_capacity(struct cache *c, unsigned cls)
{
	uint32_t old = RELAXED(c->bins[cls].capacity);
	uint32_t capacity = magazine_next(cls, old);

	if (capacity == old ||
		(old != 0 && capacity > old && ++c->spares[cls].misses < GROW_MISSES))
		return;
	c->spares[cls].misses = 0;
	/* What is granted costs nothing, and is so even when the budget is overdrawn. */
	int64_t cost = budget_cost(cls, old, capacity);
	if (cost > 0 && HAK_UNLIKELY(cost > RELAXED(c->budget)))
		take_from_richest(c, budget_cost(cls, 0, capacity));
	if (capacity > old ? cost <= 0 || cost <= RELAXED(c->budget)
			   : capacity < old && !c->bins[cls].head)
		set_capacity(c, cls, capacity);
}

/* Where blocks of sites that last wait; NULL where none may. */
HAK_INLINE struct bin *
lasting_bin(const struct cache *c, unsigned cls)
{
	return c->counted && cls < CLASS_LARGE ? &c->counted->lasting[cls] : NULL;
}

/* They pass depots and transfer caches, which know one kind of slab. */
static inline void
flush_lasting(struct cache *c, unsigned cls)
{
	struct bin *b = lasting_bin(c, cls);

	if (!b || !b->head)
		return;
	void *list = b->head;
	set_counted(b, (struct magazine){NULL, 0});
	arena_flush(list);
}

/* Empties a bin. */
static inline void
flush_bin(struct cache *c, unsigned cls, bool idle)
{
	if (c->isolated) {
		isolate_flush(c, cls, idle);
		return;
	}
	magazine_give(cls, take_active(c, cls), idle);
	magazine_give(cls, take_spare(&c->spares[cls]), idle);
	if (c->counted) {
		struct bin *b = &c->counted->bins[cls];
		struct magazine m = {b->head, active_count(b)};
		/* They were counted, but not handed out. */
		c->counted->until[cls] += m.count;
		set_counted(b, (struct magazine){NULL, 0});
		magazine_give(cls, m, idle);
		flush_lasting(c, cls);
	}
}

HAK_INLINE bool
bin_is_empty(const struct cache *c, unsigned cls)
{
	if (c->isolated)
		return isolate_is_empty(c, cls);
	const struct bin *lasting = lasting_bin(c, cls);
	return !c->bins[cls].head && !c->spares[cls].head &&
	       !(c->counted && c->counted->bins[cls].head) && !(lasting && lasting->head);
}

/* Bins that no slow path has used for a while give their blocks back, and what they have grown by,
 * which others may want. */
static inline void
age_cache(struct cache *c, uint32_t now_ms, uint32_t least_ms)
{
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		if (!idle_for(now_ms, c->spares[cls].used_ms, least_ms))
			continue;
		if (!bin_is_empty(c, cls))
			flush_bin(c, cls, true);
		if (RELAXED(c->bins[cls].capacity) > magazine_granted(cls))
			set_capacity(c, cls, magazine_granted(cls));
	}
}

static inline uint32_t
list_length(const void *p)
{
	uint32_t n = 0;

	for (; p; p = link_get(p))
		n++;
	return n;
}

static inline void
cache_audit(const struct cache *c)
{
	if (c->isolated)
		isolate_audit(c);
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		HAK_CHECK(list_length(c->bins[cls].head) == active_count(&c->bins[cls]));
		HAK_CHECK(list_length(c->spares[cls].head) == RELAXED(c->spares[cls].count));
		if (c->counted)
			HAK_CHECK(list_length(c->counted->bins[cls].head) ==
				  active_count(&c->counted->bins[cls]));
		const struct bin *lasting = lasting_bin(c, cls);
		if (lasting)
			HAK_CHECK(list_length(lasting->head) == active_count(lasting));
	}
}

#endif
