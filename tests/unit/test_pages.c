/* SPDX-License-Identifier: MIT
 * tests/unit/test_pages.c - backends/pages: random operations against a list of intervals, in one
 * region and in many; coalescing, a fork meanwhile, and lengths beyond reason. */
#include "backends/pages.h"

#include "backends/os.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/inject.h"
#include "tests/unit/unit.h"

#include <sys/mman.h>

#define RUNS_MAX 160
#define STEPS (1600 / UNIT_SLOW)
/* Words per page that the model writes. */
#define MARKS 3

struct run {
	struct slab *s;
	char *base;
	size_t npages;
	uint64_t id; /* what its words hold; 0 while nobody has written to it since it was zero */
};

static struct run runs[RUNS_MAX];
static size_t run_count;
static uint64_t rng, next_id;

/* --- the model -------------------------------------------------------------------------------- */

static char *
mark_at(const struct run *r, size_t page, size_t i)
{
	size_t offset = (size_t)pattern_word(r->id + i, 0) % (PAGE_BYTES / 8) * 8;

	return r->base + page * PAGE_BYTES + offset;
}

static void
write_run(struct run *r, size_t from)
{
	if (!r->id)
		return;
	for (size_t page = from; page < r->npages; page++)
		for (size_t i = 0; i < MARKS; i++)
			pattern_fill(mark_at(r, page, i), r->id + page, 0, 8);
}

static void
check_zero(const struct run *r, size_t from)
{
	size_t bytes = (r->npages - from) * PAGE_BYTES;

	ck_assert_msg(bytes_check(r->base + from * PAGE_BYTES, 0, bytes) == bytes,
		"seed %" PRIu64 ": %p, %zu pages, said to be zero from page %zu", unit_seed,
		(void *)r->base, r->npages, from);
}

static void
check_contents(const struct run *r)
{
	if (!r->id) {
		check_zero(r, 0);
		return;
	}
	for (size_t page = 0; page < r->npages; page++)
		for (size_t i = 0; i < MARKS; i++)
			REQUIRE_MSG(pattern_check(mark_at(r, page, i), r->id + page, 0, 8) == 8,
				"seed %" PRIu64 ": %p, page %zu was written to", unit_seed,
				(void *)r->base, page);
}

static void
check_record(const struct run *r)
{
	ck_assert_ptr_eq(r->s->base, r->base);
	ck_assert_uint_eq(r->s->npages, r->npages);
	ck_assert(pagemap_contains(r->base));
	ck_assert(pagemap_contains(r->base + r->npages * PAGE_BYTES - 1));
	for (size_t i = 0; i < run_count; i++)
		REQUIRE_MSG(&runs[i] == r ||
				    r->base >= runs[i].base + runs[i].npages * PAGE_BYTES ||
				    runs[i].base >= r->base + r->npages * PAGE_BYTES,
			"seed %" PRIu64 ": %p overlaps %p", unit_seed, (void *)r->base,
			(void *)runs[i].base);
}

static void
check_all(void)
{
	size_t pages = 0;

	for (size_t i = 0; i < run_count; i++) {
		check_record(&runs[i]);
		check_contents(&runs[i]);
		pages += runs[i].npages;
	}
	ck_assert_uint_eq(pages_totals().used, pages * PAGE_BYTES);
	ck_assert_uint_ge(pages_totals().peak, pages_totals().used);
	ck_assert_uint_le(pages_totals().used + pages_totals().resident, pagemap_committed());
	pages_audit();
}

/* --- operations ------------------------------------------------------------------------------- */

static size_t
random_pages(void)
{
	size_t kind = rng_below(&rng, 16);

	return kind < 10   ? 1 + rng_below(&rng, 8)
	       : kind < 15 ? 1 + rng_below(&rng, 60)
			   : 1 + rng_below(&rng, 600);
}

static void
step_alloc(void)
{
	struct run r = {.npages = random_pages()};
	size_t align = rng_below(&rng, 4) ? 1 : (size_t)1 << rng_below(&rng, 8);

	if (run_count == RUNS_MAX)
		return;
	r.s = pages_alloc(r.npages, align, rng_below(&rng, 2));
	ck_assert_ptr_nonnull(r.s);
	r.base = r.s->base;
	runs[run_count] = r;
	ck_assert_uint_eq((uintptr_t)r.base % (align * PAGE_BYTES), 0);
	ck_assert_int_eq(slab_kind(r.s), SLAB_NONE);
	check_record(&runs[run_count]);
	if (r.s->zero)
		check_zero(&r, 0);
	/* What is zero is left so at times, and has to be so still when it comes back. */
	if (!r.s->zero || rng_below(&rng, 8))
		runs[run_count].id = ++next_id << 20;
	/* The page heap leaves the kind to its callers; any in use will do. */
	slab_set_kind(r.s, SLAB_BIG);
	write_run(&runs[run_count++], 0);
}

static void
release(size_t i)
{
	struct run *r = &runs[i];

	check_contents(r);
	slab_set_kind(r->s, SLAB_NONE);
	ck_assert(pages_free(r->s, r->id == 0));
	*r = runs[--run_count];
}

static void
step_resize(struct run *r)
{
	size_t npages = rng_below(&rng, 2) ? random_pages() : r->npages + rng_below(&rng, 4);
	size_t before = r->npages;
	bool zeroed = true;

	/* What shrinks counts as used: in the model too. */
	if (npages < before && !r->id) {
		r->id = ++next_id << 20;
		write_run(r, 0);
	}
	if (!pages_resize(r->s, npages, &zeroed)) {
		ck_assert_uint_gt(npages, before);
		ck_assert_uint_eq(r->s->npages, before);
		return;
	}
	r->npages = npages;
	check_record(r);
	if (npages > before && zeroed)
		check_zero(r, before);
	if (npages > before && !zeroed && !r->id) {
		r->id = ++next_id << 20;
		before = 0;
	}
	write_run(r, before);
}

static void
step_age(void)
{
	uint32_t now_ms = os_now_ms() + (uint32_t)rng_below(&rng, 100);
	size_t keep = rng_below(&rng, 4) ? 0 : rng_below(&rng, 256) * PAGE_BYTES;
	struct pages_totals before = pages_totals(), after;
	uint32_t cold_ms = (uint32_t)rng_below(&rng, 3) * 50;
	size_t gone = pages_age(now_ms, cold_ms / 2, cold_ms, keep);

	after = pages_totals();
	ck_assert_uint_eq(after.purged - before.purged, gone);
	ck_assert_uint_eq(before.resident - after.resident, gone);
	/* With no age asked for, all goes that may. */
	if (cold_ms == 0 && keep == 0)
		ck_assert_uint_eq(after.resident, 0);
	if (cold_ms == 0)
		ck_assert(after.resident <= keep || gone == 0);
}

static void
step_purge(struct run *r)
{
	size_t before = pages_totals().purged;

	ck_assert(pages_purge_run(r->s));
	ck_assert_uint_eq(pages_totals().purged - before, r->npages * PAGE_BYTES);
	r->id = 0;
	check_zero(r, 0);
}

static void
step_meta(void)
{
	size_t size = 1 + rng_below(&rng, rng_below(&rng, 8) ? 4096 : 400000);
	char *p = pages_meta_alloc(size);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq((uintptr_t)p % CACHE_LINE, 0);
	ck_assert_uint_eq(bytes_check(p, 0, size), size);
	memset(p, 0xff, size);
	ck_assert(!pagemap_contains(p));
}

static void
step(void)
{
	size_t kind = rng_below(&rng, 100);

	if (kind < 45 || run_count == 0)
		step_alloc();
	else if (kind < 85)
		release(rng_below(&rng, run_count));
	else if (kind < 93)
		step_resize(&runs[rng_below(&rng, run_count)]);
	else if (kind < 95)
		step_purge(&runs[rng_below(&rng, run_count)]);
	else if (kind < 98)
		step_age();
	else if (kind < 99)
		step_meta();
	else
		pages_reclaim();
}

/* --- the heap under random operations --------------------------------------------------------- */

enum { WHOLE, NO_PRIMARY, LIMITED_AT_START, LIMITED_LATER, SHAPES };

/* What region 0 is. Address space is not limited as a process has it, which the sanitizers could
 * not live with; the heap is told that it is. */
static void
start(int shape)
{
	if (shape == NO_PRIMARY)
		hak_config.reserve = 0;
	pagemap_init();
	if (shape == LIMITED_AT_START)
		pages_limit_address_space(64 * MIB);
}

START_TEST(test_random)
{
	char *outside;

	start(_i);
	rng = unit_rng((uint64_t)_i);
	for (int i = 0; i < STEPS; i++) {
		step();
		if (i % 64 == 0)
			check_all();
		if (_i == LIMITED_LATER && i == STEPS / 2)
			pages_limit_address_space(64 * MIB);
	}
	check_all();
	outside = run_count ? runs[run_count - 1].base : NULL;
	while (run_count)
		release(run_count - 1);
	pages_reclaim();
	check_all();
	ck_assert_uint_eq(pages_totals().resident, 0);
	/* Only the primary's frontier stays. */
	if (_i == NO_PRIMARY || _i == LIMITED_AT_START)
		ck_assert_uint_eq(pagemap_committed(), 0);
	if (_i == NO_PRIMARY)
		ck_assert(!pagemap_contains(outside));
}
END_TEST

/* Several threads, each with blocks of its own. */
static void *
churn(void *arg)
{
	uint64_t own = *(const uint64_t *)arg;
	struct run live[16] = {{0}};

	for (int i = 0; i < STEPS; i++) {
		struct run *r = &live[rng_below(&own, LENGTH(live))];

		if (r->s) {
			check_contents(r);
			HAK_CHECK(pages_free(r->s, false));
			*r = (struct run){0};
			if (i % 128 == 0)
				pages_age(os_now_ms(), 0, 0, 0);
			continue;
		}
		r->npages = 1 + rng_below(&own, 20);
		r->s = pages_alloc(r->npages, (size_t)1 << rng_below(&own, 4), i % 2);
		HAK_CHECK(r->s != NULL);
		r->base = r->s->base;
		r->id = rng_next(&own) << 20 | 1 << 20;
		write_run(r, 0);
	}
	for (size_t i = 0; i < LENGTH(live); i++)
		if (live[i].s)
			HAK_CHECK(pages_free(live[i].s, false));
	return NULL;
}

START_TEST(test_threads)
{
	uint64_t seeds[4];

	start(_i);
	for (unsigned i = 0; i < LENGTH(seeds); i++)
		seeds[i] = unit_rng(100 + i);
	run_threads(LENGTH(seeds), churn, seeds, sizeof(seeds[0]));
	check_all();
}
END_TEST

/* --- coalescing ------------------------------------------------------------------------------- */

#define PART 4

/* Three neighbours are freed in each order, each as resident or as clean: neighbours of one kind
 * become one extent, which the next allocation of their length then is. */
static void
free_three(const int order[3], unsigned clean, unsigned expected)
{
	struct slab *parts[3], *again;
	size_t resident;
	char *base;

	pages_reclaim();
	for (int i = 0; i < 3; i++)
		parts[i] = pages_alloc(PART, 1, false);
	base = parts[0]->base;
	for (int i = 1; i < 3; i++)
		ck_assert_ptr_eq(parts[i]->base, base + i * PART * PAGE_BYTES);
	resident = pages_totals().resident;
	for (int i = 0; i < 3; i++) {
		bool zero = clean >> order[i] & 1;

		ck_assert(pages_free(parts[order[i]], zero));
		pages_audit();
		resident += zero ? 0 : PART * PAGE_BYTES;
		ck_assert_uint_eq(pages_totals().resident, resident);
	}
	if (!expected)
		return;
	again = pages_alloc(expected * PART, 1, false);
	ck_assert(again->base >= base && again->base < base + 3 * PART * PAGE_BYTES);
	ck_assert(!again->zero);
	ck_assert(pages_free(again, false));
}

START_TEST(test_coalescing)
{
	static const int orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	/* By the set of clean parts: the longest run of resident ones. */
	static const unsigned longest[8] = {3, 2, 1, 1, 2, 1, 1, 0};

	start(WHOLE);
	for (int i = 0; i < 6; i++)
		for (unsigned clean = 0; clean < 8; clean++)
			free_three(orders[i], clean, longest[clean]);
}
END_TEST

/* --- beyond reason ---------------------------------------------------------------------------- */

START_TEST(test_absurd)
{
	static const size_t lengths[][2] = {{((size_t)1 << 28) + 1, 1}, {SIZE_MAX, 1},
		{SIZE_MAX / 2 + 1, 1}, {UINT32_MAX, 1}, {(size_t)UINT32_MAX + 2, 1},
		{1, (size_t)1 << 29}, {1, (size_t)1 << 63}, {SIZE_MAX, (size_t)1 << 63},
		{SIZE_MAX / PAGE_BYTES, 1}};
	struct slab *s;
	bool zeroed = false;

	start(_i);
	s = pages_alloc(3, 1, false);
	for (size_t i = 0; i < LENGTH(lengths); i++) {
		ck_assert_ptr_null(pages_alloc(lengths[i][0], lengths[i][1], false));
		if (lengths[i][0] > 1)
			ck_assert(!pages_resize(s, lengths[i][0], &zeroed));
		pages_audit();
	}
	ck_assert_uint_eq(s->npages, 3);
	ck_assert_uint_eq(pages_totals().used, 3 * PAGE_BYTES);
	ck_assert(pages_free(s, false));
	pages_audit();
}
END_TEST

/* --- a fork while pages are given back -------------------------------------------------------- */

static _Atomic bool purging, purged;

static void
linger(enum inject_point point)
{
	if (point != INJECT_PURGE)
		return;
	atomic_store(&purging, true);
	sleep_us(20000);
}

static void *
age_all(void *unused)
{
	(void)unused;
	ck_assert_uint_gt(pages_age(os_now_ms(), 0, 0, 0), 0);
	atomic_store(&purged, true);
	return NULL;
}

/* The last range is alone where the others are given back together; a locked page is not taken. */
START_TEST(test_purge_all)
{
	size_t page = os_page_size();
	struct iovec ranges[33];
	unsigned char *p = os_map(2 * LENGTH(ranges) * page);
	uint64_t locked = 0, gone;

	ck_assert_ptr_nonnull(p);
	memset(p, 1, 2 * LENGTH(ranges) * page);
	for (size_t i = 0; i < LENGTH(ranges); i++)
		ranges[i] = (struct iovec){p + 2 * i * page, page};
	/* Sanitizers make mlock do nothing. */
	if (_i > 0 && !HAK_SANITIZED && mlock(ranges[_i].iov_base, page) == 0)
		locked = (uint64_t)1 << _i;
	gone = os_purge_all(ranges, LENGTH(ranges));
	REQUIRE_EQ(gone, (((uint64_t)1 << LENGTH(ranges)) - 1) & ~locked);
	for (size_t i = 0; i < 2 * LENGTH(ranges); i++)
		REQUIRE_EQ(p[i * page], i % 2 || locked >> i / 2 & 1);
	REQUIRE_EQ(os_purge_all(ranges, 0), 0);
	os_unmap(p, 2 * LENGTH(ranges) * page);
}
END_TEST

enum { MOVED_PAGES = 96, MOVED_RANGES = 3 };

/* False where it was a copy. */
static bool
move_part(unsigned char *from, unsigned char *to, size_t bytes)
{
	bool moved = os_move(from, to, bytes);

	if (moved)
		REQUIRE_EQ(bytes_check(from, 0, bytes), bytes);
	return moved;
}

/* Moves a range to the next of three, in two parts, 200 times: they come to be of many mappings.
 * Returns how many of the moves were copies. */
static unsigned
move_about(void)
{
	size_t page = os_page_size(), size = MOVED_PAGES * page;
	unsigned char *const whole = os_map(MOVED_RANGES * size);
	uint64_t random = unit_rng(7);
	unsigned copies = 0;

	ck_assert_ptr_nonnull(whole);
	for (size_t i = 0; i < MOVED_PAGES; i++)
		memset(whole + i * page, (int)(1 + i), page);
	for (unsigned k = 0; k < 200; k++) {
		unsigned char *from = whole + k % MOVED_RANGES * size;
		unsigned char *to = whole + (k + 1) % MOVED_RANGES * size;
		size_t cut = (1 + rng_below(&random, MOVED_PAGES - 1)) * page;

		errno = ERRNO_MARK;
		copies += !move_part(from, to, cut);
		copies += !move_part(from + cut, to + cut, size - cut);
		REQUIRE_EQ(errno, ERRNO_MARK);
		for (size_t i = 0; i < MOVED_PAGES; i++)
			REQUIRE_EQ(bytes_check(to + i * page, (unsigned char)(1 + i), page), page);
	}
	os_unmap(whole, MOVED_RANGES * size);
	return copies;
}

START_TEST(test_move)
{
	ck_assert_uint_eq(move_about(), 0);
}
END_TEST

/* As many mappings as the process may have, but for a few (vm.max_map_count). */
START_TEST(test_move_at_the_limit)
{
	enum { MOST = 1 << 18 };
	size_t page = os_page_size(), n = 1;
	char *p = os_map(MOST * page);

	ck_assert_ptr_nonnull(p);
	while (n < MOST && mprotect(p + n * page, page, PROT_NONE) == 0)
		n += 2;
	if (n < MOST) {
		ck_assert_int_eq(errno, ENOMEM);
		/* Each that is back is two mappings less. */
		ck_assert_int_eq(
			mprotect(p, (size_t)(2 * _i + 1) * page, PROT_READ | PROT_WRITE), 0);
		unsigned copies = move_about();
		ck_assert(_i > 0 || copies > 0);
	}
	os_unmap(p, MOST * page);
}
END_TEST

/* A thread that has let go of the lock for the call gets it back before a fork has it, since it may
 * hold locks that the fork waits for. */
START_TEST(test_fork_waits)
{
	pthread_t thread;
	struct slab *s;

	start(0);
	s = pages_alloc(3, 1, false);
	ck_assert(pages_free(s, false));
	inject_hook = linger;
	ck_assert_int_eq(pthread_create(&thread, NULL, age_all, NULL), 0);
	while (!atomic_load(&purging))
		sleep_us(100);
	pages_fork_prepare();
	for (int i = 0; i < 1000 && !atomic_load(&purged); i++)
		sleep_us(100);
	ck_assert(atomic_load(&purged));
	pages_fork_parent();
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	pages_audit();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pages");
	TCase *tc = plain_tcase(suite, "pages", 120);

	unit_begin("test_pages");
	tcase_add_loop_test(tc, test_random, 0, SHAPES);
	tcase_add_loop_test(tc, test_threads, 0, LIMITED_LATER);
	tcase_add_test(tc, test_coalescing);
	tcase_add_loop_test(tc, test_purge_all, 0, 33);
	tcase_add_test(tc, test_move);
	/* Sanitizers need mappings of their own. */
	if (!HAK_SANITIZED)
		tcase_add_loop_test(tc, test_move_at_the_limit, 0, 8);
	tcase_add_test(tc, test_fork_waits);
	tcase_add_loop_test(tc, test_absurd, 0, LIMITED_LATER);
	return run_suite(suite);
}
