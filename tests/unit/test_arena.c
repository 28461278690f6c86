/* SPDX-License-Identifier: MIT
 * tests/unit/test_arena.c - arenas: magazines to and fro by several threads, borrowing, growth
 * under contention, the depots' bound, flushes of mixed lists, and time. */
#include "arenas/arena.h"

#include <sched.h>

#include "backends/emergency.h"
#include "base/assert.h"
#include "base/inject.h"
#include "tests/unit/arena_unit.h"

#define STEPS (20000 / UNIT_SLOW)
/* What an arena's depots may hold together. */
#define DEPOT_BYTES (8 * MIB)

/* --- growth ----------------------------------------------------------------------------------- */

/* Meets a held lock n times. The window of a fork ends each wait, so that one thread is enough. */
static void
contend(unsigned n)
{
	pthread_t thread;

	atomic_store(&holding, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, hold_first_arena, NULL), 0);
	while (atomic_load(&holding) == 0)
		sleep_us(100);
	lock_fork_open();
	for (unsigned i = 0; i < n; i++)
		ck_assert(!arena_lock(arena_at(0)));
	lock_fork_close();
	atomic_store(&holding, 2);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(test_growth)
{
	start(ARENAS + 3);
	ck_assert_uint_eq(arena_totals().arenas, 1);
	first_arena();
	contend(20);
	ck_assert_uint_eq(arena_totals().contended, 20);
	ck_assert_uint_eq(arena_totals().arenas, 1);
	for (unsigned n = 2; n <= ARENAS; n *= 2)
		grow_to(n);
	/* The limit is the power of two below what was set. */
	press();
	ck_assert_uint_eq(arena_totals().arenas, ARENAS);
	arena_audit();
}
END_TEST

START_TEST(test_limits)
{
	static const size_t limits[][2] = {{1, 1}, {2, 2}, {3, 2}, {63, 32}, {64, 64}};

	start(limits[_i][0]);
	first_arena();
	for (int i = 0; i < 8; i++)
		press();
	ck_assert_uint_eq(arena_totals().arenas, limits[_i][1]);
}
END_TEST

/* By itself it is a power of two from one to twice the CPUs. */
START_TEST(test_limit_from_cpus)
{
	start(0);
	ck_assert_uint_le(arena_limit(), 2 * os_cpus());
	ck_assert_uint_gt(
		2 * arena_limit(), os_cpus() * 2 < MAX_ARENAS ? 2 * os_cpus() : MAX_ARENAS);
	ck_assert(is_power_of_two(arena_limit()));
}
END_TEST

/* The system refuses the memory for more: the number stays, and grows later. */
START_TEST(test_growth_without_memory)
{
	start(64);
	first_arena();
	/* What is left of the memory that arenas are made of. */
	ck_assert_ptr_nonnull(pages_meta_alloc(256 * KIB));
	os_fail_after(0, true);
	for (int i = 0; i < 8; i++)
		press();
	ck_assert_uint_lt(arena_totals().arenas, 64);
	arena_audit();
	os_fail_after(-1, false);
	grow_to(64);
}
END_TEST

/* --- magazines -------------------------------------------------------------------------------- */

START_TEST(test_round_trip)
{
	struct magazine m, again;
	size_t bytes;

	start(ARENAS);
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		m = refill(cls, 0, 4);
		ck_assert_uint_le(m.count, 4);
		bytes = arena_totals().depot_bytes;
		ck_assert(arena_drain(cls, m));
		ck_assert_uint_eq(
			arena_totals().depot_bytes, bytes + m.count * sizeclass_size(cls));
		again = refill(cls, 0, 4);
		/* As one unit. */
		ck_assert_ptr_eq(again.head, m.head);
		ck_assert_uint_eq(again.count, m.count);
		ck_assert_uint_eq(arena_totals().depot_bytes, bytes);
		arena_flush(again.head);
	}
	ck_assert_uint_eq(arena_totals().handed_out, 0);
	arena_audit();
}
END_TEST

/* Before an arena maps memory it takes from another's depot. */
START_TEST(test_borrow)
{
	struct magazine m, borrowed;
	uintptr_t sites[2];
	size_t used;

	start(2);
	grow_to(2);
	for (unsigned i = 0; i < 2; i++)
		sites[i] = site_of(i, 2);
	for (unsigned i = 0; i < 2; i++) {
		m = refill(8 + i, sites[i], 10);
		ck_assert(arena_drain(8 + i, m));
		used = backend_totals().used;
		borrowed = refill(8 + i, sites[1 - i], 10);
		ck_assert_ptr_eq(borrowed.head, m.head);
		ck_assert_uint_eq(backend_totals().used, used);
		ck_assert_uint_eq(arena_totals().borrowed, i + 1);
		ck_assert_uint_eq(arena_totals().depot_bytes, 0);
		arena_audit();
		/* It goes home. */
		arena_flush(borrowed.head);
		ck_assert_uint_eq(arena_totals().handed_out, 0);
	}
	arena_audit();
}
END_TEST

START_TEST(test_depot_bound)
{
	static struct magazine held[150];
	size_t size = MID_MAX, most = 0;

	start(1);
	for (size_t i = 0; i < LENGTH(held); i++)
		held[i] = refill(sizeclass_of(size), 0, 8);
	for (size_t i = 0; i < LENGTH(held); i++) {
		ck_assert(arena_drain(sizeclass_of(size), held[i]));
		ck_assert_uint_le(arena_totals().depot_bytes, DEPOT_BYTES);
		if (arena_totals().depot_bytes > most)
			most = arena_totals().depot_bytes;
	}
	ck_assert_uint_gt(most, DEPOT_BYTES - 8 * size);
	/* The rest is back in its slabs. */
	ck_assert_uint_eq(arena_totals().handed_out, arena_totals().depot_bytes);
	arena_audit();
	arena_trim(0);
	ck_assert_uint_eq(arena_totals().depot_bytes, 0);
	ck_assert_uint_eq(arena_totals().handed_out, 0);
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

static void
drain_foreign(void *arg)
{
	struct magazine m = *(struct magazine *)arg;

	arena_drain(9, m);
}

START_TEST(test_wrong_class)
{
	struct magazine m;

	start(1);
	m = refill(8, 0, 4);
	expect_abort(drain_foreign, &m, "no block of 144 bytes");
}
END_TEST

/* --- mixed lists ------------------------------------------------------------------------------ */

/* A list of n blocks of all classes and arenas, in random order. */
static void *
mixed_list(size_t n, uint64_t *rng)
{
	void *list = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned cls = 1 + (unsigned)rng_below(rng, CLASS_END - 1);
		bool zeroed = false;
		void *p = arena_take(cls, rng_next(rng), &zeroed);

		ck_assert_ptr_nonnull(p);
		if (zeroed)
			ck_assert_uint_eq(
				bytes_check(p, 0, sizeclass_size(cls)), sizeclass_size(cls));
		memset(p, 0xff, sizeclass_size(cls) < 100 ? sizeclass_size(cls) : 100);
		link_set(p, list);
		list = p;
	}
	return list;
}

START_TEST(test_mixed)
{
	uint64_t rng = unit_rng(5);
	size_t used;

	start(ARENAS);
	grow_to(ARENAS);
	used = backend_totals().used;
	for (int i = 0; i < 20; i++) {
		void *list = mixed_list(1 + rng_below(&rng, 300), &rng);

		ck_assert_uint_gt(arena_totals().handed_out, 0);
		arena_audit();
		arena_flush(list);
		ck_assert_uint_eq(arena_totals().handed_out, 0);
		ck_assert_uint_eq(backend_totals().used, used);
		arena_audit();
		pages_audit();
	}
}
END_TEST

/* In the window of a fork what is freed is put aside; nothing of it is lost. */
START_TEST(test_put_aside)
{
	uint64_t rng = unit_rng(6);
	pthread_t thread;
	void *list, *big;
	bool zeroed = false;

	start(1);
	first_arena();
	list = mixed_list(50, &rng);
	big = backend_big_alloc(2 * MIB, 1, &zeroed);
	emergency_defer_one(big);
	atomic_store(&holding, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, hold_first_arena, NULL), 0);
	while (atomic_load(&holding) == 0)
		sleep_us(100);
	lock_fork_open();
	arena_flush(list);
	arena_flush_deferred();
	ck_assert_ptr_null(arena_take(1, 0, &zeroed));
	ck_assert_ptr_null(arena_refill(1, 0, 1, 1).head);
	ck_assert(lock_was_refused());
	lock_fork_close();
	atomic_store(&holding, 2);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_gt(arena_totals().handed_out, 0);
	arena_flush_deferred();
	ck_assert_uint_eq(arena_totals().handed_out, 0);
	ck_assert_uint_eq(backend_totals().big, 0);
	arena_audit();
}
END_TEST

/* --- time ------------------------------------------------------------------------------------- */

/* Slow paths from `from` to `to`, so that no pause is seen. */
static void
tick_on(uint32_t from, uint32_t to)
{
	for (uint32_t ms = from; (int32_t)(to - ms) >= 0; ms += ARENA_TICK_MS)
		arena_tick(ms);
}

/* Starts in a program that is awake: the first slow path comes after none for long, which is to be
 * forgotten. */
static uint32_t
start_awake(void)
{
	uint32_t now_ms;

	start(1);
	hak_config.warm = 200;
	hak_config.cold = 800;
	now_ms = os_now_ms();
	tick_on(now_ms - 1000, now_ms);
	return now_ms;
}

/* A magazine waits for a quarter of HAKMEM_COLD, a free page for all of it. */
START_TEST(test_tick)
{
	uint32_t now_ms = start_awake();
	struct magazine m = refill(8, 0, 100);

	ck_assert(arena_drain(8, m));
	tick_on(now_ms + 50, now_ms + 150);
	ck_assert_uint_gt(arena_totals().depot_bytes, 0);
	tick_on(now_ms + 200, now_ms + 300);
	ck_assert_uint_eq(arena_totals().depot_bytes, 0);
	ck_assert_uint_eq(arena_totals().handed_out, 0);
	/* The slab's page is idle now. */
	ck_assert_uint_gt(backend_totals().resident, 0);
	tick_on(now_ms + 350, now_ms + 1000);
	ck_assert_uint_eq(backend_totals().resident, 0);
	ck_assert_uint_gt(backend_totals().purged, 0);
	arena_audit();
}
END_TEST

/* A free page of which the program has no use before it pauses. */
static uint32_t
leave_page(void)
{
	uint32_t now_ms = start_awake();

	arena_flush(refill(8, 0, 100).head);
	ck_assert_uint_gt(backend_totals().resident, 0);
	return now_ms;
}

/* A quarter of HAKMEM_WARM counts; the rest is time in which the page might have been of use. */
START_TEST(test_pause)
{
	uint32_t now_ms = leave_page() + 10000;

	tick_on(now_ms, now_ms + 700);
	ck_assert_uint_gt(backend_totals().resident, 0);
	tick_on(now_ms + 750, now_ms + 850);
	ck_assert_uint_eq(backend_totals().resident, 0);
	arena_audit();
}
END_TEST

/* After a second one it is cold at once. */
START_TEST(test_pauses)
{
	uint32_t now_ms = leave_page() + 10000;

	tick_on(now_ms, now_ms + 100);
	ck_assert_uint_gt(backend_totals().resident, 0);
	arena_tick(now_ms + 5000);
	ck_assert_uint_eq(backend_totals().resident, 0);
	arena_audit();
}
END_TEST

/* As much counts for what waits in a depot. */
START_TEST(test_pause_depot)
{
	uint32_t now_ms = start_awake();
	struct magazine m = refill(8, 0, 100);

	ck_assert(arena_drain(8, m));
	tick_on(now_ms + 10000, now_ms + 10100);
	ck_assert_uint_gt(arena_totals().depot_bytes, 0);
	tick_on(now_ms + 10150, now_ms + 10250);
	ck_assert_uint_eq(arena_totals().depot_bytes, 0);
	arena_audit();
}
END_TEST

/* How long what is idle has to be so: by the pause before, and how long ago it ended. */
START_TEST(test_after_pause)
{
	uint32_t now_ms = start_awake();

	ck_assert(!arena_is_waking());
	ck_assert_uint_eq(arena_after_pause(now_ms, 100), 100);
	/* Not a pause. */
	now_ms += 50;
	arena_tick(now_ms);
	ck_assert(!arena_is_waking());
	now_ms += 1000;
	arena_tick(now_ms);
	ck_assert(arena_is_waking());
	ck_assert_uint_eq(arena_after_pause(now_ms, 100), 1050);
	ck_assert_uint_eq(arena_after_pause(now_ms + 99, 100), 1050);
	ck_assert_uint_eq(arena_after_pause(now_ms + 100, 100), 100);
	ck_assert_uint_eq(arena_after_pause(now_ms + 100, 800), 1750);
	ck_assert_uint_eq(arena_after_pause(now_ms, 0), 0);
	tick_on(now_ms + 50, now_ms + 750);
	ck_assert(arena_is_waking());
	tick_on(now_ms + 800, now_ms + 900);
	ck_assert(!arena_is_waking());
}
END_TEST

/* Where free memory is to go at once a pause changes nothing. */
START_TEST(test_pause_cold)
{
	uint32_t now_ms = leave_page();

	hak_config.cold = 0;
	arena_tick(now_ms + 10000);
	ck_assert_uint_eq(backend_totals().resident, 0);
}
END_TEST

START_TEST(test_trim)
{
	uint64_t rng = unit_rng(7);
	size_t resident;

	start(ARENAS);
	arena_flush(mixed_list(300, &rng));
	resident = backend_totals().resident;
	ck_assert_uint_gt(resident, MIB);
	ck_assert_uint_eq(arena_trim(SIZE_MAX), 0);
	ck_assert_uint_eq(backend_totals().resident, resident);
	ck_assert_uint_eq(arena_trim(0), resident);
	ck_assert_uint_eq(backend_totals().resident, 0);
	arena_reclaim();
	arena_audit();
	pages_audit();
}
END_TEST

/* --- several threads -------------------------------------------------------------------------- */

struct load {
	uint64_t rng;
	struct {
		struct magazine m;
		unsigned cls;
		uint64_t id;
	} held[8];
};

/* A thread's blocks hold its mark behind their two words of links. */
static void
mark(struct magazine m, uint64_t id)
{
	for (void *p = m.head; p; p = *(void **)p)
		pattern_fill((char *)p + 16, id, 0, 16);
}

static void
check_marks(struct magazine m, uint64_t id)
{
	uint32_t n = 0;

	for (void *p = m.head; p; p = *(void **)p, n++)
		HAK_CHECK(pattern_check((char *)p + 16, id, 0, 16) == 16);
	HAK_CHECK(n == m.count);
}

static void *
exchange(void *arg)
{
	struct load *l = arg;
	/* Few classes and many sites; all at least 32 bytes. */
	static const size_t sizes[] = {32, 48, 128, 1024, 1664, 7680, 26624};

	for (int i = 0; i < STEPS; i++) {
		size_t at = rng_below(&l->rng, LENGTH(l->held));
		struct magazine *m = &l->held[at].m;

		if (!m->head) {
			uint32_t n = 1 + (uint32_t)rng_below(&l->rng, 30);

			l->held[at].cls = sizeclass_of(sizes[rng_below(&l->rng, LENGTH(sizes))]);
			l->held[at].id = rng_next(&l->rng);
			*m = arena_refill(l->held[at].cls, rng_below(&l->rng, 50), n, n + 10);
			HAK_CHECK(m->head && m->count <= 40);
			mark(*m, l->held[at].id);
			continue;
		}
		check_marks(*m, l->held[at].id);
		if (rng_below(&l->rng, 4))
			HAK_CHECK(arena_drain(l->held[at].cls, *m));
		else
			arena_flush(m->head);
		m->head = NULL;
		if (rng_below(&l->rng, 500) == 0)
			arena_trim(0);
		else if (rng_below(&l->rng, 100) == 0)
			arena_tick(os_now_ms());
	}
	for (size_t i = 0; i < LENGTH(l->held); i++)
		if (l->held[i].m.head)
			arena_flush(l->held[i].m.head);
	return NULL;
}

/* Who meets a held lock lets others run while it holds it: more contention. */
static void
yield_with_lock(enum inject_point point)
{
	if (point == INJECT_LOCK_HELD)
		sched_yield();
}

START_TEST(test_threads)
{
	static struct load loads[4];

	start(ARENAS);
	if (_i)
		grow_to(ARENAS);
	inject_hook = yield_with_lock;
	for (unsigned i = 0; i < LENGTH(loads); i++)
		loads[i].rng = unit_rng(10 + i);
	run_threads(LENGTH(loads), exchange, loads, sizeof(loads[0]));
	arena_audit();
	pages_audit();
	ck_assert_uint_le(arena_totals().depot_bytes, ARENAS * DEPOT_BYTES);
	ck_assert_uint_eq(arena_totals().handed_out, arena_totals().depot_bytes);
	ck_assert_uint_gt(arena_totals().refills, STEPS);
	ck_assert_uint_gt(arena_totals().drains, STEPS / 2);
	arena_trim(0);
	ck_assert_uint_eq(arena_totals().handed_out, 0);
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("arena");
	TCase *tc = plain_tcase(suite, "arena", 120);

	unit_begin("test_arena");
	tcase_add_test(tc, test_growth);
	tcase_add_loop_test(tc, test_limits, 0, 5);
	tcase_add_test(tc, test_limit_from_cpus);
	tcase_add_test(tc, test_growth_without_memory);
	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_borrow);
	tcase_add_test(tc, test_depot_bound);
	tcase_add_test(tc, test_wrong_class);
	tcase_add_test(tc, test_mixed);
	tcase_add_test(tc, test_put_aside);
	tcase_add_test(tc, test_tick);
	tcase_add_test(tc, test_pause);
	tcase_add_test(tc, test_pauses);
	tcase_add_test(tc, test_pause_depot);
	tcase_add_test(tc, test_after_pause);
	tcase_add_test(tc, test_pause_cold);
	tcase_add_test(tc, test_trim);
	tcase_add_loop_test(tc, test_threads, 0, 2);
	return run_suite(suite);
}
