/* SPDX-License-Identifier: MIT
 * frontends/tls.c - the slow paths of the per-thread freelists; birth and death of caches. */
#include <pthread.h>
#include <string.h>

#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/profile.h"
#include "arenas/rules.h"
#include "arenas/tune.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "backends/os_thread.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/futex.h"
#include "base/inject.h"
#include "base/lock.h"
#include "frontends/frontend.h"
#include "frontends/magazine.h"
#include "frontends/slow.h"
#include "frontends/tls_bins.h"
#include "frontends/tls_isolate.h"

/* By how much all magazines of a process's caches together may have grown, and the bounds of one
 * cache's share. */
#define BUDGET_TOTAL ((int64_t)32 << 20)
#define BUDGET_MOST ((int64_t)1 << 20)
#define BUDGET_LEAST ((int64_t)64 << 10)
/* With less, as a cache among a hundred has, first magazines come without the rest of their page.
 */
#define BUDGET_PAGES ((int64_t)256 << 10)
/* When its thread has run for so long, or HAKMEM_COLD has passed, a cache looks for bins that have
 * not been used since. By the clock alone a thread among many on a CPU would lose what it uses
 * whenever it runs. */
#define CACHE_AGE_MS 100
/* So many caches of other threads are looked at in one go, each so often at most while its owner
 * makes no call. */
#define DRAIN_CACHES 64
#define DRAIN_TRIES 8

/* All miss: no heads, no room. Only `room` is ever written, by free's subtraction, and every thread
 * sets it back; it is never above 0. */
struct bin hak_empty_bins[TLS_GROUPS * FRONTEND_GROUP_BINS];

HAK_TLS struct tls hak_tls = {hak_empty_bins, hak_empty_bins, NULL, false, false};

static pthread_key_t exit_key;
static bool have_exit_key;

/* Synchronization: `lock`, but for count, which any thread may read. */
static struct {
	struct lock lock;
	struct cache *live;
	struct cache *spare; /* of threads that have ended */
	_Atomic size_t count;
	size_t slow_allocs, slow_frees; /* of threads that have ended */
} caches = {.lock = LOCK_INITIALIZER(RANK_CACHES)};

/* True while every live cache's malloc misses: nobody has been on a slow path since. */
static _Atomic bool all_disarmed;

/* --- entering and leaving the slow path ------------------------------------------------------ */

/* Until the background thread has done with the cache. */
HAK_INLINE void
wait_unclaimed(struct cache *c)
{
	/* Acquire pairs with the release in unclaim. */
	while (HAK_UNLIKELY(atomic_load_explicit(&c->claimed, memory_order_acquire)))
		futex_wait(&c->claimed, 1, 0);
}

static void
enter(void)
{
	RELAXED_SET(hak_tls.busy, true);
	RELAXED_SET(hak_tls.alloc, hak_empty_bins);
	RELAXED_SET(hak_tls.free, hak_empty_bins);
	HAK_SIGNAL_FENCE();
	if (hak_tls.own)
		wait_unclaimed(hak_tls.own);
}

/* `armed`: the next malloc may hit; else it misses once, and looks at the clock. c is NULL where
 * the thread has no cache. */
static void
leave(struct cache *c, bool armed)
{
	HAK_SIGNAL_FENCE();
	RELAXED_SET(hak_tls.free, c ? c->free_bins : hak_empty_bins);
	if (armed) {
		if (c)
			RELAXED_SET(hak_tls.alloc, c->alloc_bins);
		if (RELAXED(all_disarmed))
			RELAXED_SET(all_disarmed, false);
	}
	RELAXED_SET(hak_tls.busy, false);
}

/* --- ageing --------------------------------------------------------------------------------- */

/* The next look begins to count. */
static void
note_aged(struct cache *c, uint32_t now_ms)
{
	c->aged_ms = now_ms;
	c->aged_ns = os_thread_ns();
	c->look_ms = now_ms + CACHE_AGE_MS;
}

/* This may be a signal handler's call that interrupted a fast path, and then no bin may be flushed:
 * a handler runs with its signal blocked, so the mask tells, as long as it is empty or what it was
 * when the cache was born. */
static HAK_NOINLINE void
look(struct cache *c, uint32_t now_ms)
{
	uint32_t past_ms = now_ms - c->aged_ms, cold_ms = (uint32_t)CONFIG(cold);
	uint64_t ran_ms = (os_thread_ns() - c->aged_ns) / 1000000;
	uint64_t mask = os_signal_mask();

	if (ran_ms < CACHE_AGE_MS && past_ms < cold_ms) {
		uint32_t left_ms = CACHE_AGE_MS - (uint32_t)ran_ms;
		c->look_ms = now_ms + (left_ms < cold_ms - past_ms ? left_ms : cold_ms - past_ms);
	} else if (mask == 0 || mask == c->signal_mask) {
		uint32_t least_ms = past_ms < cold_ms ? past_ms : cold_ms;
		age_cache(c, now_ms, least_ms > CACHE_AGE_MS ? least_ms : CACHE_AGE_MS);
		note_aged(c, now_ms);
	}
}

/* Looks at the clock. */
static void
tick(struct cache *c, uint32_t now_ms)
{
	if ((int32_t)(now_ms - c->look_ms) >= 0)
		look(c, now_ms);
	RELAXED_SET(c->slow_ms, now_ms);
	arena_tick(now_ms);
}

/* --- birth and death ------------------------------------------------------------------------- */

static int64_t
budget_share(void)
{
	int64_t share = BUDGET_TOTAL / (int64_t)(RELAXED(caches.count) + 1);

	return share > BUDGET_MOST ? BUDGET_MOST : share < BUDGET_LEAST ? BUDGET_LEAST : share;
}

/* A new cache; where a profile is taken and there is no memory for counting, the thread goes
 * uncounted. */
static struct cache *
cache_new(void)
{
	struct cache *c = pages_meta_alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->alloc_bins = c->free_bins = c->bins;
	if (placement_isolates())
		return isolate_cache(c);
	if (!profile_is_on())
		return c;
	c->counted = pages_meta_alloc(sizeof(*c->counted));
	if (c->counted) {
		c->counted->random = profile_seed();
		c->alloc_bins = c->counted->bins;
	}
	return c;
}

/* A cache for this thread; NULL when memory is exhausted or a fork holds the list. */
static HAK_COLD struct cache *
cache_create(void)
{
	struct cache *c = NULL;

	if (!lock_acquire(&caches.lock))
		return NULL;
	if (caches.spare) {
		c = caches.spare;
		caches.spare = c->next;
	} else {
		c = cache_new();
	}
	if (c) {
		RELAXED_SET(c->budget, budget_share());
		c->owner = &hak_tls;
		note_aged(c, os_now_ms());
		c->signal_mask = os_signal_mask();
		c->thread = os_thread_id();
		c->prev = NULL;
		c->next = caches.live;
		if (caches.live)
			caches.live->prev = c;
		caches.live = c;
		RELAXED_SET(caches.count, RELAXED(caches.count) + 1);
		hak_tls.own = c;
	}
	lock_release(&caches.lock);
	return c;
}

/* Memory has become idle, and the threads it belonged to are gone: the next malloc of each of the
 * others looks at the clock. */
static void
disarm_all_locked(void)
{
	if (RELAXED(all_disarmed))
		return;
	RELAXED_SET(all_disarmed, true);
	for (struct cache *c = caches.live; c; c = c->next)
		RELAXED_SET(c->owner->alloc, hak_empty_bins);
}

/* The key's destructor. Destructors that run later may still allocate; their blocks come straight
 * from the arenas. */
static void
thread_exit(void *cache)
{
	struct cache *c = cache;

	enter();
	hak_tls.own = NULL;
	hak_tls.dead = true;
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		if (cls == BIN_CLASSES / 2)
			HAK_INJECT(INJECT_CACHE_EXIT);
		flush_bin(c, cls, false);
	}
	lock_acquire_wait(&caches.lock);
	if (c->next)
		c->next->prev = c->prev;
	*(c->prev ? &c->prev->next : &caches.live) = c->next;
	caches.slow_allocs += RELAXED(c->slow_allocs);
	caches.slow_frees += RELAXED(c->slow_frees);
	memset(c, 0, offsetof(struct cache, counted));
	c->next = caches.spare;
	caches.spare = c;
	RELAXED_SET(caches.count, RELAXED(caches.count) - 1);
	disarm_all_locked();
	lock_release(&caches.lock);
	leave(NULL, false);
}

void
frontend_init(void)
{
	if (placement_isolates())
		isolate_init();
	have_exit_key = pthread_key_create(&exit_key, thread_exit) == 0;
}

/* This thread's cache, born now if need be; NULL where the thread has to do without. On success
 * the caller is in the slow path (enter). */
static struct cache *
cache_enter(void)
{
	struct cache *c = hak_tls.own;

	if (HAK_LIKELY(c != NULL)) {
		enter();
		return c;
	}
	if (hak_tls.dead)
		return NULL;
	slow_startup();
	enter();
	c = cache_create();
	leave(c, true);
	if (!c)
		return NULL;
	/* May allocate; the cache is there for it. Without a destructor the cache would outlive the
	 * thread, so this thread then does without one. */
	if (!have_exit_key || pthread_setspecific(exit_key, c) != 0) {
		thread_exit(c);
		return NULL;
	}
	enter();
	return c;
}

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
	if (capacity == 0) {
		*instead = slow_alloc_one(cls, site);
		return (struct magazine){NULL, 0};
	}
	bool rich = RELAXED(c->budget) >= BUDGET_PAGES;
	uint32_t most = rich ? magazine_refill(cls, capacity) : capacity;
	count(cls, COUNT_REFILL);
	return slow_refill(cls, site, capacity, most, instead);
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
		return bin_pop(b);
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
	set_counted(own, active > spare ? take_active(c, cls) : take_spare(s));
	return bin_pop(own);
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
	struct tune_clock clock = tune_clock_start(size > LARGE_MAX);
	if (slow_past_bins(size, align, zeroed))
		p = slow_alloc_large(size, align, site, zeroed);
	else
		p = alloc_cached(c, sizeclass_of(size), site, now_ms);
	tune_clock_stop(clock);
	leave(c, true);
	background_start(site);
	return p;
}

/* While allocations are counted. */
static HAK_NOINLINE void *
alloc_counting(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	struct cache *c = hak_tls.own;

	if (!RELAXED(hak_tls.busy) && size <= MID_MAX && align <= TINY_STEP && !rules_any()) {
		enter();
		void *p = alloc_swapped(c, sizeclass_of(size ? size : 1));
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
	if (RELAXED(b->room) == 0) {
		struct magazine full = {s->head, RELAXED(s->count)};
		set_spare(s, b->head, active_count(b));
		set_active(c, cls, NULL, 0);
		HAK_INJECT(INJECT_DRAIN);
		if (full.head) {
			c->freed_bytes += full.count * sizeclass_size(cls);
			magazine_drain(cls, full);
			grow_capacity(c, cls);
		}
	}
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
	reset_empty_room(backend_bin(p) / TINY_STEP);
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
	unsigned cls = backend_bin(p) / TINY_STEP;
	reset_empty_room(cls);
	uint32_t now_ms = os_now_ms();
	struct tune_clock clock = tune_clock_start(cls == 0);
	if (placement_isolates()) {
		isolate_free_slow(c, p, now_ms);
	} else if (slow_bin_takes(cls, p)) {
		free_cached(c, cls, p, now_ms);
	} else {
		c->freed_bytes += FREED_BYTES;
		slow_free(p);
	}
	tune_clock_stop(clock);
	tick(c, now_ms);
	leave(c, c->freed_bytes < FREED_BYTES);
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

static size_t
cached_bytes(const struct cache *c)
{
	size_t bytes = 0;

	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		int64_t n = (int64_t)RELAXED(c->bins[cls].capacity) - RELAXED(c->bins[cls].room) +
			    RELAXED(c->spares[cls].count) -
			    (c->counted ? RELAXED(c->counted->bins[cls].room) : 0);
		bytes += n > 0 ? (size_t)n * sizeclass_size(cls) : 0;
	}
	return bytes + (c->isolated ? isolate_cached_bytes(c) : 0);
}

/* --- other threads' idle caches ----------------------------------------------------------------
 */

/* True where the cache holds something, its owner has not been on a slow path for least_ms, and it
 * has not been tried in vain too often since. */
static bool
is_idle(struct cache *c, uint32_t now_ms, uint32_t least_ms)
{
	uint32_t slow_ms = RELAXED(c->slow_ms);

	if (c->tried_ms != slow_ms) {
		c->tried_ms = slow_ms;
		c->tries = 0;
	}
	return c->owner != &hak_tls && c->tries < DRAIN_TRIES &&
	       idle_for(now_ms, slow_ms, least_ms > CACHE_AGE_MS ? least_ms : CACHE_AGE_MS) &&
	       cached_bytes(c) > 0;
}

/* From the fence that follows on the owner's next call takes the slow path, and waits there. */
static void
claim(struct cache *c)
{
	RELAXED_SET(c->claimed, 1);
	RELAXED_SET(c->owner->alloc, hak_empty_bins);
	RELAXED_SET(c->owner->free, hak_empty_bins);
}

/* The owner finds its way back to the cache on its next slow path. */
static void
unclaim(struct cache *c)
{
	/* Release pairs with the acquire in wait_unclaimed. */
	atomic_store_explicit(&c->claimed, 0, memory_order_release);
	futex_wake(&c->claimed, 1);
}

/* After the fence: true where the owner is neither on a fast nor on a slow path, and cannot be
 * before the cache is unclaimed. Blocked in a system call, it is on no fast path; one that begins
 * later finds the empty cache, as long as the pointers say so now: the owner may have been leaving
 * a slow path while they were set. */
static bool
is_parked(const struct cache *c)
{
	const struct tls *t = c->owner;

	if (!os_thread_is_blocked(c->thread, c->signal_mask))
		return false;
	return !RELAXED(t->busy) && RELAXED(t->alloc) == hak_empty_bins &&
	       RELAXED(t->free) == hak_empty_bins;
}

bool
frontend_drain_idle(uint32_t now_ms, uint32_t least_ms)
{
	struct cache *claimed[DRAIN_CACHES];
	unsigned looked = 0, n = 0;
	bool all = true;

	if (!lock_acquire(&caches.lock))
		return false;
	for (struct cache *c = caches.live; c && looked < DRAIN_CACHES; c = c->next) {
		if (!is_idle(c, now_ms, least_ms))
			continue;
		looked++;
		c->tries++;
		/* A thread that runs is not to be disturbed. */
		if (os_thread_is_blocked(c->thread, c->signal_mask)) {
			claim(c);
			claimed[n++] = c;
		} else {
			all = all && c->tries == DRAIN_TRIES;
		}
	}
	bool fenced = n > 0 && os_thread_fence();
	for (unsigned i = 0; i < n; i++) {
		HAK_INJECT(INJECT_DRAIN);
		bool parked = fenced && is_parked(claimed[i]);
		if (parked)
			age_cache(claimed[i], now_ms, least_ms);
		unclaim(claimed[i]);
		all = all && (parked || claimed[i]->tries == DRAIN_TRIES);
	}
	lock_release(&caches.lock);
	return all && looked < DRAIN_CACHES;
}

/* --- reports and forks ----------------------------------------------------------------------- */

void
frontend_totals(struct frontend_totals *out)
{
	lock_acquire_wait(&caches.lock);
	*out = (struct frontend_totals){
		.slow_allocs = caches.slow_allocs, .slow_frees = caches.slow_frees};
	for (struct cache *c = caches.live; c; c = c->next) {
		out->caches++;
		out->slow_allocs += RELAXED(c->slow_allocs);
		out->slow_frees += RELAXED(c->slow_frees);
		out->cached_bytes += cached_bytes(c);
	}
	lock_release(&caches.lock);
}

void
frontend_each_cache(void (*visit)(void *context, unsigned id, size_t bytes), void *context)
{
	unsigned id = 0;

	lock_acquire_wait(&caches.lock);
	for (struct cache *c = caches.live; c; c = c->next)
		visit(context, id++, cached_bytes(c));
	lock_release(&caches.lock);
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

void
frontend_fork_prepare(void)
{
	lock_acquire_wait(&caches.lock);
}

void
frontend_fork_parent(void)
{
	lock_release(&caches.lock);
}

void
frontend_fork_child(void)
{
	/* The other threads' caches may have been in the middle of a fast path; their blocks stay
	 * out of reach. */
	struct cache *own = hak_tls.own;

	caches.live = own;
	if (own) {
		own->next = own->prev = NULL;
		own->thread = os_thread_id();
	}
	RELAXED_SET(caches.count, own ? 1 : 0);
	lock_reset(&caches.lock);
}
