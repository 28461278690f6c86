/* SPDX-License-Identifier: MIT
 * arenas/profile.c - the tables of sampled blocks and of the sites that they come from. */
#include "arenas/profile.h"

#include <errno.h>
#include <string.h>

#include "arenas/select.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "backends/sizeclass.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/lock.h"
#include "base/probe.h"

/* A live sample; address 0: the slot is empty. */
struct live {
	uintptr_t address;
	uint64_t size;
	uint64_t born_bytes; /* allocated by the process until then */
	uint32_t born_ms;
	uint32_t site : 30;
	uint32_t extra : 1;  /* stands for nothing */
	uint32_t lasted : 1; /* is tallied */
};

_Static_assert(PROFILE_SITES <= (uint32_t)1 << 30, "a site's number fits beside the bits");

/* Slots of the live table; it doubles when three quarters are taken. The first is one page. */
#define LIVE_FIRST 128
#define LIVE_MOST ((size_t)1 << 22)
/* Of the index, which grows fourfold: at most half full when all sites are there. */
#define INDEX_FIRST 512
#define INDEX_MOST ((size_t)2 * PROFILE_SITES)
#define INDEX_GROWTH 4
/* Sites and sizes come in pieces of so many. */
#define SITES_PIECE 64
#define SIZES_PIECE 256
#define SIZES_MOST ((uint32_t)1 << 20)
/* Frees that came while a fork held the lock. */
#define PENDING 64
/* Above the size classes, sizes are counted in so many steps (log2) to a doubling. */
#define STEP_SHIFT 2

_Atomic uint64_t hak_profile_mean;

/* Apart from what it protects, so that the tables cost no page as long as they are zero. */
static struct lock profile_lock = LOCK_INITIALIZER(RANK_PROFILE);

/* Synchronization: profile_lock. */
static struct {
	struct live *live; /* open addressing, linear probing, no gaps in a run */
	size_t live_slots, live_count;
	uint32_t *index; /* frames' hash -> number of the site and 1; 0: empty */
	size_t index_slots;
	struct profile_site *sites[PROFILE_SITES / SITES_PIECE];
	uint32_t nsites;
	struct profile_size *sizes[SIZES_MOST / SIZES_PIECE];
	uint32_t nsizes; /* number 0 among them, once there are any */
	uint64_t allocated_bytes, live_bytes, peak_live_bytes;
} profile;

/* Of HAKMEM_PLACEMENT=lifetime. Synchronization: profile_lock, but for what is fixed at start. */
static struct {
	bool on, acts;       /* fixed */
	uint64_t since, due; /* samples since sites were last judged; judged at so many */
	uint64_t threshold;  /* bytes */
	uint64_t (*name)(uintptr_t site); /* NULL: sites have no names; fixed */
} learner;

/* Samples between two looks at all sites and slots of the live table: at least so many, and this
 * part of those. */
#define LOOK_LEAST 64
#define LOOK_PART 4

/* Relaxed: counts, and addresses that stand for themselves; who puts an address here still owns
 * the block, so that an allocation at that address, in whichever thread, comes later and finds it.
 */
static _Atomic uint64_t dropped;
static _Atomic uintptr_t pending[PENDING];
static _Atomic bool any_pending;

void
profile_init(void)
{
	bool learns = lifetime_is_learned();

	if (learns)
		profile_learn(CONFIG(placement) == PLACEMENT_LIFETIME);
	RELAXED_SET(hak_profile_mean, learns ? LIFETIME_SAMPLE : CONFIG(profile));
}

/* --- chance ---------------------------------------------------------------------------------- */

uint64_t
profile_draw(uint64_t *state)
{
	uint64_t mean = RELAXED(hak_profile_mean);

	return mean ? estimate_draw(state, mean) : UINT64_MAX;
}

#ifdef HAK_TESTING
static _Atomic uint64_t fixed_seed;

void
profile_fix_seed(uint64_t seed)
{
	RELAXED_SET(fixed_seed, seed);
}

static uint64_t
next_fixed_seed(void)
{
	uint64_t seed = RELAXED(fixed_seed);

	return seed ? mix64(atomic_fetch_add_explicit(&fixed_seed, 2, memory_order_relaxed)) : 0;
}
#else
static uint64_t
next_fixed_seed(void)
{
	return 0;
}
#endif

uint64_t
profile_seed(void)
{
	uint64_t seed = next_fixed_seed();

	if (!seed)
		seed = os_random();
	return seed;
}

/* --- memory ---------------------------------------------------------------------------------- */

static struct profile_site *
site_at(uint32_t i)
{
	return &profile.sites[i / SITES_PIECE][i % SITES_PIECE];
}

static struct profile_size *
size_at(uint32_t i)
{
	return &profile.sizes[i / SIZES_PIECE][i % SIZES_PIECE];
}

/* --- sites ----------------------------------------------------------------------------------- */

static uint64_t
hash_of(const uintptr_t *frames, unsigned nframes)
{
	uint64_t hash = nframes;

	for (unsigned i = 0; i < nframes; i++)
		hash = mix64(hash ^ frames[i]);
	return hash;
}

/* The slot of the index where the site is, or where it belongs. */
static uint32_t *
index_slot(const uintptr_t *frames, unsigned nframes)
{
	size_t i = hash_of(frames, nframes) & (profile.index_slots - 1);

	while (profile.index[i]) {
		const struct profile_site *s = site_at(profile.index[i] - 1);
		if (s->nframes == nframes &&
			memcmp(s->frames, frames, nframes * sizeof(frames[0])) == 0)
			break;
		i = (i + 1) & (profile.index_slots - 1);
	}
	return &profile.index[i];
}

/* Makes room for one more. The old index stays where it is, a third of the new one at most. */
static bool
index_reserve(void)
{
	size_t slots = profile.index_slots ? INDEX_GROWTH * profile.index_slots : INDEX_FIRST;

	if (profile.nsites < profile.index_slots / 4 * 3)
		return true;
	slots = slots > INDEX_MOST ? INDEX_MOST : slots;
	uint32_t *wider = pages_meta_alloc(slots * sizeof(wider[0]));
	if (!wider)
		return false;
	profile.index = wider;
	profile.index_slots = slots;
	for (uint32_t i = 0; i < profile.nsites; i++)
		*index_slot(site_at(i)->frames, site_at(i)->nframes) = i + 1;
	return true;
}

/* The site of these frames, made now if need be; false when there is no room. */
static bool
site_find(const uintptr_t *frames, unsigned nframes, uint32_t *out)
{
	uint32_t *slot = profile.index ? index_slot(frames, nframes) : NULL;

	if (slot && *slot) {
		*out = *slot - 1;
		return true;
	}
	if (profile.nsites == PROFILE_SITES || !index_reserve())
		return false;
	struct profile_site **piece = &profile.sites[profile.nsites / SITES_PIECE];
	if (!*piece && !(*piece = pages_meta_alloc(SITES_PIECE * sizeof(**piece))))
		return false;
	struct profile_site *s = site_at(profile.nsites);
	s->nframes = nframes;
	memcpy(s->frames, frames, nframes * sizeof(frames[0]));
	*out = profile.nsites++;
	*index_slot(frames, nframes) = *out + 1;
	return true;
}

/* What a block of that size is counted as. */
static uint64_t
size_step(size_t size)
{
	if (size <= LARGE_MAX)
		return sizeclass_size(sizeclass_of(size ? size : 1));
	return round_up(size, (size_t)1 << (log2_floor(size - 1) - STEP_SHIFT));
}

/* The site's entry for the size, made now if need be; NULL when there is no room. */
static struct profile_size *
size_find(struct profile_site *s, uint64_t size)
{
	uint32_t *link = &s->sizes;

	while (*link && size_at(*link)->size < size)
		link = &size_at(*link)->next;
	if (*link && size_at(*link)->size == size)
		return size_at(*link);
	/* 0 is none, so the first is left out. */
	uint32_t number = profile.nsizes ? profile.nsizes : 1;
	if (number == SIZES_MOST)
		return NULL;
	struct profile_size **piece = &profile.sizes[number / SIZES_PIECE];
	if (!*piece && !(*piece = pages_meta_alloc(SIZES_PIECE * sizeof(**piece))))
		return NULL;
	profile.nsizes = number + 1;
	*size_at(number) = (struct profile_size){.size = size, .next = *link};
	*link = number;
	return size_at(number);
}

static void
note_thread(struct profile_site *s)
{
	unsigned bit = select_thread_number() % PROFILE_THREAD_BITS;

	s->threads[bit / 64] |= (uint64_t)1 << bit % 64;
}

unsigned
profile_threads(const struct profile_site *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROFILE_THREAD_BITS / 64; i++)
		n += (unsigned)__builtin_popcountll(s->threads[i]);
	return n < PROFILE_THREAD_BITS ? n : PROFILE_THREAD_BITS - 1;
}

/* --- live samples ---------------------------------------------------------------------------- */

static size_t
live_home(uintptr_t address)
{
	return mix64(address) & (profile.live_slots - 1);
}

/* The slot where the address is, or where it belongs. */
static struct live *
live_slot(uintptr_t address)
{
	size_t i = live_home(address);

	while (profile.live[i].address && profile.live[i].address != address)
		i = (i + 1) & (profile.live_slots - 1);
	return &profile.live[i];
}

/* Makes room for one more; false when there is none. */
static bool
live_reserve(void)
{
	size_t old_slots = profile.live_slots;
	size_t slots = old_slots ? 2 * old_slots : LIVE_FIRST;

	if (profile.live_count < old_slots / 4 * 3)
		return true;
	struct live *old = profile.live;
	struct live *wider = slots <= LIVE_MOST ? os_map(slots * sizeof(*wider)) : NULL;
	if (!wider)
		/* One slot has to stay empty. With few of them left, looking takes long. */
		return profile.live_count < old_slots / 16 * 15;
	profile.live = wider;
	profile.live_slots = slots;
	for (size_t i = 0; i < old_slots; i++)
		if (old[i].address)
			*live_slot(old[i].address) = old[i];
	if (old)
		os_unmap(old, old_slots * sizeof(*old));
	return true;
}

/* Empties a slot and moves up those of the run that would no longer be found. */
static void
live_remove(struct live *slot)
{
	size_t mask = profile.live_slots - 1;
	size_t hole = (size_t)(slot - profile.live);

	for (size_t i = (hole + 1) & mask; profile.live[i].address; i = (i + 1) & mask) {
		/* Its probing begins at home and passes the hole, where that lies between. */
		if (((i - live_home(profile.live[i].address)) & mask) < ((i - hole) & mask))
			continue;
		profile.live[hole] = profile.live[i];
		hole = i;
	}
	profile.live[hole].address = 0;
	profile.live_count--;
}

static unsigned
bucket_of(uint64_t n, unsigned buckets)
{
	unsigned bucket = n ? log2_floor(n) : 0;

	return bucket < buckets ? bucket : buckets - 1;
}

static struct estimate
worth(uint64_t size, bool extra)
{
	uint64_t mean = RELAXED(hak_profile_mean);

	/* profile_step, from the other end. */
	if (profile_is_coarse(size))
		mean *= LIFETIME_COARSE;
	return extra ? (struct estimate){0} : estimate_of(size, mean);
}

/* Tallies the live samples that have lasted since the last look, and decides anew which sites are
 * lasting; lock. So rarely that it costs each sample a look at a few others. */
static void
judge_all(void)
{
	uint64_t due = (profile.live_slots + profile.nsites) / LOOK_PART;

	learner.since = 0;
	learner.due = due > LOOK_LEAST ? due : LOOK_LEAST;
	learner.threshold = lifetime_threshold(profile.live_bytes);
	for (size_t i = 0; i < profile.live_slots; i++) {
		struct live *l = &profile.live[i];
		if (!l->address || l->lasted ||
			profile.allocated_bytes - l->born_bytes <= learner.threshold)
			continue;
		l->lasted = true;
		lifetime_note(&site_at(l->site)->tally, true);
	}
	for (uint32_t i = 0; i < profile.nsites; i++) {
		struct profile_site *s = site_at(i);
		bool changed = lifetime_judge(&s->tally);
		/* Those that last each time: another's entry may have been in the way. */
		if ((changed || s->tally.lasting) && learner.acts && s->frames[1] <= MID_MAX)
			lifetime_publish(
				s->frames[0], sizeclass_of(s->frames[1]), s->tally.lasting);
	}
}

/* A sample has ended; lock. */
static void
forget(uintptr_t address)
{
	struct live *l = profile.live ? live_slot(address) : NULL;

	if (!l || !l->address)
		return;
	struct profile_site *s = site_at(l->site);
	struct estimate e = worth(l->size, l->extra);
	s->live_samples--;
	s->live_parts -= e.parts;
	s->live_bytes -= e.bytes;
	s->live_variance -= e.variance;
	profile.live_bytes -= e.bytes;
	uint64_t meanwhile = profile.allocated_bytes - l->born_bytes;
	s->lifetime_bytes[bucket_of(meanwhile, PROFILE_BYTES_BUCKETS)]++;
	s->lifetime_ms[bucket_of(os_now_ms() - l->born_ms, PROFILE_MS_BUCKETS)]++;
	if (HAK_UNLIKELY(learner.on) && !l->lasted)
		lifetime_note(&s->tally, meanwhile > learner.threshold);
	live_remove(l);
	PROBE1(otel_memory, free, address);
}

/* A sample begins; lock. Its site, or NULL when there is no room, and nothing has changed then. */
static struct profile_site *
remember(uintptr_t address, size_t size, const uintptr_t *frames, unsigned nframes, bool extra)
{
	uint32_t site;

	/* Its end went unseen. */
	forget(address);
	if (!live_reserve() || !site_find(frames, nframes, &site))
		return NULL;
	struct profile_site *s = site_at(site);
	struct profile_size *sizes = size_find(s, size_step(size));
	if (!sizes)
		return NULL;
	struct estimate e = worth(size, extra);
	sizes->samples++;
	s->samples++;
	s->live_samples++;
	s->alloc_parts += e.parts;
	s->live_parts += e.parts;
	s->alloc_bytes += e.bytes;
	s->live_bytes += e.bytes;
	s->alloc_variance += e.variance;
	s->live_variance += e.variance;
	if (s->live_bytes > s->peak_live_bytes)
		s->peak_live_bytes = s->live_bytes;
	note_thread(s);
	profile.allocated_bytes += e.bytes;
	profile.live_bytes += e.bytes;
	if (profile.live_bytes > profile.peak_live_bytes)
		profile.peak_live_bytes = profile.live_bytes;
	profile.live_count++;
	*live_slot(address) =
		(struct live){address, size, profile.allocated_bytes, os_now_ms(), site, extra, 0};
	PROBE3(otel_memory, alloc, address, size, e.bytes);
	if (HAK_UNLIKELY(learner.on) && ++learner.since >= learner.due)
		judge_all();
	return s;
}

/* Sites are never removed, nor moved; lock. */
static void
recall(struct profile_site *s, uint64_t id)
{
	unsigned cls = sizeclass_of(s->frames[1]);
	struct lifetime_site *known = s->id ? NULL : lifetime_known(id, cls);

	s->id = id;
	if (!known)
		return;
	known->met = true;
	s->tally.lasted += LIFETIME_TRUST;
	if (lifetime_judge(&s->tally) && learner.acts)
		lifetime_publish(s->frames[0], cls, s->tally.lasting);
}

/* --- from the front-ends --------------------------------------------------------------------- */

/* Puts a free aside that found the lock held by a fork. Where all places are taken the sample stays
 * until its address is sampled again. */
static void
put_aside(uintptr_t address)
{
	for (unsigned i = 0; i < PENDING; i++) {
		uintptr_t none = 0;
		if (atomic_compare_exchange_strong_explicit(&pending[i], &none, address,
			    memory_order_relaxed, memory_order_relaxed))
			break;
	}
	RELAXED_SET(any_pending, true);
}

static void
forget_pending(void)
{
	if (HAK_LIKELY(!RELAXED(any_pending)))
		return;
	RELAXED_SET(any_pending, false);
	for (unsigned i = 0; i < PENDING; i++) {
		uintptr_t address = atomic_exchange_explicit(&pending[i], 0, memory_order_relaxed);
		if (address)
			forget(address);
	}
}

/* False when a fork holds the lock; that is then no reason for the caller to think that memory is
 * short. */
static bool
enter(void)
{
	if (HAK_UNLIKELY(!lock_acquire(&profile_lock))) {
		lock_was_refused();
		return false;
	}
	forget_pending();
	return true;
}

/* Reading the process's maps takes a tenth of a millisecond: without the lock. */
static HAK_COLD void
name_site(struct profile_site *s, uintptr_t site)
{
	uint64_t id = learner.name(site);

	if (id == 0 || !enter())
		return;
	recall(s, id);
	lock_release(&profile_lock);
}

static bool
note(void *p, size_t size, uintptr_t site, const uintptr_t *frames, unsigned nframes, bool extra)
{
	bool placed = size <= MID_MAX, unnamed = false;
	struct profile_site *s = NULL;
	const uintptr_t site_and_size[] = {placed ? site : 0, placed ? size : MID_MAX + 1};

	if (HAK_UNLIKELY(learner.on)) {
		frames = site_and_size;
		nframes = 2;
	} else if (nframes == 0) {
		frames = &site;
		nframes = 1;
	}
	if (enter()) {
		s = remember((uintptr_t)p, size, frames,
			nframes < PROFILE_FRAMES ? nframes : PROFILE_FRAMES, extra);
		unnamed = HAK_UNLIKELY(learner.name != NULL) && placed && s && s->id == 0;
		lock_release(&profile_lock);
	}
	if (!s)
		atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
	if (unnamed)
		name_site(s, site);
	return s != NULL;
}

bool
profile_alloc(void *p, size_t size, uintptr_t site, const uintptr_t *frames, unsigned nframes)
{
	return note(p, size, site, frames, nframes, false);
}

bool
profile_alloc_extra(void *p, size_t size, uintptr_t site, const uintptr_t *frames, unsigned nframes)
{
	return note(p, size, site, frames, nframes, true);
}

void
profile_free(void *p)
{
	if (enter()) {
		forget((uintptr_t)p);
		lock_release(&profile_lock);
	} else {
		put_aside((uintptr_t)p);
	}
}

/* --- lifetimes -------------------------------------------------------------------------------- */

void
profile_learn(bool acts)
{
	learner.on = true;
	learner.acts = acts;
	learner.due = LOOK_LEAST;
	learner.threshold = lifetime_threshold(0);
}

void
profile_name_sites(uint64_t (*name)(uintptr_t site))
{
	learner.name = name;
}

bool
profile_lasting(struct lifetime_site *out, unsigned most, unsigned *n)
{
	const struct lifetime_known *known = &hak_lifetime_known;

	*n = 0;
	if (!enter())
		return false;
	for (uint32_t i = 0; i < profile.nsites && *n < most; i++) {
		const struct profile_site *s = site_at(i);
		if (s->tally.lasting && s->id > LIFETIME_NAMELESS)
			out[(*n)++] =
				(struct lifetime_site){s->id, sizeclass_of(s->frames[1]), true};
	}
	for (unsigned i = 0; i < known->count && *n < most; i++)
		if (!known->sites[i].met)
			out[(*n)++] = known->sites[i];
	lock_release(&profile_lock);
	return true;
}

bool
profile_lifetime(struct profile_lifetime *out)
{
	if (!learner.on || !enter())
		return false;
	memset(out, 0, sizeof(*out));
	out->threshold = learner.threshold;
	for (uint32_t i = 0; i < profile.nsites; i++) {
		const struct profile_site *s = site_at(i);
		if (s->frames[1] > MID_MAX)
			continue;
		out->sites++;
		if (!s->tally.lasting)
			continue;
		out->lasting++;
		out->live_bytes[sizeclass_of(s->frames[1])] += s->live_bytes;
	}
	lock_release(&profile_lock);
	return true;
}

/* --- a copy ---------------------------------------------------------------------------------- */

static void
copy_to(struct profile_snapshot *out)
{
	out->sample_bytes = RELAXED(hak_profile_mean);
	out->allocated_bytes = profile.allocated_bytes;
	out->live_bytes = profile.live_bytes;
	out->peak_live_bytes = profile.peak_live_bytes;
	out->dropped = RELAXED(dropped);
	out->nsites = profile.nsites;
	out->nsizes = profile.nsizes;
	for (uint32_t i = 0; i < profile.nsites; i++)
		out->sites[i] = *site_at(i);
	for (uint32_t i = 1; i < profile.nsizes; i++)
		out->sizes[i] = *size_at(i);
}

int
profile_snapshot_take(struct profile_snapshot *out)
{
	uint32_t sites = 0, sizes = 0;
	bool fits = false;

	out->sites = NULL;
	/* Memory is mapped without the lock; meanwhile there may come to be more. */
	while (enter()) {
		fits = out->sites && profile.nsites <= sites && profile.nsizes <= sizes;
		if (fits)
			copy_to(out);
		sites = profile.nsites + profile.nsites / 8 + SITES_PIECE;
		sizes = profile.nsizes + profile.nsizes / 8 + SIZES_PIECE;
		lock_release(&profile_lock);
		if (fits)
			return 0;
		profile_snapshot_drop(out);
		out->mapped = sites * sizeof(out->sites[0]) + sizes * sizeof(out->sizes[0]);
		out->sites = os_map(out->mapped);
		if (!out->sites)
			return ENOMEM;
		out->sizes = (struct profile_size *)(out->sites + sites);
	}
	profile_snapshot_drop(out);
	return EBUSY;
}

void
profile_snapshot_drop(struct profile_snapshot *s)
{
	if (s->sites)
		os_unmap(s->sites, s->mapped);
	s->sites = NULL;
}

/* --- audit and forks ------------------------------------------------------------------------- */

static void
audit_site(const struct profile_site *s)
{
	uint64_t sized = 0, ended_bytes = 0, ended_ms = 0, last = 0;

	for (uint32_t i = s->sizes; i; i = size_at(i)->next) {
		HAK_CHECK(size_at(i)->size > last);
		last = size_at(i)->size;
		sized += size_at(i)->samples;
	}
	for (unsigned i = 0; i < PROFILE_BYTES_BUCKETS; i++)
		ended_bytes += s->lifetime_bytes[i];
	for (unsigned i = 0; i < PROFILE_MS_BUCKETS; i++)
		ended_ms += s->lifetime_ms[i];
	HAK_CHECK(sized == s->samples);
	HAK_CHECK(s->live_samples <= s->samples);
	HAK_CHECK(ended_bytes == s->samples - s->live_samples);
	HAK_CHECK(ended_ms == ended_bytes);
	HAK_CHECK(s->live_samples > 0 || (s->live_bytes == 0 && s->live_variance == 0));
	HAK_CHECK(s->live_bytes <= s->peak_live_bytes && s->peak_live_bytes <= s->alloc_bytes);
}

void
profile_audit(void)
{
	uint64_t live_bytes = 0, allocated_bytes = 0;
	size_t live = 0, found = 0;

	lock_acquire_wait(&profile_lock);
	for (uint32_t i = 0; i < profile.nsites; i++) {
		const struct profile_site *s = site_at(i);
		audit_site(s);
		HAK_CHECK(*index_slot(s->frames, s->nframes) == i + 1);
		live += s->live_samples;
		live_bytes += s->live_bytes;
		allocated_bytes += s->alloc_bytes;
	}
	for (size_t i = 0; i < profile.live_slots; i++) {
		struct live *l = &profile.live[i];
		if (!l->address)
			continue;
		found++;
		HAK_CHECK(live_slot(l->address) == l);
		HAK_CHECK(l->site < profile.nsites && l->size > 0);
	}
	HAK_CHECK(live == profile.live_count && found == live);
	HAK_CHECK(live_bytes == profile.live_bytes);
	HAK_CHECK(allocated_bytes == profile.allocated_bytes);
	lock_release(&profile_lock);
}

void
profile_fork_prepare(void)
{
	lock_acquire_wait(&profile_lock);
}

void
profile_fork_parent(void)
{
	lock_release(&profile_lock);
}

void
profile_fork_child(void)
{
	lock_reset(&profile_lock);
}

#ifdef HAK_TESTING
void
profile_restart(uint64_t mean)
{
	if (profile.live)
		os_unmap(profile.live, profile.live_slots * sizeof(struct live));
	memset(&profile, 0, sizeof(profile));
	memset(&learner, 0, sizeof(learner));
	profile_lock = (struct lock)LOCK_INITIALIZER(RANK_PROFILE);
	RELAXED_SET(dropped, 0);
	RELAXED_SET(hak_profile_mean, mean);
}
#endif
