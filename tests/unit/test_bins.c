/* SPDX-License-Identifier: MIT
 * tests/unit/test_bins.c - the budget of a thread's bins (frontends/tls_bins.h): what is granted is
 * not charged, and what idle bins have grown by comes back. */
#include "backends/os.h"
#include "backends/sizeclass.h"
#include "base/config.h"
#include "frontends/frontend.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 50, BLOCKS = 300, HOT = 1152 };

static size_t
slow_calls(void)
{
	struct frontend_totals t;

	frontend_totals(&t);
	return t.slow_allocs + t.slow_frees;
}

static void
fill_and_free(size_t size)
{
	static void *blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = hak_malloc(size);
		REQUIRE_MSG(blocks[i], "no memory");
	}
	for (int i = 0; i < BLOCKS; i++)
		hak_free(blocks[i]);
}

/* Two blocks of each class, so many times. */
static void
touch_classes(int times)
{
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
		for (int i = 0; i < times; i++) {
			void *p = hak_malloc(sizeclass_size(cls)),
			     *q = hak_malloc(sizeclass_size(cls));
			REQUIRE_MSG(p && q, "no memory");
			hak_free(p);
			hak_free(q);
		}
}

/* A thread that has passed through all sizes once can still have a size that it lives in. */
START_TEST(test_starved)
{
	size_t before;

	touch_classes(1);
	for (int i = 0; i < ROUNDS; i++)
		fill_and_free(HOT);
	before = slow_calls();
	for (int i = 0; i < ROUNDS; i++)
		fill_and_free(HOT);
	/* A magazine has 28 of them. */
	ck_assert_uint_lt((slow_calls() - before) / ROUNDS, 2 * BLOCKS / 10);
}
END_TEST

/* Many sizes that a thread uses in turn come to equal shares, whichever was first. */
START_TEST(test_shares)
{
	size_t before;

	for (int i = 0; i < 2 * ROUNDS; i++) {
		before = slow_calls();
		for (size_t size = 16; size <= 1024; size += 16)
			fill_and_free(size);
	}
	/* Of the last round: each call would be one. */
	ck_assert_uint_lt(slow_calls() - before, 64 * 2 * BLOCKS / 6);
	for (unsigned cls = CLASS_TINY; cls < CLASS_MID; cls++)
		REQUIRE_MSG(RELAXED(hak_tls.own->bins[cls].capacity) >= 4, "class %u has %u", cls,
			RELAXED(hak_tls.own->bins[cls].capacity));
	frontend_audit();
}
END_TEST

/* Large bins that are idle, empty or not, give their share back. */
START_TEST(test_returned)
{
	int64_t full, left;
	struct timespec start, now;

	/* The process's first thread has all. */
	hak_free(hak_malloc(1));
	full = RELAXED(hak_tls.own->budget);
	touch_classes(40);
	void *kept = hak_malloc(200000);
	hak_free(hak_malloc(200000));
	left = RELAXED(hak_tls.own->budget);
	ck_assert_int_lt(left, full / 2);
	/* Until it has run for long enough to be looked at twice, on slow paths. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do {
		fill_and_free(64);
		frontend_flush();
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while (
		(now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 500);
	ck_assert_int_gt(RELAXED(hak_tls.own->budget), full - full / 8);
	hak_free(kept);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bins");
	TCase *tc = audited_tcase(suite, "bins", 120);

	unit_begin("test_bins");
	tcase_add_test(tc, test_starved);
	tcase_add_test(tc, test_shares);
	tcase_add_test(tc, test_returned);
	return run_suite(suite);
}
