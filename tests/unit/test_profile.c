/* SPDX-License-Identifier: MIT
 * tests/unit/test_profile.c - arenas/estimate and arenas/profile: the arithmetic against the
 * mathematics library, estimates of a synthetic program with known owners, how often the intervals
 * hold the truth, and the tables: growth, bounds, histograms, failures, threads, forks. */
#include "arenas/profile.h"

#include <math.h>

#include "backends/backend.h"
#include "backends/os.h"
#include "base/lock.h"
#include "tests/unit/unit.h"

/* Addresses of blocks that need not be there. */
#define BASE ((uintptr_t)0x7f0000000000)

static void
start(uint64_t mean)
{
	static bool begun;

	if (!begun)
		backend_init();
	begun = true;
	profile_restart(mean);
}

static struct profile_snapshot
snapshot(void)
{
	struct profile_snapshot s;

	ck_assert_int_eq(profile_snapshot_take(&s), 0);
	return s;
}

static void *
address(uint64_t i)
{
	return (void *)(BASE + 16 * (uintptr_t)i);
}

/* The site whose first frame that is; NULL where there is none. */
static const struct profile_site *
site_of(const struct profile_snapshot *s, uintptr_t frame)
{
	for (uint32_t i = 0; i < s->nsites; i++)
		if (s->sites[i].frames[0] == frame)
			return &s->sites[i];
	return NULL;
}

/* --- arithmetic ------------------------------------------------------------------------------ */

START_TEST(test_probability)
{
	uint64_t rng = unit_rng(1);

	for (int i = 0; i < 200000; i++) {
		uint64_t size = (rng_next(&rng) >> rng_below(&rng, 47) >> 17) + 1;
		uint64_t mean = (rng_next(&rng) >> rng_below(&rng, 40) >> 24) + 1;
		double exact = -expm1(-(double)size / (double)mean);
		double p = estimate_probability(size, mean);
		REQUIRE_MSG(fabs(p - exact) <= 1e-14 * exact,
			"%" PRIu64 " of %" PRIu64 ": %.17g, %.17g", size, mean, p, exact);
		REQUIRE_MSG(p > 0 && p <= 1, "%.17g", p);
	}
}
END_TEST

START_TEST(test_estimate)
{
	struct estimate e = estimate_of(1 << 20, 1);

	/* A block that is sampled for certain stands for itself. */
	ck_assert_uint_eq(e.parts, ESTIMATE_PARTS);
	ck_assert_uint_eq(e.bytes, 1 << 20);
	ck_assert(e.variance == 0);
	/* One far below the mean stands for about the mean. */
	e = estimate_of(16, 1 << 19);
	ck_assert_uint_ge(e.bytes, 1 << 19);
	ck_assert_uint_le(e.bytes, (1 << 19) + 16);
	ck_assert_double_eq_tol((double)e.parts / ESTIMATE_PARTS, 32768.5, 0.01);
	ck_assert_double_eq_tol((double)e.variance / 0x1p38, 1, 1e-4);
	/* The largest figures fit. */
	e = estimate_of((uint64_t)1 << 47, (uint64_t)1 << 40);
	ck_assert_uint_eq(e.bytes, (uint64_t)1 << 47);
	e = estimate_of(1, (uint64_t)1 << 40);
	ck_assert_uint_eq(e.bytes, ((uint64_t)1 << 40) + 1);
	ck_assert_double_eq_tol((double)e.variance / 0x1p80, 1, 1e-9);
}
END_TEST

/* The share of distances up to s is 1 - exp(-s / mean), for any s (Kolmogorov and Smirnov's
 * distance, which exceeds 2.2 / sqrt(n) once in 8000 runs). */
START_TEST(test_draw)
{
	enum { DRAWS = 200000, STEPS = 64 };
	uint64_t state = unit_rng(2), mean = (uint64_t)1 << (4 + 6 * _i), below[STEPS] = {0};
	double sum = 0, worst = 0;

	for (int i = 0; i < DRAWS; i++) {
		uint64_t d = estimate_draw(&state, mean);
		REQUIRE_MSG(d >= 1, "a distance of 0");
		sum += (double)d;
		for (uint64_t k = 0; k < STEPS; k++)
			below[k] += d <= (k + 1) * mean / 8;
	}
	for (uint64_t k = 0; k < STEPS; k++) {
		uint64_t s = (k + 1) * mean / 8;
		double off = fabs((double)below[k] / DRAWS - estimate_probability(s, mean));
		worst = off > worst ? off : worst;
	}
	ck_assert_double_lt(worst, 2.2 / sqrt(DRAWS));
	/* Rounded up, a distance is half a byte longer. */
	ck_assert_double_eq_tol(sum / DRAWS, (double)mean + 0.5, 5 * (double)mean / sqrt(DRAWS));
}
END_TEST

START_TEST(test_seed)
{
	uint64_t a = profile_seed(), b = profile_seed();

	ck_assert_uint_ne(a, b);
	profile_fix_seed(7);
	a = profile_seed();
	b = profile_seed();
	ck_assert_uint_ne(a, b);
	profile_fix_seed(7);
	ck_assert_uint_eq(profile_seed(), a);
	ck_assert_uint_eq(profile_seed(), b);
	/* Off, no sample ever comes. */
	start(0);
	ck_assert(!profile_is_on());
	ck_assert_uint_eq(profile_draw(&a), UINT64_MAX);
}
END_TEST

/* --- a program with known owners ------------------------------------------------------------- */

#define MEAN ((uint64_t)16384)
#define OWNERS 12
#define ALLOCATIONS 60000
#define FRAME(owner) ((uintptr_t)0x401000 + 64 * (uintptr_t)(owner))

/* What each owner allocates: sizes from least to most bytes; of 100 blocks so many stay. Some own
 * many small blocks, some few large ones, some next to nothing. */
static const struct owner {
	size_t least, most;
	unsigned share, stays;
} owners[OWNERS] = {
	{16, 16, 30, 90},
	{16, 128, 40, 60},
	{200, 1000, 12, 50},
	{1024, 4096, 5, 50},
	{4096, 32768, 2, 20},
	{16384, 16384, 2, 20},
	{100000, 1000000, 1, 1},
	{64, 64, 20, 1},
	{32, 32, 1, 100},
	{300000, 300000, 1, 2},
	{2000, 2000, 4, 0},
	{24, 1500, 10, 30},
};

struct truth {
	double live_bytes[OWNERS], alloc_bytes[OWNERS];
	uint64_t live_count[OWNERS], alloc_count[OWNERS];
	double live_total;
};

static unsigned
pick_owner(uint64_t *rng)
{
	unsigned sum = 0, owner = 0;

	for (unsigned i = 0; i < OWNERS; i++)
		sum += owners[i].share;
	for (unsigned at = (unsigned)rng_below(rng, sum); at >= owners[owner].share; owner++)
		at -= owners[owner].share;
	return owner;
}

/* The program is the same for a seed, whatever is sampled of it; a countdown for each of some size
 * ranges, as a front-end has one for each class. */
static struct truth
run_program(uint64_t program_seed, uint64_t sample_seed)
{
	struct truth t = {0};
	uint64_t rng = program_seed, left[48];

	for (unsigned i = 0; i < LENGTH(left); i++)
		left[i] = profile_draw(&sample_seed);
	for (unsigned i = 0; i < ALLOCATIONS; i++) {
		unsigned owner = pick_owner(&rng);
		const struct owner *o = &owners[owner];
		size_t size = o->least + rng_below(&rng, o->most - o->least + 1);
		bool stays = rng_below(&rng, 100) < o->stays;
		uintptr_t frame = FRAME(owner);
		uint64_t *distance = &left[log2_floor(size)];

		t.alloc_bytes[owner] += (double)size;
		t.alloc_count[owner]++;
		t.live_bytes[owner] += stays ? (double)size : 0;
		t.live_total += stays ? (double)size : 0;
		t.live_count[owner] += stays;
		if (*distance > size) {
			*distance -= size;
			continue;
		}
		*distance = profile_draw(&sample_seed);
		REQUIRE_MSG(profile_alloc(address(i), size, frame, &frame, 1), "no room");
		if (!stays)
			profile_free(address(i));
	}
	return t;
}

/* Of large blocks nearly all are sampled: the rare one that is not is of no sample's variance, and
 * may be seen in full. Of more than 24 means hardly any is missed, one in 2.6e10. */
static double
missed_bytes(const struct owner *owner)
{
	return owner->least > 4 * MEAN ? 24 * (double)MEAN : 0;
}

/* Within six standard errors, and a large block that was missed. */
static bool
near_truth(const struct owner *owner, double estimate, double truth, double variance)
{
	return fabs(estimate - truth) <= 6 * sqrt(variance) + missed_bytes(owner);
}

START_TEST(test_owners)
{
	struct truth t;
	unsigned looked_at = 0;

	start(MEAN);
	t = run_program(unit_rng(3), unit_rng(4));
	struct profile_snapshot s = snapshot();
	profile_audit();
	ck_assert_uint_eq(s.dropped, 0);
	for (unsigned i = 0; i < OWNERS; i++) {
		const struct profile_site *site = site_of(&s, FRAME(i));
		if (t.live_bytes[i] < 0.05 * t.live_total)
			continue;
		ck_assert_ptr_nonnull(site);
		ck_assert_msg(near_truth(&owners[i], (double)site->live_bytes, t.live_bytes[i],
				      (double)site->live_variance),
			"owner %u: %" PRIu64 " bytes live, not %.0f +- %.0f", i, site->live_bytes,
			t.live_bytes[i], sqrt((double)site->live_variance));
		ck_assert_msg(near_truth(&owners[i], (double)site->alloc_bytes, t.alloc_bytes[i],
				      (double)site->alloc_variance),
			"owner %u: %" PRIu64 " bytes in all, not %.0f +- %.0f", i,
			site->alloc_bytes, t.alloc_bytes[i], sqrt((double)site->alloc_variance));
		looked_at++;
	}
	ck_assert_uint_ge(looked_at, 4);
	profile_snapshot_drop(&s);
}
END_TEST

/* Over many samplings of one program: the mean of the estimates is the truth, and of the intervals
 * of 95 % about so many hold it. */
START_TEST(test_coverage)
{
	enum { RUNS = UNIT_SLOW > 1 ? 120 : 240 };
	uint64_t program = unit_rng(5), seeds = unit_rng(6);
	double sum[OWNERS] = {0}, variance[OWNERS] = {0}, count[OWNERS] = {0};
	unsigned intervals = 0, held = 0;
	struct truth t;

	for (int run = 0; run < RUNS; run++) {
		start(MEAN);
		t = run_program(program, rng_next(&seeds));
		struct profile_snapshot s = snapshot();
		for (unsigned i = 0; i < OWNERS; i++) {
			const struct profile_site *site = site_of(&s, FRAME(i));
			if (!site)
				continue;
			double v = (double)site->live_variance;
			sum[i] += (double)site->live_bytes;
			count[i] += (double)site->live_parts / ESTIMATE_PARTS;
			variance[i] += v;
			/* The normal law needs some samples, and some chance: of blocks that are
			 * nearly all sampled, nearly every interval holds the truth. */
			if (t.live_bytes[i] < 0.05 * t.live_total || owners[i].least > 4 * MEAN)
				continue;
			intervals++;
			held += fabs((double)site->live_bytes - t.live_bytes[i]) <= 1.96 * sqrt(v);
		}
		profile_snapshot_drop(&s);
	}
	printf("coverage: %u of %u\n", held, intervals);
	ck_assert_uint_ge(intervals, 4 * RUNS);
	ck_assert_double_gt(held, 0.90 * intervals);
	ck_assert_double_lt(held, 0.99 * intervals);
	for (unsigned i = 0; i < OWNERS; i++) {
		/* Of owners with a few bytes the variance itself is known too badly. */
		if (t.live_bytes[i] < 0.01 * t.live_total)
			continue;
		/* And so much by the one large block in many runs that no sample stands for. */
		double missed = 2 * missed_bytes(&owners[i]) / RUNS;
		double error = sqrt(variance[i]) / RUNS;
		ck_assert_msg(fabs(sum[i] / RUNS - t.live_bytes[i]) <
				      5 * error + 1e-5 * t.live_bytes[i] + missed,
			"owner %u: %.0f on average, not %.0f +- %.0f", i, sum[i] / RUNS,
			t.live_bytes[i], error);
		double mean_size = t.live_bytes[i] / (double)t.live_count[i];
		ck_assert_msg(fabs(count[i] / RUNS - (double)t.live_count[i]) <
				      8 * error / mean_size + 1e-3 * (double)t.live_count[i] +
					      (missed > 0 ? 3.0 / RUNS : 0),
			"owner %u: %.0f blocks on average, not %" PRIu64, i, count[i] / RUNS,
			t.live_count[i]);
	}
}
END_TEST

/* --- the tables ------------------------------------------------------------------------------ */

/* A naive table beside it: random blocks come and go, at a mean of 1 so that each counts in full.
 */
START_TEST(test_model)
{
	enum { BLOCKS = 40000, STEPS = 400000 / UNIT_SLOW, SITES = 300 };
	static struct {
		size_t size;
		unsigned site;
	} model[BLOCKS];
	static uint64_t samples[SITES], live[SITES], bytes[SITES];
	uint64_t rng = unit_rng(7);

	start(1);
	for (unsigned i = 0; i < STEPS; i++) {
		size_t b = rng_below(&rng, BLOCKS);
		/* Grows for half of the time, then shrinks. */
		bool frees = rng_below(&rng, 8) < (i < STEPS / 2 ? 1 : 7);
		if (model[b].size) {
			profile_free(address(b));
			live[model[b].site]--;
			bytes[model[b].site] -= model[b].size;
			model[b].size = 0;
		}
		if (frees) {
			/* Unknown by now. */
			profile_free(address(b));
			continue;
		}
		unsigned site = (unsigned)rng_below(&rng, SITES);
		model[b].site = site;
		model[b].size = 64 + rng_below(&rng, 100000);
		REQUIRE_MSG(profile_alloc(address(b), model[b].size, FRAME(site), NULL, 0), "room");
		samples[site]++;
		live[site]++;
		bytes[site] += model[b].size;
		if (i % (STEPS / 8) == 0)
			profile_audit();
	}
	profile_audit();
	struct profile_snapshot s = snapshot();
	for (unsigned i = 0; i < SITES; i++) {
		const struct profile_site *site = site_of(&s, FRAME(i));
		ck_assert_ptr_nonnull(site);
		ck_assert_uint_eq(site->samples, samples[i]);
		ck_assert_uint_eq(site->live_samples, live[i]);
		ck_assert_uint_eq(site->live_bytes, bytes[i]);
		ck_assert_uint_eq(site->live_parts, live[i] * ESTIMATE_PARTS);
	}
	profile_snapshot_drop(&s);
}
END_TEST

/* More sites than there is room for. */
START_TEST(test_sites_bounded)
{
	uint64_t dropped = 0;

	start(1);
	for (unsigned i = 0; i < PROFILE_SITES + 1000; i++)
		dropped += !profile_alloc(address(i), 64, FRAME(i), NULL, 0);
	ck_assert_uint_eq(dropped, 1000);
	/* Those that are there go on. */
	ck_assert(profile_alloc(address(PROFILE_SITES + 5000), 64, FRAME(1), NULL, 0));
	profile_audit();
	struct profile_snapshot s = snapshot();
	ck_assert_uint_eq(s.nsites, PROFILE_SITES);
	ck_assert_uint_eq(s.dropped, 1000);
	ck_assert_uint_eq(s.live_bytes, 64 * (PROFILE_SITES + 1));
	profile_snapshot_drop(&s);
	for (unsigned i = 0; i < PROFILE_SITES + 5001; i++)
		profile_free(address(i));
	profile_audit();
	s = snapshot();
	ck_assert_uint_eq(s.live_bytes, 0);
	ck_assert_uint_eq(s.allocated_bytes, 64 * (PROFILE_SITES + 1));
	ck_assert_uint_eq(s.peak_live_bytes, 64 * (PROFILE_SITES + 1));
	profile_snapshot_drop(&s);
}
END_TEST

/* More live samples than there is room for. */
START_TEST(test_live_bounded)
{
	enum { TOO_MANY = 4 << 20 };
	uint64_t kept = 0;

	start(1);
	for (unsigned i = 0; i < TOO_MANY; i++)
		kept += profile_alloc(address(i), 64, FRAME(0), NULL, 0);
	ck_assert_uint_lt(kept, TOO_MANY);
	ck_assert_uint_gt(kept, TOO_MANY / 4 * 3);
	struct profile_snapshot s = snapshot();
	ck_assert_uint_eq(s.dropped, TOO_MANY - kept);
	ck_assert_uint_eq(s.sites[0].live_samples, kept);
	profile_snapshot_drop(&s);
	for (unsigned i = 0; i < TOO_MANY; i++)
		profile_free(address(i));
	profile_audit();
	ck_assert(profile_alloc(address(0), 64, FRAME(0), NULL, 0));
}
END_TEST

/* Where the system gives no memory, samples are dropped, and what is there stays right. */
START_TEST(test_no_memory)
{
	uint64_t rng = unit_rng(8), kept = 0, tried = 0;

	start(1);
	for (unsigned i = 0; i < 30000; i++) {
		if (i % 50 == 0)
			os_fail_after((long)rng_below(&rng, 3), true);
		if (i % 50 == 25)
			os_fail_after(-1, false);
		tried++;
		kept += profile_alloc(address(i), 16 + rng_below(&rng, 100000),
			FRAME(rng_below(&rng, 3000)), NULL, 0);
	}
	os_fail_after(0, true);
	struct profile_snapshot s;
	ck_assert_int_eq(profile_snapshot_take(&s), ENOMEM);
	os_fail_after(-1, false);
	profile_audit();
	s = snapshot();
	ck_assert_uint_lt(kept, tried);
	ck_assert_uint_gt(kept, tried / 2);
	ck_assert_uint_eq(s.dropped, tried - kept);
	profile_snapshot_drop(&s);
}
END_TEST

START_TEST(test_frames)
{
	uintptr_t frames[PROFILE_FRAMES + 2];

	start(1);
	for (unsigned i = 0; i < LENGTH(frames); i++)
		frames[i] = FRAME(i);
	/* Each depth is a site of its own; what is deeper than the record is cut. */
	for (unsigned n = 1; n <= LENGTH(frames); n++)
		ck_assert(profile_alloc(address(n), 100, FRAME(0), frames, n));
	ck_assert(profile_alloc(address(99), 100, FRAME(0), NULL, 0));
	struct profile_snapshot s = snapshot();
	ck_assert_uint_eq(s.nsites, PROFILE_FRAMES);
	for (unsigned n = 1; n <= PROFILE_FRAMES; n++) {
		ck_assert_uint_eq(s.sites[n - 1].nframes, n);
		ck_assert_int_eq(memcmp(s.sites[n - 1].frames, frames, n * sizeof(frames[0])), 0);
	}
	ck_assert_uint_eq(s.sites[0].samples, 2);
	ck_assert_uint_eq(s.sites[PROFILE_FRAMES - 1].samples, 3);
	profile_snapshot_drop(&s);
}
END_TEST

START_TEST(test_sizes)
{
	/* Bytes, and what they are counted as. */
	static const size_t sizes[][2] = {{1, 16}, {16, 16}, {17, 32}, {1000, 1024}, {1025, 1088},
		{1048576, 1048576}, {1048577, 1310720}, {1310720, 1310720}, {5 << 20, 5 << 20},
		{(5 << 20) + 1, 6 << 20}, {(size_t)1 << 40, (size_t)1 << 40}};
	struct profile_snapshot s;
	uint64_t sum = 0, last = 0;
	unsigned n = 0;

	start(1);
	for (unsigned i = LENGTH(sizes); i-- > 0;) {
		ck_assert(profile_alloc(address(i), sizes[i][0], FRAME(0), NULL, 0));
		profile_free(address(i));
	}
	s = snapshot();
	for (uint32_t i = s.sites[0].sizes; i; i = s.sizes[i].next) {
		bool known = false;
		for (unsigned k = 0; k < LENGTH(sizes); k++)
			known = known || sizes[k][1] == s.sizes[i].size;
		ck_assert_msg(known, "%" PRIu64, s.sizes[i].size);
		ck_assert_uint_gt(s.sizes[i].size, last);
		last = s.sizes[i].size;
		sum += s.sizes[i].samples;
		n++;
	}
	ck_assert_uint_eq(sum, LENGTH(sizes));
	ck_assert_uint_eq(n, LENGTH(sizes) - 2);
	profile_snapshot_drop(&s);
}
END_TEST

/* A block's lifetime in bytes is what was allocated between. */
START_TEST(test_lifetimes)
{
	struct profile_snapshot s;
	uint64_t expected[PROFILE_BYTES_BUCKETS] = {0}, bytes = 0;

	start(1);
	for (unsigned i = 0; i < 45; i++) {
		ck_assert(profile_alloc(address(0), 1 << 10, FRAME(0), NULL, 0));
		if (i > 10)
			ck_assert(profile_alloc(address(1), (size_t)1 << i, FRAME(1), NULL, 0));
		profile_free(address(0));
		profile_free(address(1));
		expected[i > 10 ? i : 0]++;
	}
	s = snapshot();
	for (unsigned i = 0; i < PROFILE_BYTES_BUCKETS; i++)
		ck_assert_uint_eq(s.sites[0].lifetime_bytes[i], expected[i]);
	profile_snapshot_drop(&s);
	/* Milliseconds: one that lives for 70 to some hundreds. */
	ck_assert(profile_alloc(address(2), 1 << 10, FRAME(2), NULL, 0));
	sleep_us(70000);
	profile_free(address(2));
	s = snapshot();
	const struct profile_site *site = site_of(&s, FRAME(2));
	for (unsigned i = 0; i < PROFILE_MS_BUCKETS; i++)
		bytes += i >= 5 && i <= 12 ? site->lifetime_ms[i] : 0;
	ck_assert_uint_eq(bytes, 1);
	profile_snapshot_drop(&s);
}
END_TEST

/* An address that is sampled again without having been freed: the first block has gone. */
START_TEST(test_twice)
{
	struct profile_snapshot s;

	start(1);
	profile_free(address(0));
	ck_assert(profile_alloc(address(0), 100, FRAME(0), NULL, 0));
	ck_assert(profile_alloc(address(0), 200, FRAME(1), NULL, 0));
	profile_audit();
	s = snapshot();
	ck_assert_uint_eq(s.sites[0].live_samples, 0);
	ck_assert_uint_eq(s.sites[1].live_samples, 1);
	ck_assert_uint_eq(s.live_bytes, 200);
	ck_assert_uint_eq(s.allocated_bytes, 300);
	profile_snapshot_drop(&s);
}
END_TEST

/* --- threads and forks ----------------------------------------------------------------------- */

#define SHARED 4096
#define EVENTS (20000 / UNIT_SLOW)

static void *
churn(void *arg)
{
	unsigned id = *(unsigned *)arg;
	uint64_t rng = unit_rng(20 + id);

	for (unsigned i = 0; i < EVENTS; i++) {
		unsigned b = id * SHARED + (unsigned)rng_below(&rng, SHARED);
		profile_alloc(address(b), 16 + rng_below(&rng, 2000), FRAME(rng_below(&rng, 500)),
			NULL, 0);
		if (rng_below(&rng, 2))
			profile_free(address(id * SHARED + rng_below(&rng, SHARED)));
		if (i % 4096 == 0) {
			struct profile_snapshot s;
			REQUIRE_MSG(profile_snapshot_take(&s) == 0, "no snapshot");
			profile_snapshot_drop(&s);
		}
	}
	REQUIRE_MSG(profile_alloc(address(100000 + id), 16, FRAME(1000), NULL, 0), "room");
	return NULL;
}

START_TEST(test_threads)
{
	unsigned ids[4] = {0, 1, 2, 3};
	uint64_t samples = 0;

	start(1);
	run_threads(LENGTH(ids), churn, ids, sizeof(ids[0]));
	profile_audit();
	struct profile_snapshot s = snapshot();
	for (uint32_t i = 0; i < s.nsites; i++) {
		samples += s.sites[i].samples;
		ck_assert_uint_le(profile_threads(&s.sites[i]), LENGTH(ids));
	}
	ck_assert_uint_eq(samples + s.dropped, LENGTH(ids) * (EVENTS + 1));
	ck_assert_uint_eq(s.dropped, 0);
	ck_assert_uint_eq(profile_threads(site_of(&s, FRAME(1000))), LENGTH(ids));
	profile_snapshot_drop(&s);
}
END_TEST

static void *
try_in_window(void *arg)
{
	bool *ok = arg;
	struct profile_snapshot s;

	REQUIRE_MSG(profile_snapshot_take(&s) == EBUSY, "a snapshot in a fork");
	*ok = profile_alloc(address(5), 100, FRAME(5), NULL, 0);
	profile_free(address(1));
	return NULL;
}

/* While a fork holds the lock an allocation is dropped, and a free is remembered. */
START_TEST(test_fork_window)
{
	struct profile_snapshot s;
	bool ok = true;

	start(1);
	ck_assert(profile_alloc(address(1), 100, FRAME(1), NULL, 0));
	profile_fork_prepare();
	lock_fork_open();
	run_threads(1, try_in_window, &ok, sizeof(ok));
	lock_fork_close();
	profile_fork_parent();
	ck_assert(!ok);
	s = snapshot();
	ck_assert_uint_eq(s.live_bytes, 0);
	ck_assert_uint_eq(s.dropped, 1);
	profile_snapshot_drop(&s);
	profile_audit();
}
END_TEST

static void
in_child(void *arg)
{
	(void)arg;
	profile_fork_child();
	profile_free(address(1));
	CHILD_REQUIRE(profile_alloc(address(2), 50, FRAME(2), NULL, 0), "no room");
	profile_audit();
}

START_TEST(test_fork_child)
{
	char message[512];

	start(1);
	ck_assert(profile_alloc(address(1), 100, FRAME(1), NULL, 0));
	profile_fork_prepare();
	int status = run_child(in_child, NULL, message, sizeof(message));
	profile_fork_parent();
	ck_assert_msg(status == 0, "%s", message);
	struct profile_snapshot s = snapshot();
	ck_assert_uint_eq(s.live_bytes, 100);
	profile_snapshot_drop(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("profile");
	TCase *tc = plain_tcase(suite, "profile", 120);

	unit_begin("test_profile");
	tcase_add_test(tc, test_probability);
	tcase_add_test(tc, test_estimate);
	tcase_add_loop_test(tc, test_draw, 0, 6);
	tcase_add_test(tc, test_seed);
	tcase_add_test(tc, test_owners);
	tcase_add_test(tc, test_coverage);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_sites_bounded);
	tcase_add_test(tc, test_live_bounded);
	tcase_add_test(tc, test_no_memory);
	tcase_add_test(tc, test_frames);
	tcase_add_test(tc, test_sizes);
	tcase_add_test(tc, test_lifetimes);
	tcase_add_test(tc, test_twice);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_fork_window);
	tcase_add_test(tc, test_fork_child);
	return run_suite(suite);
}
