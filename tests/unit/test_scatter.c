/* SPDX-License-Identifier: MIT
 * tests/unit/test_scatter.c - magazines whose blocks lie far apart: which go back to their slabs at
 * once, for whom, and what is left to others. */
#include "arenas/transfer.h"
#include "tests/unit/arena_unit.h"

/* 64 bytes, 1024 a slab. */
#define CLS 4
#define SLABS 12
#define SLAB_BLOCKS 1024
/* So many uses in a row make a thread alone with an arena, and then some. */
#define USES 300
#define LONG 10000

static char *blocks[SLABS * SLAB_BLOCKS];
static void *large;

static void
start_with_slabs(void)
{
	bool zeroed = false;
	size_t n = 0;

	start(1);
	/* The heap is large enough. */
	large = backend_big_alloc(ARENA_SCATTER_HEAP, PAGE_BYTES, &zeroed);
	ck_assert_ptr_nonnull(large);
	while (n < LENGTH(blocks)) {
		size_t left = LENGTH(blocks) - n;
		struct magazine m = refill(CLS, 0, left < 64 ? (uint32_t)left : 64);
		for (void *p = m.head; p; p = link_get(p))
			blocks[n++] = p;
	}
}

/* As if there had been so many refills. */
static void
use(unsigned n)
{
	while (n-- > 0)
		arena_note_use(arena_at(0));
}

/* n blocks, each `step` of blocks[] after the one before. */
static struct magazine
magazine_of(size_t first, size_t step, uint32_t n)
{
	struct magazine m = {NULL, n};

	for (size_t i = n; i-- > 0;) {
		void *p = blocks[(first + i * step) % LENGTH(blocks)];
		link_set(p, m.head);
		m.head = p;
	}
	return m;
}

/* All go back, and the slabs with the last of their blocks. */
START_TEST(test_returned)
{
	start_with_slabs();
	use(USES);
	for (size_t first = 0; first < SLAB_BLOCKS; first++)
		ck_assert(arena_drain_scattered(CLS, magazine_of(first, SLAB_BLOCKS, SLABS)));
	ck_assert_uint_eq(arena_totals().handed_out, 0);
	ck_assert_uint_eq(arena_totals().depot_bytes, 0);
	ck_assert_uint_eq(arena_class(0, CLS).slabs, 0);
	arena_audit();
}
END_TEST

/* After a long while what waits goes too, so that the slabs are empty. */
START_TEST(test_waiting)
{
	start_with_slabs();
	use(USES);
	ck_assert(transfer_put(CLS, magazine_of(0, SLAB_BLOCKS, SLABS), true));
	ck_assert(arena_drain(CLS, magazine_of(1, SLAB_BLOCKS, SLABS)));
	ck_assert(arena_drain_scattered(CLS, magazine_of(2, SLAB_BLOCKS, SLABS)));
	ck_assert_uint_eq(arena_totals().depot_bytes, 2 * SLABS * sizeclass_size(CLS));
	use(LONG);
	for (size_t first = 3; first < SLAB_BLOCKS; first++)
		ck_assert(arena_drain_scattered(CLS, magazine_of(first, SLAB_BLOCKS, SLABS)));
	ck_assert_uint_eq(arena_totals().depot_bytes, 0);
	ck_assert_uint_eq(arena_class(0, CLS).slabs, 0);
	arena_audit();
}
END_TEST

/* Neighbours, and of far blocks too few, stay together, as do few blocks and larger ones. */
START_TEST(test_kept)
{
	unsigned mid = sizeclass_of(8192);

	start_with_slabs();
	use(USES);
	ck_assert(!arena_drain_scattered(CLS, magazine_of(0, 1, 32)));
	ck_assert(!arena_drain_scattered(CLS, magazine_of(0, SLAB_BLOCKS / 2, 8)));
	ck_assert(!arena_drain_scattered(CLS, magazine_of(0, SLAB_BLOCKS, 8)));
	ck_assert(arena_drain_scattered(CLS, magazine_of(0, SLAB_BLOCKS, 9)));
	struct magazine m = refill(mid, 0, 1);
	for (int i = 0; i < 31; i++) {
		struct magazine one = refill(mid, 0, 1);
		link_set(one.head, m.head);
		m = (struct magazine){one.head, m.count + 1};
	}
	ck_assert(!arena_drain_scattered(mid, m));
	arena_audit();
}
END_TEST

/* Where all that is free finds room in transfer caches, nothing goes back. */
START_TEST(test_small)
{
	start_with_slabs();
	use(USES);
	ck_assert(arena_drain_scattered(CLS, magazine_of(0, SLAB_BLOCKS, SLABS)));
	ck_assert(backend_big_free(large));
	backend_reclaim();
	ck_assert_uint_le(pages_totals().used, ARENA_SCATTER_HEAP);
	ck_assert(!arena_drain_scattered(CLS, magazine_of(1, SLAB_BLOCKS, SLABS)));
	arena_audit();
}
END_TEST

static void *
refill_once(void *arg)
{
	struct magazine m = refill(CLS + 1, 0, 4);

	arena_flush(m.head);
	return arg;
}

/* Whoever has an arena to itself only now has to go on for a while. */
START_TEST(test_alone)
{
	struct magazine m;
	pthread_t thread;
	unsigned tries = 0;

	start_with_slabs();
	use(USES);
	ck_assert(arena_drain_scattered(CLS, magazine_of(0, SLAB_BLOCKS, SLABS)));
	ck_assert_int_eq(pthread_create(&thread, NULL, refill_once, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	m = magazine_of(1, SLAB_BLOCKS, SLABS);
	while (!arena_drain_scattered(CLS, m))
		ck_assert_uint_lt(++tries, USES);
	ck_assert_uint_gt(tries, USES / 2);
	arena_audit();
}
END_TEST

/* Nobody waits: the magazine can go elsewhere. */
START_TEST(test_held)
{
	struct magazine m;
	pthread_t thread;

	start_with_slabs();
	use(USES);
	m = magazine_of(0, SLAB_BLOCKS, SLABS);
	ck_assert_int_eq(pthread_create(&thread, NULL, hold_first_arena, NULL), 0);
	while (atomic_load(&holding) == 0)
		sleep_us(100);
	ck_assert(!arena_drain_scattered(CLS, m));
	atomic_store(&holding, 2);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(arena_drain_scattered(CLS, m));
}
END_TEST

/* A link that was written over, and a magazine under a wrong class, are for those to report that
 * would lose the blocks. */
START_TEST(test_broken)
{
	struct magazine m;

	start_with_slabs();
	use(USES);
	m = magazine_of(0, SLAB_BLOCKS, SLABS);
	ck_assert(!arena_drain_scattered(CLS + 1, m));
	link_set(blocks[3 * SLAB_BLOCKS], (void *)(uintptr_t)0x4141414141414141);
	ck_assert(!arena_drain_scattered(CLS, m));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scatter");
	TCase *tc = plain_tcase(suite, "scatter", 60);

	unit_begin("test_scatter");
	tcase_add_test(tc, test_returned);
	tcase_add_test(tc, test_waiting);
	tcase_add_test(tc, test_kept);
	tcase_add_test(tc, test_small);
	tcase_add_test(tc, test_alone);
	tcase_add_test(tc, test_held);
	tcase_add_test(tc, test_broken);
	return run_suite(suite);
}
