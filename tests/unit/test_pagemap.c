/* SPDX-License-Identifier: MIT
 * tests/unit/test_pagemap.c - backends/pagemap: what is said of addresses inside, at the edges of
 * and outside the heap, while it grows too; huge pages; start without memory. */
#include "backends/pagemap.h"

#include "backends/os.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/config.h"
#include "tests/unit/unit.h"

static char static_byte;

static void
check_outside(const void *p)
{
	uint16_t bin;

	ck_assert_msg(!pagemap_in_primary(p), "%p", p);
	ck_assert_msg(!pagemap_bin(p, &bin), "%p", p);
	ck_assert_msg(!pagemap_contains(p), "%p", p);
	ck_assert_msg(pagemap_slab(p) == NULL, "%p", p);
}

static void
check_foreign(void)
{
	char on_stack;
	char *allocated = malloc(100);

	ck_assert_ptr_nonnull(allocated);
	check_outside(NULL);
	check_outside((void *)16);
	check_outside((void *)PAGE_BYTES);
	check_outside(&on_stack);
	check_outside(&static_byte);
	check_outside(allocated);
	check_outside((void *)UINTPTR_MAX);
	check_outside((void *)(UINTPTR_MAX - PAGE_BYTES));
	check_outside((void *)(((uintptr_t)1 << 63) + PAGE_BYTES));
	free(allocated);
}

/* The empty heap's one false positive is an address that no program has: see hak_heap. */
START_TEST(test_before_start)
{
	check_foreign();
	ck_assert_uint_eq(pagemap_committed(), 0);
}
END_TEST

static struct slab *
run_of_kind(size_t npages, enum slab_kind kind, uint16_t bin)
{
	struct slab *s = pages_alloc(npages, 1, true);

	ck_assert_ptr_nonnull(s);
	slab_set_kind(s, kind);
	pagemap_mark_interior(s);
	pagemap_set_bin(s, bin, PAGE_BYTES);
	return s;
}

static void
end_run(struct slab *s)
{
	pagemap_set_bin(s, 0, PAGE_BYTES);
	slab_set_kind(s, SLAB_NONE);
	ck_assert(pages_free(s, false));
}

/* Each page of the run leads to s and says `bin`; in a further region no bin is told. */
static void
check_run(struct slab *s, uint16_t bin, bool primary)
{
	for (size_t page = 0; page < s->npages; page++) {
		static const size_t offsets[] = {0, 1, 4096, PAGE_BYTES - 1};

		for (size_t i = 0; i < LENGTH(offsets); i++) {
			const char *p = s->base + page * PAGE_BYTES + offsets[i];
			uint16_t found = UINT16_MAX;

			ck_assert(pagemap_contains(p));
			ck_assert_ptr_eq(pagemap_slab(p), s);
			ck_assert_int_eq(pagemap_in_primary(p), primary);
			ck_assert_int_eq(pagemap_bin(p, &found), primary);
			if (primary)
				ck_assert_uint_eq(found, bin);
		}
	}
}

START_TEST(test_inside)
{
	struct slab *runs[20];
	uint16_t bin;

	pagemap_init();
	for (size_t i = 0; i < LENGTH(runs); i++)
		runs[i] = run_of_kind(1 + i % 7, SLAB_TINY, (uint16_t)(i + 1) * BIN_BYTES);
	for (size_t i = 0; i < LENGTH(runs); i++)
		check_run(runs[i], (uint16_t)((i + 1) * BIN_BYTES), true);
	for (size_t i = 0; i < LENGTH(runs); i += 2)
		end_run(runs[i]);
	for (size_t i = 0; i < LENGTH(runs); i++) {
		if (i % 2) {
			check_run(runs[i], (uint16_t)((i + 1) * BIN_BYTES), true);
			continue;
		}
		/* Free: in the heap, but no run's. */
		ck_assert_ptr_null(pagemap_slab(runs[i]->base));
		ck_assert(pagemap_bin(runs[i]->base, &bin));
		ck_assert_uint_eq(bin, 0);
	}
	check_foreign();
}
END_TEST

START_TEST(test_edges)
{
	struct slab *first;
	char *base;

	pagemap_init();
	/* Nothing is committed yet. */
	check_foreign();
	first = run_of_kind(3, SLAB_MID, CLASS_MID * BIN_BYTES);
	base = first->base;
	for (int i = 0; i < 40; i++) {
		char *frontier = base + pagemap_committed();
		uint16_t bin;

		check_outside(base - 1);
		check_outside(base - PAGE_BYTES);
		check_outside(frontier);
		check_outside(frontier + PAGE_BYTES - 1);
		ck_assert(pagemap_in_primary(base));
		ck_assert(pagemap_in_primary(frontier - 1));
		ck_assert(pagemap_bin(frontier - 1, &bin));
		check_run(first, CLASS_MID * BIN_BYTES, true);
		run_of_kind(CHUNK_PAGES - (size_t)i % 3, SLAB_BIG, 0);
	}
	check_foreign();
}
END_TEST

START_TEST(test_further_regions)
{
	struct slab *primary, *further[8];
	char *gone;

	pagemap_init();
	primary = run_of_kind(CHUNK_PAGES, SLAB_TINY, BIN_BYTES);
	pages_limit_address_space(64 * MIB);
	ck_assert(pagemap_is_limited());
	for (size_t i = 0; i < LENGTH(further); i++)
		further[i] = run_of_kind(CHUNK_PAGES * 2, SLAB_TINY, 2 * BIN_BYTES);
	for (size_t i = 0; i < LENGTH(further); i++) {
		ck_assert_uint_gt(further[i]->region, 0);
		check_run(further[i], 2 * BIN_BYTES, false);
	}
	check_run(primary, BIN_BYTES, true);
	/* An empty region goes, and its addresses are nobody's then. */
	gone = further[0]->base;
	for (size_t i = 0; i < LENGTH(further); i++)
		end_run(further[i]);
	check_outside(gone);
	ck_assert_uint_eq(pagemap_committed(), CHUNK_BYTES);
	check_run(primary, BIN_BYTES, true);
	ck_assert(!pagemap_drop_region(0));
	/* The slot serves again. */
	further[0] = run_of_kind(2, SLAB_TINY, 0);
	check_run(further[0], 0, false);
	check_foreign();
}
END_TEST

/* --- while others grow it --------------------------------------------------------------------- */

#define GROWTHS (1500 / UNIT_SLOW)

static struct slab *_Atomic published[GROWTHS];
static _Atomic bool grown;

static void *
grow(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < GROWTHS; i++) {
		struct slab *s = pages_alloc(1 + i % 40, 1, true);

		HAK_CHECK(s != NULL);
		slab_set_kind(s, SLAB_TINY);
		pagemap_mark_interior(s);
		pagemap_set_bin(s, (uint16_t)(1 + i % CLASS_MID), PAGE_BYTES);
		atomic_store_explicit(&published[i], s, memory_order_release);
	}
	atomic_store(&grown, true);
	return NULL;
}

static void *
look(void *arg)
{
	uint64_t rng = *(const uint64_t *)arg;
	struct slab *first;

	while (!(first = atomic_load_explicit(&published[0], memory_order_acquire)))
		;
	for (bool last = false; !last;) {
		last = atomic_load(&grown);
		for (size_t i = 0; i < GROWTHS; i++) {
			struct slab *s = atomic_load_explicit(&published[i], memory_order_acquire);
			uint16_t bin = 0;

			if (!s)
				break;
			const char *p = s->base + rng_below(&rng, s->npages * PAGE_BYTES);
			HAK_CHECK(pagemap_slab(p) == s && pagemap_contains(p));
			bool primary = pagemap_bin(p, &bin);
			HAK_CHECK(primary == (s->region == 0));
			HAK_CHECK(!primary || bin == 1 + i % CLASS_MID);
			/* Somewhere about the frontier: whatever the answer is, it comes. */
			p = first->base + rng_below(&rng, GIB);
			pagemap_contains(p);
			pagemap_in_primary(p);
			HAK_CHECK(!pagemap_contains(&static_byte) && !pagemap_contains(&bin));
		}
	}
	return NULL;
}

static void *
grow_or_look(void *arg)
{
	const uint64_t *seed = arg;

	return *seed ? look(arg) : grow(arg);
}

START_TEST(test_growing)
{
	uint64_t seeds[3] = {0, unit_rng(1), unit_rng(2)};

	if (_i)
		hak_config.reserve = 0;
	pagemap_init();
	run_threads(3, grow_or_look, seeds, sizeof(seeds[0]));
	for (size_t i = 0; i < GROWTHS; i++)
		end_run(atomic_load(&published[i]));
	pages_audit();
}
END_TEST

/* --- huge pages ------------------------------------------------------------------------------- */

/* Bytes that huge pages were asked for while runs of dense blocks took the heap to so many MiB. */
static size_t
huge_until(size_t mib, bool touches)
{
	size_t before = os_advice().huge_bytes;

	while (pagemap_committed() < mib << 20) {
		struct slab *s = pages_alloc(1, 1, true);
		ck_assert_ptr_nonnull(s);
		slab_set_kind(s, SLAB_MID);
		if (touches)
			memset(s->base, 1, PAGE_BYTES);
	}
	return os_advice().huge_bytes - before;
}

START_TEST(test_huge_pages)
{
	void *p = os_map(2 * CHUNK_BYTES);
	size_t before = os_advice().huge_bytes;

	os_huge((void *)round_up((size_t)p, CHUNK_BYTES), CHUNK_BYTES);
	bool there = os_advice().huge_bytes > before;
	os_unmap(p, 2 * CHUNK_BYTES);
	if (!there)
		return;
	hak_config.huge = 16;
	pagemap_init();
	ck_assert_uint_eq(huge_until(16, true), 0);
	ck_assert_uint_ge(huge_until(64, true), (size_t)28 << 20);
	/* What is not touched is noticed when a quarter has grown so, and when it is again. */
	huge_until(90, false);
	ck_assert_uint_eq(huge_until(140, false), 0);
	huge_until(180, true);
	ck_assert_uint_ge(huge_until(250, true), (size_t)40 << 20);
	pages_audit();
}
END_TEST

/* What /proc/self/smaps says of the mapping that p lies in: the line that begins so, without that;
 * "" where there is none. */
static const char *
said_of(const void *p, const char *begin)
{
	static char line[1024];
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool here = false;
	uintptr_t from, to;

	ck_assert_ptr_nonnull(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
			here = (uintptr_t)p - from < to - from;
		else if (here && strncmp(line, begin, strlen(begin)) == 0)
			break;
	}
	if (feof(smaps))
		line[0] = '\0';
	fclose(smaps);
	return line[0] ? line + strlen(begin) : line;
}

/* Where the system gives huge pages to all, as Debian's does, a small heap takes none, and a larger
 * one is as the system has it. */
START_TEST(test_small_heap)
{
	char *p = os_map(PAGE_BYTES);

	os_no_huge(p, PAGE_BYTES);
	bool there = strstr(said_of(p, "VmFlags:"), " nh") != NULL;
	pagemap_init();
	struct slab *s = pages_alloc(16 * MIB / PAGE_BYTES, 1, false);
	ck_assert_ptr_nonnull(s);
	for (size_t at = 0; at < 16 * MIB; at += 16 * PAGE_BYTES)
		s->base[at] = 1;
	ck_assert_uint_eq(strtoul(said_of(s->base, "AnonHugePages:"), NULL, 10), 0);
	ck_assert(!there || strstr(said_of(s->base, "VmFlags:"), " nh"));
	struct slab *later = pages_alloc(64 * MIB / PAGE_BYTES, 1, false);
	ck_assert_ptr_nonnull(later);
	ck_assert_ptr_null(strstr(said_of(later->base + 63 * MIB, "VmFlags:"), " nh"));
	os_unmap(p, PAGE_BYTES);
}
END_TEST

/* --- without memory --------------------------------------------------------------------------- */

/* Start meets a failing system and comes through; when there is memory later, the heap has some. */
START_TEST(test_start_without_memory)
{
	struct slab *s;

	os_fail_after(_i / 2, _i % 2);
	pagemap_init();
	s = pages_alloc(1, 1, false);
	if (_i % 2 && _i < 6)
		ck_assert_ptr_null(s);
	os_fail_after(-1, false);
	check_foreign();
	if (!s)
		s = pages_alloc(1, 1, false);
	ck_assert_ptr_nonnull(s);
	slab_set_kind(s, SLAB_BIG);
	memset(s->base, 1, PAGE_BYTES);
	ck_assert_ptr_eq(pagemap_slab(s->base), s);
	pages_audit();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pagemap");
	TCase *tc = plain_tcase(suite, "pagemap", 120);

	unit_begin("test_pagemap");
	tcase_add_test(tc, test_before_start);
	tcase_add_test(tc, test_inside);
	tcase_add_test(tc, test_edges);
	tcase_add_test(tc, test_further_regions);
	tcase_add_loop_test(tc, test_growing, 0, 2);
	tcase_add_test(tc, test_huge_pages);
	tcase_add_test(tc, test_small_heap);
	tcase_add_loop_test(tc, test_start_without_memory, 0, 12);
	return run_suite(suite);
}
