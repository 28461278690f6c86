/* SPDX-License-Identifier: MIT
 * tests/unit/test_tune.c - arenas/tune: which slow paths are timed, and for how many each counts.
 */
#include "arenas/tune.h"

#include "backends/os.h"
#include "tests/unit/unit.h"

enum {
	PATHS = 64000,
	/* So many of those that are timed may be so since the system made the one before long. */
	FEW = 100,
	ATTEMPTS = 20,
	LONG_PATHS = 1000,
	LONG_NS = 100000,
};

static void
spend(uint64_t ns)
{
	uint64_t from = os_thread_ns();

	while (os_thread_ns() - from < ns)
		;
}

struct timed {
	unsigned count;  /* of paths that were timed */
	uint64_t weight; /* how many they count for */
};

/* Of n paths, that take so long at least. */
static struct timed
timed(enum tune_path path, unsigned n, uint64_t ns)
{
	struct timed t = {0, 0};

	for (unsigned i = 0; i < n; i++) {
		struct tune_clock clock = tune_clock_start(path);
		if (ns > 0)
			spend(ns);
		tune_clock_stop(clock);
		t.count += clock.weight != 0;
		t.weight += tune_clock_weight(clock);
	}
	return t;
}

/* Of PATHS that take next to no time, one in TUNE_SAMPLE is timed, within five standard deviations.
 * What the system does meanwhile may make one long, and then the next is timed for itself; on a
 * busy machine that is often, so there are some attempts. */
static void
check_sampled(enum tune_path path)
{
	struct timed t;
	unsigned attempts = 0;

	do
		t = timed(path, PATHS, 0);
	while (t.weight < (t.count - FEW) * TUNE_SAMPLE && ++attempts < ATTEMPTS);
	ck_assert_uint_ge(t.weight, (t.count - FEW) * TUNE_SAMPLE);
	ck_assert_msg(t.count > 840 && t.count < 1160, "%u of %u are timed", t.count, PATHS);
	ck_assert_uint_le(t.weight, t.count * TUNE_SAMPLE);
}

START_TEST(test_off)
{
	RELAXED_SET(hak_tune_on, false);
	ck_assert_uint_eq(timed(TUNE_LONG, 1000, 0).count, 0);
}
END_TEST

START_TEST(test_short)
{
	check_sampled(TUNE_SHORT);
}
END_TEST

START_TEST(test_long)
{
	struct timed t = timed(TUNE_LONG, 1000, 0);

	ck_assert_uint_eq(t.count, 1000);
	ck_assert_uint_eq(t.weight, 1000);
}
END_TEST

/* Cached ones are as short as others, and to time each would take longer than they do. */
START_TEST(test_big)
{
	struct timed t;

	check_sampled(TUNE_BIG);
	/* The first that is timed is found to be long, and all after it are. */
	t = timed(TUNE_BIG, LONG_PATHS, LONG_NS);
	ck_assert_msg(t.count > 1 && t.weight == t.count - 1 + TUNE_SAMPLE,
		"%u of %u long ones are timed and count for %u", t.count, LONG_PATHS,
		(unsigned)t.weight);
	/* Whatever others do. */
	timed(TUNE_SHORT, PATHS, 0);
	ck_assert_uint_eq(timed(TUNE_BIG, LONG_PATHS, LONG_NS).weight, LONG_PATHS);
	/* A short one after the long ones is timed, too, and is the last. */
	ck_assert_uint_eq(timed(TUNE_BIG, 1, 0).weight, 1);
	check_sampled(TUNE_BIG);
}
END_TEST

static void
turn_on(void)
{
	RELAXED_SET(hak_tune_on, true);
}

int
main(void)
{
	Suite *suite = suite_create("tune");
	TCase *tc = plain_tcase(suite, "clock", 60);

	unit_begin("test_tune");
	tcase_add_checked_fixture(tc, turn_on, NULL);
	tcase_add_test(tc, test_off);
	tcase_add_test(tc, test_short);
	tcase_add_test(tc, test_long);
	tcase_add_test(tc, test_big);
	return run_suite(suite);
}
