/* SPDX-License-Identifier: MIT
 * tests/test_api.c - the public interface against the C standard (C23 where it adds functions),
 * POSIX.1-2024 and glibc's manual. This file holds malloc, calloc, free and failure of every entry
 * point; the other parts of the suite are listed in api_suite.h. Built once per variant; the heap
 * audits itself after each test. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "api_suite.h"
#include "pattern.h"

const size_t api_tier_sizes[] = {1, 8, 15, 16, 17, 64, 128, 1023, 1024, 1025, 4096, 32767, 32768,
	32769, 65536, 65537, 200000, 1048575, 1048576, 1048577, 5000000};
const size_t api_tier_size_count = LENGTH(api_tier_sizes);

/* --- every function that returns a block ------------------------------------------------------ */

static void *
calloc_one(size_t size)
{
	return hak_calloc(1, size);
}

static void *
calloc_bytes(size_t size)
{
	return hak_calloc(size, 1);
}

static void *
realloc_null(size_t size)
{
	return hak_realloc(NULL, size);
}

static void *
reallocarray_null(size_t size)
{
	return hak_reallocarray(NULL, size, 1);
}

static void *
aligned_alloc_16(size_t size)
{
	return hak_aligned_alloc(16, size);
}

static void *
aligned_alloc_4096(size_t size)
{
	return hak_aligned_alloc(4096, size);
}

static void *
aligned_alloc_1mib(size_t size)
{
	return hak_aligned_alloc(MIB, size);
}

static void *
memalign_64(size_t size)
{
	return hak_memalign(64, size);
}

static void *
posix_memalign_with(size_t alignment, size_t size)
{
	void *p = NULL;
	int error = hak_posix_memalign(&p, alignment, size);

	if (error)
		errno = error;
	return p;
}

static void *
posix_memalign_8(size_t size)
{
	return posix_memalign_with(8, size);
}

static void *
posix_memalign_8192(size_t size)
{
	return posix_memalign_with(8192, size);
}

const struct api_entry api_entries[] = {
	{"malloc", hak_malloc, 16},
	{"calloc(1, n)", calloc_one, 16},
	{"calloc(n, 1)", calloc_bytes, 16},
	{"realloc(NULL, n)", realloc_null, 16},
	{"reallocarray(NULL, n, 1)", reallocarray_null, 16},
	{"aligned_alloc(16)", aligned_alloc_16, 16},
	{"aligned_alloc(4096)", aligned_alloc_4096, 4096},
	{"aligned_alloc(1 MiB)", aligned_alloc_1mib, MIB},
	{"memalign(64)", memalign_64, 64},
	{"posix_memalign(8)", posix_memalign_8, 8},
	{"posix_memalign(8192)", posix_memalign_8192, 8192},
	{"valloc", hak_valloc, 4096},
	{"pvalloc", hak_pvalloc, 4096},
};
const size_t api_entry_count = LENGTH(api_entries);

START_TEST(test_entry_gives_usable_blocks)
{
	const struct api_entry *entry = &api_entries[_i];
	void *blocks[LENGTH(api_tier_sizes)];

	for (size_t i = 0; i < LENGTH(blocks); i++) {
		size_t size = api_tier_sizes[i], alignment = entry->alignment;
		size_t usable;

		blocks[i] = entry->alloc(size);
		ck_assert_msg(blocks[i] != NULL, "%s of %zu failed", entry->name, size);
		if (size < 16 && alignment == 16)
			alignment = 8;
		ck_assert_msg((uintptr_t)blocks[i] % alignment == 0, "%s of %zu gave %p",
			entry->name, size, blocks[i]);
		usable = hak_malloc_usable_size(blocks[i]);
		ck_assert_uint_ge(usable, size);
		pattern_fill(blocks[i], i, 0, usable);
	}
	for (size_t i = 0; i < LENGTH(blocks); i++) {
		size_t usable = hak_malloc_usable_size(blocks[i]);

		ck_assert_msg(pattern_check(blocks[i], i, 0, usable) == usable,
			"%s of %zu shares bytes with another block", entry->name,
			api_tier_sizes[i]);
		hak_free(blocks[i]);
	}
}
END_TEST

START_TEST(test_entry_gives_unique_empty_blocks)
{
	const struct api_entry *entry = &api_entries[_i];
	void *blocks[40];

	for (size_t i = 0; i < LENGTH(blocks); i++) {
		blocks[i] = entry->alloc(0);
		ck_assert_msg(blocks[i] != NULL, "%s of 0 failed", entry->name);
		for (size_t j = 0; j < i; j++)
			ck_assert_ptr_ne(blocks[i], blocks[j]);
	}
	for (size_t i = 0; i < LENGTH(blocks); i++)
		hak_free(blocks[i]);
}
END_TEST

static void
check_refused(const struct api_entry *entry, size_t size)
{
	void *p;

	errno = 0;
	p = entry->alloc(size);
	ck_assert_msg(p == NULL, "%s of %zu gave %p", entry->name, size, p);
	ck_assert_msg(errno == ENOMEM, "%s of %zu: errno %d", entry->name, size, errno);
}

/* Sizes that no address space has, or that wrap around when they are rounded up. */
START_TEST(test_entry_refuses_absurd_sizes)
{
	const struct api_entry *entry = &api_entries[_i];
	static const size_t distances[] = {
		0, 1, 14, 15, 16, 63, 64, 4095, 4096, 65535, 65536, 2 << 20};
	size_t live = stats_now().live_bytes;

	for (size_t i = 0; i < LENGTH(distances); i++) {
		check_refused(entry, SIZE_MAX - distances[i]);
		check_refused(entry, PTRDIFF_MAX - distances[i]);
		check_refused(entry, PTRDIFF_MAX + distances[i]);
	}
	for (unsigned bit = 47; bit < 64; bit++) {
		size_t power = (size_t)1 << bit;

		check_refused(entry, power);
		check_refused(entry, power + 1);
		check_refused(entry, power + 65536);
		check_refused(entry, power + power / 2);
	}
	ck_assert_uint_eq(stats_now().live_bytes, live);
}
END_TEST

/* --- sizes ------------------------------------------------------------------------------------ */

/* What a block may be larger than what was asked for: up to the next multiple of 16 to 256
 * bytes, of 64 to 512, an eighth to 32 KiB, a quarter above; jemalloc's classes are a quarter apart
 * from 128 bytes on. */
static size_t
most_usable(size_t size)
{
	if (size <= 128)
		return size == 0 ? 16 : (size + 15) & ~(size_t)15;
	if (strstr(hak_variant(), "jemalloc"))
		return size + size / 4;
	if (size <= 512)
		return size <= 256 ? (size + 15) & ~(size_t)15 : (size + 63) & ~(size_t)63;
	return size <= 32 * KIB ? size + size / 8 : size + size / 4;
}

static void
check_block(unsigned char *p, size_t size)
{
	size_t usable = hak_malloc_usable_size(p);

	ck_assert_msg(p != NULL, "malloc(%zu) failed", size);
	ck_assert_msg(
		(uintptr_t)p % (size >= 16 ? 16 : 8) == 0, "malloc(%zu) = %p", size, (void *)p);
	ck_assert_msg(usable >= size, "malloc(%zu) has %zu usable bytes", size, usable);
	ck_assert_msg(usable <= most_usable(size), "malloc(%zu) takes %zu bytes", size, usable);
}

START_TEST(test_every_small_size)
{
	unsigned char *previous = NULL;
	size_t previous_usable = 0;

	for (size_t size = 1; size <= 70000; size++) {
		unsigned char *p = hak_malloc(size);
		size_t usable;

		check_block(p, size);
		usable = hak_malloc_usable_size(p);
		memset(p, (int)(size & 0xff), usable);
		/* The block before is intact although all of this one was written. */
		ck_assert_uint_eq(bytes_check(previous, (unsigned char)(size - 1), previous_usable),
			previous_usable);
		hak_free(previous);
		previous = p;
		previous_usable = usable;
	}
	hak_free(previous);
}
END_TEST

START_TEST(test_large_sizes)
{
	uint64_t rng = 1;

	for (size_t base = 64 * KIB; base <= 64 * MIB; base *= 2) {
		size_t sizes[] = {base - 1, base, base + 1, base + base / 4 + 1,
			base + (size_t)(rng_next(&rng) % base)};

		for (size_t i = 0; i < LENGTH(sizes); i++) {
			unsigned char *p = hak_malloc(sizes[i]);
			size_t usable = hak_malloc_usable_size(p);

			check_block(p, sizes[i]);
			memset(p, 0x5a, usable);
			ck_assert_uint_eq(bytes_check(p, 0x5a, usable), usable);
			hak_free(p);
		}
	}
}
END_TEST

/* --- calloc ----------------------------------------------------------------------------------- */

START_TEST(test_calloc_zeroes_dirty_memory)
{
	enum { BLOCKS = 8 };

	for (size_t i = 0; i < api_tier_size_count; i++) {
		size_t size = api_tier_sizes[i];
		unsigned char *p[BLOCKS];

		for (int round = 0; round < 3; round++) {
			for (int b = 0; b < BLOCKS; b++) {
				p[b] = hak_malloc(size);
				ck_assert_ptr_nonnull(p[b]);
				memset(p[b], 0xff, hak_malloc_usable_size(p[b]));
			}
			for (int b = 0; b < BLOCKS; b++)
				hak_free(p[b]);
			for (int b = 0; b < BLOCKS; b++) {
				p[b] = hak_calloc(round + 1, size);
				ck_assert_ptr_nonnull(p[b]);
				ck_assert_msg(bytes_check(p[b], 0, (round + 1) * size) ==
						      (round + 1) * size,
					"calloc(%d, %zu) is dirty", round + 1, size);
				memset(p[b], 0xff, hak_malloc_usable_size(p[b]));
			}
			for (int b = 0; b < BLOCKS; b++)
				hak_free(p[b]);
		}
	}
}
END_TEST

START_TEST(test_calloc_zeroes_after_trim)
{
	for (size_t size = 1000; size < 4 * MIB; size *= 3) {
		unsigned char *p = hak_malloc(size);

		ck_assert_ptr_nonnull(p);
		memset(p, 0xff, size);
		hak_free(p);
		hak_malloc_trim(0);
		p = hak_calloc(size, 1);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(bytes_check(p, 0, size), size);
		hak_free(p);
	}
}
END_TEST

struct product {
	size_t n, size;
};

static const struct product overflows[] = {{SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX, SIZE_MAX},
	{(size_t)1 << 32, (size_t)1 << 32}, {((size_t)1 << 32) + 1, ((size_t)1 << 32) - 1},
	{SIZE_MAX / 2 + 1, 2}, {SIZE_MAX / 16 + 1, 16}, {3, SIZE_MAX / 3 + 1},
	{SIZE_MAX / 48 + 2, 48}, {SIZE_MAX / 2, 2}, {PTRDIFF_MAX, 1}, {1, SIZE_MAX}};

START_TEST(test_calloc_overflow)
{
	const struct product *o = &overflows[_i];
	void *p;

	errno = 0;
	p = hak_calloc(o->n, o->size);
	ck_assert_msg(p == NULL, "calloc(%zu, %zu) = %p", o->n, o->size, p);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(test_reallocarray_overflow)
{
	const struct product *o = &overflows[_i];
	char *p = hak_malloc(100), *q;

	pattern_fill(p, 7, 0, 100);
	errno = 0;
	q = hak_reallocarray(p, o->n, o->size);
	ck_assert_msg(q == NULL, "reallocarray(p, %zu, %zu) = %p", o->n, o->size, (void *)q);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(pattern_check(p, 7, 0, 100), 100);
	ck_assert_ptr_null(hak_reallocarray(NULL, o->n, o->size));
	hak_free(p);
}
END_TEST

START_TEST(test_calloc_of_nothing)
{
	void *p = hak_calloc(0, 100), *q = hak_calloc(100, 0), *r = hak_calloc(0, SIZE_MAX);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	ck_assert_ptr_nonnull(r);
	ck_assert_ptr_ne(p, q);
	ck_assert_ptr_ne(q, r);
	hak_free(p);
	hak_free(q);
	hak_free(r);
}
END_TEST

/* --- free ------------------------------------------------------------------------------------- */

START_TEST(test_free_null)
{
	errno = ERRNO_MARK;
	hak_free(NULL);
	hak_free_sized(NULL, 0);
	hak_free_sized(NULL, 100);
	hak_free_aligned_sized(NULL, 64, 100);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_uint_eq(hak_malloc_usable_size(NULL), 0);
}
END_TEST

/* Many blocks, so that full caches and pages that go back to the system are met, too. */
START_TEST(test_free_preserves_errno)
{
	enum { BYTES = 32 << 20, BLOCKS_MAX = 20000 };
	static void *blocks[BLOCKS_MAX];
	size_t size = api_tier_sizes[_i];
	size_t n = BYTES / size < BLOCKS_MAX ? BYTES / size : BLOCKS_MAX;

	for (size_t i = 0; i < n; i++) {
		blocks[i] = hak_malloc(size);
		ck_assert_ptr_nonnull(blocks[i]);
		memset(blocks[i], 1, size);
	}
	for (size_t i = 0; i < n; i++) {
		errno = ERRNO_MARK;
		hak_free(blocks[i]);
		ck_assert_msg(errno == ERRNO_MARK, "free of block %zu of %zu bytes set errno to %d",
			i, size, errno);
	}
}
END_TEST

START_TEST(test_sized_frees)
{
	size_t live = stats_now().live_bytes;
	size_t size = api_tier_sizes[_i];
	void *p = hak_malloc(size), *q = hak_calloc(size, 1);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	q = hak_realloc(q, size + 1);
	ck_assert_ptr_nonnull(q);
	errno = ERRNO_MARK;
	hak_free_sized(p, size);
	hak_free_sized(q, size + 1);
	for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 4) {
		p = hak_aligned_alloc(alignment, size);
		ck_assert_ptr_nonnull(p);
		errno = ERRNO_MARK;
		hak_free_aligned_sized(p, alignment, size);
		ck_assert_int_eq(errno, ERRNO_MARK);
	}
	ck_assert_uint_eq(stats_now().live_bytes, live);
}
END_TEST

/* A freed block is used again: the heap does not grow with the number of calls. */
START_TEST(test_free_makes_memory_reusable)
{
	size_t size = api_tier_sizes[_i], committed;

	for (int i = 0; i < 1000; i++)
		hak_free(hak_malloc(size));
	committed = stats_now().committed_bytes;
	for (int i = 0; i < 10000; i++)
		hak_free(hak_malloc(size));
	ck_assert_uint_le(stats_now().committed_bytes, committed + size + 2 * MIB);
}
END_TEST

void
api_add_blocks(Suite *suite)
{
	TCase *entries = audited_tcase(suite, "entries", 60);
	TCase *sizes = audited_tcase(suite, "sizes", 120);
	TCase *calloc_case = audited_tcase(suite, "calloc", 60);
	TCase *free_case = audited_tcase(suite, "free", 60);
	int n_sizes = (int)api_tier_size_count;

	tcase_add_loop_test(entries, test_entry_gives_usable_blocks, 0, (int)api_entry_count);
	tcase_add_loop_test(entries, test_entry_gives_unique_empty_blocks, 0, (int)api_entry_count);
	tcase_add_loop_test(entries, test_entry_refuses_absurd_sizes, 0, (int)api_entry_count);
	tcase_add_test(sizes, test_every_small_size);
	tcase_add_test(sizes, test_large_sizes);
	tcase_add_test(calloc_case, test_calloc_zeroes_dirty_memory);
	tcase_add_test(calloc_case, test_calloc_zeroes_after_trim);
	tcase_add_test(calloc_case, test_calloc_of_nothing);
	tcase_add_loop_test(calloc_case, test_calloc_overflow, 0, (int)LENGTH(overflows));
	tcase_add_loop_test(calloc_case, test_reallocarray_overflow, 0, (int)LENGTH(overflows));
	tcase_add_test(free_case, test_free_null);
	tcase_add_loop_test(free_case, test_free_preserves_errno, 0, n_sizes);
	tcase_add_loop_test(free_case, test_sized_frees, 0, n_sizes);
	tcase_add_loop_test(free_case, test_free_makes_memory_reusable, 0, n_sizes);
}

int
main(void)
{
	Suite *suite = suite_create("api");

	api_add_blocks(suite);
	api_add_realloc(suite);
	api_add_alignment(suite);
	api_add_stats(suite);
	api_add_misuse(suite);
	return run_suite(suite);
}
