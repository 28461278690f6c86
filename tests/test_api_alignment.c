/* SPDX-License-Identifier: MIT
 * tests/test_api_alignment.c - aligned_alloc, posix_memalign, memalign, valloc and pvalloc. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_suite.h"
#include "pattern.h"

#define ALIGNMENTS 31 /* 1 to 1 GiB */

typedef void *(*aligned_fn)(size_t alignment, size_t size);

static void *
by_posix_memalign(size_t alignment, size_t size)
{
	void *p = NULL;

	/* POSIX has no alignment below a pointer's. */
	if (alignment < sizeof(void *))
		alignment = sizeof(void *);
	ck_assert_int_eq(hak_posix_memalign(&p, alignment, size), 0);
	return p;
}

/* Writes the block's first and last page: an alignment of 1 GiB must not cost 1 GiB. */
static void
touch(char *p, size_t size)
{
	size_t edge = size < 4096 ? size : 4096;

	memset(p, 0x11, edge);
	memset(p + size - edge, 0x22, edge);
}

/* Two blocks of each size at once, so that they have to be aligned side by side. */
static void
check_alignment(aligned_fn fn, size_t alignment)
{
	const size_t sizes[] = {0, 1, 7, 24, 100, 1025, 4096, 40000, 100000, MIB + 1,
		alignment <= 16 * MIB ? alignment : 5, alignment <= 16 * MIB ? alignment + 1 : 6};

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		char *p = fn(alignment, sizes[i]), *q = fn(alignment, sizes[i]);

		ck_assert_msg(p && q, "alignment %zu, size %zu failed", alignment, sizes[i]);
		ck_assert_msg((uintptr_t)p % alignment == 0 && (uintptr_t)q % alignment == 0,
			"alignment %zu, size %zu gave %p and %p", alignment, sizes[i], (void *)p,
			(void *)q);
		ck_assert_uint_ge(hak_malloc_usable_size(p), sizes[i]);
		ck_assert_uint_ge(
			(uintptr_t)p > (uintptr_t)q ? p - q : q - p, sizes[i] + !sizes[i]);
		touch(p, sizes[i]);
		touch(q, sizes[i]);
		ck_assert(sizes[i] == 0 || (p[sizes[i] - 1] == 0x22 && q[sizes[i] - 1] == 0x22));
		hak_free(p);
		hak_free(q);
	}
}

START_TEST(test_aligned_alloc)
{
	check_alignment(hak_aligned_alloc, (size_t)1 << _i);
}
END_TEST

START_TEST(test_posix_memalign)
{
	check_alignment(by_posix_memalign, (size_t)1 << _i);
}
END_TEST

START_TEST(test_memalign)
{
	check_alignment(hak_memalign, (size_t)1 << _i);
}
END_TEST

/* All usable bytes of an aligned block are the program's. */
START_TEST(test_aligned_blocks_are_writable)
{
	size_t alignment = (size_t)1 << _i;
	char *p[16];

	for (size_t i = 0; i < LENGTH(p); i++) {
		p[i] = hak_aligned_alloc(alignment, 1 + i * 777);
		ck_assert_ptr_nonnull(p[i]);
		pattern_fill(p[i], i, 0, hak_malloc_usable_size(p[i]));
	}
	for (size_t i = 0; i < LENGTH(p); i++) {
		size_t usable = hak_malloc_usable_size(p[i]);

		ck_assert_uint_eq(pattern_check(p[i], i, 0, usable), usable);
		hak_free(p[i]);
	}
}
END_TEST

static const size_t not_powers[] = {0, 3, 6, 12, 24, 48, 1000, 4095, 4097, MIB + 1, 3 * GIB,
	SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 7};

/* Blocks of the class that waits in the caches, freed by callers who asked for no alignment. */
START_TEST(test_aligned_after_plain)
{
	enum { BLOCKS = 64 };
	void *p[BLOCKS];

	for (size_t alignment = 16; alignment <= 128 << 10; alignment *= 2)
		for (size_t size = alignment - 5; size < 5 * alignment; size += alignment) {
			for (int i = 0; i < BLOCKS; i++)
				ck_assert_ptr_nonnull(p[i] = hak_malloc(size));
			for (int i = 0; i < BLOCKS; i++)
				hak_free(p[i]);
			for (int i = 0; i < BLOCKS; i++) {
				p[i] = i % 2 ? by_posix_memalign(alignment, size)
					     : hak_aligned_alloc(alignment, size);
				ck_assert_ptr_nonnull(p[i]);
				ck_assert_uint_eq((uintptr_t)p[i] % alignment, 0);
			}
			for (int i = 0; i < BLOCKS; i++)
				hak_free(p[i]);
		}
}
END_TEST

START_TEST(test_aligned_alloc_refuses)
{
	void *p;

	errno = 0;
	p = hak_aligned_alloc(not_powers[_i], 100);
	ck_assert_msg(p == NULL, "aligned_alloc(%zu, 100) = %p", not_powers[_i], p);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_aligned_alloc_limit)
{
	for (size_t alignment = 2 * GIB; alignment; alignment *= 2) {
		errno = 0;
		ck_assert_ptr_null(hak_aligned_alloc(alignment, 100));
		ck_assert_int_eq(errno, EINVAL);
	}
}
END_TEST

static void
check_refused(size_t alignment, size_t size, int expected)
{
	char mark;
	void *out = &mark;
	int error;

	errno = ERRNO_MARK;
	error = hak_posix_memalign(&out, alignment, size);
	ck_assert_msg(error == expected, "posix_memalign(%zu, %zu) returned %d, not %d", alignment,
		size, error, expected);
	ck_assert_ptr_eq(out, &mark);
	ck_assert_int_eq(errno, ERRNO_MARK);
}

START_TEST(test_posix_memalign_refuses)
{
	for (size_t i = 0; i < LENGTH(not_powers); i++)
		check_refused(not_powers[i], 100, EINVAL);
	/* Powers of two, but not multiples of a pointer's size. */
	for (size_t alignment = 1; alignment < sizeof(void *); alignment *= 2)
		check_refused(alignment, 100, EINVAL);
	check_refused(8, SIZE_MAX, ENOMEM);
	check_refused(16, PTRDIFF_MAX, ENOMEM);
	check_refused(4096, SIZE_MAX - 4095, ENOMEM);
	check_refused(GIB, SIZE_MAX - GIB, ENOMEM);
	check_refused(GIB, SIZE_MAX - GIB + 1, ENOMEM);
}
END_TEST

START_TEST(test_posix_memalign_keeps_errno)
{
	void *p = NULL;

	errno = ERRNO_MARK;
	ck_assert_int_eq(hak_posix_memalign(&p, 256 * KIB, 3 * MIB), 0);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_ptr_nonnull(p);
	hak_free(p);
}
END_TEST

START_TEST(test_memalign_rounds_up)
{
	static const struct {
		size_t asked, given;
	} cases[] = {{0, 1}, {3, 4}, {17, 32}, {24, 32}, {33, 64}, {100, 128}, {4097, 8192},
		{MIB - 1, MIB}, {MIB + 1, 2 * MIB}};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		void *blocks[8];

		/* Several, since one may be aligned by chance. */
		for (size_t j = 0; j < LENGTH(blocks); j++) {
			blocks[j] = hak_memalign(cases[i].asked, 40);
			ck_assert_msg(blocks[j] != NULL, "memalign(%zu)", cases[i].asked);
			ck_assert_msg((uintptr_t)blocks[j] % cases[i].given == 0,
				"memalign(%zu) = %p", cases[i].asked, blocks[j]);
		}
		for (size_t j = 0; j < LENGTH(blocks); j++)
			hak_free(blocks[j]);
	}
}
END_TEST

START_TEST(test_memalign_refuses)
{
	static const size_t alignments[] = {SIZE_MAX, SIZE_MAX / 2 + 2, (size_t)1 << 63};

	for (size_t i = 0; i < LENGTH(alignments); i++) {
		errno = 0;
		ck_assert_ptr_null(hak_memalign(alignments[i], 100));
		ck_assert_msg(errno == EINVAL || errno == ENOMEM, "errno %d", errno);
	}
}
END_TEST

START_TEST(test_page_aligned)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < api_tier_size_count; i++) {
		size_t size = api_tier_sizes[i], rounded = (size + page - 1) / page * page;
		char *v = hak_valloc(size), *pv = hak_pvalloc(size);

		ck_assert_ptr_nonnull(v);
		ck_assert_ptr_nonnull(pv);
		ck_assert_uint_eq((uintptr_t)v % page, 0);
		ck_assert_uint_eq((uintptr_t)pv % page, 0);
		ck_assert_uint_ge(hak_malloc_usable_size(v), size);
		ck_assert_uint_ge(hak_malloc_usable_size(pv), rounded);
		memset(v, 1, size);
		memset(pv, 2, rounded);
		ck_assert_uint_eq(bytes_check(v, 1, size), size);
		hak_free(v);
		hak_free(pv);
	}
}
END_TEST

void
api_add_alignment(Suite *suite)
{
	TCase *tc = audited_tcase(suite, "alignment", 60);

	tcase_add_loop_test(tc, test_aligned_alloc, 0, ALIGNMENTS);
	tcase_add_loop_test(tc, test_posix_memalign, 0, ALIGNMENTS);
	tcase_add_loop_test(tc, test_memalign, 0, ALIGNMENTS);
	tcase_add_loop_test(tc, test_aligned_blocks_are_writable, 0, 21);
	tcase_add_loop_test(tc, test_aligned_alloc_refuses, 0, (int)LENGTH(not_powers));
	tcase_add_test(tc, test_aligned_after_plain);
	tcase_add_test(tc, test_aligned_alloc_limit);
	tcase_add_test(tc, test_posix_memalign_refuses);
	tcase_add_test(tc, test_posix_memalign_keeps_errno);
	tcase_add_test(tc, test_memalign_rounds_up);
	tcase_add_test(tc, test_memalign_refuses);
	tcase_add_test(tc, test_page_aligned);
}
