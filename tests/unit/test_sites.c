/* SPDX-License-Identifier: MIT
 * tests/unit/test_sites.c - the table of call sites: counts, entropy against known distributions,
 * the hottest, overflow, and several threads. */
#include "arenas/sites.h"

#include <math.h>

#include "backends/backend.h"
#include "base/config.h"
#include "tests/unit/unit.h"

static void
start(void)
{
	hak_config.stats = STATS_TEXT;
	backend_init();
	sites_init();
}

static void
count_times(uintptr_t site, uint64_t n)
{
	while (n-- > 0)
		sites_count(site);
}

static struct sites_summary
summary(void)
{
	struct sites_summary s;

	sites_summary(&s);
	return s;
}

/* Without statistics nothing is counted. */
START_TEST(test_off)
{
	backend_init();
	sites_init();
	count_times(5, 100);
	sites_describe(5, 6, 7);
	ck_assert_uint_eq(summary().events, 0);
	ck_assert_uint_eq(summary().seen, 0);
	ck_assert_uint_eq(summary().nhottest, 0);
}
END_TEST

START_TEST(test_uniform)
{
	static const unsigned sites[] = {1, 2, 3, 7, 64, 1000};
	unsigned n = sites[_i];

	start();
	for (unsigned i = 0; i < n; i++)
		count_times(0x400000 + 5 * i, 12);
	ck_assert_uint_eq(summary().seen, n);
	ck_assert_uint_eq(summary().events, 12 * n);
	ck_assert_uint_eq(summary().overflow, 0);
	ck_assert_double_eq_tol(summary().entropy, log2(n), 1e-9);
	ck_assert_uint_eq(summary().nhottest, n < SITES_HOTTEST ? n : SITES_HOTTEST);
}
END_TEST

/* Halves: entropy 2 - 2^(1 - n) bits, with the last two alike. */
START_TEST(test_geometric)
{
	struct sites_summary s;
	double expected = 0;
	unsigned n = 16;

	start();
	for (unsigned i = 0; i < n; i++) {
		uint64_t events = (uint64_t)1 << (n - 1 - i);
		count_times(100 + i, events);
		expected += (double)events / ((1 << n) - 1) * log2(((1 << n) - 1) / (double)events);
	}
	s = summary();
	ck_assert_double_eq_tol(s.entropy, expected, 1e-9);
	ck_assert_uint_eq(s.nhottest, SITES_HOTTEST);
	for (unsigned i = 0; i < SITES_HOTTEST; i++) {
		ck_assert_uint_eq(s.hottest[i].site, 100 + i);
		ck_assert_uint_eq(s.hottest[i].address, 100 + i);
		ck_assert_uint_eq(s.hottest[i].caller, 0);
		ck_assert_uint_eq(s.hottest[i].events, (uint64_t)1 << (n - 1 - i));
	}
}
END_TEST

/* A site of 0 is one like any other, and a hashed one knows its addresses. */
START_TEST(test_describe)
{
	start();
	count_times(0, 3);
	sites_describe(77, 0x1000, 0x2000);
	count_times(77, 5);
	ck_assert_uint_eq(summary().seen, 2);
	ck_assert_uint_eq(summary().events, 8);
	ck_assert_uint_eq(summary().hottest[0].site, 77);
	ck_assert_uint_eq(summary().hottest[0].address, 0x1000);
	ck_assert_uint_eq(summary().hottest[0].caller, 0x2000);
}
END_TEST

/* More sites than there is room for: the rest is counted together, and nothing is lost. */
START_TEST(test_overflow)
{
	uint64_t rng = unit_rng(2), sum = 0;
	struct sites_summary s;

	start();
	for (unsigned i = 0; i < 3 * SITES_SLOTS; i++) {
		uint64_t n = 1 + rng_below(&rng, 3);
		count_times((uintptr_t)rng_next(&rng), n);
		sum += n;
	}
	s = summary();
	ck_assert_uint_eq(s.events, sum);
	ck_assert_uint_gt(s.overflow, 0);
	ck_assert_uint_le(s.seen, SITES_SLOTS);
	ck_assert_uint_gt(s.seen, SITES_SLOTS / 2);
	/* As one site it can only lower the entropy. */
	ck_assert_double_lt(s.entropy, log2(3 * SITES_SLOTS));
	ck_assert_double_gt(s.entropy, 0);
}
END_TEST

#define EVENTS (20000 / UNIT_SLOW)

static void *
count_many(void *arg)
{
	uint64_t rng = *(uint64_t *)arg;

	for (int i = 0; i < EVENTS; i++)
		sites_count(1 + rng_below(&rng, 6000));
	return NULL;
}

START_TEST(test_threads)
{
	uint64_t seeds[4];

	start();
	for (unsigned i = 0; i < LENGTH(seeds); i++)
		seeds[i] = unit_rng(10 + i);
	run_threads(LENGTH(seeds), count_many, seeds, sizeof(seeds[0]));
	ck_assert_uint_eq(summary().events, LENGTH(seeds) * EVENTS);
	ck_assert_uint_le(summary().seen, SITES_SLOTS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sites");
	TCase *tc = plain_tcase(suite, "sites", 60);

	unit_begin("test_sites");
	tcase_add_test(tc, test_off);
	tcase_add_loop_test(tc, test_uniform, 0, 6);
	tcase_add_test(tc, test_geometric);
	tcase_add_test(tc, test_describe);
	tcase_add_test(tc, test_overflow);
	tcase_add_test(tc, test_threads);
	return run_suite(suite);
}
