/* SPDX-License-Identifier: MIT
 * backends/hakmem/big.c - Big blocks and BigCache. */
#include "backends/hakmem/big.h"

#include "backends/os.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/lock.h"

/* Few enough to look at all of them: they fill four cache lines. */
#define CACHE_SLOTS 32
/* The logarithm of the smallest block of the first class. */
#define BIGCACHE_LEAST 20
/* What has been cached for less than this may be wanted again at once. */
#define YIELD_MS 5
/* From here on moving page tables is cheaper than copying. */
#define MOVE_PAGES ((size_t)1 << 20 >> PAGE_SHIFT)

/* Synchronization: slots by `lock`; the counters by any thread. */
static struct {
	struct lock lock;
	struct slab *slots[CACHE_SLOTS]; /* NULL where empty */
	_Atomic size_t live, count, cached, allocs, alloc_bytes;
	/* As struct backend_bigcache has them. */
	struct class_counts {
		_Atomic size_t hits, misses, puts, past, pushed, aged;
	} classes[BIGCACHE_CLASSES];
} big = {.lock = LOCK_INITIALIZER(RANK_BIG)};

static void
count(_Atomic size_t *counter, size_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned
class_of(size_t npages)
{
	unsigned log = log2_floor(npages * PAGE_BYTES);
	unsigned class = log > BIGCACHE_LEAST ? log - BIGCACHE_LEAST : 0;

	return class < BIGCACHE_CLASSES ? class : BIGCACHE_CLASSES - 1;
}

static struct class_counts *
counts_of(size_t npages)
{
	return &big.classes[class_of(npages)];
}

static size_t
bytes_of(const struct slab *s)
{
	return s->npages * PAGE_BYTES;
}

/* Takes the run of the slot out of the cache; lock held. */
static struct slab *
cache_remove(int slot)
{
	struct slab *s = big.slots[slot];

	big.slots[slot] = NULL;
	count(&big.cached, (size_t)0 - bytes_of(s));
	return s;
}

/* The group's shortest cached run of at least npages and at most an eighth more; lock held. */
static struct slab *
cache_take(unsigned group, size_t npages)
{
	int best = -1;

	for (int i = 0; i < CACHE_SLOTS; i++) {
		struct slab *s = big.slots[i];
		if (s && s->group == group && s->npages >= npages &&
			s->npages <= npages + npages / 8 &&
			(best < 0 || s->npages < big.slots[best]->npages))
			best = i;
	}
	return best < 0 ? NULL : cache_remove(best);
}

/* True where run a is to leave the cache before b: a kept one stays longer, else the younger. */
static bool
leaves_first(const struct slab *a, const struct slab *b)
{
	bool kept = a->state == FATE_KEPT;

	if (kept != (b->state == FATE_KEPT))
		return !kept;
	return (int32_t)(a->since_ms - b->since_ms) < 0;
}

/* The one of two slots whose run is to leave before the other's; b is -1 for none. */
static int
first_to_leave(int a, int b)
{
	return b < 0 || leaves_first(big.slots[a], big.slots[b]) ? a : b;
}

/* Takes the run of the slot out of the cache, for the page heap; lock held. */
static struct slab *
cache_push_out(int slot)
{
	struct slab *s = cache_remove(slot);

	count(&counts_of(s->npages)->pushed, 1);
	slab_set_kind(s, SLAB_NONE);
	return s;
}

/* Takes a run out of the cache, the one that has been there longest; lock held. */
static struct slab *
cache_evict(void)
{
	int oldest = -1;

	for (int i = 0; i < CACHE_SLOTS; i++)
		if (big.slots[i])
			oldest = first_to_leave(i, oldest);
	return oldest < 0 ? NULL : cache_push_out(oldest);
}

/* Bytes; nothing is cached where address space is short. */
static size_t
cache_limit(void)
{
	return pagemap_is_limited() ? 0 : CONFIG(bigcache) << 20;
}

/* Puts s into a free slot; false when there is none or the byte limit would be passed; lock held.
 */
static bool
cache_put(struct slab *s)
{
	if (atomic_load_explicit(&big.cached, memory_order_relaxed) + bytes_of(s) > cache_limit())
		return false;
	for (int i = 0; i < CACHE_SLOTS; i++) {
		if (big.slots[i])
			continue;
		slab_set_kind(s, SLAB_BIG_CACHED);
		s->since_ms = os_now_ms();
		big.slots[i] = s;
		count(&counts_of(s->npages)->puts, 1);
		count(&big.cached, bytes_of(s));
		return true;
	}
	return false;
}

/* A cached run, if there is one that fits; false where a fork holds the lock. */
static bool
try_cache(unsigned group, size_t npages, struct slab **s)
{
	struct class_counts *counts = counts_of(npages);

	/* Relaxed: what is put in meanwhile is found next time. */
	if (npages * PAGE_BYTES <= RELAXED(big.cached)) {
		if (!lock_acquire(&big.lock))
			return false;
		*s = cache_take(group, npages);
		lock_release(&big.lock);
	}
	count(*s ? &counts->hits : &counts->misses, 1);
	return true;
}

size_t
big_pages(size_t size)
{
	return round_up(size, PAGE_BYTES) / PAGE_BYTES;
}

/* The run s is handed out as a block. */
static void
hand_out(struct slab *s)
{
	slab_set_kind(s, SLAB_BIG);
	s->cls = 0;
	s->sampled = false;
	s->state = FATE_USUAL;
	count(&big.live, bytes_of(s));
	count(&big.count, 1);
	count(&big.allocs, 1);
	count(&big.alloc_bytes, bytes_of(s));
}

/* A run from the page heap. What is so long that BigCache has none like it may begin with warm
 * pages; where it is not to be zero, with those that have waited there as well. */
static struct slab *
fresh_run(unsigned group, size_t npages, size_t align_pages, bool zero)
{
	if (align_pages > 1 || npages * PAGE_BYTES <= CONFIG(giveback))
		return pages_alloc_in(group, npages, align_pages, false);
	while (!zero && big_yield(group))
		;
	return pages_alloc_long(group, npages, zero);
}

void *
big_alloc(unsigned group, size_t size, size_t align, bool *zeroed)
{
	size_t npages = big_pages(size);
	size_t align_pages = align > PAGE_BYTES ? align / PAGE_BYTES : 1;
	bool wanted = *zeroed;
	struct slab *s = NULL;

	*zeroed = false;
	/* Relaxed: what is put in meanwhile is found next time. */
	if (align_pages == 1 && !try_cache(group, npages, &s))
		return NULL;
	if (!s) {
		if (pages_over_soft(size))
			big_age(os_now_ms(), 0, 0);
		s = fresh_run(group, npages, align_pages, wanted);
		if (!s)
			return NULL;
		*zeroed = s->zero;
	}
	hand_out(s);
	return s->base;
}

void
big_adopt(struct slab *s)
{
	pagemap_set_bin(s, 0, PAGE_BYTES);
	hand_out(s);
}

/* True where the freed block goes to the cache, if there is room. */
static bool
wants_cache(const struct slab *s)
{
	switch ((enum backend_fate)s->state) {
	case FATE_UNCACHED:
	case FATE_PURGED:
		return false;
	case FATE_CACHED:
	case FATE_KEPT:
		return true;
	default:
		return bytes_of(s) <= CONFIG(giveback);
	}
}

/* True where no run of the class waits yet, or a rule wants it to. More of them would keep other
 * sizes from using their pages, which are as warm in the page heap. Lock held. */
static bool
is_wanted(const struct slab *s)
{
	for (int i = 0; i < CACHE_SLOTS && s->state == FATE_USUAL; i++)
		if (big.slots[i] && class_of(big.slots[i]->npages) == class_of(s->npages))
			return false;
	return true;
}

bool
big_free(struct slab *s)
{
	size_t bytes = bytes_of(s);
	struct slab *evicted;
	bool put = false;

	if (!wants_cache(s)) {
		bool is_long = bytes > CONFIG(giveback);
		bool purge = s->state == FATE_PURGED || (is_long && pagemap_is_limited());
		if (is_long && !purge) {
			/* Relaxed: it may be of a moment ago. */
			if (!pages_free_long(s, CONFIG(giveback) / PAGE_BYTES,
				    RELAXED(big.cached) / PAGE_BYTES))
				return false;
		} else if (!pages_free(s, purge && pages_purge_run(s))) {
			return false;
		}
	} else {
		if (!lock_acquire(&big.lock))
			return false;
		bool waits = bytes <= cache_limit() && is_wanted(s);
		while (waits && !(put = cache_put(s))) {
			evicted = cache_evict();
			if (!evicted)
				break;
			/* With this lock held no fork holds the page heap's. */
			HAK_CHECK(pages_free(evicted, false));
		}
		if (!put) {
			slab_set_kind(s, SLAB_NONE);
			HAK_CHECK(pages_free(s, false));
		}
		lock_release(&big.lock);
	}
	if (!put)
		count(&counts_of(bytes / PAGE_BYTES)->past, 1);
	count(&big.live, (size_t)0 - bytes);
	count(&big.count, (size_t)0 - 1);
	return true;
}

bool
big_yield(unsigned group)
{
	uint32_t now_ms;
	int oldest = -1;

	/* Relaxed: what is put in meanwhile is found next time. */
	if (RELAXED(big.cached) == 0 || !lock_acquire(&big.lock))
		return false;
	now_ms = os_now_ms();
	for (int i = 0; i < CACHE_SLOTS; i++) {
		const struct slab *s = big.slots[i];
		if (s && s->group == group && s->state == FATE_USUAL &&
			idle_for(now_ms, s->since_ms, YIELD_MS))
			oldest = first_to_leave(i, oldest);
	}
	/* With this lock held no fork holds the page heap's. */
	if (oldest >= 0)
		HAK_CHECK(pages_free(cache_push_out(oldest), false));
	lock_release(&big.lock);
	return oldest >= 0;
}

/* The block's pages moved to a new run; NULL where that would waste warm pages which the new one
 * has, and the old one could have: then copying costs less. */
static void *
big_move(struct slab *s, size_t npages)
{
	struct slab *to = pages_alloc_in(s->group, npages, 1, false);

	if (!to)
		return NULL;
	bool warm = !to->zero && bytes_of(s) <= CONFIG(giveback);
	if (warm) {
		if (!pages_free(to, false))
			slab_set_kind(to, SLAB_BIG); /* a fork: the run is lost, the block is not */
		return NULL;
	}
	bool moved = os_move(s->base, to->base, bytes_of(s));
	slab_set_kind(to, SLAB_BIG);
	to->cls = 0;
	to->sampled = false;
	to->state = s->state;
	count(&big.live, bytes_of(to) - bytes_of(s));
	slab_set_kind(s, SLAB_NONE);
	if (!pages_free(s, moved))
		slab_set_kind(s, SLAB_BIG);
	return to->base;
}

void *
big_resize(struct slab *s, size_t size)
{
	size_t npages = big_pages(size);
	size_t before = s->npages;
	bool zeroed;

	if (npages == before)
		return s->base;
	if (pages_resize(s, npages, &zeroed)) {
		count(&big.live, (npages - before) * PAGE_BYTES);
		return s->base;
	}
	if (npages < before || before < MOVE_PAGES)
		return NULL;
	return big_move(s, npages);
}

void
big_age(uint32_t now_ms, uint32_t cold_ms, uint32_t keep_ms)
{
	for (int i = 0; i < CACHE_SLOTS; i++) {
		if (!lock_acquire(&big.lock))
			return;
		struct slab *s = big.slots[i];
		uint32_t least_ms = s && s->state == FATE_KEPT ? keep_ms : cold_ms;
		if (s && idle_for(now_ms, s->since_ms, least_ms)) {
			cache_remove(i);
			count(&counts_of(s->npages)->aged, 1);
			slab_set_kind(s, SLAB_NONE);
		} else {
			s = NULL;
		}
		lock_release(&big.lock);
		/* In the window of a fork the run stays out of reach for good; the child's loss. */
		if (s && !pages_free(s, pages_purge_run(s)))
			slab_set_kind(s, SLAB_BIG);
	}
}

struct big_totals
big_totals(void)
{
	return (struct big_totals){
		.live = atomic_load_explicit(&big.live, memory_order_relaxed),
		.count = atomic_load_explicit(&big.count, memory_order_relaxed),
		.cached = atomic_load_explicit(&big.cached, memory_order_relaxed),
		.allocs = RELAXED(big.allocs),
		.alloc_bytes = RELAXED(big.alloc_bytes),
	};
}

bool
big_cache_counts(unsigned class, struct backend_bigcache *out)
{
	if (class >= BIGCACHE_CLASSES)
		return false;
	const struct class_counts *c = &big.classes[class];
	*out = (struct backend_bigcache){.hits = RELAXED(c->hits),
		.misses = RELAXED(c->misses),
		.puts = RELAXED(c->puts),
		.past = RELAXED(c->past),
		.pushed = RELAXED(c->pushed),
		.aged = RELAXED(c->aged)};
	return true;
}

void
big_fork_prepare(void)
{
	lock_acquire_wait(&big.lock);
}

void
big_fork_parent(void)
{
	lock_release(&big.lock);
}

void
big_fork_child(void)
{
	lock_reset(&big.lock);
}
