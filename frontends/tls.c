/* SPDX-License-Identifier: MIT
 * frontends/tls.c - the slow paths of the per-thread freelists. */
#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/lifetime.h"
#include "arenas/rules.h"
#include "arenas/tune.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "base/assert.h"
#include "base/inject.h"
#include "frontends/frontend.h"
#include "frontends/magazine.h"
#include "frontends/resolve.h"
#include "frontends/slow.h"
#include "frontends/tls_bins.h"
#include "frontends/tls_caches.h"
#include "frontends/tls_isolate.h"

/* With less, as a cache among a hundred has, first magazines come without the rest of their page.
 */
#define BUDGET_PAGES ((int64_t)256 << 10)
/* All miss: no heads, no room. Only `room` is ever written, by free's subtraction, and every thread
 * sets it back; it is never above 0. */
struct bin hak_empty_bins[TLS_GROUPS * FRONTEND_GROUP_BINS];

HAK_TLS struct tls hak_tls = {hak_empty_bins, hak_empty_bins, NULL, false, false};

/* --- the slow paths -------------------------------------------------------------------------- */

static void *
bin_pop(struct bin *b)
{
	void *p = b->head;

	/* In a further region, or nowhere: a link that was written over. */
	if (HAK_UNLIKELY(!pagemap_in_primary(p)) && !pagemap_contains(p))
		log_fatal("a free block was written to after it was freed: its link is %p", p);
	b->head = *(void **)p;
	RELAXED_SET(b->room, RELAXED(b->room) + 1);
	return p;
}

/* A magazine from the arenas, for a bin that is to grow; else one block in *instead, or NULL. */
static struct magazine
refill(struct cache *c, unsigned cls, uintptr_t site, void **instead)
{
	grow_capacity(c, cls);
	uint32_t capacity = RELAXED(c->bins[cls].capacity);
	c->freed_bytes = 0;
	c->wanted[cls] = magazine_count(c->wanted[cls]);
	if (capacity == 0) {
		*instead = slow_alloc_one(cls, site);
		return (struct magazine){NULL, 0};
	}
	bool rich = RELAXED(c->budget) >= BUDGET_PAGES;
	uint32_t most = rich ? magazine_refill(cls, capacity) : capacity;
	count(cls, COUNT_REFILL);
	return slow_refill(0, cls, site, capacity, most, instead);
}

/* A block from the bin, refilled as need be. */
static void *
alloc_from_bin(struct cache *c, unsigned cls, uintptr_t site)
{
	struct bin *b = &c->bins[cls];
	struct magazine m;
	void *instead;

	if (b->head) {
		c->freed_bytes = 0;
		return bin_pop(b);
	}
	if (c->spares[cls].head) {
		m = take_spare(&c->spares[cls]);
		set_active(c, cls, m.head, m.count);
		grow_capacity(c, cls);
		void *p = bin_pop(b);
		c->marks[cls] = b->head;
		return p;
	}
	set_active(c, cls, NULL, 0);
	m = refill(c, cls, site, &instead);
	if (!m.head)
		return instead;
	set_active(c, cls, m.head, m.count);
	return bin_pop(b);
}

/* --- counted allocations --------------------------------------------------------------------- */

/* True where the next allocation is to be a sample; else `until` is above 1. */
static bool
sample_is_due(struct counted *k, unsigned cls)
{
	uint32_t *until = &k->until[cls];

	if (*until == 0)
		*until = magazine_until_sample(&k->random, sizeclass_size(cls));
	if (*until > 1)
		return false;
	*until = 0;
	return true;
}

/* What malloc's bin is filled with: what was freed, as long as that is enough to be worth it. */
static struct magazine
stock(struct cache *c, unsigned cls, uintptr_t site, void **instead)
{
	struct bin *b = &c->bins[cls];
	struct spare *s = &c->spares[cls];
	uint32_t least = RELAXED(b->capacity) / 2;
	bool active = b->head && active_count(b) >= least;

	if (active || (s->head && RELAXED(s->count) >= least)) {
		/* Larger magazines make this rarer. */
		grow_capacity(c, cls);
		return active ? take_active(c, cls) : take_spare(s);
	}
	struct magazine m = refill(c, cls, site, instead);
	if (!m.head && !*instead)
		m = b->head ? take_active(c, cls) : take_spare(s);
	return m;
}

/* Puts back what malloc's bin is not to have. */
static void
put_back(struct cache *c, unsigned cls, struct magazine m)
{
	if (!c->bins[cls].head)
		set_active(c, cls, m.head, m.count);
	else if (!c->spares[cls].head)
		set_spare(&c->spares[cls], m.head, m.count);
	else
		magazine_give(cls, m, false);
}

/* The common case, short: as many blocks were freed as are worth it, and none is to be a sample. */
static void *
alloc_swapped(struct cache *c, unsigned cls)
{
	struct counted *k = c->counted;
	struct bin *b = &c->bins[cls], *own = &k->bins[cls];
	struct spare *s = &c->spares[cls];
	uint32_t active = active_count(b), spare = RELAXED(s->count);
	uint32_t n = active > spare ? active : spare;

	if (own->head || n < MAGAZINE_FIRST || n < RELAXED(b->capacity) / 2 || n >= k->until[cls])
		return NULL;
	k->until[cls] -= n;
	s->drains = 0;
	set_counted(own, active > spare ? take_active(c, cls) : take_spare(s));
	/* Larger magazines make this rarer. */
	grow_capacity(c, cls);
	return bin_pop(own);
}

/* A block from the bin of those that last, refilled as need be. */
static void *
alloc_lasting(struct bin *b, unsigned cls, uintptr_t site)
{
	uint32_t n = magazine_refill(cls, 1);
	void *instead;

	if (b->head)
		return bin_pop(b);
	set_counted(b, slow_refill(LIFETIME_GROUP, cls, site, n, n, &instead));
	return b->head ? bin_pop(b) : instead;
}

/* The class is split, by lifetimes or rules: malloc's bin stays empty, so that each allocation
 * comes here, or to alloc_split, and asks for its site. */
static HAK_NOINLINE void *
alloc_split_slow(struct cache *c, unsigned cls, uintptr_t site)
{
	uint32_t *until = &c->counted->until[cls];
	unsigned group = placement_group(site, sizeclass_size(cls));
	void *p = NULL;

	c->freed_bytes = 0;
	if (group == 0)
		p = alloc_from_bin(c, cls, site);
	else if (placement_is_apart(group))
		p = slow_alloc_one(cls, site);
	else
		p = alloc_lasting(&c->counted->lasting[cls], cls, site);
	/* 0: there was no memory for the sample. */
	*until -= p && *until;
	return p;
}

/* The common case, short: a block of the site's kind is at hand, and is to be no sample. */
static void *
alloc_split(struct cache *c, unsigned cls, uintptr_t site)
{
	struct counted *k = c->counted;
	int group = placement_is_ruled() ? placement_ask(site, sizeclass_size(cls))
					 : lifetime_lasts(site, cls);
	struct bin *b = group ? &k->lasting[cls] : &c->bins[cls];

	if (group < 0 || group >= PLACEMENT_FIRST)
		return NULL;
	if (!b->head || k->bins[cls].head || k->until[cls] <= 1)
		return NULL;
	k->until[cls]--;
	return bin_pop(b);
}

static void *
alloc_counted(struct cache *c, unsigned cls, uintptr_t site)
{
	struct counted *k = c->counted;
	struct bin *b = &k->bins[cls];
	void *p;

	if (b->head) {
		c->freed_bytes = 0;
		return bin_pop(b);
	}
	p = slow_alloc_sampled(cls, site, sample_is_due(k, cls));
	if (p)
		return p;
	if (placement_is_ruled()) {
		resolve_if_ruled(site);
		placement_meet(site, cls);
	}
	if (lifetime_splits(cls))
		return alloc_split_slow(c, cls, site);
	struct magazine m = stock(c, cls, site, &p);
	/* 0: there was no memory for the sample; these go uncounted. */
	uint32_t *until = &k->until[cls];
	if (!m.head) {
		*until -= p && *until;
		return p;
	}
	if (*until && m.count >= *until)
		put_back(c, cls, magazine_split(&m, *until - 1));
	*until -= *until ? m.count : 0;
	set_counted(b, m);
	return bin_pop(b);
}

static void *
alloc_cached(struct cache *c, unsigned cls, uintptr_t site, uint32_t now_ms)
{
	c->spares[cls].used_ms = now_ms;
	c->spares[cls].drains = 0;
	count(cls, COUNT_MISS);
	if (placement_isolates())
		return isolate_alloc_slow(c, cls, site);
	return HAK_UNLIKELY(c->counted) ? alloc_counted(c, cls, site)
					: alloc_from_bin(c, cls, site);
}

/* Without a cache: before there was memory for one, after it was destroyed, or in a signal handler
 * that interrupted this thread's slow path. */
static HAK_COLD void *
alloc_uncached(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	if (RELAXED(hak_tls.busy))
		return emergency_alloc(size, align);
	slow_startup();
	enter();
	void *p = slow_past_bins(size, align, zeroed)
			  ? slow_alloc_large(size, align, site, zeroed)
			  : slow_alloc_counted(sizeclass_of(size), site);
	leave(NULL, true);
	return p;
}

/* True where the next malloc is to pass the slow path too, since a program that calls now and then
 * might never come by again. */
HAK_INLINE bool
is_to_look_again(struct cache *c)
{
	return HAK_UNLIKELY(arena_is_waking()) && c->looks++ < WAKING_LOOKS;
}

HAK_NOINLINE void *
tls_alloc_long(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	struct cache *c;
	void *p;

	if (zeroed)
		*zeroed = false;
	if (size == 0)
		size = 1;
	if (HAK_UNLIKELY(RELAXED(hak_tls.busy)) || !(c = cache_enter()))
		return alloc_uncached(size, align, site, zeroed);
	uint32_t now_ms = os_now_ms();
	RELAXED_SET(c->slow_allocs, RELAXED(c->slow_allocs) + 1);
	HAK_INJECT(INJECT_SLOW_ALLOC);
	tick(c, now_ms);
	struct tune_clock clock = tune_clock_start(size > LARGE_MAX ? TUNE_BIG : TUNE_SHORT);
	if (slow_past_bins(size, align, zeroed))
		p = slow_alloc_large(size, align, site, zeroed);
	else
		p = alloc_cached(c, sizeclass_of(size), site, now_ms);
	tune_clock_stop(clock);
	leave(c, !is_to_look_again(c));
	background_start(site);
	return p;
}

/* True where rules are not to be asked for more than where the class's blocks lie. */
static bool
asks_no_more(unsigned cls)
{
	return !rules_any() || (lifetime_splits(cls) && !profile_is_on());
}

/* While allocations are counted. */
static HAK_NOINLINE void *
alloc_counting(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	struct cache *c = hak_tls.own;
	unsigned cls = size <= MID_MAX && align <= TINY_STEP ? sizeclass_of(size ? size : 1) : 0;

	if (!RELAXED(hak_tls.busy) && cls && asks_no_more(cls)) {
		enter();
		void *p = lifetime_splits(cls) ? alloc_split(c, cls, site) : alloc_swapped(c, cls);
		leave(c, true);
		if (p) {
			if (zeroed)
				*zeroed = false;
			return p;
		}
	}
	return tls_alloc_long(size, align, site, zeroed);
}

void *
frontend_alloc_slow(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	const struct cache *c = hak_tls.own;

	if (placement_isolates())
		return isolate_alloc(size, align, site, zeroed);
	if (HAK_UNLIKELY(c && c->counted))
		return alloc_counting(size, align, site, zeroed);
	return tls_alloc_long(size, align, site, zeroed);
}

bool
frontend_enter(void)
{
	if (RELAXED(hak_tls.busy))
		return false;
	slow_startup();
	enter();
	return true;
}

void
frontend_leave(void)
{
	leave(hak_tls.own, true);
}

/* Makes room in a full bin whose blocks this thread does not want again: it has no spare magazine,
 * and grows within half of the budget. */
static HAK_NOINLINE void
make_room_unwanted(struct cache *c, unsigned cls)
{
	struct magazine full = take_active(c, cls);

	HAK_INJECT(INJECT_DRAIN);
	c->freed_bytes += full.count * sizeclass_size(cls);
	magazine_drain(cls, full, false);
	if (RELAXED(c->budget) > c->share / 2)
		grow_capacity(c, cls);
}

/* Makes room in another: its full magazine is the spare one now, and that is given away; or its
 * full one goes, in a phase of frees. */
HAK_INLINE void
make_room(struct cache *c, unsigned cls)
{
	struct bin *b = &c->bins[cls];
	struct spare *s = &c->spares[cls];
	struct magazine now = take_active(c, cls);

	HAK_INJECT(INJECT_DRAIN);
	if (magazine_drain_scattered(cls, now, &s->drains)) {
		c->freed_bytes += now.count * sizeclass_size(cls);
		/* A few blocks keep as many slabs. */
		arena_flush(take_spare(s).head);
		if (RELAXED(b->capacity) > SCATTERED_BLOCKS)
			set_capacity(c, cls, SCATTERED_BLOCKS);
		return;
	}
	struct magazine full = {s->head, RELAXED(s->count)};
	if (!full.head && magazine_is_back(now, c->marks[cls])) {
		struct magazine rest = magazine_halve(&now);
		if (HAK_LIKELY(rest.head != NULL)) {
			set_active(c, cls, now.head, now.count);
			set_spare(s, rest.head, rest.count);
			return;
		}
	}
	set_spare(s, now.head, now.count);
	if (magazine_has_room(full, RELAXED(b->capacity))) {
		set_active(c, cls, full.head, full.count);
		return;
	}
	c->wanted[cls]--;
	c->freed_bytes += full.count * sizeclass_size(cls);
	magazine_drain(cls, full, true);
	grow_capacity(c, cls);
}

/* Pushes p; the active magazine is full or not. */
static void
free_cached(struct cache *c, unsigned cls, void *p, uint32_t now_ms)
{
	struct bin *b = &c->bins[cls];
	struct spare *s = &c->spares[cls];

	if (HAK_UNLIKELY(b->head == p))
		log_fatal("double free of %p", p);
	count(cls, COUNT_OVERFLOW);
	s->used_ms = now_ms;
	/* The fast path took room that there was not. */
	if (RELAXED(b->room) < 0)
		RELAXED_SET(b->room, 0);
	if (RELAXED(b->capacity) == 0) {
		/* The first of its class here, so another thread's: its neighbours are in use
		 * elsewhere, and it goes back to them. */
		grow_capacity(c, cls);
		c->freed_bytes += sizeclass_size(cls);
		slow_free(p);
		return;
	}
	if (RELAXED(b->room) == 0 && HAK_LIKELY(c->wanted[cls] > 0))
		make_room(c, cls);
	else if (RELAXED(b->room) == 0)
		make_room_unwanted(c, cls);
	link_set(p, b->head);
	b->head = p;
	RELAXED_SET(b->room, RELAXED(b->room) - 1);
}

/* What the fast path took from the empty cache, so that it never wraps. */
static void
reset_empty_room(unsigned cls)
{
	if (RELAXED(hak_empty_bins[cls].room))
		RELAXED_SET(hak_empty_bins[cls].room, 0);
}

static HAK_COLD void
free_uncached(void *p)
{
	reset_empty_room(slow_bin_class(p));
	if (RELAXED(hak_tls.busy)) {
		slow_free_busy(p);
		return;
	}
	enter();
	slow_free(p);
	leave(NULL, true);
}

void
tls_free_slow(void *p)
{
	if (placement_isolates())
		isolate_free(p);
	else
		tls_free_long(p);
}

HAK_NOINLINE void
tls_free_long(void *p)
{
	struct cache *c;

	if (!p)
		return;
	if (HAK_UNLIKELY(RELAXED(hak_tls.busy)) || !(c = cache_enter())) {
		free_uncached(p);
		return;
	}
	RELAXED_SET(c->slow_frees, RELAXED(c->slow_frees) + 1);
	HAK_INJECT(INJECT_SLOW_FREE);
	/* What the fast path took from bins that never have room. */
	RELAXED_SET(c->bins[0].room, 0);
	unsigned cls = slow_bin_class(p);
	reset_empty_room(cls);
	uint32_t now_ms = os_now_ms();
	struct tune_clock clock = tune_clock_start(cls == 0 ? TUNE_BIG : TUNE_SHORT);
	if (placement_isolates()) {
		isolate_free_slow(c, p, now_ms);
	} else if (slow_bin_takes(cls, p)) {
		free_cached(c, cls, p, now_ms);
	} else {
		/* Blocks that last come here too, and single ones are no reason for the clock. */
		c->freed_bytes += placement_is_on() || lifetime_is_learned() ? backend_usable(p)
									     : FREED_BYTES;
		slow_free(p);
	}
	tune_clock_stop(clock);
	tick(c, now_ms);
	bool armed = c->freed_bytes < FREED_BYTES;
	if (!armed)
		c->looks = 0;
	leave(c, armed);
}

/* --- the rest of the contract ---------------------------------------------------------------- */

void
frontend_flush(void)
{
	struct cache *c = hak_tls.own;

	if (!c)
		return;
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++)
		flush_bin(c, cls, true);
}

void
frontend_audit(void)
{
	if (hak_tls.own)
		cache_audit(hak_tls.own);
}

const char *
frontend_mechanism(void)
{
	return "thread-local caches";
}
