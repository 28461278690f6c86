/* SPDX-License-Identifier: MIT
 * frontends/rseq.c - the slow paths of the per-CPU caches.
 *
 * A slow path may lose its CPU between any two steps of rseq_cache.h; it then goes on in another
 * cache, and what it finds no room for goes to the arenas. */
#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/tune.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "base/assert.h"
#include "base/inject.h"
#include "frontends/placement.h"
#include "frontends/rseq_cache.h"
#include "frontends/slow.h"

/* After so much was freed without a slow path of malloc, the next malloc looks at the clock. */
#define FREED_BYTES 65536

/* Drained and freed past the bins since malloc was last on a slow path. */
static _Atomic size_t freed_bytes HAK_CACHE_ALIGNED;
/* Mallocs on slow paths while the program wakes up, since memory last became idle. */
static _Atomic unsigned looks;

void
frontend_init(void)
{
	rseq_caches_init();
}

bool
frontend_enter(void)
{
	struct rseq_thread *t = &hak_rseq_thread;

	if (t->busy)
		return false;
	slow_startup();
	t->busy = true;
	HAK_SIGNAL_FENCE();
	if (HAK_UNLIKELY(!t->known))
		rseq_thread_attach();
	return true;
}

void
frontend_leave(void)
{
	HAK_SIGNAL_FENCE();
	hak_rseq_thread.busy = false;
}

/* Looks at the clock. */
static void
tick(uint32_t now_ms)
{
	arena_tick(now_ms);
	rseq_age(now_ms);
}

/* --- the slow paths -------------------------------------------------------------------------- */

/* Puts what is left of a magazine into the cache, as the active one or the spare, or gives it to
 * the arenas. */
static void
stow(unsigned cls, struct magazine m)
{
	if (m.head && !rseq_put(rseq_active_at(cls), m) && !rseq_put(rseq_spare_at(cls), m))
		magazine_give(cls, m, false);
}

static struct magazine
rest_of(struct magazine m)
{
	return (struct magazine){m.count > 1 ? *(void **)m.head : NULL, m.count - 1};
}

/* A magazine's first block. */
static void *
first_of(struct magazine m)
{
	void *p = m.head;

	if (HAK_UNLIKELY(!pagemap_in_primary(p)) && !pagemap_contains(p))
		log_fatal("a free block was written to after it was freed: its link is %p", p);
	return p;
}

/* A magazine from the arenas; else a block of the emergency memory in *instead, or NULL. */
static struct magazine
refill(struct rseq_cache *c, unsigned cls, uintptr_t site, void **instead)
{
	uint32_t capacity = rseq_capacity(c, cls);

	count(cls, COUNT_REFILL);
	RELAXED_SET(c->wanted[cls], magazine_count(RELAXED(c->wanted[cls])));
	capacity = capacity ? capacity : 1;
	return slow_refill(0, cls, site, capacity, magazine_refill(cls, capacity), instead);
}

/* --- counted allocations --------------------------------------------------------------------- */

/* True where the next allocation of this CPU's is to be a sample. */
static bool
sample_is_due(struct rseq_counted *k, unsigned cls)
{
	uint32_t until = RELAXED(k->until[cls]);

	if (until == 0) {
		uint64_t random = RELAXED(k->random);
		if (random == 0)
			random = profile_seed();
		until = magazine_until_sample(&random, sizeclass_size(cls));
		RELAXED_SET(k->random, random);
		RELAXED_SET(k->until[cls], until);
	}
	/* Whoever takes the count to 0 takes the sample. */
	return until == 1 && atomic_compare_exchange_strong_explicit(&k->until[cls], &until, 0,
				     memory_order_relaxed, memory_order_relaxed);
}

/* What malloc's bin is filled with: what was freed, as long as that is enough to be worth it. */
static struct magazine
stock(struct rseq_cache *c, unsigned cls, uintptr_t site, void **instead)
{
	uint32_t capacity = rseq_capacity(c, cls);
	uint32_t least = capacity / 2 ? capacity / 2 : 1;

	*instead = NULL;
	/* Larger magazines make this rarer. */
	rseq_grow(c, cls);
	if (rseq_magazine(RELAXED(c->bins[cls].word)).count >= least) {
		struct magazine m = rseq_take(rseq_active_at(cls));
		if (m.head)
			return m;
	}
	if (rseq_magazine(RELAXED(c->spares[cls])).count >= least) {
		struct magazine m = rseq_take(rseq_spare_at(cls));
		if (m.head)
			return m;
	}
	return refill(c, cls, site, instead);
}

/* A magazine's first block; the rest is for malloc alone. */
static void *
hand_out_counted(unsigned cls, struct magazine m)
{
	void *p = first_of(m);
	struct magazine rest = rest_of(m);

	if (rest.head && !rseq_put(rseq_counted_at(cls), rest))
		stow(cls, rest);
	return p;
}

/* Threads of one CPU may come here in turn, on their slow paths; the count is then off by a few
 * blocks. */
static void *
alloc_counted(
	struct rseq_cache *c, struct rseq_counted *k, unsigned cls, uintptr_t site, uint32_t now_ms)
{
	/* A magazine of another region. */
	struct magazine m = rseq_take(rseq_counted_at(cls));
	void *p;

	if (m.head)
		return hand_out_counted(cls, m);
	p = slow_alloc_sampled(cls, site, sample_is_due(k, cls));
	if (p)
		return p;
	RELAXED_SET(c->used_ms[cls], now_ms);
	RELAXED_SET(c->used, true);
	m = stock(c, cls, site, &p);
	if (!m.head)
		return p;
	uint32_t until = RELAXED(k->until[cls]);
	if (until > 1 && m.count >= until)
		stow(cls, magazine_split(&m, until - 1));
	RELAXED_SET(k->until[cls], until > m.count ? until - m.count : 1);
	return hand_out_counted(cls, m);
}

static void *
alloc_cached(struct rseq_cache *c, unsigned cls, uintptr_t site, uint32_t now_ms)
{
	struct rseq_counted *k = rseq_counted_of(c);
	/* A thread's first call, one that met closed caches, or caches under locks. */
	void *p = rseq_counts_each()
			  ? slow_alloc_sampled(cls, site, slow_sample_due(sizeclass_size(cls)))
			  : NULL;

	if (!p)
		p = rseq_try_pop(cls);
	if (p)
		return p;
	RELAXED_SET(c->drains[cls], 0);
	count(cls, COUNT_MISS);
	if (k)
		return alloc_counted(c, k, cls, site, now_ms);
	RELAXED_SET(c->used_ms[cls], now_ms);
	RELAXED_SET(c->used, true);
	rseq_grow(c, cls);
	/* A magazine of another region, or one with a link that was written over. */
	struct magazine m = rseq_take(rseq_active_at(cls));
	bool swapped = false;
	if (!m.head) {
		m = rseq_take(rseq_spare_at(cls));
		swapped = m.head != NULL;
	}
	if (!m.head)
		m = refill(c, cls, site, &p);
	if (!m.head)
		return p;
	p = first_of(m);
	struct magazine rest = rest_of(m);
	if (swapped)
		RELAXED_SET(c->marks[cls], rest.head);
	stow(cls, rest);
	return p;
}

void *
frontend_alloc_slow(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	void *p;

	if (zeroed)
		*zeroed = false;
	if (size == 0)
		size = 1;
	if (HAK_UNLIKELY(!frontend_enter()))
		return emergency_alloc(size, align);
	struct rseq_cache *c = rseq_cache_now();
	uint32_t now_ms = os_now_ms();
	atomic_fetch_add_explicit(&c->slow_allocs, 1, memory_order_relaxed);
	HAK_INJECT(INJECT_SLOW_ALLOC);
	if (RELAXED(freed_bytes))
		RELAXED_SET(freed_bytes, 0);
	tick(now_ms);
	if (HAK_LIKELY(!arena_is_waking()) || RELAXED(looks) >= WAKING_LOOKS) {
		rseq_arm();
	} else {
		/* A program that calls now and then might never come by again. */
		RELAXED_SET(looks, RELAXED(looks) + 1);
		rseq_disarm();
	}
	struct tune_clock clock = tune_clock_start(size > LARGE_MAX ? TUNE_BIG : TUNE_SHORT);
	/* The caches of CPUs know no buckets. */
	if (slow_past_bins(size, align, zeroed) || placement_isolates())
		p = slow_alloc_large(size, align, site, zeroed);
	else
		p = alloc_cached(c, sizeclass_of(size), site, now_ms);
	tune_clock_stop(clock);
	frontend_leave();
	background_start(site);
	return p;
}

/* True where the bin is in a phase of frees, and its magazine has gone. */
static bool
drain_scattered(struct rseq_cache *c, unsigned cls, struct magazine m)
{
	uint8_t drains = RELAXED(c->drains[cls]);
	bool gone = magazine_drain_scattered(cls, m, &drains);

	RELAXED_SET(c->drains[cls], drains);
	if (!gone)
		return false;
	arena_flush(rseq_take(rseq_spare_at(cls)).head);
	if (rseq_capacity(c, cls) > SCATTERED_BLOCKS)
		rseq_set_capacity(c, cls, SCATTERED_BLOCKS);
	atomic_fetch_add_explicit(
		&freed_bytes, m.count * sizeclass_size(cls), memory_order_relaxed);
	return true;
}

/* The active magazine is full, or has no capacity yet: makes room. */
static void
make_room(struct rseq_cache *c, unsigned cls)
{
	if (rseq_capacity(c, cls) == 0) {
		rseq_grow(c, cls);
		return;
	}
	struct magazine m = rseq_take(rseq_active_at(cls));
	HAK_INJECT(INJECT_DRAIN);
	if (!m.head || drain_scattered(c, cls, m))
		return;
	if (!RELAXED(c->spares[cls]) && magazine_is_back(m, RELAXED(c->marks[cls]))) {
		struct magazine rest = magazine_halve(&m);
		if (HAK_LIKELY(rest.head != NULL)) {
			stow(cls, m);
			stow(cls, rest);
			return;
		}
	}
	if (rseq_put(rseq_spare_at(cls), m))
		return;
	struct magazine full = rseq_take(rseq_spare_at(cls));
	if (!rseq_put(rseq_spare_at(cls), m))
		magazine_give(cls, m, false);
	if (magazine_has_room(full, rseq_capacity(c, cls))) {
		stow(cls, full);
	} else {
		uint16_t wanted = RELAXED(c->wanted[cls]);
		if (wanted)
			RELAXED_SET(c->wanted[cls], wanted - 1);
		atomic_fetch_add_explicit(
			&freed_bytes, full.count * sizeclass_size(cls), memory_order_relaxed);
		magazine_drain(cls, full, wanted > 0);
		rseq_grow(c, cls);
	}
}

static void
free_cached(struct rseq_cache *c, unsigned cls, void *p, uint32_t now_ms)
{
	for (int i = 0; i < RSEQ_TRIES; i++) {
		if (rseq_try_push(cls, p))
			return;
		if (rseq_magazine(RELAXED(c->bins[cls].word)).head == p)
			log_fatal("double free of %p", p);
		if (i == 0) {
			count(cls, COUNT_OVERFLOW);
			RELAXED_SET(c->used_ms[cls], now_ms);
			RELAXED_SET(c->used, true);
		}
		make_room(c, cls);
		if (rseq_capacity(c, cls) == 0)
			break; /* a thread without a cache */
		c = rseq_cache_now();
	}
	slow_free(p);
}

void
rseq_free_slow(void *p)
{
	if (!p)
		return;
	if (HAK_UNLIKELY(!frontend_enter())) {
		slow_free_busy(p);
		return;
	}
	struct rseq_cache *c = rseq_cache_now();
	uint32_t now_ms = os_now_ms();
	unsigned cls = slow_bin_class(p);
	atomic_fetch_add_explicit(&c->slow_frees, 1, memory_order_relaxed);
	HAK_INJECT(INJECT_SLOW_FREE);
	struct tune_clock clock = tune_clock_start(cls == 0 ? TUNE_BIG : TUNE_SHORT);
	/* Sequences pop from the primary region only. */
	if (slow_bin_takes(cls, p) && pagemap_in_primary(p)) {
		free_cached(c, cls, p, now_ms);
	} else {
		atomic_fetch_add_explicit(&freed_bytes, FREED_BYTES, memory_order_relaxed);
		slow_free(p);
	}
	tune_clock_stop(clock);
	tick(now_ms);
	if (RELAXED(freed_bytes) >= FREED_BYTES &&
		RELAXED(hak_rseq.alloc_base) != hak_rseq.closed) {
		RELAXED_SET(looks, 0);
		rseq_disarm();
	}
	frontend_leave();
}

/* --- the rest of the contract ---------------------------------------------------------------- */

void
frontend_flush(void)
{
	rseq_drain_idle(os_now_ms(), 0);
}

bool
frontend_drain_idle(uint32_t now_ms, uint32_t least_ms)
{
	rseq_drain_idle(now_ms, least_ms);
	return true;
}
