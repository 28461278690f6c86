/* SPDX-License-Identifier: MIT
 * backends/pages.c - the page heap: segregated fits over extents with boundary tags (Knuth, TAOCP
 * vol. 1, 2.5), two-level bins after TLSF (Masmano et al., ECRTS 2004). */
#include "backends/pages.h"

#include "backends/os.h"
#include "base/assert.h"
#include "base/futex.h"
#include "base/inject.h"
#include "base/lock.h"

/* Next to no free pages hold memory where they are at most the first part of those in use; what is
 * kept is a large part where it is more than the second. */
#define IDLE_PART 8
#define KEPT_PART 16
/* Lengths below EXACT have a bin each, above it each doubling has eight. */
#define EXACT 32
#define BINS (EXACT + 8 * 24)
/* The longest run: 16 TiB. With its alignment it still has a bin. */
#define MAX_PAGES ((size_t)1 << 28)
#define BIN_WORDS ((BINS + 63) / 64)
/* How many extents of one bin are looked at for the best fit. */
#define FIT_TRIES 16
#define AGE_BATCH 32
/* How often a fork looks whether threads have done giving pages back, in microseconds. */
#define PURGE_LOOK_US 200

enum temperature { HOT, WARM, COLD };
enum set { RESIDENT, CLEAN, SETS };

/* The free extents of one group. */
struct extents {
	struct slab *bins[SETS][BINS];
	uint64_t nonempty[SETS][BIN_WORDS];
};

/* By `lock` of the heap below. Apart from it, since what has no initial value takes no memory
 * before it is used. */
static struct extents extents[PAGE_GROUPS + 1];
/* The group of pages that were never handed out, 0 or one of their own: fixed at start. */
static unsigned fresh_group;

/* Synchronization: all of it by `lock`; the counters are read by any thread. */
static struct {
	struct lock lock;
	struct slab *oldest, *newest;        /* resident extents */
	_Atomic size_t used, resident, peak; /* pages */
	_Atomic size_t purges, purged;       /* ranges, bytes */
	_Atomic size_t refused;              /* by the hard limit (a number) */
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

static unsigned
bin_of(size_t npages)
{
	if (npages < EXACT)
		return (unsigned)npages;
	unsigned log = log2_floor(npages);
	return EXACT + (log - 5) * 8 + ((unsigned)(npages >> (log - 3)) & 7);
}

static size_t age_locked(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep);

static enum set
set_of(const struct slab *s)
{
	return s->idle.temperature == COLD ? CLEAN : RESIDENT;
}

/* --- extents in their bins ------------------------------------------------------------------- */

/* The last page's record leads back to the first, for the neighbour behind. */
static void
set_boundary_tag(struct slab *s)
{
	if (s->npages > 1) {
		slab_set_kind(&s[s->npages - 1], SLAB_INTERIOR);
		s[s->npages - 1].npages = s->npages - 1;
	}
}

static void
extent_insert(struct slab *s)
{
	struct extents *group = &extents[s->group];
	enum set set = set_of(s);
	unsigned bin = bin_of(s->npages);
	struct slab **head = &group->bins[set][bin];

	slab_set_kind(s, SLAB_FREE);
	s->zero = set == CLEAN;
	set_boundary_tag(s);
	s->idle.prev = NULL;
	s->idle.next = *head;
	if (*head)
		(*head)->idle.prev = s;
	*head = s;
	group->nonempty[set][bin / 64] |= (uint64_t)1 << (bin % 64);
	if (set == CLEAN)
		return;
	s->idle.newer = NULL;
	s->idle.older = heap.newest;
	if (heap.newest)
		heap.newest->idle.newer = s;
	else
		heap.oldest = s;
	heap.newest = s;
	add(&heap.resident, s->npages);
}

static void
extent_remove(struct slab *s)
{
	struct extents *group = &extents[s->group];
	enum set set = set_of(s);
	unsigned bin = bin_of(s->npages);

	if (s->idle.prev)
		s->idle.prev->idle.next = s->idle.next;
	else
		group->bins[set][bin] = s->idle.next;
	if (s->idle.next)
		s->idle.next->idle.prev = s->idle.prev;
	if (!group->bins[set][bin])
		group->nonempty[set][bin / 64] &= ~((uint64_t)1 << (bin % 64));
	slab_set_kind(s, SLAB_NONE);
	if (set == CLEAN)
		return;
	*(s->idle.older ? &s->idle.older->idle.newer : &heap.oldest) = s->idle.newer;
	*(s->idle.newer ? &s->idle.newer->idle.older : &heap.newest) = s->idle.older;
	add(&heap.resident, (size_t)0 - s->npages);
}

/* b follows a in memory; a takes it over. The idle time is the mean over the pages. */
static void
extent_join(struct slab *a, struct slab *b)
{
	int32_t difference = (int32_t)(b->since_ms - a->since_ms);
	int64_t total = (int64_t)a->npages + b->npages;

	a->since_ms += (uint32_t)(int32_t)((int64_t)difference * b->npages / total);
	if (b->idle.temperature < a->idle.temperature)
		a->idle.temperature = b->idle.temperature;
	a->npages += b->npages;
	slab_set_kind(b, SLAB_NONE);
}

/* True where s, which is free or not, and its neighbour, if there is one, are to be one extent. */
static bool
joins(const struct slab *s, const struct slab *neighbour)
{
	return neighbour && slab_kind(neighbour) == SLAB_FREE && set_of(neighbour) == set_of(s) &&
	       neighbour->group == s->group;
}

/* Makes s, which is in no list, a free extent joined with its neighbours of the same set. */
static struct slab *
extent_release(struct slab *s)
{
	struct slab *before = pagemap_before(s);
	struct slab *after = pagemap_after(s);

	if (joins(s, before)) {
		extent_remove(before);
		extent_join(before, s);
		s = before;
	}
	if (joins(s, after)) {
		extent_remove(after);
		extent_join(s, after);
	}
	extent_insert(s);
	return s;
}

/* Cuts s, which is in no list, after npages; the rest becomes a free extent of the same age. */
static void
extent_split(struct slab *s, size_t npages)
{
	struct slab *rest = s + npages;

	if (s->npages == npages)
		return;
	rest->base = s->base + npages * PAGE_BYTES;
	rest->npages = s->npages - (uint32_t)npages;
	rest->region = s->region;
	rest->group = s->group;
	rest->since_ms = s->since_ms;
	rest->idle.temperature = s->idle.temperature;
	s->npages = (uint32_t)npages;
	extent_insert(rest);
}

/* --- alloc and free -------------------------------------------------------------------------- */

static struct slab *
find_in_bin(const struct extents *group, enum set set, unsigned bin, size_t npages)
{
	struct slab *best = NULL;
	int tries = FIT_TRIES;

	for (struct slab *s = group->bins[set][bin]; s && tries > 0; s = s->idle.next, tries--)
		if (s->npages >= npages && (!best || s->npages < best->npages))
			best = s;
	return best;
}

static struct slab *
find_fit(const struct extents *group, enum set set, size_t npages)
{
	unsigned bin = bin_of(npages);
	struct slab *s = find_in_bin(group, set, bin, npages);

	if (s)
		return s;
	/* Every extent of a later bin is long enough. */
	bin++;
	for (unsigned word = bin / 64; word < BIN_WORDS; word++) {
		uint64_t bits = group->nonempty[set][word];
		if (word == bin / 64)
			bits &= ~(uint64_t)0 << (bin % 64);
		if (bits)
			return find_in_bin(
				group, set, word * 64 + (unsigned)__builtin_ctzll(bits), npages);
	}
	return NULL;
}

/* Cuts an aligned run out of s, which is in no list. */
static struct slab *
carve(struct slab *s, size_t npages, size_t align_pages)
{
	size_t align = align_pages * PAGE_BYTES;
	size_t skip = (round_up((size_t)s->base, align) - (size_t)s->base) / PAGE_BYTES;

	if (skip > 0) {
		struct slab *run = s + skip;
		run->base = s->base + skip * PAGE_BYTES;
		run->npages = s->npages - (uint32_t)skip;
		run->region = s->region;
		run->group = s->group;
		run->since_ms = s->since_ms;
		run->idle.temperature = s->idle.temperature;
		s->npages = (uint32_t)skip;
		extent_insert(s);
		s = run;
	}
	extent_split(s, npages);
	s->zero = s->idle.temperature == COLD;
	slab_set_kind(s, SLAB_NONE);
	set_boundary_tag(s);
	return s;
}

/* True where npages more would hold more than the limit. */
static bool
beyond(const _Atomic size_t *limit, size_t npages)
{
	return load(&heap.used) + load(&heap.resident) + npages > load(limit);
}

/* Above the soft limit idle pages are given back before others come to hold memory; this may
 * release the lock for a while. False above the hard limit. */
static bool
may_hold(size_t npages)
{
	if (HAK_UNLIKELY(beyond(&heap.soft, npages)) && load(&heap.resident) > 0)
		age_locked(os_now_ms(), 0, 0, 0);
	if (HAK_LIKELY(!beyond(&heap.hard, npages)))
		return true;
	add(&heap.refused, 1);
	return false;
}

static struct slab *
alloc_locked(unsigned group, size_t npages, size_t align_pages, bool dense)
{
	const struct extents *own = &extents[group];
	size_t need = npages + align_pages - 1;
	struct slab *s = find_fit(own, RESIDENT, need);

	if (!s) {
		if (!may_hold(npages))
			return NULL;
		s = find_fit(own, CLEAN, need);
		if (!s && group != fresh_group)
			s = find_fit(&extents[fresh_group], CLEAN, need);
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
	s = carve(s, npages, align_pages);
	s->group = group & 31;
	add(&heap.used, npages);
	if (load(&heap.used) > load(&heap.peak))
		atomic_store_explicit(&heap.peak, load(&heap.used), memory_order_relaxed);
	return s;
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

/* Takes `more` pages from the free extents behind the run. */
static bool
extend_locked(struct slab *s, size_t more, bool *zeroed)
{
	if (!can_extend(s, more))
		return false;
	*zeroed = true;
	for (size_t left = more; left > 0;) {
		struct slab *after = pagemap_after(s);
		*zeroed = *zeroed && after->zero;
		extent_remove(after);
		extent_split(after, after->npages < left ? after->npages : left);
		s->npages += after->npages;
		left -= after->npages;
	}
	set_boundary_tag(s);
	add(&heap.used, more);
	if (load(&heap.used) > load(&heap.peak))
		atomic_store_explicit(&heap.peak, load(&heap.used), memory_order_relaxed);
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
		ok = extend_locked(s, npages - s->npages, zeroed);
	} else if (npages < s->npages) {
		struct slab *rest = s + npages;
		rest->base = s->base + npages * PAGE_BYTES;
		rest->npages = s->npages - (uint32_t)npages;
		rest->region = s->region;
		rest->group = s->group;
		s->npages = (uint32_t)npages;
		set_boundary_tag(s);
		free_locked(rest, HOT);
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
	for (struct slab *s = heap.oldest; s && v->n < AGE_BATCH; s = next) {
		next = s->idle.newer;
		if (load(&heap.resident) * PAGE_BYTES <= keep)
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

	RELAXED_SET(heap.purging, RELAXED(heap.purging) + 1);
	lock_release(&heap.lock);
	HAK_INJECT(INJECT_PURGE);
	uint64_t taken = os_purge_all(ranges, (unsigned)v->n);
	lock_acquire_wait(&heap.lock);
	RELAXED_SET(heap.purging, RELAXED(heap.purging) - 1);
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

size_t
pages_age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	if (!lock_acquire(&heap.lock))
		return 0;
	size_t bytes = age_locked(now_ms, warm_ms, cold_ms, keep);
	lock_release(&heap.lock);
	return bytes;
}

void
pages_reclaim(void)
{
	pages_age(os_now_ms(), 0, 0, 0);
	if (!lock_acquire(&heap.lock))
		return;
	for (unsigned bin = 1; bin < BINS; bin++) {
		struct slab *next;
		for (struct slab *s = extents[fresh_group].bins[CLEAN][bin]; s; s = next) {
			next = s->idle.next;
			drop_if_whole(s);
		}
	}
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

	return load(&heap.resident) <= used / IDLE_PART && kept / PAGE_BYTES > used / KEPT_PART;
}

struct pages_totals
pages_totals(void)
{
	return (struct pages_totals){
		.used = load(&heap.used) * PAGE_BYTES,
		.resident = load(&heap.resident) * PAGE_BYTES,
		.peak = load(&heap.peak) * PAGE_BYTES,
		.purges = load(&heap.purges),
		.purged = load(&heap.purged),
		.refused = load(&heap.refused),
	};
}

/* The extents of one bin; returns their pages. */
static size_t
audit_bin(unsigned group, enum set set, unsigned bin)
{
	const struct extents *own = &extents[group];
	bool marked = own->nonempty[set][bin / 64] >> (bin % 64) & 1;
	size_t pages = 0;

	HAK_CHECK(marked == (own->bins[set][bin] != NULL));
	for (struct slab *s = own->bins[set][bin]; s; s = s->idle.next) {
		struct slab *after = pagemap_after(s);
		HAK_CHECK(slab_kind(s) == SLAB_FREE && bin_of(s->npages) == bin);
		HAK_CHECK(set_of(s) == set && s->group == group);
		HAK_CHECK(!joins(s, after));
		HAK_CHECK(!after || pagemap_before(after) == s);
		pages += s->npages;
	}
	return pages;
}

void
pages_audit(void)
{
	size_t resident = 0, clean = 0;

	lock_acquire_wait(&heap.lock);
	for (unsigned group = 0; group <= PAGE_GROUPS; group++)
		for (unsigned bin = 0; bin < BINS; bin++) {
			resident += audit_bin(group, RESIDENT, bin);
			clean += audit_bin(group, CLEAN, bin);
		}
	HAK_CHECK(resident == load(&heap.resident));
	HAK_CHECK((resident + clean + load(&heap.used)) * PAGE_BYTES == pagemap_committed());
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
