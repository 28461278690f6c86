/* SPDX-License-Identifier: MIT
 * tests/unit/test_groups.c - groups of addresses (backends/pages.h, arenas/arena.h): under random
 * operations no page, no block and no Big block ever serves two groups; sealed lists, and what
 * breaks them. */
#include "arenas/arena.h"

#include <stdlib.h>

#include "backends/os.h"
#include "backends/pages.h"
#include "backends/seal.h"
#include "base/assert.h"
#include "base/config.h"
#include "tests/unit/unit.h"

#define STEPS (20000 / UNIT_SLOW)
#define RUNS_MAX 200
#define BLOCKS_MAX 20000
#define PAGES_MAX 262144
#define SITE 0x1234

static uint64_t rng;
/* The group that each page has served, 0 where none has; by the page's place in the region. */
static uint8_t owners[PAGES_MAX];

static void
start(void)
{
	backend_init();
	arena_init();
	seal_init();
	arena_isolate(1, 0);
	rng = unit_rng(1);
}

/* Notes that the bytes are the group's. */
static void
claim(const void *p, size_t bytes, unsigned group)
{
	const char *base = (const char *)RELAXED(hak_heap.last) + 1;
	size_t first = (size_t)((const char *)p - base) >> PAGE_SHIFT;
	size_t last = (size_t)((const char *)p + bytes - 1 - base) >> PAGE_SHIFT;

	REQUIRE_MSG(last < PAGES_MAX, "page %zu is beyond the model", last);
	for (size_t i = first; i <= last; i++) {
		REQUIRE_MSG(owners[i] == 0 || owners[i] == group,
			"seed %" PRIu64 ": page %zu was group %u's and is %u's", unit_seed, i,
			owners[i], group);
		owners[i] = (uint8_t)group;
	}
}

/* Group 0 is one like the others. */
static bool parted;

static unsigned
random_group(void)
{
	return !parted + (unsigned)rng_below(&rng, BACKEND_GROUPS + parted);
}

/* A group's number among owners. */
static unsigned
owner_of(unsigned group)
{
	return group ? group : BACKEND_GROUPS + 1;
}

/* --- pages ------------------------------------------------------------------------------------ */

struct run {
	struct slab *s;
	unsigned group;
};

static struct run runs[RUNS_MAX];
static size_t run_count;

static void
step_pages(void)
{
	size_t kind = rng_below(&rng, 100);
	struct run *r = run_count ? &runs[rng_below(&rng, run_count)] : NULL;
	bool zeroed = false;

	if (kind < 50 && run_count < RUNS_MAX) {
		unsigned group = random_group();
		struct slab *s = pages_alloc_in(group, 1 + rng_below(&rng, 40),
			(size_t)1 << rng_below(&rng, 4), rng_below(&rng, 2));
		ck_assert_ptr_nonnull(s);
		ck_assert_uint_eq(s->group, group);
		slab_set_kind(s, SLAB_BIG);
		runs[run_count++] = (struct run){s, group};
		claim(s->base, s->npages * PAGE_BYTES, owner_of(group));
	} else if (kind < 85 && r) {
		slab_set_kind(r->s, SLAB_NONE);
		ck_assert(pages_free(r->s, false));
		*r = runs[--run_count];
	} else if (kind < 97 && r) {
		if (pages_resize(r->s, 1 + rng_below(&rng, 60), &zeroed))
			claim(r->s->base, r->s->npages * PAGE_BYTES, owner_of(r->group));
	} else if (kind < 99) {
		pages_age(os_now_ms(), 0, 0, 0);
	} else {
		pages_reclaim();
	}
}

/* Also with pages of group 0 that serve no other. */
START_TEST(test_pages)
{
	start();
	parted = _i;
	if (parted)
		pages_part_fresh();
	for (int i = 0; i < STEPS; i++) {
		step_pages();
		if (i % 256 == 0)
			pages_audit();
	}
	while (run_count > 0) {
		slab_set_kind(runs[--run_count].s, SLAB_NONE);
		ck_assert(pages_free(runs[run_count].s, false));
	}
	pages_reclaim();
	pages_audit();
	ck_assert_uint_eq(pages_totals().used, 0);
}
END_TEST

/* Fresh pages are there for whichever group comes first. */
START_TEST(test_fresh_pages)
{
	start();
	if (_i)
		pages_part_fresh();
	for (unsigned group = !_i; group <= BACKEND_GROUPS; group++)
		ck_assert_ptr_nonnull(pages_alloc_in(group, 1, 1, false));
	ck_assert_uint_eq(pagemap_committed(), CHUNK_BYTES);
}
END_TEST

/* --- Big blocks ------------------------------------------------------------------------------- */

START_TEST(test_big)
{
	void *live[BACKEND_GROUPS + 1] = {NULL};
	bool zeroed = false;

	start();
	for (int i = 0; i < STEPS / 10; i++) {
		unsigned group = random_group();
		if (live[group]) {
			ck_assert(backend_big_free(live[group]));
			live[group] = NULL;
			continue;
		}
		size_t size = MIB + rng_below(&rng, 3 * MIB);
		live[group] = backend_big_alloc_in(group, size, 1, &zeroed);
		ck_assert_ptr_nonnull(live[group]);
		claim(live[group], backend_usable(live[group]), group);
		void *moved = backend_big_resize(live[group], size + rng_below(&rng, 4 * MIB));
		live[group] = moved ? moved : live[group];
		claim(live[group], backend_usable(live[group]), group);
		if (i % 64 == 0)
			backend_age(os_now_ms() + 1, 0, 0, 0);
	}
	pages_audit();
}
END_TEST

/* --- arenas ----------------------------------------------------------------------------------- */

struct block {
	void *p;
	unsigned group;
};

static struct block blocks[BLOCKS_MAX];
static size_t block_count;

static void
take(void)
{
	unsigned group = random_group(), cls = 1 + (unsigned)rng_below(&rng, CLASS_LARGE - 1);
	uint32_t n = 1 + (uint32_t)rng_below(&rng, 60), found = 0;
	struct magazine m = arena_refill_in(group, cls, SITE, n, n);

	ck_assert_ptr_nonnull(m.head);
	/* To a depot, from where it may come again. */
	if (rng_below(&rng, 2) && arena_drain_sealed(cls, m))
		return;
	for (void *p = m.head, *next; p; p = next) {
		next = seal_next(p);
		seal_clear(p);
		found++;
		claim(p, sizeclass_size(cls), group);
		REQUIRE_EQ(backend_bin(p), 0);
		REQUIRE_EQ(backend_usable(p), sizeclass_size(cls));
		memset(p, 0x5a, sizeclass_size(cls));
		if (block_count < BLOCKS_MAX)
			blocks[block_count++] = (struct block){p, group};
		else
			arena_give(p);
	}
	REQUIRE_EQ(found, m.count);
}

START_TEST(test_arenas)
{
	bool zeroed = false;

	start();
	for (int i = 0; i < STEPS / 4; i++) {
		if (rng_below(&rng, 100) < 20)
			take();
		for (size_t n = rng_below(&rng, 12); n > 0 && block_count > 0; n--) {
			struct block *b = &blocks[rng_below(&rng, block_count)];
			arena_give(b->p);
			*b = blocks[--block_count];
		}
		if (i % 128 == 0) {
			unsigned group = random_group();
			zeroed = false;
			char *p = arena_take_in(group, CLASS_LARGE, SITE, &zeroed);
			ck_assert_ptr_nonnull(p);
			claim(p, sizeclass_size(CLASS_LARGE), group);
			arena_give(p);
			arena_age(os_now_ms() + 1, 0);
			arena_audit();
		}
	}
	while (block_count > 0)
		arena_give(blocks[--block_count].p);
	arena_audit();
	arena_age(os_now_ms() + 1, 0);
	arena_audit();
	ck_assert_uint_eq(arena_totals().handed_out, 0);
}
END_TEST

/* What one group has free is never lent to another. */
START_TEST(test_borrow)
{
	start();
	struct magazine m = arena_refill_in(3, 4, SITE, 10, 10);
	uintptr_t before = (uintptr_t)m.head >> PAGE_SHIFT;
	void *kept = m.head;
	/* All but one, so that the slab stays and has room. */
	for (void *p = seal_next(kept), *next; p; p = next) {
		next = seal_next(p);
		arena_give(p);
	}
	for (uintptr_t site = 1; site < 64; site++) {
		m = arena_refill_in(4, 4, site, 1, 1);
		ck_assert_uint_ne((uintptr_t)m.head >> PAGE_SHIFT, before);
	}
	ck_assert_uint_eq(arena_totals().borrowed, 0);
	m = arena_refill_in(3, 4, SITE, 1, 1);
	ck_assert_uint_eq((uintptr_t)m.head >> PAGE_SHIFT, before);
}
END_TEST

/* --- seals ------------------------------------------------------------------------------------ */

enum { OVERWRITTEN_LINK, OVERWRITTEN_MARK, LINK_TO_ANOTHER, BREAKS };

static void
break_seal(void *arg)
{
	struct magazine m = arena_refill_in(1, 2, SITE, 4, 4);
	uint64_t *p = m.head, *q = seal_next(p);

	arena_give(p);
	arena_give(q);
	/* The slab hands q out next. */
	if (*(int *)arg == OVERWRITTEN_LINK)
		q[0] = (uintptr_t)p;
	else if (*(int *)arg == OVERWRITTEN_MARK)
		q[1] = 0;
	else
		seal_set(q, (char *)q + 4 * PAGE_BYTES);
	m = arena_refill_in(1, 2, SITE, 1, 1);
}

START_TEST(test_broken)
{
	start();
	expect_abort(break_seal, &_i, "was written to");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("groups");
	TCase *tc = plain_tcase(suite, "groups", 120);

	unit_begin("test_groups");
	tcase_add_loop_test(tc, test_pages, 0, 2);
	tcase_add_loop_test(tc, test_fresh_pages, 0, 2);
	tcase_add_test(tc, test_big);
	tcase_add_test(tc, test_arenas);
	tcase_add_test(tc, test_borrow);
	tcase_add_loop_test(tc, test_broken, 0, BREAKS);
	return run_suite(suite);
}
