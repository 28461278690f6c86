/* SPDX-License-Identifier: MIT
 * tests/unit/test_lifetime.c - arenas/lifetime and how arenas/profile feeds it: the bound, the
 * judgement with noise, drift and hysteresis, the table, and simulated sites of known lifetimes;
 * and arenas that keep the blocks apart. */
#include "arenas/lifetime.h"

#include <math.h>

#include "arenas/arena.h"
#include "arenas/profile.h"
#include "backends/backend.h"
#include "backends/os.h"
#include "backends/pagemap.h"
#include "tests/unit/unit.h"

#define BASE ((uintptr_t)0x7f0000000000)
#define SHORT ((uintptr_t)0x400100)
#define LONG ((uintptr_t)0x400200)
#define MIXED ((uintptr_t)0x400300)

/* Wilson's lower bound, as his formula has it. */
static double
wilson(double k, double n)
{
	double z = 1.96, share = k / n;

	return (share + z * z / (2 * n) - z * sqrt((share * (1 - share) + z * z / (4 * n)) / n)) /
	       (1 + z * z / n);
}

START_TEST(test_bound)
{
	const double shares[] = {LIFETIME_ENTER, LIFETIME_LEAVE, 0.1, 0.99};

	ck_assert_double_eq_tol(wilson(90, 100), 0.82563, 1e-4);
	for (size_t i = 0; i < LENGTH(shares); i++) {
		ck_assert(!lifetime_surely(0, 0, shares[i]));
		for (uint32_t n = 1; n <= LIFETIME_MOST; n++)
			for (uint32_t k = 0; k <= n; k++)
				REQUIRE_MSG(lifetime_surely(k, n, shares[i]) ==
						    (wilson(k, n) >= shares[i]),
					"%" PRIu32 " of %" PRIu32 ", %g", k, n, shares[i]);
	}
}
END_TEST

static void
note(struct lifetime_tally *t, uint64_t *rng, unsigned lasting_percent)
{
	lifetime_note(t, rng_below(rng, 100) < lasting_percent);
	lifetime_judge(t);
}

START_TEST(test_confidence)
{
	struct lifetime_tally t = {0};

	for (int i = 1; i <= 16; i++) {
		lifetime_note(&t, true);
		ck_assert(lifetime_judge(&t) == (i == 16));
	}
	ck_assert(t.lasting);
	/* However many come at once, they weigh by their share. */
	struct lifetime_tally many = {.ended = 60000, .lasted = 100000};
	ck_assert(!lifetime_judge(&many));
	ck_assert_uint_le(many.ended + many.lasted, LIFETIME_MOST);
	many = (struct lifetime_tally){.ended = 10000, .lasted = 100000};
	ck_assert(lifetime_judge(&many));
}
END_TEST

START_TEST(test_noise_and_drift)
{
	uint64_t rng = unit_rng(1);
	struct lifetime_tally t = {0}, mixed = {0};
	unsigned changes = 0;

	for (int i = 0; i < 2000; i++) {
		note(&t, &rng, 95);
		note(&mixed, &rng, 50);
		ck_assert(!mixed.lasting);
	}
	ck_assert(t.lasting);
	/* Between the two bounds it stays what it was. */
	for (int i = 0; i < 2000; i++) {
		note(&t, &rng, 75);
		ck_assert(t.lasting);
	}
	/* The site goes over to blocks that end soon, and is believed soon. */
	for (int i = 0; i < 256; i++)
		note(&t, &rng, 0);
	ck_assert(!t.lasting);
	for (int i = 0; i < 2000; i++) {
		bool was = t.lasting;
		note(&t, &rng, 70);
		changes += was != t.lasting;
	}
	ck_assert_uint_eq(changes, 0);
}
END_TEST

START_TEST(test_table)
{
	unsigned cls = sizeclass_of(64), other = sizeclass_of(96);

	lifetime_publish(LONG, cls, true);
	ck_assert(lifetime_splits(cls) && lifetime_lasts(LONG, cls));
	ck_assert(!lifetime_lasts(SHORT, cls) && !lifetime_lasts(LONG, other));
	ck_assert_uint_eq(lifetime_group(LONG, cls), LIFETIME_GROUP);
	ck_assert_uint_eq(lifetime_group(SHORT, cls), 0);
	/* Twice is once; another site's removal is none. */
	lifetime_publish(LONG, cls, true);
	lifetime_publish(SHORT, cls, false);
	ck_assert_uint_eq(RELAXED(hak_lifetime.sites[cls]), 1);
	lifetime_publish(LONG, cls, false);
	ck_assert(!lifetime_splits(cls) && !lifetime_lasts(LONG, cls));
	/* A rule's word is once, and stays. */
	lifetime_split(cls);
	lifetime_split(cls);
	ck_assert_uint_eq(RELAXED(hak_lifetime.sites[cls]), 1);
	lifetime_publish(LONG, cls, true);
	lifetime_publish(LONG, cls, false);
	ck_assert(lifetime_splits(cls) && !lifetime_lasts(LONG, cls));
	/* Larger classes have no slabs worth keeping apart. */
	lifetime_publish(LONG, CLASS_LARGE, true);
	ck_assert(!lifetime_splits(CLASS_LARGE));
}
END_TEST

static void
begin(bool acts)
{
	static bool begun;

	if (!begun)
		backend_init();
	begun = true;
	profile_restart(LIFETIME_SAMPLE);
	profile_learn(acts);
}

/* Samples of blocks of 64 bytes: SHORT's are freed at once, LONG's never, two of three of MIXED's
 * not. Large blocks between them are all of one site, whoever asks. */
static void
simulate(unsigned rounds)
{
	static uintptr_t at = BASE;

	for (unsigned i = 0; i < rounds; i++, at += 64) {
		void *p[] = {(void *)at, (void *)(at + 16), (void *)(at + 32), (void *)(at + 48)};
		const uintptr_t sites[] = {SHORT, LONG, MIXED};
		for (int k = 0; k < 3; k++)
			REQUIRE_MSG(profile_alloc(p[k], 64, sites[k], NULL, 0), "no room");
		if (i % 16 == 0) {
			REQUIRE_MSG(profile_alloc(p[3], MID_MAX + 1 + i, i, NULL, 0), "no room");
			profile_free(p[3]);
		}
		profile_free(p[0]);
		if (i % 3 == 0)
			profile_free(p[2]);
	}
}

START_TEST(test_learning)
{
	unsigned cls = sizeclass_of(64);
	struct profile_lifetime found;

	begin(true);
	simulate(4);
	ck_assert(!lifetime_splits(cls));
	simulate(996);
	ck_assert(lifetime_lasts(LONG, cls));
	ck_assert(!lifetime_lasts(SHORT, cls) && !lifetime_lasts(MIXED, cls));
	ck_assert(profile_lifetime(&found));
	ck_assert_uint_eq(found.sites, 3);
	ck_assert_uint_eq(found.lasting, 1);
	/* 1000 samples, each of which stands for about the mean distance. */
	ck_assert_double_eq_tol(
		(double)found.live_bytes[cls], 1000.0 * LIFETIME_SAMPLE, 10.0 * LIFETIME_SAMPLE);
	/* Half the live bytes, up to 1667 samples' worth, when last looked. */
	ck_assert_uint_ge(found.threshold, 500 * LIFETIME_SAMPLE);
	ck_assert_uint_le(found.threshold, 850 * LIFETIME_SAMPLE);
	/* What a site has left behind is no evidence for what it does. */
	for (int i = 0; i < 20; i++) {
		simulate(1000);
		ck_assert(lifetime_lasts(LONG, cls));
		ck_assert(!lifetime_lasts(SHORT, cls) && !lifetime_lasts(MIXED, cls));
	}
	profile_audit();
	lifetime_publish(LONG, cls, false);
}
END_TEST

/* A site that has left much, whose blocks now end, is no longer lasting. */
START_TEST(test_change)
{
	unsigned cls = sizeclass_of(64);

	begin(true);
	simulate(2000);
	ck_assert(lifetime_lasts(LONG, cls));
	for (uintptr_t i = 0; i < 20000; i++) {
		void *p = (void *)(BASE - 64 * (i + 1));
		REQUIRE_MSG(profile_alloc(p, 64, LONG, NULL, 0), "no room");
		profile_free(p);
	}
	ck_assert(!lifetime_splits(cls));
	profile_audit();
}
END_TEST

START_TEST(test_dry)
{
	struct profile_lifetime found;

	begin(false);
	simulate(1000);
	ck_assert(!lifetime_splits(sizeclass_of(64)));
	ck_assert(profile_lifetime(&found));
	ck_assert_uint_eq(found.lasting, 1);
}
END_TEST

static unsigned named;

/* MIXED has no name, and EARLY's cannot be told at first. */
#define EARLY ((uintptr_t)0x400400)

static uint64_t
name_of(uintptr_t site)
{
	named++;
	if (site == EARLY && named < 3)
		return 0;
	return site == MIXED ? LIFETIME_NAMELESS : site * 7;
}

static void
sample(uintptr_t i, uintptr_t site, size_t size)
{
	REQUIRE_MSG(profile_alloc((void *)(BASE + 64 * i), size, site, NULL, 0), "no room");
}

/* What was found before is so from the first sample on, and is given up where it no longer holds.
 * What is kept is what lasts, and what has not been met. */
START_TEST(test_known)
{
	unsigned cls = sizeclass_of(64), other = sizeclass_of(96);
	struct lifetime_site kept[8];
	unsigned n;

	begin(true);
	profile_name_sites(name_of);
	ck_assert(lifetime_know(LONG * 7, cls) && lifetime_know(EARLY * 7, other));
	ck_assert(lifetime_know(SHORT * 7, other) && lifetime_know(LIFETIME_NAMELESS, cls));
	sample(1, LONG, 64);
	ck_assert(lifetime_lasts(LONG, cls));
	ck_assert_uint_eq(named, 1);
	sample(2, LONG, 96);
	ck_assert(!lifetime_lasts(LONG, other));
	named = 0;
	for (uintptr_t i = 0; i < 4; i++) {
		sample(3 + i, EARLY, 96);
		ck_assert(lifetime_lasts(EARLY, other) == (i >= 2));
	}
	ck_assert_uint_eq(named, 3);
	sample(9, MIXED, 64);
	sample(10, MIXED, 64);
	ck_assert_uint_eq(named, 4);
	ck_assert(profile_lasting(kept, LENGTH(kept), &n));
	ck_assert_uint_eq(n, 3);
	ck_assert(kept[0].id == LONG * 7 && kept[0].cls == cls);
	ck_assert(kept[1].id == EARLY * 7 && kept[1].cls == other);
	ck_assert(kept[2].id == SHORT * 7 && kept[2].cls == other && !kept[2].met);
	ck_assert(profile_lasting(kept, 1, &n));
	ck_assert_uint_eq(n, 1);
	for (uintptr_t i = 0; i < 1000; i++) {
		sample(100 + i, LONG, 64);
		profile_free((void *)(BASE + 64 * (100 + i)));
	}
	ck_assert(!lifetime_lasts(LONG, cls));
	ck_assert(profile_lasting(kept, LENGTH(kept), &n));
	ck_assert_uint_eq(n, 2);
	profile_audit();
}
END_TEST

/* Allocates n blocks of the size and frees each at once. Returns how many were sampled. */
static unsigned
draw(unsigned n, size_t size, uint64_t *rng)
{
	uint64_t left = profile_draw(rng);
	unsigned samples = 0;

	for (unsigned i = 0; i < n; i++) {
		if (left > profile_step(size)) {
			left -= profile_step(size);
			continue;
		}
		left = profile_draw(rng);
		sample(0, LONG, size);
		profile_free((void *)BASE);
		samples++;
	}
	return samples;
}

/* Blocks that are too large to be placed are sampled more rarely, and the clock runs on as fast. */
START_TEST(test_large)
{
	const size_t sizes[] = {MID_MAX, 65536, 300000};
	const double means[] = {LIFETIME_SAMPLE, LIFETIME_SAMPLE * LIFETIME_COARSE,
		LIFETIME_SAMPLE * LIFETIME_COARSE};
	const unsigned n = 100000;
	uint64_t rng = unit_rng(1);

	CONFIG_SET(placement, PLACEMENT_LIFETIME);
	for (unsigned i = 0; i < LENGTH(sizes); i++) {
		double p = 1 - exp(-(double)sizes[i] / means[i]);
		double spread = 6 * sqrt(n * p * (1 - p));
		struct profile_snapshot s;

		begin(false);
		double samples = draw(n, sizes[i], &rng);
		ck_assert_msg(fabs(samples - n * p) <= spread,
			"%.0f samples of blocks of %zu bytes", samples, sizes[i]);
		ck_assert_int_eq(profile_snapshot_take(&s), 0);
		ck_assert_msg(fabs((double)s.allocated_bytes - (double)n * (double)sizes[i]) <=
				      spread / p * (double)sizes[i],
			"%" PRIu64 " bytes in blocks of %zu", s.allocated_bytes, sizes[i]);
		profile_snapshot_drop(&s);
		profile_audit();
	}
}
END_TEST

/* --- arenas ----------------------------------------------------------------------------------- */

#define TAKEN 500

static void
start(void)
{
	backend_init();
	arena_init();
	arena_split();
}

/* Takes so many blocks of the class from the group. */
static void
take(unsigned group, unsigned cls, void **blocks)
{
	for (int n = 0; n < TAKEN;) {
		struct magazine m = arena_refill_in(group, cls, LONG, 16, 16);
		ck_assert_ptr_nonnull(m.head);
		for (void *p = m.head, *next; p; p = next) {
			next = *(void **)p;
			if (n == TAKEN) {
				arena_give(p);
				continue;
			}
			memset(p, (int)group, sizeclass_size(cls));
			blocks[n++] = p;
		}
	}
}

START_TEST(test_arenas)
{
	const unsigned classes[] = {
		sizeclass_of(64), sizeclass_of(1024), sizeclass_of(5000), sizeclass_of(MID_MAX)};
	static void *blocks[2][TAKEN];

	start();
	for (size_t i = 0; i < LENGTH(classes); i++) {
		unsigned cls = classes[i];
		take(0, cls, blocks[0]);
		take(LIFETIME_GROUP, cls, blocks[1]);
		for (int k = 0; k < TAKEN; k++) {
			REQUIRE_EQ(backend_bin(blocks[0][k]), cls * BIN_BYTES);
			REQUIRE_EQ(backend_bin(blocks[1][k]), 0);
			REQUIRE_EQ(backend_usable(blocks[1][k]), sizeclass_size(cls));
			REQUIRE_MSG(!pagemap_slab(blocks[0][k])->apart, "apart");
			REQUIRE_MSG(pagemap_slab(blocks[1][k])->apart, "not apart");
		}
		struct backend_class c = arena_class(LIFETIME_GROUP, cls);
		ck_assert_uint_eq(c.blocks, TAKEN);
		ck_assert_uint_eq(c.slabs, (TAKEN + c.slab_blocks - 1) / c.slab_blocks);
		arena_audit();
		for (int k = 0; k < TAKEN; k++) {
			arena_give(blocks[0][k]);
			arena_give(blocks[1][k]);
		}
		ck_assert_uint_eq(arena_class(LIFETIME_GROUP, cls).slabs, 0);
		arena_audit();
	}
	ck_assert_uint_eq(arena_totals().handed_out, 0);
}
END_TEST

/* Pages are anybody's once their slab has died. */
START_TEST(test_pages)
{
	static void *blocks[TAKEN];
	unsigned cls = sizeclass_of(1024);
	size_t committed = 0;

	start();
	for (unsigned i = 0; i < 6; i++) {
		take(i % 2 ? LIFETIME_GROUP : 0, cls, blocks);
		committed = i == 0 ? pagemap_committed() : committed;
		for (int k = 0; k < TAKEN; k++)
			arena_give(blocks[k]);
	}
	ck_assert_uint_eq(pagemap_committed(), committed);
	arena_age(os_now_ms() + 1, 0);
	arena_audit();
}
END_TEST

static void
free_twice(void *arg)
{
	struct magazine m = arena_refill_in(LIFETIME_GROUP, *(unsigned *)arg, LONG, 4, 4);

	arena_give(m.head);
	arena_give(m.head);
}

START_TEST(test_twice)
{
	unsigned classes[] = {sizeclass_of(64), sizeclass_of(5000)};

	start();
	expect_abort(free_twice, &classes[_i], "double free");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lifetime");
	TCase *tc = plain_tcase(suite, "lifetime", 120);

	unit_begin("test_lifetime");
	tcase_add_test(tc, test_bound);
	tcase_add_test(tc, test_confidence);
	tcase_add_test(tc, test_noise_and_drift);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_learning);
	tcase_add_test(tc, test_change);
	tcase_add_test(tc, test_dry);
	tcase_add_test(tc, test_known);
	tcase_add_test(tc, test_large);
	tcase_add_test(tc, test_arenas);
	tcase_add_test(tc, test_pages);
	tcase_add_loop_test(tc, test_twice, 0, 2);
	return run_suite(suite);
}
