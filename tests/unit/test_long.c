/* SPDX-License-Identifier: MIT
 * tests/unit/test_long.c - blocks above HAKMEM_GIVEBACK: how much of them stays resident, which
 * begin with warm pages, and which come again (backends/again). */
#include "backends/again.h"

#include <sys/mman.h>

#include "tests/unit/big_unit.h"

/* How much of a long block stays resident when it is freed goes by what is in use, and free: a
 * third of it. What would be less than 1 MiB doesn't stay, or isn't given back. */
START_TEST(test_long_stays)
{
	static const struct {
		unsigned live, waits, freed, stays; /* MiB */
	} cases[] = {
		{36, 0, 8, 8},
		{36, 0, 24, 12},
		{36, 4, 24, 8},
		{18, 0, 7, 6},
		{20, 0, 7, 7},
		{1, 0, 24, 0},
		{24, 12, 8, 0},
		{0, 0, 24, 0},
	};
	size_t waits = cases[_i].waits * MIB, purged;
	char *p, *waiting = NULL;

	start(0);
	hak_config.giveback = 6 * MIB;
	if (cases[_i].live)
		take(cases[_i].live * MIB);
	if (waits)
		waiting = take(waits);
	p = take(cases[_i].freed * MIB);
	memset(p, 1, cases[_i].freed * MIB);
	/* As it would be freed for its fate, whatever its length. */
	if (waits)
		ck_assert(pages_free(pagemap_slab(waiting), false));
	purged = pages_totals().purged;
	give(p);
	ck_assert_uint_eq(pages_totals().resident, waits + cases[_i].stays * MIB);
	ck_assert_uint_eq(
		pages_totals().purged - purged, (cases[_i].freed - cases[_i].stays) * MIB);
	pages_audit();
	/* What was given back reads as zero, the rest is as it was. */
	ck_assert_uint_eq(bytes_check(p + cases[_i].stays * MIB, 0,
				  (cases[_i].freed - cases[_i].stays) * MIB),
		(cases[_i].freed - cases[_i].stays) * MIB);
	ck_assert_uint_eq(bytes_check(p, 1, cases[_i].stays * MIB), cases[_i].stays * MIB);
}
END_TEST

/* A heap that gets empty does not keep what stayed while it was full; but what shorter blocks and
 * slabs left, which may serve again. */
START_TEST(test_long_leaves)
{
	char *live, *waits, *another;

	start(0);
	hak_config.giveback = 6 * MIB;
	live = take(48 * MIB);
	waits = take(8 * MIB);
	take(PAGE_BYTES);
	another = take(7 * MIB);
	take(PAGE_BYTES);
	/* As two blocks that are freed one after the other are one run. */
	ck_assert(pages_free(pagemap_slab(another), false));
	if (_i == 0)
		give(waits);
	else
		ck_assert(pages_free(pagemap_slab(waits), false));
	ck_assert_uint_eq(pages_totals().resident, 15 * MIB);
	give(live);
	ck_assert_uint_eq(pages_totals().resident, _i == 0 ? 7 * MIB : 15 * MIB);
	pages_audit();
}
END_TEST

/* A long block begins with free pages that hold memory: with those before clean ones, or before the
 * heap's end, or with such as are moved there; or with none where zeroes are wanted, where they
 * cannot be moved, or are few. */
START_TEST(test_long_begins_warm)
{
	enum { COMPLETED, AT_THE_END, MOVED, ZEROED, REFUSED, SHORT } how = (unsigned)_i;
	size_t freed = how == SHORT ? MIB : 8 * MIB, size = 12 * MIB, warm;
	bool zeroed = how == ZEROED;
	char *p, *next;

	start(64);
	hak_config.giveback = 6 * MIB;
	if (how != AT_THE_END)
		give_as(take(80 * MIB), FATE_PURGED);
	take(32 * MIB);
	p = take(freed);
	pattern_fill(p, 1, 0, freed);
	if (how > AT_THE_END)
		take(2 * MIB);
	ck_assert(pages_free(pagemap_slab(p), false));
	os_fail_after(how == REFUSED ? 0 : -1, false);
	next = big_alloc(0, size, 1, &zeroed);
	os_fail_after(-1, false);
	warm = how <= MOVED ? freed : 0;
	ck_assert_int_eq(next == p, how < MOVED);
	ck_assert_int_eq(zeroed, how == ZEROED || how == SHORT);
	ck_assert_uint_eq(pages_totals().resident, freed - warm);
	ck_assert_uint_eq(pattern_check(next, 1, 0, warm), warm);
	ck_assert_uint_eq(bytes_check(next + warm, 0, size - warm), size - warm);
	pages_audit();
	if (how == MOVED) {
		zeroed = true;
		ck_assert_ptr_eq(big_alloc(0, freed, 1, &zeroed), p);
		ck_assert(zeroed);
		ck_assert_uint_eq(bytes_check(p, 0, freed), freed);
	}
}
END_TEST

/* The pages come from several runs, the longest first, that have waited in BigCache. */
START_TEST(test_long_gathers)
{
	size_t sizes[] = {3 * MIB, 5 * MIB, 9 * MIB};
	char *runs[3], *p;

	start(64);
	hak_config.giveback = 10 * MIB;
	take(64 * MIB);
	for (unsigned i = 0; i < 3; i++) {
		runs[i] = take(sizes[i]);
		memset(runs[i], (int)i + 1, sizes[i]);
		take(PAGE_BYTES);
	}
	for (unsigned i = 0; i < 3; i++)
		give(runs[i]);
	/* They were freed just now. */
	p = take(24 * MIB);
	ck_assert_uint_eq(big_totals().cached, 17 * MIB);
	ck_assert_uint_eq(bytes_check(p, 0, 24 * MIB), 24 * MIB);
	for (unsigned i = 0; i < 3; i++)
		pagemap_slab(runs[i])->since_ms -= 100;
	p = take(24 * MIB);
	ck_assert_uint_eq(big_totals().cached, 0);
	ck_assert_uint_eq(pages_totals().resident, 0);
	ck_assert_uint_eq(bytes_check(p, 3, 9 * MIB), 9 * MIB);
	ck_assert_uint_eq(bytes_check(p + 9 * MIB, 2, 5 * MIB), 5 * MIB);
	ck_assert_uint_eq(bytes_check(p + 14 * MIB, 1, 3 * MIB), 3 * MIB);
	ck_assert_uint_eq(bytes_check(p + 17 * MIB, 0, 7 * MIB), 7 * MIB);
	pages_audit();
}
END_TEST

/* --- blocks that come again ------------------------------------------------------------------ */

/* A block that comes again stays whole when it is freed; one that is to read as zero, if it was
 * written to; one that has been replaced by a longer one does not. What stayed goes, but for a
 * third of what is in use, when it was not needed for long enough. */
START_TEST(test_again_stays)
{
	enum { PLAIN, ZERO, SPARSE, GROWS } how = (unsigned)_i;
	size_t size = 24 * MIB, third = 3 * MIB, purged;
	bool zero = how == ZERO || how == SPARSE, zeroed = zero;
	char *p;

	start(0);
	hak_config.giveback = 6 * MIB;
	take(9 * MIB);
	p = take(size);
	memset(p, 1, size);
	give(p);
	ck_assert_uint_eq(pages_totals().resident, third);
	p = big_alloc(0, size, 1, &zeroed);
	ck_assert_int_eq(zeroed, zero);
	if (how != SPARSE) {
		/* Faults count pages, whatever the system has huge ones for. */
		madvise(p, size, MADV_NOHUGEPAGE);
		memset(p, 2, size);
	}
	if (how == GROWS)
		take(31 * MIB);
	purged = pages_totals().purged;
	give(p);
	pages_audit();
	if (how == SPARSE || how == GROWS) {
		ck_assert_uint_lt(pages_totals().resident, size);
		return;
	}
	ck_assert_uint_ge(pages_totals().resident, size);
	ck_assert_uint_eq(pages_totals().purged, purged);
	/* It is there again, and what is to be zero is not yet. */
	zeroed = zero;
	p = big_alloc(0, size, 1, &zeroed);
	ck_assert(!zeroed);
	ck_assert_uint_le(pages_totals().resident, third);
	give(p);
	uint32_t now_ms = os_now_ms();
	pages_age(now_ms, 1000, 1000, 0);
	ck_assert_uint_ge(pages_totals().resident, size);
	pages_age(now_ms + AGAIN_LEAST_MS, 1000, 1000, 0);
	ck_assert_uint_le(pages_totals().resident, 2 * third);
	pages_audit();
}
END_TEST

/* What is given back of another block leaves what is kept where it is. */
START_TEST(test_again_beside)
{
	char *other;

	start(0);
	hak_config.giveback = 6 * MIB;
	take(3 * MIB);
	other = take(30 * MIB);
	for (int i = 0; i < 2; i++)
		give(take(24 * MIB));
	ck_assert_uint_ge(pages_totals().resident, 24 * MIB);
	give(other);
	ck_assert_uint_ge(pages_totals().resident, 24 * MIB);
	ck_assert_uint_lt(pages_totals().resident, 54 * MIB);
	pages_audit();
}
END_TEST

#define NPAGES 100

/* A run of NPAGES pages comes again at `at`, after it was freed at 0. */
static struct again_run *
find(struct again *a, size_t npages, unsigned group, uint32_t at)
{
	*a = (struct again){0};
	ck_assert(!again_freed(a, 1, NPAGES, 0));
	return again_find(a, group, npages, at);
}

START_TEST(test_again_found)
{
	static const struct {
		size_t npages;
		unsigned group;
		uint32_t at;
		bool found;
	} cases[] = {
		{NPAGES, 1, 0, true},
		{NPAGES, 1, AGAIN_MS - 1, true},
		{NPAGES, 1, AGAIN_MS, false},
		{NPAGES, 0, 0, false},
		{NPAGES + 1, 1, 0, false},
		{NPAGES - NPAGES / 8, 1, 0, true},
		{NPAGES - NPAGES / 8 - 1, 1, 0, false},
	};
	struct again a;

	ck_assert_int_eq(
		find(&a, cases[_i].npages, cases[_i].group, cases[_i].at) != NULL, cases[_i].found);
	/* Once. */
	ck_assert_ptr_null(again_find(&a, cases[_i].group, cases[_i].npages, cases[_i].at));
}
END_TEST

/* It is kept for four times as long as it took, or the least time. */
START_TEST(test_again_overdue)
{
	static const uint32_t took[] = {0, AGAIN_LEAST_MS / 4, 100, AGAIN_MS - 1};
	uint32_t at = took[_i], wait = 4 * at > AGAIN_LEAST_MS ? 4 * at : AGAIN_LEAST_MS;
	struct again a;

	again_taken(find(&a, NPAGES, 1, at), NPAGES, 0, false);
	ck_assert(again_freed(&a, 1, NPAGES, at + 1));
	ck_assert_uint_eq(again_awaited(&a), NPAGES);
	ck_assert_int_eq(again_overdue(&a, at + wait), -1);
	/* Meanwhile it is found, however long that is. */
	struct again now = a;
	ck_assert_ptr_nonnull(again_find(&now, 1, NPAGES, at + wait));
	ck_assert_uint_eq(again_awaited(&now), 0);
	ck_assert_int_eq(again_overdue(&a, at + 1 + wait), 1);
	ck_assert_int_eq(again_overdue(&a, at + 1 + wait), -1);
	ck_assert_uint_eq(again_awaited(&a), 0);
	/* It may come yet. */
	ck_assert_int_eq(again_find(&a, 1, NPAGES, at + 1 + wait) != NULL, wait + 1 <= AGAIN_MS);
}
END_TEST

/* Several at a time, of one length and of others; of more than there is room for, the last. */
START_TEST(test_again_several)
{
	struct again a = {0};

	for (size_t i = 0; i <= AGAIN_RUNS; i++)
		again_freed(&a, 0, NPAGES * (1 + i / 2), (uint32_t)i);
	ck_assert_ptr_nonnull(again_find(&a, 0, NPAGES, 10));
	ck_assert_ptr_null(again_find(&a, 0, NPAGES, 10));
	for (size_t i = 2; i <= AGAIN_RUNS; i++)
		ck_assert_ptr_nonnull(again_find(&a, 0, NPAGES * (1 + i / 2), 10));
	ck_assert_ptr_null(again_find(&a, 0, NPAGES * 2, 10));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("long");
	TCase *tc = plain_tcase(suite, "long", 120);

	unit_begin("test_long");
	tcase_add_loop_test(tc, test_long_stays, 0, 8);
	tcase_add_loop_test(tc, test_long_leaves, 0, 2);
	tcase_add_loop_test(tc, test_long_begins_warm, 0, 6);
	tcase_add_test(tc, test_long_gathers);
	tcase_add_loop_test(tc, test_again_stays, 0, 4);
	tcase_add_test(tc, test_again_beside);
	tcase_add_loop_test(tc, test_again_found, 0, 7);
	tcase_add_loop_test(tc, test_again_overdue, 0, 4);
	tcase_add_test(tc, test_again_several);
	return run_suite(suite);
}
