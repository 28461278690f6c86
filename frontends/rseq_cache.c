/* SPDX-License-Identifier: MIT
 * frontends/rseq_cache.c - the caches of CPUs: how they are reached, closed, aged and grown, and
 * what becomes of them in a fork. */
#include "frontends/rseq_cache.h"

#include <string.h>

#include "backends/os.h"
#include "base/assert.h"
#include "base/inject.h"

/* By how much the magazines of one CPU may grow beyond their first size. */
#define CACHE_BUDGET ((int64_t)4 << 20)
/* Bins that no slow path has used for this long give their blocks back. */
#define CACHE_AGE_MS 100
/* Caches under locks: more than that many CPUs share them. */
#define MOST_LOCKED_CACHES 64

enum mechanism { LIBC_RSEQ, OWN_RSEQ, TRYLOCK };

#define CACHE_BYTES ((size_t)1 << RSEQ_CACHE_SHIFT)

_Static_assert(sizeof(struct rseq_cache) <= CACHE_BYTES, "a cache fits its place");
_Static_assert(sizeof(struct rseq_counted) <= CACHE_BYTES, "so do counted bins");

/* The cache that the index -1 finds before there are caches: everything misses. */
static char zeroes[CACHE_BYTES] HAK_CACHE_ALIGNED;

/* Of threads before their first slow path. */
static struct os_rseq_area nowhere = {.cpu_id = UINT32_MAX, .mm_cid = UINT32_MAX};

struct rseq_process hak_rseq = {
	.alloc_base = (uintptr_t)zeroes + CACHE_BYTES,
	.free_base = (uintptr_t)zeroes + CACHE_BYTES,
	.closed = (uintptr_t)zeroes + CACHE_BYTES,
	.index_at = offsetof(struct os_rseq_area, cpu_id),
	.mask = ((uint64_t)1 << RSEQ_COUNT_SHIFT) - 1,
	.one = (uint64_t)1 << RSEQ_COUNT_SHIFT,
};

HAK_TLS struct rseq_thread hak_rseq_thread = {.area = &nowhere};

#ifdef HAK_TESTING
uint32_t hak_rseq_delays[RSEQ_DELAYS];
#endif

/* Fixed at start. */
static struct {
	enum mechanism mechanism;
	char *first;    /* the cache of index 0 */
	size_t counted; /* how far after its cache a CPU's struct rseq_counted is; 0: nowhere */
	unsigned count;
	bool fence; /* caches can be closed */
} process = {.mechanism = TRYLOCK};

/* What slow paths count of threads that have no cache. */
static struct rseq_cache elsewhere;

/* Held while the caches are closed for somebody. */
static struct lock closing = LOCK_INITIALIZER(RANK_CACHES);

static _Atomic uint32_t last_age_ms;

/* --- words ----------------------------------------------------------------------------------- */

static uint64_t
word_of(struct magazine m)
{
	return m.head ? (uintptr_t)m.head | (uint64_t)m.count << RSEQ_COUNT_SHIFT : 0;
}

static struct rseq_cache *
cache_at(unsigned index)
{
	return (struct rseq_cache *)(process.first + index * CACHE_BYTES);
}

static _Atomic uint64_t *
word_at(struct rseq_cache *c, size_t offset)
{
	return (_Atomic uint64_t *)((char *)c + offset);
}

struct rseq_cache *
rseq_cache_now(void)
{
	struct rseq_thread *t = &hak_rseq_thread;

	if (process.count == 0)
		return &elsewhere;
	if (process.mechanism == TRYLOCK)
		return cache_at(os_cpu() % process.count);
	if (!t->attached)
		return &elsewhere;
	/* The kernel writes it while the thread is elsewhere. */
	return cache_at(RELAXED(*(_Atomic uint32_t *)((char *)t->area + hak_rseq.index_at)));
}

size_t
rseq_counted_at(unsigned cls)
{
	return rseq_active_at(cls) + process.counted;
}

struct rseq_counted *
rseq_counted_of(struct rseq_cache *c)
{
	if (HAK_LIKELY(process.counted == 0) || c == &elsewhere)
		return NULL;
	return (struct rseq_counted *)((char *)c + process.counted);
}

bool
rseq_counts_each(void)
{
	return profile_is_on() && process.counted == 0;
}

/* --- the three steps, and the same under locks ----------------------------------------------- */

/* A cache whose lock was free: this CPU's or the next one's; NULL where neither was. */
static struct rseq_cache *
cache_lock(void)
{
	unsigned cpu = process.count ? os_cpu() : 0;

	for (unsigned i = 0; i < 2 && i < process.count; i++) {
		struct rseq_cache *c = cache_at((cpu + i) % process.count);
		if (lock_try(&c->lock))
			return c;
	}
	return NULL;
}

static void *
locked_pop(unsigned cls)
{
	struct rseq_cache *c = cache_lock();

	if (!c)
		return NULL;
	struct magazine m = rseq_magazine(RELAXED(c->bins[cls].word));
	if (m.head && pagemap_in_primary(m.head)) {
		struct magazine rest = {*(void **)m.head, m.count - 1};
		RELAXED_SET(c->bins[cls].word, word_of(rest));
	} else {
		m.head = NULL;
	}
	lock_release(&c->lock);
	return m.head;
}

static bool
locked_push(unsigned cls, void *p)
{
	struct rseq_cache *c = cache_lock();

	if (!c)
		return false;
	uint64_t word = RELAXED(c->bins[cls].word);
	struct magazine m = rseq_magazine(word);
	bool room = word < RELAXED(c->bins[cls].limit) && m.head != p;
	if (room) {
		link_set(p, m.head);
		RELAXED_SET(c->bins[cls].word, word_of((struct magazine){p, m.count + 1}));
	}
	lock_release(&c->lock);
	return room;
}

void *
rseq_try_pop(unsigned cls)
{
	if (process.mechanism == TRYLOCK)
		return locked_pop(cls);
	return rseq_pop(hak_rseq_thread.area, rseq_active_at(cls));
}

bool
rseq_try_push(unsigned cls, void *p)
{
	if (process.mechanism == TRYLOCK)
		return locked_push(cls, p);
	return rseq_push(hak_rseq_thread.area, rseq_active_at(cls), p);
}

struct magazine
rseq_take(size_t offset)
{
	struct rseq_thread *t = &hak_rseq_thread;
	uint64_t word = 0;

	if (process.mechanism == TRYLOCK) {
		struct rseq_cache *c = cache_lock();
		if (c) {
			word = RELAXED(*word_at(c, offset));
			RELAXED_SET(*word_at(c, offset), 0);
			lock_release(&c->lock);
		}
		return rseq_magazine(word);
	}
	for (int i = 0; i < RSEQ_TRIES && t->attached; i++) {
		word = RELAXED(*word_at(rseq_cache_now(), offset));
		if (word == 0 || rseq_replace(t->area, offset, word, 0))
			return rseq_magazine(word);
	}
	return rseq_magazine(0);
}

bool
rseq_put(size_t offset, struct magazine m)
{
	struct rseq_thread *t = &hak_rseq_thread;

	if (process.mechanism == TRYLOCK) {
		struct rseq_cache *c = cache_lock();
		bool empty = c && RELAXED(*word_at(c, offset)) == 0;
		if (empty) {
			RELAXED_SET(*word_at(c, offset), word_of(m));
			RELAXED_SET(c->used, true);
		}
		if (c)
			lock_release(&c->lock);
		return empty;
	}
	struct rseq_cache *c = t->attached ? rseq_replace(t->area, offset, 0, word_of(m)) : NULL;
	if (c)
		RELAXED_SET(c->used, true);
	return c != NULL;
}

/* --- closing all caches ---------------------------------------------------------------------- */

/* Makes every thread miss, and waits until none is inside a sequence. */
static bool
close_locked(void)
{
	/* The fence orders these stores for all threads. */
	RELAXED_SET(hak_rseq.alloc_base, hak_rseq.closed);
	RELAXED_SET(hak_rseq.free_base, hak_rseq.closed);
	return os_rseq_fence();
}

static void
open_locked(void)
{
	/* Release: what was changed meanwhile is there for whoever sees the caches open; a sequence
	 * reads them through the address that it loads here. */
	atomic_store_explicit(&hak_rseq.alloc_base, (uintptr_t)process.first + process.counted,
		memory_order_release);
	atomic_store_explicit(&hak_rseq.free_base, (uintptr_t)process.first, memory_order_release);
}

/* Owns all caches until caches_open. False where somebody else does, or where they cannot be. */
static bool
caches_close(void)
{
	if (process.mechanism == TRYLOCK || !process.fence || !lock_try(&closing))
		return false;
	if (close_locked())
		return true;
	open_locked();
	lock_release(&closing);
	return false;
}

static void
caches_open(void)
{
	open_locked();
	lock_release(&closing);
}

void
rseq_disarm(void)
{
	if (process.mechanism != TRYLOCK && lock_try(&closing)) {
		RELAXED_SET(hak_rseq.alloc_base, hak_rseq.closed);
		lock_release(&closing);
	}
}

void
rseq_arm(void)
{
	if (process.mechanism != TRYLOCK && RELAXED(hak_rseq.alloc_base) == hak_rseq.closed &&
		lock_try(&closing))
		caches_open();
}

/* --- ageing ---------------------------------------------------------------------------------- */

/* Moves a magazine out of a cache that this thread owns. */
static void
detach(struct rseq_cache *c, size_t offset, struct depot *to, uint32_t now_ms)
{
	struct magazine m = rseq_magazine(RELAXED(*word_at(c, offset)));

	RELAXED_SET(*word_at(c, offset), 0);
	if (m.head)
		depot_push(to, 0, m, now_ms);
}

/* Of malloc's own bin: what is in it was counted, but not handed out. */
static void
detach_counted(struct rseq_cache *c, unsigned cls, struct depot *to, uint32_t now_ms)
{
	struct rseq_counted *k = rseq_counted_of(c);

	if (!k)
		return;
	RELAXED_SET(k->until[cls],
		RELAXED(k->until[cls]) + rseq_magazine(RELAXED(k->bins[cls].word)).count);
	detach(c, rseq_counted_at(cls), to, now_ms);
}

/* It has blocks to give back, or what it has grown by. */
static bool
bin_is_idle(struct rseq_cache *c, unsigned cls, uint32_t now_ms, uint32_t least_ms)
{
	uint32_t capacity = rseq_magazine(RELAXED(c->bins[cls].limit)).count;

	return (RELAXED(c->bins[cls].word) || RELAXED(c->spares[cls]) ||
		       RELAXED(*word_at(c, rseq_counted_at(cls))) ||
		       capacity > magazine_granted(cls)) &&
	       idle_for(now_ms, RELAXED(c->used_ms[cls]), least_ms);
}

static bool
cache_is_idle(struct rseq_cache *c, uint32_t now_ms, uint32_t least_ms)
{
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++)
		if (bin_is_idle(c, cls, now_ms, least_ms))
			return true;
	return false;
}

/* Empties the idle bins of a cache that this thread owns; they start out small again. */
static void
detach_idle(struct rseq_cache *c, struct depot *to, uint32_t now_ms, uint32_t least_ms)
{
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		if (!bin_is_idle(c, cls, now_ms, least_ms))
			continue;
		detach(c, rseq_active_at(cls), to, now_ms);
		detach(c, rseq_spare_at(cls), to, now_ms);
		detach_counted(c, cls, to, now_ms);
		rseq_set_capacity(c, cls, magazine_granted(cls));
	}
}

void
rseq_drain_idle(uint32_t now_ms, uint32_t least_ms)
{
	struct depot idle = {0};
	bool any = false, locks = process.mechanism == TRYLOCK;

	for (unsigned i = 0; i < process.count && !any; i++)
		any = RELAXED(cache_at(i)->used) && cache_is_idle(cache_at(i), now_ms, least_ms);
	if (!any || (!locks && !caches_close()))
		return;
	for (unsigned i = 0; i < process.count; i++) {
		struct rseq_cache *c = cache_at(i);
		if (!RELAXED(c->used) || (locks && !lock_try(&c->lock)))
			continue;
		detach_idle(c, &idle, now_ms, least_ms);
		if (locks)
			lock_release(&c->lock);
	}
	if (!locks)
		caches_open();
	HAK_INJECT(INJECT_DRAIN);
	for (struct magazine m; (m = depot_pop(&idle, now_ms)).head;)
		arena_flush(m.head);
}

void
rseq_age(uint32_t now_ms)
{
	uint32_t last = RELAXED(last_age_ms);

	/* One thread does it. */
	if (now_ms - last >= CACHE_AGE_MS &&
		atomic_compare_exchange_strong_explicit(
			&last_age_ms, &last, now_ms, memory_order_relaxed, memory_order_relaxed))
		rseq_drain_idle(now_ms, arena_after_pause(now_ms, CACHE_AGE_MS));
}

/* --- growth ---------------------------------------------------------------------------------- */

void
rseq_grow(struct rseq_cache *c, unsigned cls)
{
	uint64_t limit = RELAXED(c->bins[cls].limit);
	uint32_t old = rseq_magazine(limit).count;
	uint32_t capacity = magazine_next(cls, old);
	int64_t cost = magazine_cost(cls, old, capacity);

	/* The bound may have become less; the first size is never counted. */
	bool granted = capacity <= magazine_granted(cls) && old <= capacity;

	if (c == &elsewhere || capacity == old ||
		(!granted && cost > 0 && RELAXED(c->grown) + cost > CACHE_BUDGET))
		return;
	if (atomic_compare_exchange_strong_explicit(&c->bins[cls].limit, &limit,
		    (uint64_t)capacity << RSEQ_COUNT_SHIFT, memory_order_relaxed,
		    memory_order_relaxed) &&
		!granted)
		atomic_fetch_add_explicit(&c->grown, cost, memory_order_relaxed);
}

void
rseq_set_capacity(struct rseq_cache *c, unsigned cls, uint32_t n)
{
	uint64_t old = atomic_exchange_explicit(
		&c->bins[cls].limit, (uint64_t)n << RSEQ_COUNT_SHIFT, memory_order_relaxed);

	atomic_fetch_sub_explicit(
		&c->grown, magazine_cost(cls, n, rseq_magazine(old).count), memory_order_relaxed);
}

/* --- threads --------------------------------------------------------------------------------- */

HAK_COLD void
rseq_thread_attach(void)
{
	struct rseq_thread *t = &hak_rseq_thread;

	t->known = true;
	t->own = nowhere;
	if (process.mechanism == LIBC_RSEQ) {
		struct os_rseq_area *area = os_rseq_libc_area();
		t->attached = area != NULL;
		t->area = area ? area : &t->own;
		return;
	}
	t->area = &t->own;
	t->attached = process.mechanism == OWN_RSEQ && os_rseq_register(&t->own);
}

/* --- start ----------------------------------------------------------------------------------- */

/* Which mechanism this process gets, asked of the thread that starts the heap. */
static enum mechanism
find_mechanism(void)
{
	struct rseq_thread *t = &hak_rseq_thread;

	if (!RSEQ_SEQUENCES)
		return TRYLOCK;
	if (os_rseq_libc_area())
		return LIBC_RSEQ;
	t->own = nowhere;
	if (!os_rseq_register(&t->own))
		return TRYLOCK;
	t->area = &t->own;
	t->known = t->attached = true;
	return OWN_RSEQ;
}

/* The array of caches, with a page of zeroes before it for the index -1; the same of zeroes, which
 * is never written to; and, while a profile is taken, the same of malloc's bins. */
static bool
make_caches(unsigned n)
{
	size_t bytes = (n + 1) * CACHE_BYTES;
	size_t all = (profile_is_on() ? 3 : 2) * bytes;
	char *p = os_reserve(all, os_page_size());

	if (!p)
		return false;
	if (!os_commit(p, all)) {
		os_release(p, all);
		return false;
	}
	process.first = p + CACHE_BYTES;
	process.count = n;
	hak_rseq.closed = (uintptr_t)process.first + bytes;
	process.counted = profile_is_on() ? 2 * bytes : 0;
	return true;
}

void
rseq_caches_init(void)
{
	bool mm_cid = os_rseq_has_mm_cid();

	RELAXED_SET(last_age_ms, os_now_ms());
	hak_rseq.index_at = mm_cid ? offsetof(struct os_rseq_area, mm_cid)
				   : offsetof(struct os_rseq_area, cpu_id);
	/* Without memory for caches the arenas serve all. */
	if (!make_caches(os_cpus_possible()))
		return;
	process.mechanism = find_mechanism();
	if (process.mechanism != TRYLOCK) {
		process.fence = os_rseq_fence_init();
		open_locked();
		return;
	}
	process.counted = 0;
	if (process.count > MOST_LOCKED_CACHES)
		process.count = MOST_LOCKED_CACHES;
	for (unsigned i = 0; i < process.count; i++)
		cache_at(i)->lock.rank = RANK_CACHES;
}

/* --- reports and forks ----------------------------------------------------------------------- */

/* The blocks of the magazine whose word is at `offset`. */
static size_t
cached_at(struct rseq_cache *c, size_t offset)
{
	return rseq_magazine(RELAXED(*word_at(c, offset))).count;
}

static size_t
cached_bytes(struct rseq_cache *c)
{
	size_t bytes = 0;

	for (unsigned cls = 1; cls < BIN_CLASSES; cls++)
		bytes += (cached_at(c, rseq_active_at(cls)) + cached_at(c, rseq_spare_at(cls)) +
				 (process.counted ? cached_at(c, rseq_counted_at(cls)) : 0)) *
			 sizeclass_size(cls);
	return bytes;
}

void
frontend_totals(struct frontend_totals *out)
{
	*out = (struct frontend_totals){
		.slow_allocs = RELAXED(elsewhere.slow_allocs),
		.slow_frees = RELAXED(elsewhere.slow_frees),
		.restarts = RELAXED(hak_rseq.restarts),
	};
	for (unsigned i = 0; i < process.count; i++) {
		struct rseq_cache *c = cache_at(i);
		if (!RELAXED(c->used))
			continue;
		out->caches++;
		out->slow_allocs += RELAXED(c->slow_allocs);
		out->slow_frees += RELAXED(c->slow_frees);
		out->cached_bytes += cached_bytes(c);
	}
}

void
frontend_each_cache(void (*visit)(void *context, unsigned id, size_t bytes), void *context)
{
	for (unsigned i = 0; i < process.count; i++)
		if (RELAXED(cache_at(i)->used))
			visit(context, i, cached_bytes(cache_at(i)));
}

static void
audit_magazine(struct rseq_cache *c, unsigned cls, size_t offset)
{
	struct magazine m = rseq_magazine(RELAXED(*word_at(c, offset)));
	uint32_t n = 0;

	for (const void *p = m.head; p; p = link_get(p), n++)
		HAK_CHECK(n < m.count && backend_bin(p) == cls * BIN_BYTES);
	HAK_CHECK(n == m.count);
}

void
frontend_audit(void)
{
	bool locks = process.mechanism == TRYLOCK;

	if (!locks && !caches_close())
		return;
	for (unsigned i = 0; i < process.count; i++) {
		struct rseq_cache *c = cache_at(i);
		if (!RELAXED(c->used) || (locks && !lock_try(&c->lock)))
			continue;
		for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
			audit_magazine(c, cls, rseq_active_at(cls));
			audit_magazine(c, cls, rseq_spare_at(cls));
			audit_magazine(c, cls, rseq_counted_at(cls));
		}
		if (locks)
			lock_release(&c->lock);
	}
	if (!locks)
		caches_open();
}

const char *
frontend_mechanism(void)
{
	bool mm_cid = hak_rseq.index_at == offsetof(struct os_rseq_area, mm_cid);

	switch (process.mechanism) {
	case LIBC_RSEQ:
		return mm_cid ? "rseq (libc's registration), indexed by mm_cid"
			      : "rseq (libc's registration), indexed by cpu_id";
	case OWN_RSEQ:
		return mm_cid ? "rseq (own registration), indexed by mm_cid"
			      : "rseq (own registration), indexed by cpu_id";
	default:
		return "per-CPU trylock";
	}
}

/* The child is to find caches that nobody is changing: those of the parent's other threads are
 * copied page by page while these run. */
/* Whether the caches were closed for the fork: written and read by the thread that forks. */
static bool closed_for_fork;

void
frontend_fork_prepare(void)
{
	lock_acquire_wait(&closing);
	if (process.mechanism == TRYLOCK)
		for (unsigned i = 0; i < process.count; i++)
			lock_acquire_wait(&cache_at(i)->lock);
	else
		closed_for_fork = process.fence && close_locked();
}

void
frontend_fork_parent(void)
{
	if (process.mechanism == TRYLOCK)
		for (unsigned i = 0; i < process.count; i++)
			lock_release(&cache_at(i)->lock);
	else
		open_locked();
	lock_release(&closing);
}

void
frontend_fork_child(void)
{
	for (unsigned i = 0; i < process.count; i++) {
		struct rseq_cache *c = cache_at(i);
		if (process.mechanism == TRYLOCK)
			lock_reset(&c->lock);
		else if (!closed_for_fork && RELAXED(c->used)) {
			/* Their blocks stay out of reach. */
			if (process.counted)
				memset(rseq_counted_of(c), 0, sizeof(struct rseq_counted));
			memset(c, 0, sizeof(*c));
		}
	}
	if (process.mechanism != TRYLOCK)
		open_locked();
	lock_reset(&closing);
}
