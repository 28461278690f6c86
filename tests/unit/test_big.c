/* SPDX-License-Identifier: MIT
 * tests/unit/test_big.c - backends/hakmem/big: BigCache's hits, bounds, age and order of eviction;
 * blocks resized in place and moved. */
#include "tests/unit/big_unit.h"

#define STEPS (3000 / UNIT_SLOW)
#define LIVE_MAX 24

/* Into the cache, whatever waits there. */
static void
give_cached(char *p)
{
	give_as(p, FATE_CACHED);
}

static bool
is_cached(const char *p)
{
	const struct slab *s = pagemap_slab(p);

	return s && slab_kind(s) == SLAB_BIG_CACHED;
}

/* --- BigCache --------------------------------------------------------------------------------- */

START_TEST(test_hit_and_miss)
{
	bool zeroed = true;
	char *p, *other;

	start(64);
	p = take(4 * MIB);
	pattern_fill(p, 1, 0, 4 * MIB);
	give(p);
	ck_assert_uint_eq(big_totals().cached, 4 * MIB);
	ck_assert_uint_eq(big_totals().live, 0);
	ck_assert_uint_eq(big_totals().count, 0);
	/* Larger than the run, and smaller by more than an eighth: not this one. */
	other = take(4 * MIB + 1);
	ck_assert(is_cached(p));
	give(other);
	big_age(os_now_ms(), 0, 0);
	p = take(4 * MIB);
	memset(p, 1, 4 * MIB);
	give(p);
	other = take(3 * MIB);
	ck_assert(is_cached(p));
	/* The same size, and an alignment that the cache cannot promise. */
	ck_assert_ptr_ne(big_alloc(0, 4 * MIB, 16 * MIB, &zeroed), NULL);
	ck_assert(is_cached(p));
	ck_assert_ptr_eq(big_alloc(0, 4 * MIB - 5, 1, &zeroed), p);
	ck_assert(!zeroed);
	ck_assert_uint_eq(big_totals().cached, 0);
	give(other);
}
END_TEST

START_TEST(test_best_fit)
{
	char *runs[3];

	start(64);
	for (size_t i = 0; i < 3; i++)
		runs[i] = take(8 * MIB + i * PAGE_BYTES);
	give_cached(runs[2]);
	give_cached(runs[0]);
	give_cached(runs[1]);
	ck_assert_ptr_eq(take(8 * MIB + 1), runs[1]);
	ck_assert_ptr_eq(take(8 * MIB + 1), runs[2]);
	ck_assert_ptr_eq(take(8 * MIB), runs[0]);
}
END_TEST

/* The byte limit holds, and what has been cached longest goes first. */
START_TEST(test_byte_limit)
{
	static const unsigned order[4] = {2, 0, 3, 1};
	char *runs[4], *more[4];

	start(8);
	for (size_t i = 0; i < 4; i++)
		runs[i] = take(2 * MIB);
	for (size_t i = 0; i < 4; i++)
		more[i] = take(2 * MIB);
	for (size_t i = 0; i < 4; i++)
		give_cached(runs[i]);
	ck_assert_uint_eq(big_totals().cached, 8 * MIB);
	for (uint32_t i = 0; i < 4; i++)
		pagemap_slab(runs[order[i]])->since_ms = os_now_ms() - 1000 + i;
	for (size_t i = 0; i < 4; i++) {
		give_cached(more[i]);
		ck_assert_uint_eq(big_totals().cached, 8 * MIB);
		for (size_t j = 0; j < 4; j++)
			ck_assert_msg(is_cached(runs[order[j]]) == (j > i), "%zu, %zu", i, j);
	}
	/* More than the limit alone: past the cache, which stays. */
	more[0] = take(9 * MIB);
	give(more[0]);
	ck_assert(!is_cached(more[0]));
	ck_assert_uint_eq(big_totals().cached, 8 * MIB);
	pages_audit();
}
END_TEST

START_TEST(test_no_cache)
{
	char *p;

	start(_i == 0 ? 0 : 64);
	if (_i == 1)
		pages_limit_address_space(64 * MIB);
	p = take(2 * MIB);
	give(p);
	ck_assert(!is_cached(p));
	ck_assert_uint_eq(big_totals().cached, 0);
	ck_assert_uint_eq(pages_totals().used, 0);
}
END_TEST

/* More runs than there are slots: bounded in number too, and none is lost. */
/* One of each class waits, unless a rule wants more; the others serve any size. */
START_TEST(test_one_of_each)
{
	char *first, *second, *other;

	start(64);
	first = take(2 * MIB);
	second = take(3 * MIB);
	other = take(4 * MIB);
	give(first);
	give(second);
	give(other);
	ck_assert(is_cached(first) && !is_cached(second) && is_cached(other));
	ck_assert_uint_eq(pages_totals().resident, 3 * MIB);
	/* Once it is taken the next one may wait. */
	ck_assert_ptr_eq(take(2 * MIB), first);
	second = take(3 * MIB);
	give(second);
	ck_assert(is_cached(second));
	give(first);
	ck_assert(!is_cached(first));
	pages_audit();
}
END_TEST

START_TEST(test_many)
{
	char *runs[100];

	start(1024);
	for (size_t i = 0; i < LENGTH(runs); i++)
		runs[i] = take(2 * MIB);
	for (size_t i = 0; i < LENGTH(runs); i++)
		give_cached(runs[i]);
	ck_assert_uint_lt(big_totals().cached, LENGTH(runs) * 2 * MIB);
	ck_assert_uint_gt(big_totals().cached, 0);
	ck_assert_uint_eq(pages_totals().used, big_totals().cached);
	pages_audit();
}
END_TEST

START_TEST(test_age)
{
	uint32_t now_ms = os_now_ms();
	char *young, *old;
	bool zeroed = false;

	start(64);
	young = take(2 * MIB);
	old = take(4 * MIB);
	memset(old, 1, 4 * MIB);
	give(young);
	give(old);
	pagemap_slab(young)->since_ms = now_ms - 50;
	pagemap_slab(old)->since_ms = now_ms - 100;
	big_age(now_ms, 101, 0);
	ck_assert_uint_eq(big_totals().cached, 6 * MIB);
	big_age(now_ms, 100, 0);
	ck_assert(is_cached(young) && !is_cached(old));
	ck_assert_uint_eq(big_totals().cached, 2 * MIB);
	/* Its pages went back at once. */
	ck_assert_uint_eq(pages_totals().purged, 4 * MIB);
	ck_assert_uint_eq(pages_totals().resident, 0);
	big_age(now_ms, 0, 0);
	ck_assert_uint_eq(big_totals().cached, 0);
	old = big_alloc(0, 4 * MIB, 1, &zeroed);
	if (zeroed)
		ck_assert_uint_eq(bytes_check(old, 0, 4 * MIB), 4 * MIB);
	pages_audit();
}
END_TEST

/* What a freed block's fate says, against what its size does. */
START_TEST(test_fates)
{
	static const struct {
		enum backend_fate fate;
		bool cached[2], purged[2]; /* 2 MiB, and 6 MiB with giveback at 4 */
	} cases[] = {
		{FATE_USUAL, {true, false}, {false, true}},
		{FATE_UNCACHED, {false, false}, {false, true}},
		{FATE_CACHED, {true, true}, {false, false}},
		{FATE_KEPT, {true, true}, {false, false}},
		{FATE_PURGED, {false, false}, {true, true}},
	};

	start(64);
	hak_config.giveback = 4 * MIB;
	for (int large = 0; large < 2; large++) {
		size_t size = large ? 6 * MIB : 2 * MIB, purged = pages_totals().purged;
		char *p = take(size);
		memset(p, 1, size);
		give_as(p, cases[_i].fate);
		ck_assert_int_eq(is_cached(p), cases[_i].cached[large]);
		ck_assert_int_eq(pages_totals().purged - purged == size, cases[_i].purged[large]);
		/* The next owner's block has the usual fate. */
		if (!is_cached(p))
			continue;
		ck_assert_ptr_eq(take(size), p);
		ck_assert_int_eq(pagemap_slab(p)->state, FATE_USUAL);
		give_as(p, FATE_PURGED);
	}
	pages_audit();
}
END_TEST

/* Kept runs have an age of their own, and leave last for want of room. */
START_TEST(test_kept)
{
	uint32_t now_ms = os_now_ms();
	char *kept, *younger, *another;

	start(6);
	kept = take(2 * MIB);
	younger = take(3 * MIB);
	another = take(4 * MIB);
	give_as(kept, FATE_KEPT);
	give(younger);
	pagemap_slab(kept)->since_ms = now_ms - 1000;
	give(another);
	ck_assert(is_cached(kept) && !is_cached(younger) && is_cached(another));
	big_age(now_ms, 0, 1001);
	ck_assert(is_cached(kept) && !is_cached(another));
	big_age(now_ms, 0, 1000);
	ck_assert(!is_cached(kept));
	ck_assert_uint_eq(big_totals().cached, 0);
	pages_audit();
}
END_TEST

/* What has waited longest serves slabs, before fresh pages do; not what was freed just now, nor
 * what a rule keeps, nor what is another group's. */
START_TEST(test_yield)
{
	struct slab_list list = {0};
	char *young, *old, *kept;

	start(64);
	young = take(2 * MIB);
	old = take(4 * MIB);
	kept = take(8 * MIB);
	give(young);
	give(old);
	give_as(kept, FATE_KEPT);
	uint32_t now_ms = os_now_ms();
	pagemap_slab(young)->since_ms = pagemap_slab(old)->since_ms = now_ms + 1000;
	ck_assert(!big_yield(0));
	pagemap_slab(young)->since_ms = now_ms - 50;
	pagemap_slab(old)->since_ms = pagemap_slab(kept)->since_ms = now_ms - 100;
	ck_assert(!big_yield(1));
	struct slab *s = slab_birth(&list, SLAB_TINY, 4, 0);
	ck_assert_ptr_nonnull(s);
	ck_assert(s->base >= old && s->base < old + 4 * MIB && !s->zero);
	ck_assert_uint_eq(pages_totals().resident, 4 * MIB - s->npages * PAGE_BYTES);
	ck_assert(is_cached(young) && is_cached(kept));
	/* As long as there are warm pages no other has to go. */
	ck_assert_ptr_nonnull(slab_birth(&list, SLAB_TINY, 4, 0));
	ck_assert(is_cached(young));
	ck_assert(big_yield(0) && !is_cached(young));
	ck_assert(!big_yield(0) && is_cached(kept));
	pages_audit();
}
END_TEST

/* The counters, class by class. */
START_TEST(test_counts)
{
	struct backend_bigcache c;
	bool zeroed = false;
	char *p;

	start(8);
	p = take(2 * MIB);
	give(p);
	give(take(2 * MIB));
	p = take(4 * MIB - PAGE_BYTES);
	give(p);
	give(take(7 * MIB));
	give_cached(take(4 * MIB - 2 * PAGE_BYTES));
	/* Aligned blocks are not looked for; what does not fit goes past. */
	give(big_alloc(0, 1, 2 * MIB, &zeroed));
	give(take(9 * MIB));
	big_age(os_now_ms(), 0, 0);
	ck_assert(big_cache_counts(1, &c));
	ck_assert_uint_eq(c.hits, 1);
	ck_assert_uint_eq(c.misses, 3);
	ck_assert_uint_eq(c.puts, 3);
	ck_assert_uint_eq(c.pushed, 1);
	ck_assert_uint_eq(c.aged, 1);
	ck_assert_uint_eq(c.past, 1);
	ck_assert(big_cache_counts(2, &c));
	ck_assert_uint_eq(c.misses, 1);
	ck_assert_uint_eq(c.pushed, 1);
	ck_assert(big_cache_counts(3, &c));
	ck_assert_uint_eq(c.past, 1);
	ck_assert(big_cache_counts(0, &c));
	ck_assert_uint_eq(c.hits + c.misses, 0);
	ck_assert_uint_eq(c.puts, 1);
	ck_assert(!big_cache_counts(BIGCACHE_CLASSES, &c));
}
END_TEST

START_TEST(test_giveback)
{
	bool zeroed = false;
	char *p;

	start(64);
	hak_config.giveback = 4 * MIB;
	p = take(4 * MIB);
	give(p);
	ck_assert(is_cached(p));
	p = take(4 * MIB + PAGE_BYTES);
	memset(p, 1, 4 * MIB + PAGE_BYTES);
	give(p);
	ck_assert(!is_cached(p));
	ck_assert_uint_eq(pages_totals().purged, 4 * MIB + PAGE_BYTES);
	zeroed = true;
	p = big_alloc(0, 4 * MIB + PAGE_BYTES, 1, &zeroed);
	ck_assert(zeroed);
	ck_assert_uint_eq(bytes_check(p, 0, 4 * MIB), 4 * MIB);
}
END_TEST

/* --- resize ----------------------------------------------------------------------------------- */

static char *
resize(char *p, size_t size)
{
	return big_resize(pagemap_slab(p), size);
}

START_TEST(test_in_place)
{
	size_t size = 8 * MIB;
	char *p;

	start(0);
	p = take(size);
	pattern_fill(p, 1, 0, size);
	/* The block keeps its pages, so its place; then it has what it gave up behind it. */
	ck_assert_ptr_eq(resize(p, size - 1), p);
	ck_assert_uint_eq(big_totals().live, size);
	ck_assert_ptr_eq(resize(p, size / 2), p);
	ck_assert_uint_eq(big_totals().live, size / 2);
	ck_assert_uint_eq(pages_totals().resident, size / 2);
	ck_assert_uint_eq(pattern_check(p, 1, 0, size / 2), size / 2);
	ck_assert_ptr_eq(resize(p, size), p);
	ck_assert_uint_eq(big_totals().live, size);
	ck_assert_uint_eq(pattern_check(p, 1, 0, size / 2), size / 2);
	pages_audit();
	give(p);
	ck_assert_uint_eq(pages_totals().used, 0);
}
END_TEST

/* With a neighbour behind it the block moves; each call to the system fails in turn meanwhile: with
 * memory at hand the move itself, which then copies, otherwise also what gets the memory. */
START_TEST(test_move)
{
	size_t size = 4 * MIB;
	char *moved = NULL, *p, *neighbour;
	long n;

	start(0);
	p = take(size);
	neighbour = take(size);
	pattern_fill(p, 1, 0, size);
	pattern_fill(neighbour, 2, 0, size);
	if (!_i)
		give_as(take(64 * MIB), FATE_PURGED);
	for (n = 0; !moved; n++) {
		struct big_totals before = big_totals();

		ck_assert_int_lt(n, 20);
		os_fail_after(n, _i);
		moved = resize(p, 64 * MIB);
		os_fail_after(-1, false);
		ck_assert_uint_eq(pattern_check(neighbour, 2, 0, size), size);
		ck_assert_uint_eq(pattern_check(moved ? moved : p, 1, 0, size), size);
		struct big_totals after = big_totals();
		if (!moved)
			ck_assert_int_eq(memcmp(&before, &after, sizeof(before)), 0);
		pages_audit();
	}
	ck_assert_int_ge(n, _i ? 2 : 1);
	ck_assert_ptr_ne(moved, p);
	ck_assert_uint_eq(big_totals().live, 68 * MIB);
	ck_assert_uint_eq(big_totals().count, 2);
	ck_assert_uint_eq(pages_totals().used, 68 * MIB);
	memset(moved + size, 1, 60 * MIB);
	/* Whoever gets the old place is not told that it is zero where it is not. */
	bool zeroed = true;
	char *next = big_alloc(0, size, 1, &zeroed);
	ck_assert_ptr_eq(next, p);
	ck_assert(!zeroed || bytes_check(next, 0, size) == size);
	give(next);
	give(moved);
	give(neighbour);
	ck_assert_uint_eq(pages_totals().used, 0);
}
END_TEST

/* Warm pages at hand are copied to: moved pages would take their place, and leave none. */
START_TEST(test_move_to_warm)
{
	size_t size = 4 * MIB;
	char *p, *neighbour, *warm;

	start(0);
	p = take(size);
	neighbour = take(size);
	warm = take(2 * size);
	give(warm);
	ck_assert_ptr_null(resize(p, 2 * size));
	ck_assert_uint_eq(pages_totals().resident, 2 * size);
	/* What would be given back when it is freed is moved all the same. */
	hak_config.giveback = size - 1;
	ck_assert_ptr_eq(resize(p, 2 * size), warm);
	give(warm);
	give(neighbour);
	ck_assert_uint_eq(pages_totals().used, 0);
}
END_TEST

START_TEST(test_absurd)
{
	bool zeroed = false;
	char *p;

	start(64);
	p = take(2 * MIB);
	pattern_fill(p, 1, 0, 2 * MIB);
	ck_assert_ptr_null(big_alloc(0, PTRDIFF_MAX, 1, &zeroed));
	ck_assert_ptr_null(big_alloc(0, 2 * MIB, (size_t)1 << 62, &zeroed));
	ck_assert_ptr_null(resize(p, PTRDIFF_MAX));
	ck_assert_ptr_null(resize(p, (size_t)1 << 46));
	ck_assert_uint_eq(pattern_check(p, 1, 0, 2 * MIB), 2 * MIB);
	ck_assert_uint_eq(big_totals().live, 2 * MIB);
	give(p);
}
END_TEST

/* --- random operations ------------------------------------------------------------------------ */

struct block {
	char *p;
	size_t size;
	uint64_t id;
};

/* The ends of every page hold the pattern. */
static void
touch(const struct block *b, size_t from)
{
	for (size_t at = from & ~(size_t)4095; at + 8 <= b->size; at += 4096)
		pattern_fill(b->p, b->id, at, at + 8);
}

static void
check(const struct block *b, size_t upto)
{
	for (size_t at = 0; at + 8 <= b->size && at + 8 <= upto; at += 4096)
		REQUIRE_MSG(pattern_check(b->p, b->id, at, at + 8) == at + 8,
			"seed %" PRIu64 ": %p of %zu bytes at %zu", unit_seed, (void *)b->p,
			b->size, at);
}

static void
step(struct block *b, uint64_t *rng)
{
	size_t size = MIB + 1 + rng_below(rng, 6 * MIB);
	size_t align = rng_below(rng, 8) ? 1 : (size_t)1 << rng_below(rng, 24);
	bool wanted = rng_below(rng, 2), zeroed = wanted;
	char *moved;

	if (!b->p) {
		*b = (struct block){big_alloc(0, size, align, &zeroed), size, rng_next(rng)};
		ck_assert_ptr_nonnull(b->p);
		ck_assert_uint_eq((uintptr_t)b->p % align, 0);
		ck_assert(!zeroed || bytes_check(b->p, 0, size) == size);
		touch(b, 0);
	} else if (rng_below(rng, 3)) {
		check(b, b->size);
		give(b->p);
		b->p = NULL;
	} else if ((moved = resize(b->p, size))) {
		size_t before = b->size;

		b->p = moved;
		b->size = size;
		check(b, before);
		touch(b, before);
	}
}

START_TEST(test_random)
{
	struct block blocks[LIVE_MAX] = {{0}};
	uint64_t rng = unit_rng(0);

	start(16);
	hak_config.giveback = (_i ? 2 : 6) * MIB;
	for (int i = 0; i < STEPS; i++) {
		size_t bytes = 0;

		step(&blocks[rng_below(&rng, LIVE_MAX)], &rng);
		if (i % 100 == 50)
			big_age(os_now_ms(), 0, 0);
		if (i % 20)
			continue;
		for (size_t j = 0; j < LIVE_MAX; j++)
			if (blocks[j].p)
				bytes +=
					(blocks[j].size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
		/* A cached run serves smaller blocks too, by an eighth at most. */
		ck_assert_uint_ge(big_totals().live, bytes);
		ck_assert_uint_le(big_totals().live, bytes + bytes / 8);
		ck_assert_uint_le(big_totals().cached, 16 * MIB);
		ck_assert_uint_eq(pages_totals().used, big_totals().live + big_totals().cached);
		pages_audit();
	}
	for (size_t i = 0; i < LIVE_MAX; i++)
		if (blocks[i].p) {
			check(&blocks[i], blocks[i].size);
			give(blocks[i].p);
		}
	ck_assert_uint_eq(big_totals().live, 0);
	ck_assert_uint_eq(big_totals().count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("big");
	TCase *tc = plain_tcase(suite, "big", 120);

	unit_begin("test_big");
	tcase_add_test(tc, test_hit_and_miss);
	tcase_add_test(tc, test_best_fit);
	tcase_add_test(tc, test_byte_limit);
	tcase_add_test(tc, test_one_of_each);
	tcase_add_loop_test(tc, test_no_cache, 0, 2);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_age);
	tcase_add_test(tc, test_giveback);
	tcase_add_loop_test(tc, test_fates, 0, 5);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_yield);
	tcase_add_test(tc, test_counts);
	tcase_add_test(tc, test_in_place);
	tcase_add_loop_test(tc, test_move, 0, 2);
	tcase_add_test(tc, test_move_to_warm);
	tcase_add_test(tc, test_absurd);
	tcase_add_loop_test(tc, test_random, 0, 2);
	return run_suite(suite);
}
