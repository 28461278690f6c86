/* SPDX-License-Identifier: MIT
 * tests/unit/test_bins.c - the budget of a thread's bins (frontends/tls_bins.h): what is granted is
 * not charged, and what idle bins have grown by comes back; what a thread frees of others' blocks
 * takes half of it at most; a phase of frees, whose blocks go back to their slabs; and how
 * magazines are halved. */
#include "arenas/arena.h"
#include "backends/os.h"
#include "backends/sizeclass.h"
#include "base/config.h"
#include "frontends/frontend.h"
#include "frontends/magazine.h"
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

/* A batch of blocks of all sizes of L2 stays in the cache: L2 counts for a part of its
 * bytes.
 */
START_TEST(test_batch)
{
	enum { BATCH = 150 };
	void *blocks[BATCH];
	size_t before = 0;

	for (int round = 0; round < 2 * ROUNDS; round++) {
		if (round == ROUNDS)
			before = slow_calls();
		for (unsigned i = 0; i < BATCH; i++) {
			unsigned cls = CLASS_MID + i % MID_CLASSES;
			blocks[i] = hak_malloc(sizeclass_size(cls));
			REQUIRE_MSG(blocks[i], "no memory");
		}
		for (int i = 0; i < BATCH; i++)
			hak_free(blocks[i]);
	}
	ck_assert_uint_lt(slow_calls() - before, ROUNDS * 2 * BATCH / 100);
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

enum { FOREIGN = 4000, FOREIGN_SIZES = 32, FOREIGN_STEP = 32, FOREIGN_LAST = 1024 };

static void *foreign[FOREIGN_SIZES][FOREIGN];

/* Allocates the foreign blocks. */
static void *
produce(void *unused)
{
	for (int i = 0; i < FOREIGN; i++)
		for (int size = 0; size < FOREIGN_SIZES; size++) {
			void **place = &foreign[size][i];
			*place = hak_malloc((size_t)(size + 1) * FOREIGN_STEP);
			REQUIRE_MSG(*place, "no memory");
		}
	return unused;
}

static void
consume(void)
{
	run_threads(1, produce, NULL, 0);
	for (int i = 0; i < FOREIGN; i++)
		for (int size = 0; size < FOREIGN_SIZES; size++)
			hak_free(foreign[size][i]);
}

/* A thread that only frees keeps one magazine of each class, within half of the budget; one that
 * allocates too has two. */
START_TEST(test_unwanted)
{
	struct frontend_totals t;

	hak_free(hak_malloc(1));
	consume();
	frontend_totals(&t);
	ck_assert_uint_gt(t.cached_bytes, 0);
	/* Half of it is for two magazines of each. */
	ck_assert_uint_le(t.cached_bytes, (size_t)hak_tls.own->share / 4);
	ck_assert_int_ge(RELAXED(hak_tls.own->budget), hak_tls.own->share / 2 - (64 << 10));
	for (int size = 0; size < FOREIGN_SIZES; size++) {
		unsigned cls = sizeclass_of((size_t)(size + 1) * FOREIGN_STEP);
		REQUIRE_MSG(!hak_tls.own->spares[cls].head, "class %u has a spare", cls);
		REQUIRE_MSG(hak_tls.own->bins[cls].head, "class %u has nothing", cls);
	}
	frontend_audit();
	for (int i = 0; i < ROUNDS; i++)
		fill_and_free(FOREIGN_LAST);
	ck_assert_ptr_nonnull(hak_tls.own->spares[sizeclass_of(FOREIGN_LAST)].head);
	frontend_audit();
}
END_TEST

/* What is freed in random order is in slabs, and not in magazines that wait. */
START_TEST(test_scattered)
{
	enum { N = 1 << 18, STRIDE = 99991 };
	static void *blocks[N];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			blocks[i] = hak_malloc(64);
			REQUIRE_MSG(blocks[i], "no memory");
		}
		for (size_t i = 0; i < N; i++)
			hak_free(blocks[i * STRIDE % N]);
		frontend_audit();
		arena_audit();
		ck_assert_uint_lt(arena_totals().depot_bytes, (size_t)1 << 20);
	}
}
END_TEST

/* A list of n blocks, the first of which is blocks[0]. */
static struct magazine
magazine_of(void **blocks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		blocks[i] = hak_malloc(200);
		REQUIRE_MSG(blocks[i], "no memory");
	}
	for (uint32_t i = 0; i < n; i++)
		link_set(blocks[i], i + 1 < n ? blocks[i + 1] : NULL);
	return (struct magazine){blocks[0], n};
}

static uint32_t
length(const void *p)
{
	uint32_t n = 0;

	for (; p; p = link_get(p))
		n++;
	return n;
}

/* Both halves are lists of the lengths that they tell. One that the program has written into, as it
 * must not, stays whole, for whoever pops that block to find out. */
START_TEST(test_halves)
{
	enum { MOST = 9 };
	void *blocks[MOST];
	int outside;

	for (uint32_t n = 2; n <= MOST; n++) {
		struct magazine m = magazine_of(blocks, n);
		struct magazine rest = magazine_halve(&m);
		ck_assert_ptr_eq(m.head, blocks[0]);
		ck_assert_ptr_eq(rest.head, blocks[n / 2]);
		ck_assert_uint_eq(length(m.head), m.count);
		ck_assert_uint_eq(length(rest.head), rest.count);
		ck_assert_uint_eq(m.count + rest.count, n);
		for (uint32_t broken = 0; broken < n / 2; broken++) {
			for (uint32_t i = 0; i < n; i++)
				hak_free(blocks[i]);
			m = magazine_of(blocks, n);
			link_set(blocks[broken], broken % 2 ? (void *)&outside : NULL);
			ck_assert_ptr_null(magazine_halve(&m).head);
			ck_assert_ptr_eq(m.head, blocks[0]);
			ck_assert_uint_eq(m.count, n);
		}
		for (uint32_t i = 0; i < n; i++)
			hak_free(blocks[i]);
	}
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
	tcase_add_test(tc, test_batch);
	tcase_add_test(tc, test_returned);
	tcase_add_test(tc, test_unwanted);
	tcase_add_test(tc, test_scattered);
	tcase_add_test(tc, test_halves);
	return run_suite(suite);
}
