/* SPDX-License-Identifier: MIT
 * tests/unit/test_backend_jemalloc.c - jemalloc behind backends/backend.h: which classes there are
 * and how they are aligned, what the page map and the records say of blocks while pages go from one
 * class to another, wrong frees, Big blocks, exhausted memory, threads that end. */
#include "backends/backend.h"

#include <jemalloc/jemalloc.h>

#include "backends/os.h"
#include "backends/pagemap.h"
#include "backends/pages.h"
#include "base/config.h"
#include "tests/unit/samples_unit.h"
#include "tests/unit/unit.h"

#define BLOCKS_MAX 20000
#define STEPS (2400 / UNIT_SLOW)
#define ARENA 5
/* Blocks of a class are aligned as their size is, up to this. */
#define ALIGN_MOST PAGE_BYTES

struct block {
	char *p;
	unsigned cls;
	uint64_t id;
};

static struct backend_arena arena;
static struct block blocks[BLOCKS_MAX];
static size_t block_count, live_bytes;
static uint64_t rng, next_id;

static void
start(void)
{
	backend_init();
	backend_arena_init(&arena, ARENA, 0, 0);
}

static bool
in_use(unsigned cls)
{
	return sizeclass_of(sizeclass_size(cls)) == cls;
}

/* --- classes ---------------------------------------------------------------------------------- */

/* Every size goes to the least class in use that holds it. */
START_TEST(test_sizes)
{
	unsigned cls = CLASS_TINY;

	for (size_t size = 1; size <= LARGE_MAX; size++) {
		while (!in_use(cls) || sizeclass_size(cls) < size)
			cls++;
		REQUIRE_EQ(sizeclass_of(size), cls);
		REQUIRE_EQ(sizeclass_bin(size), cls * (size_t)BIN_BYTES);
	}
	ck_assert_uint_eq(sizeclass_bin(0), 0);
}
END_TEST

START_TEST(test_aligned_sizes)
{
	for (size_t align = 1; align <= ALIGN_MOST; align *= 2)
		for (size_t size = 1; size <= LARGE_MAX; size += size < 10000 ? 1 : 509) {
			unsigned cls = sizeclass_aligned(size, align);

			REQUIRE_MSG(
				cls && in_use(cls), "class %u for %zu at %zu", cls, size, align);
			REQUIRE_MSG(sizeclass_size(cls) >= size && sizeclass_size(cls) % align == 0,
				"class %u for %zu at %zu", cls, size, align);
		}
	ck_assert_uint_eq(sizeclass_aligned(1, 2 * ALIGN_MOST), 0);
	ck_assert_uint_eq(sizeclass_aligned(LARGE_MAX + 1, 16), 0);
}
END_TEST

/* --- the model -------------------------------------------------------------------------------- */

static void
check_told(const void *p, unsigned cls)
{
	size_t size = sizeclass_size(cls);
	size_t align = size & (0 - size);
	unsigned found = 0;
	uint16_t bin = 1;

	REQUIRE_EQ((uintptr_t)p % (align > ALIGN_MOST ? ALIGN_MOST : align), (size_t)0);
	REQUIRE_EQ(backend_owner(p, &found), ARENA);
	REQUIRE_EQ(found, cls);
	REQUIRE_EQ(backend_usable(p), size);
	REQUIRE_EQ(backend_bin(p), cls < BIN_CLASSES ? cls * BIN_BYTES : 0u);
	REQUIRE_MSG(pagemap_bin(p, &bin), "%p is not in the primary region", p);
	REQUIRE_EQ(bin, backend_bin(p));
}

static void
hold(void *p, unsigned cls)
{
	struct block *b = &blocks[block_count++];

	REQUIRE_MSG(p != NULL, "class %u: no block", cls);
	*b = (struct block){p, cls, ++next_id};
	check_told(p, cls);
	/* The ends are where two blocks would overlap. */
	pattern_fill((unsigned char *)p, b->id, 0, 8);
	pattern_fill((unsigned char *)p, b->id, sizeclass_size(cls) - 8, sizeclass_size(cls));
	live_bytes += sizeclass_size(cls);
}

/* Takes a block out of the model and puts it at the head of a list to be returned. */
static void *
unhold(size_t i, void *list)
{
	struct block b = blocks[i];
	size_t size = sizeclass_size(b.cls);

	check_told(b.p, b.cls);
	REQUIRE_MSG(pattern_check((unsigned char *)b.p, b.id, 0, 8) == 8 &&
			    pattern_check((unsigned char *)b.p, b.id, size - 8, size) == size,
		"seed %" PRIu64 ": block %p of class %u was written to", unit_seed, (void *)b.p,
		b.cls);
	live_bytes -= size;
	blocks[i] = blocks[--block_count];
	link_set(b.p, list);
	return b.p;
}

static void
give_back(size_t i)
{
	ck_assert_ptr_null(backend_return(&arena, unhold(i, NULL), os_now_ms()));
}

static void
check_all(void)
{
	ck_assert_uint_eq(backend_arena_live(&arena), live_bytes);
	backend_audit(&arena);
	pages_audit();
}

static unsigned
random_class(void)
{
	unsigned cls;

	do {
		cls = CLASS_TINY + (unsigned)rng_below(&rng, CLASS_END - CLASS_TINY);
	} while (!in_use(cls));
	return cls;
}

static void
step_refill(unsigned cls)
{
	struct batch b = {0};
	uint32_t n = backend_refill(&arena, cls, 1 + (uint32_t)rng_below(&rng, 100), 200, &b);

	ck_assert_uint_ge(n, 1);
	REQUIRE_EQ(n, b.nblocks);
	REQUIRE_EQ(n, b.count);
	for (uint32_t i = 0; i < n; i++)
		hold(b.blocks[i], cls);
}

static void
step_take(unsigned cls)
{
	bool zeroed = rng_below(&rng, 2);
	void *p = backend_take(&arena, cls, &zeroed);

	if (zeroed)
		REQUIRE_MSG(bytes_check(p, 0, sizeclass_size(cls)) == sizeclass_size(cls),
			"seed %" PRIu64 ": block %p of class %u is not zero", unit_seed, p, cls);
	hold(p, cls);
}

START_TEST(test_random)
{
	start();
	rng = unit_rng(0);
	for (int i = 0; i < STEPS; i++) {
		size_t kind = rng_below(&rng, 100);
		unsigned cls = random_class();

		if (kind < 30 && cls < BIN_CLASSES && block_count + 100 < BLOCKS_MAX)
			step_refill(cls);
		else if (kind < 60 && live_bytes < 64 * MIB && block_count < BLOCKS_MAX)
			step_take(cls);
		else if (kind < 97)
			for (size_t n = rng_below(&rng, 100); n > 0 && block_count; n--)
				give_back(rng_below(&rng, block_count));
		else
			backend_arena_age(&arena, os_now_ms(), 0, (uint32_t)rng_below(&rng, 2));
		if (i % 100 == 0)
			check_all();
	}
	while (block_count)
		give_back(block_count - 1);
	check_all();
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

/* The same pages for one class after another: what is told follows at once. */
START_TEST(test_pages_change_class)
{
	bool zeroed = false;
	size_t same = 0;
	char *first = NULL;

	start();
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++) {
		size_t n = 4 * PAGE_BYTES / sizeclass_size(cls) + 3;

		if (!in_use(cls))
			continue;
		while (block_count < n)
			hold(backend_take(&arena, cls, &zeroed), cls);
		if (!first)
			first = blocks[0].p;
		for (size_t i = 0; i < n; i++)
			same += blocks[i].p == first;
		while (block_count)
			give_back(0);
		/* Nothing is left of them. */
		REQUIRE_EQ(backend_bin(first), 0);
		REQUIRE_EQ(backend_usable(first), (size_t)0);
		backend_arena_age(&arena, 0, 0, 0);
	}
	ck_assert_uint_gt(same, 1);
	check_all();
}
END_TEST

START_TEST(test_other_arena)
{
	static struct backend_arena other;
	bool zeroed = false;
	unsigned cls;
	void *a, *b;

	start();
	backend_arena_init(&other, ARENA + 1, 0, 0);
	a = backend_take(&arena, 4, &zeroed);
	b = backend_take(&other, 4, &zeroed);
	link_set(b, NULL);
	link_set(a, b);
	ck_assert_ptr_eq(backend_return(&arena, a, 0), b);
	ck_assert_uint_eq(backend_owner(b, &cls), ARENA + 1);
	ck_assert_ptr_null(backend_return(&other, b, 0));
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

/* What came back is what is not dry. */
START_TEST(test_dry)
{
	bool zeroed = false;

	start();
	ck_assert(backend_dry(&arena, 4));
	hold(backend_take(&arena, 4, &zeroed), 4);
	ck_assert(backend_dry(&arena, 4));
	give_back(0);
	ck_assert(!backend_dry(&arena, 4));
	hold(backend_take(&arena, 4, &zeroed), 4);
	ck_assert(backend_dry(&arena, 4));
}
END_TEST

/* --- wrong frees ------------------------------------------------------------------------------ */

static const size_t sizes[] = {16, 64, 112, 1024, 1280, 5120, 32768, 65536, 131072, 1048576};

struct misuse {
	unsigned cls;
	size_t offset;
	bool twice;
};

/* Returns a block's address plus an offset. */
static void
misuse(void *arg)
{
	const struct misuse *m = arg;
	bool zeroed = false;
	char *p[3];

	start();
	for (int i = 0; i < 3; i++)
		p[i] = backend_take(&arena, m->cls, &zeroed);
	for (int i = 0; i < 1 + m->twice; i++) {
		if (!m->offset)
			link_set(p[1], NULL);
		backend_return(&arena, p[1] + m->offset, 0);
	}
}

START_TEST(test_misuse)
{
	struct misuse m = {sizeclass_of(sizes[_i]), 0, true};
	static const size_t offsets[] = {1, 8, 16, 24, 512};
	char message[512];

	expect_abort(misuse, &m, "double free");
	m.twice = false;
	for (size_t i = 0; i < LENGTH(offsets); i++) {
		m.offset = offsets[i];
		if (m.offset < sizeclass_size(m.cls))
			expect_abort(misuse, &m, "not the start of a block");
	}
	m.offset = 0;
	ck_assert_int_eq(run_child(misuse, &m, message, sizeof(message)), 0);
}
END_TEST

static void
owner_of(void *arg)
{
	unsigned cls;

	backend_owner(arg, &cls);
}

START_TEST(test_never_a_block)
{
	bool zeroed = false;
	unsigned cls;
	char *p;

	start();
	expect_abort(owner_of, NULL, "not a block of this heap");
	expect_abort(owner_of, &arena, "not a block of this heap");
	p = backend_take(&arena, sizeclass_of(65536), &zeroed);
	expect_abort(owner_of, p + PAGE_BYTES, "not a block of this heap");
	ck_assert_uint_eq(backend_usable(p + PAGE_BYTES), 0);
	ck_assert_uint_eq(backend_usable(p + 16), 0);
	ck_assert_uint_eq(backend_usable(&arena), 0);
	ck_assert_uint_eq(backend_bin(&arena), 0);
	p = backend_big_alloc(3 * MIB, 1, &zeroed);
	ck_assert_uint_eq(backend_owner(p, &cls), BACKEND_NO_ARENA);
	expect_abort(owner_of, p + 16, "not its start");
	ck_assert(backend_big_free(p));
	expect_abort(owner_of, p, "double free");
}
END_TEST

/* --- Big -------------------------------------------------------------------------------------- */

START_TEST(test_big)
{
	static const size_t aligns[] = {1, 4096, 8192, 65536, 2 * MIB, 64 * MIB};
	static const size_t lengths[] = {1, 100000, LARGE_MAX + 1, 5 * MIB + 3, 40 * MIB};

	start();
	for (size_t i = 0; i < LENGTH(aligns) * LENGTH(lengths); i++) {
		size_t align = aligns[i % LENGTH(aligns)];
		size_t size = lengths[i / LENGTH(aligns)];
		bool zeroed = i % 2;
		unsigned cls = 1;
		char *p = backend_big_alloc(size, align, &zeroed);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % align, 0);
		ck_assert_uint_ge(backend_usable(p), size);
		ck_assert_uint_eq(backend_owner(p, &cls), BACKEND_NO_ARENA);
		ck_assert_uint_eq(cls, 0);
		ck_assert_uint_eq(backend_bin(p), 0);
		ck_assert_uint_eq(backend_totals().big, backend_usable(p));
		ck_assert_uint_eq(backend_totals().big_count, 1);
		if (zeroed)
			ck_assert_uint_eq(bytes_check((unsigned char *)p, 0, size), size);
		pattern_fill((unsigned char *)p, i, 0, size);
		ck_assert(backend_big_free(p));
	}
	ck_assert_uint_eq(backend_totals().big, 0);
	ck_assert_uint_eq(backend_totals().used, 0);
	pages_audit();
}
END_TEST

/* In place or not at all; what is told follows. */
START_TEST(test_big_resize)
{
	static const size_t lengths[] = {2 * MIB, 8 * MIB, 3 * MIB, 30 * MIB, LARGE_MAX + 1};
	bool zeroed = false;
	unsigned char *p;
	size_t had, resized = 0;

	start();
	p = backend_big_alloc(4 * MIB, 1, &zeroed);
	pattern_fill(p, 1, 0, LARGE_MAX);
	for (size_t i = 0; i < LENGTH(lengths); i++) {
		had = backend_usable(p);
		if (backend_big_resize(p, lengths[i]) == p) {
			ck_assert_uint_ge(backend_usable(p), lengths[i]);
			resized++;
		} else {
			ck_assert_uint_eq(backend_usable(p), had);
		}
		ck_assert_uint_eq(backend_totals().big, backend_usable(p));
		ck_assert_uint_eq(pattern_check(p, 1, 0, LARGE_MAX), LARGE_MAX);
	}
	/* Shrinking always works. */
	ck_assert_uint_ge(resized, 3);
	ck_assert_uint_lt(backend_usable(p), 2 * MIB);
	ck_assert(backend_big_free(p));
	ck_assert_uint_eq(backend_totals().big, 0);
}
END_TEST

/* L2.5: in place or not at all; the class that is told follows. */
START_TEST(test_resize)
{
	size_t least, length = sizeof(least);
	bool zeroed = false;
	size_t grown = 0;
	unsigned char *p;

	start();
	/* Its smallest run of pages: where its pages have 64 KiB, as on aarch64, 256 KiB. */
	ck_assert_int_eq(mallctl("arenas.lextent.0.size", &least, &length, NULL, 0), 0);
	least = least > 65536 ? least : 65536;
	p = backend_take(&arena, sizeclass_of(LARGE_MAX), &zeroed);
	pattern_fill(p, 1, 0, 65536);
	/* What it gave up is behind it. */
	ck_assert(backend_resize(&arena, p, least));
	check_told(p, sizeclass_of(least));
	for (size_t size = least; size <= LARGE_MAX; size += 65536) {
		size_t had = backend_usable(p);
		bool resized = backend_resize(&arena, p, size);
		grown += resized && size > had;
		check_told(p, sizeclass_of(resized ? size : had));
		ck_assert_uint_eq(backend_arena_live(&arena), backend_usable(p));
	}
	ck_assert_uint_ge(grown, 1);
	ck_assert(!backend_resize(&arena, p, LARGE_MAX + 1));
	ck_assert(!backend_resize(&arena, p, MID_MAX));
	ck_assert(backend_resize(&arena, p, least));
	check_told(p, sizeclass_of(least));
	ck_assert_uint_eq(pattern_check(p, 1, 0, 65536), 65536);
	link_set(p, NULL);
	ck_assert_ptr_null(backend_return(&arena, p, 0));
	ck_assert_uint_eq(backend_arena_live(&arena), 0);
	p = backend_take_sampled(&arena, sizeclass_of(65536));
	ck_assert(!backend_resize(&arena, p, 81920));
}
END_TEST

/* --- memory given back ------------------------------------------------------------------------ */

/* jemalloc itself gives ranges of 8 MiB and more back when they become free; this is less. */
START_TEST(test_age)
{
	struct backend_totals before, after;
	bool zeroed = false;
	unsigned char *p;

	start();
	p = backend_big_alloc(3 * MIB, 1, &zeroed);
	pattern_fill(p, 1, 0, 3 * MIB);
	ck_assert_uint_ge(backend_totals().used, 3 * MIB);
	ck_assert(backend_big_free(p));
	before = backend_totals();
	ck_assert_uint_eq(before.used, 0);
	ck_assert_uint_ge(before.resident, 3 * MIB);
	ck_assert_uint_ge(before.peak, 3 * MIB);
	ck_assert_uint_ge(backend_age(os_now_ms(), 0, 0, 0), 3 * MIB);
	after = backend_totals();
	ck_assert_uint_eq(after.resident, 0);
	ck_assert_uint_gt(after.purges, before.purges);
	ck_assert_uint_ge(after.purged, before.purged + 3 * MIB);
	/* Nothing more. */
	ck_assert_uint_eq(backend_age(os_now_ms(), 0, 0, 0), 0);
	pages_audit();
}
END_TEST

/* With address space limited, what is free goes back to the page heap, and is had again. */
START_TEST(test_limited)
{
	bool zeroed = false;
	size_t used;

	pagemap_limit(SIZE_MAX / 2);
	start();
	rng = unit_rng(1);
	used = pages_totals().used;
	for (int round = 0; round < 100; round++) {
		char *big = backend_big_alloc(9 * MIB, 1, &zeroed);

		for (int i = 0; i < 100; i++)
			step_take(random_class());
		pages_audit();
		ck_assert(backend_big_free(big));
		while (block_count)
			give_back(rng_below(&rng, block_count));
		check_all();
	}
	/* What stays is jemalloc's own. */
	ck_assert_uint_le(pages_totals().used, used + 8 * MIB);
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

START_TEST(test_exhausted)
{
	struct batch b = {0};
	bool zeroed = false;

	start();
	os_fail_after(0, true);
	for (unsigned cls = 1; cls < CLASS_END; cls++) {
		if (cls < BIN_CLASSES)
			ck_assert_uint_eq(backend_refill(&arena, cls, 10, 20, &b), 0);
		ck_assert_ptr_null(backend_take(&arena, cls, &zeroed));
	}
	ck_assert_ptr_null(backend_big_alloc(2 * MIB, 1, &zeroed));
	ck_assert_ptr_null(backend_big_alloc(1, MIB, &zeroed));
	check_all();
	os_fail_after(-1, false);
	for (unsigned cls = 1; cls < CLASS_END; cls++)
		if (in_use(cls))
			hold(backend_take(&arena, cls, &zeroed), cls);
	check_all();
}
END_TEST

/* --- threads that end ------------------------------------------------------------------------- */

static pthread_key_t early_key;

/* jemalloc's destructor for the thread has run when this one does for the third time. */
static void
late_destructor(void *round)
{
	bool zeroed = false;

	if ((uintptr_t)round < 3) {
		pthread_setspecific(early_key, (void *)((uintptr_t)round + 1));
		return;
	}
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
		if (in_use(cls))
			step_take(cls);
	void *big = backend_big_alloc(2 * MIB, 1, &zeroed);
	REQUIRE_MSG(big && pagemap_contains(big), "no Big block in the heap: %p", big);
	REQUIRE_MSG(backend_big_free(big), "a Big block stays");
}

static void *
ending_thread(void *arg)
{
	bool zeroed = false;
	void *p = backend_take(&arena, 1, &zeroed);

	link_set(p, NULL);
	backend_return(&arena, p, 0);
	pthread_setspecific(early_key, (void *)1);
	return arg;
}

START_TEST(test_thread_exit)
{
	start();
	rng = unit_rng(2);
	ck_assert_int_eq(pthread_key_create(&early_key, late_destructor), 0);
	for (int i = 0; i < 20; i++)
		run_threads(1, ending_thread, NULL, 0);
	check_all();
	while (block_count)
		give_back(block_count - 1);
	check_all();
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

START_TEST(test_samples)
{
	start();
	check_samples(&arena);
	check_big_samples();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backend_jemalloc");
	TCase *tc = plain_tcase(suite, "backend_jemalloc", 120);

	unit_begin("test_backend_jemalloc");
	tcase_add_test(tc, test_samples);
	tcase_add_test(tc, test_sizes);
	tcase_add_test(tc, test_aligned_sizes);
	tcase_add_test(tc, test_random);
	tcase_add_test(tc, test_pages_change_class);
	tcase_add_test(tc, test_other_arena);
	tcase_add_test(tc, test_dry);
	tcase_add_loop_test(tc, test_misuse, 0, (int)LENGTH(sizes));
	tcase_add_test(tc, test_never_a_block);
	tcase_add_test(tc, test_big);
	tcase_add_test(tc, test_resize);
	tcase_add_test(tc, test_big_resize);
	tcase_add_test(tc, test_age);
	tcase_add_test(tc, test_limited);
	tcase_add_test(tc, test_exhausted);
	tcase_add_test(tc, test_thread_exit);
	return run_suite(suite);
}
