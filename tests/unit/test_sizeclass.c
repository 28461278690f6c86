/* SPDX-License-Identifier: MIT
 * tests/unit/test_sizeclass.c - backends/sizeclass: the table, and all three searches against naive
 * ones. */
#include "backends/sizeclass.h"

#include "backends/pagemap.h"
#include "tests/unit/unit.h"

/* The smallest class that holds `size` bytes and whose size divides by `align`; CLASS_END if none.
 */
static unsigned
naive_class(size_t size, size_t align)
{
	unsigned cls = 1;

	while (cls < CLASS_END && (sizeclass_size(cls) < size || sizeclass_size(cls) % align != 0))
		cls++;
	return cls;
}

START_TEST(test_table)
{
	ck_assert_uint_eq(sizeclass_size(0), 0);
	ck_assert_uint_eq(sizeclass_size(CLASS_MID - 1), TINY_MAX);
	ck_assert_uint_eq(sizeclass_size(CLASS_LARGE - 1), MID_MAX);
	ck_assert_uint_eq(sizeclass_size(CLASS_END - 1), LARGE_MAX);
	for (unsigned cls = 1; cls < CLASS_END; cls++) {
		const struct sizeclass *c = &sizeclass_table[cls];
		size_t bytes = c->npages * PAGE_BYTES;

		ck_assert_msg(c->size > sizeclass_size(cls - 1), "class %u", cls);
		ck_assert_uint_eq(c->size % TINY_STEP, 0);
		ck_assert_uint_ge(c->capacity, 1);
		ck_assert_msg(c->capacity * (size_t)c->size <= bytes, "class %u", cls);
		ck_assert_uint_eq(c->inverse, (((uint64_t)1 << 40) + c->size - 1) / c->size);
		if (cls < CLASS_MID) {
			ck_assert_uint_eq(
				c->size % (c->size > TINY_FINE ? CACHE_LINE : TINY_STEP), 0);
			ck_assert_uint_eq(c->npages, 1);
			ck_assert_uint_eq(c->capacity, PAGE_BYTES / c->size);
		} else {
			/* A bit each in one word. */
			ck_assert_msg(c->capacity <= 64, "class %u", cls);
			ck_assert_uint_eq(c->size % CACHE_LINE, 0);
		}
	}
}
END_TEST

START_TEST(test_smallest_class)
{
	unsigned naive = 1;

	for (size_t size = 1; size <= LARGE_MAX; size++) {
		unsigned cls = sizeclass_of(size);

		while (sizeclass_size(naive) < size)
			naive++;
		REQUIRE_MSG(cls == naive, "size %zu: class %u, not %u", size, cls, naive);
		REQUIRE_EQ(sizeclass_bin(size), naive * (size_t)BIN_BYTES);
	}
}
END_TEST

START_TEST(test_fragmentation)
{
	for (size_t size = 1; size <= LARGE_MAX; size++) {
		size_t waste = sizeclass_size(sizeclass_of(size)) - size;

		if (size <= TINY_FINE)
			REQUIRE_MSG(waste < TINY_STEP, "size %zu wastes %zu", size, waste);
		else if (size <= 2 * TINY_FINE)
			REQUIRE_MSG(waste < CACHE_LINE, "size %zu wastes %zu", size, waste);
		else if (size <= MID_MAX)
			REQUIRE_MSG(waste * 8 <= size, "size %zu wastes %zu", size, waste);
		else
			REQUIRE_MSG(waste * 4 <= size, "size %zu wastes %zu", size, waste);
	}
}
END_TEST

/* Sizes that no class is for. */
START_TEST(test_no_bin)
{
	ck_assert_uint_eq(sizeclass_bin(0), 0);
	ck_assert_uint_eq(sizeclass_bin(LARGE_MAX + 1), 0);
	ck_assert_uint_eq(sizeclass_bin(SIZE_MAX), 0);
}
END_TEST

static void
check_aligned(size_t size, size_t align)
{
	unsigned naive = naive_class(size < align ? align : size, align);
	unsigned cls = sizeclass_aligned(size, align);

	if (naive == CLASS_END || align > PAGE_BYTES)
		naive = 0;
	REQUIRE_MSG(
		cls == naive, "size %zu alignment %zu: class %u, not %u", size, align, cls, naive);
}

START_TEST(test_aligned)
{
	uint64_t rng = unit_rng(1);

	for (unsigned log = 0; log < 48; log++) {
		size_t align = (size_t)1 << log;

		for (unsigned cls = 1; cls < CLASS_END; cls++)
			for (size_t d = 0; d < 3; d++)
				check_aligned(sizeclass_size(cls) + d - 1, align);
		for (int i = 0; i < 2000; i++)
			check_aligned(1 + rng_below(&rng, 2 * LARGE_MAX), align);
		check_aligned(SIZE_MAX / 2, align);
	}
}
END_TEST

/* Every block's first and last byte, and random ones between. */
START_TEST(test_divide)
{
	uint64_t rng = unit_rng(2);

	for (unsigned cls = 1; cls < CLASS_END; cls++) {
		size_t size = sizeclass_size(cls);
		size_t bytes = sizeclass_table[cls].npages * PAGE_BYTES;

		for (size_t i = 0; i < sizeclass_table[cls].capacity; i++) {
			REQUIRE_EQ(sizeclass_divide(cls, i * size), i);
			REQUIRE_EQ(sizeclass_divide(cls, i * size + size - 1), i);
		}
		for (int i = 0; i < 1000; i++) {
			size_t offset = rng_below(&rng, bytes);

			REQUIRE_EQ(sizeclass_divide(cls, offset), offset / size);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sizeclass");
	TCase *tc = plain_tcase(suite, "sizeclass", 60);

	unit_begin("test_sizeclass");
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_smallest_class);
	tcase_add_test(tc, test_fragmentation);
	tcase_add_test(tc, test_no_bin);
	tcase_add_test(tc, test_aligned);
	tcase_add_test(tc, test_divide);
	return run_suite(suite);
}
