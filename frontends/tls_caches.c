/* SPDX-License-Identifier: MIT
 * frontends/tls_caches.c - the caches of all threads: their birth and death, and what is done to
 * them as they idle. */
#include "frontends/tls_caches.h"

#include <pthread.h>
#include <string.h>

#include "arenas/profile.h"
#include "backends/os.h"
#include "backends/os_thread.h"
#include "backends/pages.h"
#include "base/config.h"
#include "base/inject.h"
#include "base/lock.h"
#include "frontends/slow.h"
#include "frontends/tls_bins.h"
#include "frontends/tls_isolate.h"

/* By how much all magazines of a process's caches together may have grown, and the bounds of one
 * cache's share. */
#define BUDGET_TOTAL ((int64_t)32 << 20)
#define BUDGET_MOST ((int64_t)1 << 20)
#define BUDGET_LEAST ((int64_t)64 << 10)
/* When its thread has run for so long, or HAKMEM_COLD has passed, a cache looks for bins that have
 * not been used since. By the clock alone a thread among many on a CPU would lose what it uses
 * whenever it runs. */
#define CACHE_AGE_MS 100
/* So many caches of other threads are looked at in one go, each so often at most while its owner
 * makes no call. */
#define DRAIN_CACHES 64
#define DRAIN_TRIES 8

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

_Atomic bool tls_all_disarmed;

/* --- ageing --------------------------------------------------------------------------------- */

/* The next look begins to count. */
static void
note_aged(struct cache *c, uint32_t now_ms)
{
	c->aged_ms = now_ms;
	c->aged_ns = os_thread_ns();
	c->look_ms = now_ms + CACHE_AGE_MS;
}

void
tls_look(struct cache *c, uint32_t now_ms)
{
	uint32_t past_ms = now_ms - c->aged_ms;
	uint32_t cold_ms = arena_after_pause(now_ms, (uint32_t)CONFIG(cold));
	uint64_t ran_ms = (os_thread_ns() - c->aged_ns) / 1000000;

	if (ran_ms < CACHE_AGE_MS && past_ms < cold_ms) {
		uint32_t left_ms = CACHE_AGE_MS - (uint32_t)ran_ms;
		c->look_ms = now_ms + (left_ms < cold_ms - past_ms ? left_ms : cold_ms - past_ms);
	} else if (may_touch_bins(c)) {
		uint32_t least_ms = past_ms < cold_ms ? past_ms : cold_ms;
		age_cache(c, now_ms, least_ms > CACHE_AGE_MS ? least_ms : CACHE_AGE_MS);
		note_aged(c, now_ms);
	}
}

/* --- birth and death ------------------------------------------------------------------------- */

static int64_t
budget_share(void)
{
	int64_t share = BUDGET_TOTAL / (int64_t)(RELAXED(caches.count) + 1);

	return share > BUDGET_MOST ? BUDGET_MOST : share < BUDGET_LEAST ? BUDGET_LEAST : share;
}

/* A new cache; where a profile is taken and there is no memory for counting, the thread goes
 * uncounted. Not so where rules place blocks, whose classes' bins malloc must not see. */
static struct cache *
cache_new(void)
{
	size_t bytes = round_up(sizeof(struct cache), CACHE_LINE);
	/* In one piece: what is there of a cache that could not be made would be lost. */
	size_t isolated = placement_isolates() ? sizeof(struct isolated) : 0;
	size_t counted = placement_is_ruled() && !isolated
				 ? round_up(sizeof(struct counted), CACHE_LINE)
				 : 0;
	struct cache *c = pages_meta_alloc(bytes + isolated + counted);

	if (!c)
		return NULL;
	c->alloc_bins = c->free_bins = c->bins;
	if (isolated)
		isolate_cache(c, (struct isolated *)((char *)c + bytes));
	if (counted)
		c->counted = (struct counted *)((char *)c + bytes);
	else if (profile_is_on())
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
		c->share = budget_share();
		RELAXED_SET(c->budget, c->share);
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
		arena_lease_to(c);
	}
	lock_release(&caches.lock);
	return c;
}

/* Memory has become idle, and the threads it belonged to are gone: the next malloc of each of the
 * others looks at the clock. */
static void
disarm_all_locked(void)
{
	if (RELAXED(tls_all_disarmed))
		return;
	RELAXED_SET(tls_all_disarmed, true);
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
	arena_lease_to(NULL);
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

struct cache *
tls_cache_born(void)
{
	struct cache *c;

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

/* --- all of them -------------------------------------------------------------------------------
 */

static size_t
cached_bytes(const struct cache *c)
{
	size_t bytes = 0;

	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		const struct bin *lasting = lasting_bin(c, cls);
		int64_t n = (int64_t)RELAXED(c->bins[cls].capacity) - RELAXED(c->bins[cls].room) +
			    RELAXED(c->spares[cls].count) -
			    (c->counted ? RELAXED(c->counted->bins[cls].room) : 0) -
			    (lasting ? RELAXED(lasting->room) : 0);
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
