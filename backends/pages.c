/* SPDX-License-Identifier: MIT
 * backends/pages.c - the page heap: runs of pages, their limits and ages. */
#include "backends/pages.h"

#include "backends/again.h"
#include "backends/extents.h"
#include "backends/os.h"
#include "base/assert.h"
#include "base/futex.h"
#include "base/inject.h"
#include "base/lock.h"

/* Next to no free pages hold memory where they are at most the first part of those in use; what is
 * kept is a large part where it is more than the second. */
#define IDLE_PART 8
#define KEPT_PART 16
/* The longest run: 16 TiB. With its alignment it still has a bin. */
#define MAX_PAGES ((size_t)1 << 28)
#define AGE_BATCH 32
/* Free pages are moved where so many follow one another, and that is a good part of the run that
 * they go to: each move is two system calls and may split mappings. */
#define MOVE_LEAST (((size_t)2 << 20) / PAGE_BYTES)
#define MOVE_PART 16
/* What is kept of a long run that is freed, and what is not, has at least so many pages. */
#define KEEP_LEAST (((size_t)1 << 20) / PAGE_BYTES)
/* Of a long run that is freed so much stays resident that this part of what is in use is free. */
#define FREE_PART 3
/* How often a fork looks whether threads have done giving pages back, in microseconds. */
#define PURGE_LOOK_US 200

/* The group of pages that were never handed out, 0 or one of their own: fixed at start. */
static unsigned fresh_group;

/* Synchronization: all of it by `lock`; the counters are read by any thread. */
static struct {
	struct lock lock;
	_Atomic size_t used, peak;     /* pages */
	_Atomic size_t purges, purged; /* ranges, bytes */
	_Atomic size_t refused;        /* by the hard limit (a number) */
	size_t stayed; /* free pages of long runs at the time when they were freed */
	struct again again;
	/* Pages; set by any thread. */
	_Atomic size_t soft, hard;
	/* Threads that give pages back without the lock and will want it again; a fork waits for
	 * them, or one that is inside stdio would wait for the fork. */
	_Atomic uint32_t purging;
} heap = {.lock = LOCK_INITIALIZER(RANK_PAGES), .soft = SIZE_MAX, .hard = SIZE_MAX};

static size_t
load(const _Atomic size_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Only the holder of the lock adds. */
static void
add(_Atomic size_t *counter, size_t n)
{
	atomic_store_explicit(counter, load(counter) + n, memory_order_relaxed);
}

static size_t age_locked(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep);

/* --- alloc and free -------------------------------------------------------------------------- */

/* True where npages more would hold more than the limit. */
static bool
beyond(const _Atomic size_t *limit, size_t npages)
{
	return load(&heap.used) + extents_resident() + npages > load(limit);
}

/* Above the soft limit idle pages are given back before others come to hold memory; this may
 * release the lock for a while. False above the hard limit. */
static bool
may_hold(size_t npages)
{
	if (HAK_UNLIKELY(beyond(&heap.soft, npages)) && extents_resident() > 0)
		age_locked(os_now_ms(), 0, 0, 0);
	if (HAK_LIKELY(!beyond(&heap.hard, npages)))
		return true;
	add(&heap.refused, 1);
	return false;
}

static void
add_used(size_t npages)
{
	add(&heap.used, npages);
	if (load(&heap.used) > load(&heap.peak))
		atomic_store_explicit(&heap.peak, load(&heap.used), memory_order_relaxed);
}

static struct slab *
hand_out(struct slab *s, unsigned group)
{
	s->group = group & 31;
	add_used(s->npages);
	return s;
}

static struct slab *
alloc_locked(unsigned group, size_t npages, size_t align_pages, bool dense)
{
	size_t need = npages + align_pages - 1;
	struct slab *s = extent_fit(group, RESIDENT, need);

	if (!s) {
		if (!may_hold(npages))
			return NULL;
		s = extent_fit(group, CLEAN, need);
		if (!s && group != fresh_group)
			s = extent_fit(fresh_group, CLEAN, need);
	}
	if (s) {
		extent_remove(s);
	} else {
		s = pagemap_grow(npages, align_pages, dense);
		if (!s)
			return NULL;
		s->group = fresh_group & 31;
		s->since_ms = 0;
		s->idle.temperature = COLD;
		/* Joined with a clean extent below the old frontier, if there is one. */
		s = extent_release(s);
		extent_remove(s);
	}
	return hand_out(extent_carve(s, npages, align_pages), group);
}

struct slab *
pages_alloc_in(unsigned group, size_t npages, size_t align_pages, bool dense)
{
	HAK_ASSERT(group < PAGE_GROUPS);
	if (npages > MAX_PAGES || align_pages > MAX_PAGES)
		return NULL;
	if (!lock_acquire(&heap.lock))
		return NULL;
	struct slab *s = alloc_locked(group, npages, align_pages, dense);
	lock_release(&heap.lock);
	return s;
}

/* True where free extents behind the run, resident ones and clean ones, have so many pages that it
 * may take. */
static bool
can_extend(const struct slab *s, size_t more)
{
	size_t found = 0;
	bool clean = false;

	for (const struct slab *after = s; found < more; found += after->npages) {
		after = pagemap_after(after);
		if (!after || slab_kind(after) != SLAB_FREE ||
			(after->group != s->group && after->group != fresh_group))
			return false;
		clean = clean || after->zero;
	}
	/* The caller has other ways, which do what there is to do about limits. */
	return !clean || (!beyond(&heap.soft, more) && !beyond(&heap.hard, more));
}

/* Takes `more` pages from the free extents behind the run, which can_extend; true when all of them
 * read as zero. */
static bool
take_behind(struct slab *s, size_t more)
{
	bool zeroed = true;

	for (size_t left = more; left > 0;) {
		struct slab *after = pagemap_after(s);
		zeroed = zeroed && after->zero;
		extent_remove(after);
		extent_split(after, after->npages < left ? after->npages : left);
		s->npages += after->npages;
		left -= after->npages;
	}
	extent_set_tag(s);
	add_used(more);
	return zeroed;
}

/* A run that begins with a long resident extent, which is too short, and ends with those behind it.
 */
static struct slab *
alloc_completed(unsigned group, size_t npages)
{
	struct slab *s = extent_longest(group, MOVE_LEAST);

	/* alloc_locked does what there is to do about limits. */
	if (!s || s->npages >= npages || beyond(&heap.soft, npages) || beyond(&heap.hard, npages) ||
		!can_extend(s, npages - s->npages))
		return NULL;
	extent_remove(s);
	hand_out(s, group);
	take_behind(s, npages - s->npages);
	return s;
}

/* Releases the lock for calls to the system about extents that are in no list. */
static void
leave_lock(void)
{
	RELAXED_SET(heap.purging, RELAXED(heap.purging) + 1);
	lock_release(&heap.lock);
}

static void
take_lock_again(void)
{
	lock_acquire_wait(&heap.lock);
	RELAXED_SET(heap.purging, RELAXED(heap.purging) - 1);
}

/* Moves the pages of long resident extents to the beginning of the run s, which has none. The lock
 * is released meanwhile. */
static void
move_into(struct slab *s)
{
	size_t part = s->npages / MOVE_PART, least = part > MOVE_LEAST ? part : MOVE_LEAST;
	struct slab *from;
	bool moved = true;

	for (size_t at = 0, n; moved && at < s->npages; at += n) {
		from = extent_longest(s->group, least);
		if (!from)
			break;
		extent_remove(from);
		if (from->npages > s->npages - at)
			extent_split(from, s->npages - at);
		n = from->npages;
		s->zero = false;
		leave_lock();
		HAK_INJECT(INJECT_MOVE);
		moved = os_take(from->base, s->base + at * PAGE_BYTES, n * PAGE_BYTES);
		take_lock_again();
		from->idle.temperature = moved ? COLD : HOT;
		extent_release(from);
	}
}

/* A clean run that a long resident extent ends before: moved down to the beginning of that. */
static struct slab *
begin_before(struct slab *s)
{
	struct slab *before = pagemap_before(s);
	size_t npages = s->npages;

	if (!before || slab_kind(before) != SLAB_FREE || before->zero ||
		before->group != s->group || before->npages < MOVE_LEAST ||
		before->npages >= npages)
		return s;
	extent_remove(before);
	struct slab *rest = extent_cut(s, npages - before->npages);
	rest->idle.temperature = COLD;
	rest->since_ms = 0;
	extent_release(rest);
	extent_join(before, s);
	extent_set_tag(before);
	return before;
}

static struct slab *
alloc_warm_locked(unsigned group, size_t npages)
{
	struct slab *s = NULL;

	if (!extent_fit(group, RESIDENT, npages))
		s = alloc_completed(group, npages);
	if (!s) {
		s = alloc_locked(group, npages, 1, false);
		if (s && s->zero)
			s = begin_before(s);
		if (s && s->zero)
			move_into(s);
	}
	return s;
}

struct slab *
pages_alloc_long(unsigned group, size_t npages, bool zero)
{
	HAK_ASSERT(group < PAGE_GROUPS);
	if (npages > MAX_PAGES || !lock_acquire(&heap.lock))
		return NULL;
	struct again_run *again = again_find(&heap.again, group, npages, os_now_ms());
	size_t resident = extents_resident();
	bool warm = !zero || (again && again->touched);
	struct slab *s =
		warm ? alloc_warm_locked(group, npages) : alloc_locked(group, npages, 1, false);
	/* The lock may have been released; what is noted then may be wrong by one run. */
	size_t had = resident > extents_resident() ? resident - extents_resident() : 0;
	if (s && again)
		again_taken(again, npages, npages > had ? npages - had : 0, zero);
	lock_release(&heap.lock);
	return s;
}

void
pages_part_fresh(void)
{
	fresh_group = PAGE_GROUPS;
}

/* Unmaps the region of free extent s if there is nothing else in it. A group's address space stays
 * the group's. */
static void
drop_if_whole(struct slab *s)
{
	if (s->region == 0 || s->group != fresh_group || pagemap_before(s) || pagemap_after(s))
		return;
	extent_remove(s);
	pagemap_drop_region(s->region);
}

static void
free_locked(struct slab *s, enum temperature temperature)
{
	add(&heap.used, (size_t)0 - s->npages);
	s->since_ms = os_now_ms();
	s->idle.temperature = temperature;
	s = extent_release(s);
	if (s->region != 0 && pagemap_is_limited())
		drop_if_whole(s);
}

bool
pages_free(struct slab *s, bool zero)
{
	if (!lock_acquire(&heap.lock))
		return false;
	free_locked(s, zero ? COLD : HOT);
	lock_release(&heap.lock);
	return true;
}

bool
pages_purge_run(struct slab *s)
{
	size_t bytes = s->npages * PAGE_BYTES;

	if (!os_purge(s->base, bytes))
		return false;
	if (lock_acquire(&heap.lock)) {
		add(&heap.purges, 1);
		add(&heap.purged, bytes);
		lock_release(&heap.lock);
	}
	return true;
}

bool
pages_resize(struct slab *s, size_t npages, bool *zeroed)
{
	bool ok = true;

	*zeroed = false;
	if (npages > MAX_PAGES || !lock_acquire(&heap.lock))
		return false;
	if (npages > s->npages) {
		ok = can_extend(s, npages - s->npages);
		*zeroed = ok && take_behind(s, npages - s->npages);
	} else if (npages < s->npages) {
		free_locked(extent_cut(s, npages), HOT);
	}
	lock_release(&heap.lock);
	return ok;
}

void
pages_limit_address_space(size_t limit)
{
	if (!lock_acquire(&heap.lock))
		return;
	pagemap_limit(limit);
	lock_release(&heap.lock);
}

void *
pages_meta_alloc(size_t size)
{
	if (!lock_acquire(&heap.lock))
		return NULL;
	void *p = pagemap_meta_alloc(size);
	lock_release(&heap.lock);
	return p;
}

/* --- ageing ---------------------------------------------------------------------------------- */

struct victims {
	struct slab *cold[AGE_BATCH];
	int n;
	size_t bytes;
};

/* Takes up to AGE_BATCH ripe extents out of the lists and offers warm ones, oldest first. */
static void
collect_victims(struct victims *v, uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	struct slab *next;
	struct iovec warm[AGE_BATCH];
	unsigned nwarm = 0;

	v->n = 0;
	v->bytes = 0;
	for (struct slab *s = extent_oldest(); s && v->n < AGE_BATCH; s = next) {
		next = s->idle.newer;
		if (extents_resident() * PAGE_BYTES <= keep)
			break;
		if (idle_for(now_ms, s->since_ms, cold_ms)) {
			extent_remove(s);
			v->cold[v->n++] = s;
		} else if (s->idle.temperature == HOT && idle_for(now_ms, s->since_ms, warm_ms)) {
			s->idle.temperature = WARM;
			warm[nwarm++] = (struct iovec){s->base, s->npages * PAGE_BYTES};
			if (nwarm == AGE_BATCH) {
				os_offer_all(warm, nwarm);
				nwarm = 0;
			}
		}
	}
	os_offer_all(warm, nwarm);
}

/* Gives the victims' pages back without the lock, then puts them back as clean extents. Those that
 * the system will not take, locked memory, start their life as idle pages again. */
static bool
purge_victims(struct victims *v, uint32_t now_ms)
{
	struct iovec ranges[AGE_BATCH];
	bool all = true;

	for (int i = 0; i < v->n; i++)
		ranges[i] = (struct iovec){v->cold[i]->base, v->cold[i]->npages * PAGE_BYTES};

	leave_lock();
	HAK_INJECT(INJECT_PURGE);
	uint64_t taken = os_purge_all(ranges, (unsigned)v->n);
	take_lock_again();
	for (int i = 0; i < v->n; i++) {
		struct slab *s = v->cold[i];
		bool gone = taken >> i & 1;
		if (gone) {
			add(&heap.purges, 1);
			add(&heap.purged, s->npages * PAGE_BYTES);
			v->bytes += s->npages * PAGE_BYTES;
		}
		s->idle.temperature = gone ? COLD : HOT;
		s->since_ms = now_ms;
		extent_release(s);
		all = all && gone;
	}
	return all;
}

/* As pages_age; the lock is released while pages are given back. */
static size_t
age_locked(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	struct victims v;
	size_t bytes = 0;
	bool more;

	do {
		collect_victims(&v, now_ms, warm_ms, cold_ms, keep);
		more = v.n == AGE_BATCH;
		if (v.n > 0)
			more = purge_victims(&v, now_ms) && more;
		bytes += v.bytes;
	} while (more);
	return bytes;
}

/* The free pages that there are to be at most beside those in use, of which `gone` are not. */
static size_t
most_free(size_t gone)
{
	size_t used = load(&heap.used);

	return used > gone ? (used - gone) / FREE_PART : 0;
}

/* Gives back as much as has stayed of long runs, or less if free pages are what is kept and
 * most_free(idle) then, or there is no more that is `least` pages long; returns the bytes. */
static size_t
give_back_long(unsigned group, size_t idle, size_t least)
{
	size_t most = most_free(idle) + again_awaited(&heap.again);
	struct victims v = {.n = 1};

	while (heap.stayed > 0 && extents_resident() > most &&
		(v.cold[0] = extent_longest(group, least))) {
		size_t npages = v.cold[0]->npages;
		extent_remove(v.cold[0]);
		heap.stayed -= npages < heap.stayed ? npages : heap.stayed;
		if (!purge_victims(&v, os_now_ms()))
			break;
	}
	return v.bytes;
}

/* Of a long run in use, the pages that may stay resident when it is freed, from its beginning. */
static size_t
pages_to_keep(const struct slab *s, size_t idle)
{
	size_t most = most_free(s->npages + idle), free = extents_resident() + idle;
	size_t keep = most > free ? most - free : 0;

	if (keep + KEEP_LEAST > s->npages)
		keep = s->npages;
	return keep < KEEP_LEAST ? 0 : keep;
}

bool
pages_free_long(struct slab *s, size_t least, size_t idle)
{
	unsigned group = s->group;
	struct slab *rest = s;

	if (!lock_acquire(&heap.lock))
		return false;
	bool again = again_freed(&heap.again, group, s->npages, os_now_ms());
	size_t keep = again ? s->npages : pages_to_keep(s, idle);
	/* Some of what has stayed serves again by now. */
	if (heap.stayed > extents_resident())
		heap.stayed = extents_resident();
	slab_set_kind(s, SLAB_NONE);
	if (keep > 0) {
		heap.stayed += keep;
		rest = keep < s->npages ? extent_cut(s, keep) : NULL;
		free_locked(s, HOT);
	}
	if (rest) {
		/* As a victim: nobody else has it. */
		struct victims v = {.cold = {rest}, .n = 1};
		add(&heap.used, (size_t)0 - rest->npages);
		purge_victims(&v, os_now_ms());
		give_back_long(group, idle, least);
	}
	lock_release(&heap.lock);
	return true;
}

size_t
pages_age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	size_t bytes = 0;
	int group;

	if (!lock_acquire(&heap.lock))
		return 0;
	while ((group = again_overdue(&heap.again, now_ms)) >= 0)
		bytes += give_back_long((unsigned)group, 0, MOVE_LEAST);
	bytes += age_locked(now_ms, warm_ms, cold_ms, keep);
	lock_release(&heap.lock);
	return bytes;
}

void
pages_reclaim(void)
{
	pages_age(os_now_ms(), 0, 0, 0);
	if (!lock_acquire(&heap.lock))
		return;
	extents_each_clean(fresh_group, drop_if_whole);
	lock_release(&heap.lock);
}

size_t
pages_purged(void)
{
	return load(&heap.purged);
}

void
pages_set_limits(size_t soft, size_t hard)
{
	RELAXED_SET(heap.soft, soft == SIZE_MAX ? SIZE_MAX : soft / PAGE_BYTES);
	RELAXED_SET(heap.hard, hard == SIZE_MAX ? SIZE_MAX : hard / PAGE_BYTES);
}

bool
pages_is_limited(void)
{
	return load(&heap.soft) != SIZE_MAX || load(&heap.hard) != SIZE_MAX;
}

bool
pages_over_soft(size_t bytes)
{
	return HAK_UNLIKELY(load(&heap.soft) != SIZE_MAX) &&
	       beyond(&heap.soft, bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0));
}

bool
pages_need(size_t kept)
{
	size_t used = load(&heap.used);

	return extents_resident() <= used / IDLE_PART && kept / PAGE_BYTES > used / KEPT_PART;
}

struct pages_totals
pages_totals(void)
{
	return (struct pages_totals){
		.used = load(&heap.used) * PAGE_BYTES,
		.resident = extents_resident() * PAGE_BYTES,
		.peak = load(&heap.peak) * PAGE_BYTES,
		.purges = load(&heap.purges),
		.purged = load(&heap.purged),
		.refused = load(&heap.refused),
	};
}

void
pages_audit(void)
{
	lock_acquire_wait(&heap.lock);
	HAK_CHECK((extents_audit() + load(&heap.used)) * PAGE_BYTES == pagemap_committed());
	lock_release(&heap.lock);
}

void
pages_fork_prepare(void)
{
	lock_acquire_wait(&heap.lock);
	for (uint32_t n; (n = RELAXED(heap.purging)) > 0;) {
		lock_release(&heap.lock);
		futex_wait(&heap.purging, n, PURGE_LOOK_US);
		lock_acquire_wait(&heap.lock);
	}
}

void
pages_fork_parent(void)
{
	lock_release(&heap.lock);
}

void
pages_fork_child(void)
{
	lock_reset(&heap.lock);
}
