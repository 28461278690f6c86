/* SPDX-License-Identifier: MIT
 * tests/test_api_realloc.c - realloc and reallocarray in all directions, contents checked. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api_suite.h"
#include "pattern.h"

#define EDGE ((size_t)4096)

/* Checks that the pattern's bytes [from, upto) survived a realloc between the two sizes. */
static void
check_kept(void *p, uint64_t id, size_t from, size_t upto, size_t old, size_t size)
{
	size_t bad = pattern_check(p, id, from, upto);

	ck_assert_msg(bad == upto, "realloc from %zu to %zu lost the word at %zu", old, size, bad);
}

/* Resizes, and checks what is kept: all of it, or, where the caller grows a large block in many
 * small steps and checks all at the end, the first and last page. */
static void *
realloc_and_check(void *p, size_t old, size_t size, uint64_t id, bool edges_only)
{
	size_t kept = old < size ? old : size;
	void *q = hak_realloc(p, size);

	ck_assert_msg(q != NULL, "realloc from %zu to %zu failed", old, size);
	ck_assert_msg((uintptr_t)q % (size >= 16 ? 16 : 8) == 0, "realloc to %zu gave %p", size, q);
	ck_assert_uint_ge(hak_malloc_usable_size(q), size);
	if (edges_only && kept > 2 * EDGE) {
		check_kept(q, id, 0, EDGE, old, size);
		check_kept(q, id, (kept - EDGE) & ~(size_t)7, kept, old, size);
	} else {
		check_kept(q, id, 0, kept, old, size);
	}
	return q;
}

static void *
checked_realloc(void *p, size_t old, size_t size, uint64_t id)
{
	return realloc_and_check(p, old, size, id, false);
}

/* Between every two tiers and sizes next to their boundaries. The neighbours stay intact. */
START_TEST(test_realloc_every_pair)
{
	size_t from = api_tier_sizes[_i];

	for (size_t i = 0; i < api_tier_size_count; i++) {
		size_t to = api_tier_sizes[i];
		char *p = hak_malloc(from), *neighbour = hak_malloc(from);

		pattern_fill(p, 1, 0, from);
		pattern_fill(neighbour, 2, 0, from);
		p = checked_realloc(p, from, to, 1);
		pattern_fill(p, 3, 0, hak_malloc_usable_size(p));
		ck_assert_uint_eq(pattern_check(neighbour, 2, 0, from), from);
		p = checked_realloc(p, to, from, 3);
		hak_free(p);
		hak_free(neighbour);
	}
}
END_TEST

START_TEST(test_realloc_grow_and_shrink)
{
	size_t size = 1, next;
	char *p = hak_malloc(size);

	pattern_fill(p, 9, 0, size);
	for (; size < 64 * MIB; size = next) {
		next = size + size / 2 + 1;
		p = checked_realloc(p, size, next, 9);
		pattern_fill(p, 9, size & ~(size_t)7, next);
	}
	for (; size > 1; size = next) {
		next = size / 3 + 1 < size ? size / 3 + 1 : 1;
		p = checked_realloc(p, size, next, 9);
	}
	hak_free(p);
}
END_TEST

/* A buffer that grows by a constant, as naive programs do. */
START_TEST(test_realloc_grow_by_constant)
{
	static const size_t steps[] = {1, 13, 4096, 100000};
	size_t step = steps[_i];
	char *p = NULL;

	for (size_t size = 0; size < 1000 * step; size += step) {
		p = realloc_and_check(p, size, size + step, 4, true);
		pattern_fill(p, 4, size & ~(size_t)7, size + step);
	}
	ck_assert_uint_eq(pattern_check(p, 4, 0, 1000 * step), 1000 * step);
	hak_free(p);
}
END_TEST

/* A block that grows by little is moved to one with room to go on; one that doubles is not. */
START_TEST(test_realloc_spare)
{
	static const struct {
		size_t from, step, to, moves;
	} grown[] = {{16, 16, 1024, 24}, {100, 100, 3000, 14}, {1024, 512, 32768, 24}};
	size_t moves = 0, size = grown[_i].from;
	char *p = hak_malloc(size);

	pattern_fill(p, 4, 0, size);
	for (size_t usable = hak_malloc_usable_size(p); size < grown[_i].to;) {
		p = checked_realloc(p, size, size + grown[_i].step, 4);
		size += grown[_i].step;
		pattern_fill(p, 4, (size - grown[_i].step) & ~(size_t)7, size);
		moves += hak_malloc_usable_size(p) != usable;
		usable = hak_malloc_usable_size(p);
		ck_assert_uint_le(usable, size + size / 2);
	}
	ck_assert_msg(moves <= grown[_i].moves, "%zu moves from %zu to %zu by %zu", moves,
		grown[_i].from, grown[_i].to, grown[_i].step);
	hak_free(p);
	p = hak_realloc(hak_malloc(512), 1024);
	char *fresh = hak_malloc(1024);
	ck_assert_uint_eq(hak_malloc_usable_size(p), hak_malloc_usable_size(fresh));
	hak_free(p);
	hak_free(fresh);
}
END_TEST

/* Alone, a block of L2.5 mostly grows where it is, and into a Big one; caches get it as what it is.
 */
START_TEST(test_realloc_grow_in_place)
{
	size_t live = stats_now().live_bytes, size = 65536, moves = 0;
	char *p = hak_malloc(size);

	pattern_fill(p, 7, 0, size);
	for (size_t next; size < 3 * MIB; size = next) {
		next = size + size / 8 + 1;
		char *before = p;
		p = checked_realloc(p, size, next, 7);
		pattern_fill(p, 7, size & ~(size_t)7, next);
		moves += p != before;
		ck_assert_uint_ge(stats_now().live_bytes, live + next);
		if (next > MIB)
			continue;
		/* Freed and taken again in its new size. */
		hak_free(p);
		p = hak_malloc(next);
		pattern_fill(p, 7, 0, next);
	}
	ck_assert_uint_le(moves, 20);
	p = checked_realloc(p, size, 65536, 7);
	hak_free(p);
	ck_assert_uint_eq(stats_now().live_bytes, live);
}
END_TEST

/* Large blocks that grow side by side cannot all stay in place. */
START_TEST(test_realloc_interleaved)
{
	enum { BLOCKS = 6 };
	char *p[BLOCKS] = {NULL};

	for (size_t size = 0, step; size < 6 * MIB; size += step) {
		step = size / 4 + 1000;
		for (int b = 0; b < BLOCKS; b++) {
			p[b] = checked_realloc(p[b], size, size + step, (uint64_t)b);
			pattern_fill(p[b], (uint64_t)b, size & ~(size_t)7, size + step);
		}
	}
	for (int b = 0; b < BLOCKS; b++)
		hak_free(p[b]);
}
END_TEST

START_TEST(test_realloc_failure_keeps_block)
{
	static const size_t absurd[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 4096, PTRDIFF_MAX,
		(size_t)PTRDIFF_MAX + 1, (size_t)1 << 60, (size_t)1 << 48};
	size_t size = api_tier_sizes[_i], usable;
	char *p = hak_malloc(size);

	pattern_fill(p, 5, 0, size);
	usable = hak_malloc_usable_size(p);
	for (size_t i = 0; i < LENGTH(absurd); i++) {
		errno = 0;
		ck_assert_ptr_null(hak_realloc(p, absurd[i]));
		ck_assert_int_eq(errno, ENOMEM);
		errno = 0;
		ck_assert_ptr_null(hak_reallocarray(p, absurd[i], 1));
		ck_assert_int_eq(errno, ENOMEM);
		ck_assert_uint_eq(pattern_check(p, 5, 0, size), size);
		ck_assert_uint_eq(hak_malloc_usable_size(p), usable);
	}
	hak_free(p);
}
END_TEST

START_TEST(test_realloc_to_zero_frees)
{
	size_t size = api_tier_sizes[_i], live = stats_now().live_bytes;
	void *p = hak_malloc(size);

	ck_assert_ptr_null(hak_realloc(p, 0));
	ck_assert_uint_eq(stats_now().live_bytes, live);
	p = hak_malloc(size);
	ck_assert_ptr_null(hak_reallocarray(p, 0, 8));
	p = hak_malloc(size);
	ck_assert_ptr_null(hak_reallocarray(p, 8, 0));
	ck_assert_uint_eq(stats_now().live_bytes, live);
}
END_TEST

START_TEST(test_realloc_null)
{
	void *p = hak_realloc(NULL, 0), *q = hak_reallocarray(NULL, 0, 0);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	ck_assert_ptr_ne(p, q);
	hak_free(p);
	hak_free(q);
	p = hak_reallocarray(NULL, 1000, 24);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_ge(hak_malloc_usable_size(p), 24000);
	memset(p, 1, 24000);
	hak_free(p);
}
END_TEST

START_TEST(test_realloc_within_usable_size)
{
	size_t size = api_tier_sizes[_i];
	char *p = hak_malloc(size);
	size_t usable = hak_malloc_usable_size(p);

	pattern_fill(p, 6, 0, usable);
	p = checked_realloc(p, usable, usable, 6);
	p = checked_realloc(p, usable, usable + 1, 6);
	hak_free(p);
}
END_TEST

START_TEST(test_realloc_of_aligned_block)
{
	size_t alignment = (size_t)16 << _i;

	for (size_t i = 0; i < api_tier_size_count; i++) {
		size_t size = api_tier_sizes[i];
		char *p = hak_aligned_alloc(alignment, size);

		ck_assert_ptr_nonnull(p);
		pattern_fill(p, 8, 0, size);
		p = checked_realloc(p, size, size * 2, 8);
		p = checked_realloc(p, size, size / 2 + 1, 8);
		hak_free(p);
	}
}
END_TEST

/* A block that shrank does not keep the memory of the large one. */
START_TEST(test_realloc_shrink_returns_memory)
{
	size_t live = stats_now().live_bytes;
	char *p = hak_malloc(16 * MIB);

	ck_assert_uint_ge(stats_now().live_bytes, live + 16 * MIB);
	p = hak_realloc(p, 100);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_le(stats_now().live_bytes, live + MIB);
	hak_free(p);
}
END_TEST

void
api_add_realloc(Suite *suite)
{
	TCase *tc = audited_tcase(suite, "realloc", 120);
	int n_sizes = (int)api_tier_size_count;

	tcase_add_loop_test(tc, test_realloc_every_pair, 0, n_sizes);
	tcase_add_test(tc, test_realloc_grow_and_shrink);
	tcase_add_loop_test(tc, test_realloc_grow_by_constant, 0, 4);
	tcase_add_loop_test(tc, test_realloc_spare, 0, 3);
	tcase_add_test(tc, test_realloc_grow_in_place);
	tcase_add_test(tc, test_realloc_interleaved);
	tcase_add_loop_test(tc, test_realloc_failure_keeps_block, 0, n_sizes);
	tcase_add_loop_test(tc, test_realloc_to_zero_frees, 0, n_sizes);
	tcase_add_test(tc, test_realloc_null);
	tcase_add_loop_test(tc, test_realloc_within_usable_size, 0, n_sizes);
	tcase_add_loop_test(tc, test_realloc_of_aligned_block, 0, 18);
	tcase_add_test(tc, test_realloc_shrink_returns_memory);
}
