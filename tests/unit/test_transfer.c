/* SPDX-License-Identifier: MIT
 * tests/unit/test_transfer.c - the CPUs' transfer caches: order, bounds, other CPUs, age, threads
 * that meet in them, and forks. */
#include "arenas/transfer.h"

#include <sched.h>

#include "base/inject.h"
#include "tests/unit/arena_unit.h"

#define CLS 4
#define STEPS (20000 / UNIT_SLOW)
/* What one CPU's holds at most, where there are few. */
#define TRANSFER_BYTES (16 * MIB)

/* The first two CPUs that have caches of their own; false where there is one. */
static bool
two_cpus(unsigned cpus[2])
{
	cpu_set_t mine;
	unsigned n = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	for (unsigned cpu = 0; cpu < TRANSFER_WAYS && n < 2; cpu++)
		if (CPU_ISSET(cpu, &mine))
			cpus[n++] = cpu;
	return n == 2;
}

static void
start_here(void)
{
	cpu_set_t mine;
	unsigned cpu = 0;

	start(ARENAS);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	while (!CPU_ISSET(cpu, &mine))
		cpu++;
	pin_to(cpu);
}

/* The youngest first, each as it was put, and classes apart. */
START_TEST(test_order)
{
	struct magazine m[3], again;

	start_here();
	ck_assert_ptr_null(transfer_take(CLS).head);
	for (unsigned i = 0; i < 3; i++) {
		m[i] = refill(i < 2 ? CLS : CLS + 1, 0, 4 + i);
		ck_assert(transfer_put(i < 2 ? CLS : CLS + 1, m[i], true));
	}
	transfer_audit();
	ck_assert_uint_eq(
		transfer_totals().bytes, m[0].count * 64 + m[1].count * 64 + m[2].count * 80);
	for (unsigned i = 2; i-- > 0;) {
		again = transfer_take(CLS);
		ck_assert_ptr_eq(again.head, m[i].head);
		ck_assert_uint_eq(again.count, m[i].count);
		ck_assert_uint_eq(length_of(again.head), again.count);
		arena_flush(again.head);
	}
	ck_assert_ptr_null(transfer_take(CLS).head);
	ck_assert_uint_eq(transfer_totals().bytes, m[2].count * 80);
	ck_assert_uint_eq(transfer_totals().puts, 3);
	ck_assert_uint_eq(transfer_totals().takes, 2);
	arena_audit();
}
END_TEST

START_TEST(test_bound)
{
	unsigned cls = sizeclass_of(32768);
	static struct magazine m[TRANSFER_BYTES / 32768 + 3];
	size_t held = 0;

	start_here();
	/* All before the first is put, since refills take from there. */
	for (size_t i = 0; i < LENGTH(m); i++)
		m[i] = refill(cls, 0, 1);
	for (size_t i = 0; i < LENGTH(m); i++) {
		if (transfer_put(cls, m[i], true))
			held += m[i].count * sizeclass_size(cls);
		else
			arena_flush(m[i].head);
		ck_assert_uint_le(held, TRANSFER_BYTES);
	}
	ck_assert_uint_gt(held + sizeclass_size(cls), TRANSFER_BYTES);
	ck_assert_uint_eq(transfer_totals().bytes, held);
	ck_assert_uint_eq(transfer_excess(), held - MIB);
	ck_assert_uint_eq(arena_totals().depot_bytes, held);
	arena_trim(0);
	ck_assert_uint_eq(transfer_totals().bytes, 0);
	ck_assert_uint_eq(arena_totals().handed_out, 0);
}
END_TEST

/* What is not wanted here again has less room. */
START_TEST(test_bound_unwanted)
{
	unsigned cls = sizeclass_of(32768);
	struct magazine m[MIB / 32768 + 1];

	start_here();
	for (size_t i = 0; i < LENGTH(m); i++)
		m[i] = refill(cls, 0, 1);
	for (size_t i = 0; i + 1 < LENGTH(m); i++)
		ck_assert(transfer_put(cls, m[i], false));
	ck_assert(!transfer_put(cls, m[LENGTH(m) - 1], false));
	ck_assert(transfer_put(cls, m[LENGTH(m) - 1], true));
	ck_assert_uint_gt(transfer_excess(), 0);
	arena_trim(0);
	ck_assert_uint_eq(arena_totals().handed_out, 0);
}
END_TEST

/* Puts so many blocks of 32 KiB. */
static void
put_blocks(size_t n)
{
	unsigned cls = sizeclass_of(32768);
	static struct magazine m[TRANSFER_BYTES / 32768];

	/* All before the first is put, since refills take from there. */
	for (size_t i = 0; i < n; i++)
		m[i] = refill(cls, 0, 1);
	for (size_t i = 0; i < n; i++)
		ck_assert(transfer_put(cls, m[i], true));
}

/* One block of a class that has no slab yet. */
static void *
map_slab(void)
{
	static unsigned cls = CLS;

	return refill(cls++, 0, 1).head;
}

/* Before a heap grows of which they hold a large part they give all back. */
START_TEST(test_growth)
{
	start_here();
	put_blocks(32);
	arena_flush(map_slab());
	/* It may always hold as much. */
	ck_assert_uint_eq(transfer_totals().bytes, MIB);
	/* Refills take what there is first. */
	put_blocks(64);
	arena_flush(map_slab());
	ck_assert_uint_eq(transfer_totals().bytes, 0);
	arena_audit();
}
END_TEST

/* Where they hold a small part only idle classes are given back. */
START_TEST(test_growth_idle)
{
	bool zeroed = false;
	void *big, *first, *second;

	start_here();
	big = backend_big_alloc(32 * MIB, 16, &zeroed);
	REQUIRE_MSG(big, "no memory");
	put_blocks(64);
	first = map_slab();
	ck_assert_uint_eq(transfer_totals().bytes, 2 * MIB);
	/* Idle from that look on, for more than 20 ms of a clock that may be coarse. */
	sleep_us(50000);
	second = map_slab();
	ck_assert_uint_eq(transfer_totals().bytes, 0);
	arena_flush(first);
	arena_flush(second);
	arena_audit();
	backend_big_free(big);
}
END_TEST

/* Another CPU does not take it; an arena that would have to map memory does. */
START_TEST(test_other_cpu)
{
	unsigned cpus[2], cls = sizeclass_of(32768);
	struct magazine m, again;

	if (!two_cpus(cpus)) {
		printf("one CPU: nothing to send\n");
		return;
	}
	start(1);
	pin_to(cpus[0]);
	m = refill(cls, 0, sizeclass_table[cls].capacity);
	ck_assert_uint_eq(m.count, sizeclass_table[cls].capacity);
	ck_assert(transfer_put(cls, m, true));
	pin_to(cpus[1]);
	ck_assert_ptr_null(transfer_take(cls).head);
	size_t used = backend_totals().used;
	again = refill(cls, 0, 1);
	ck_assert_ptr_eq(again.head, m.head);
	ck_assert_uint_eq(transfer_totals().sent, 1);
	ck_assert_uint_eq(backend_totals().used, used);
	arena_flush(again.head);
}
END_TEST

/* What was touched since the last look is not idle, whatever the time. */
START_TEST(test_idle)
{
	struct magazine m;
	unsigned place = 0;
	void *list;

	start_here();
	m = refill(CLS, 0, 4);
	ck_assert(transfer_put(CLS, m, true));
	ck_assert_ptr_null(transfer_idle(&place, 1000, 100));
	place = 0;
	ck_assert_ptr_null(transfer_idle(&place, 1099, 100));
	ck_assert(transfer_put(CLS, transfer_take(CLS), true));
	place = 0;
	ck_assert_ptr_null(transfer_idle(&place, 1150, 100));
	place = 0;
	list = transfer_idle(&place, 1250, 100);
	ck_assert_uint_eq(length_of(list), m.count);
	ck_assert_ptr_null(transfer_idle(&place, 1250, 100));
	ck_assert_uint_eq(transfer_totals().bytes, 0);
	arena_flush(list);
	arena_audit();
}
END_TEST

/* --- threads ---------------------------------------------------------------------------------- */

struct load {
	uint64_t rng;
};

static void
yield_now_and_then(enum inject_point point)
{
	static _Atomic unsigned n;

	if (point == INJECT_TRANSFER && atomic_fetch_add(&n, 1) % 4 == 0)
		sched_yield();
}

/* Takes and puts magazines whose blocks bear their owner's mark while it has them. */
static void *
exchange(void *arg)
{
	struct load *l = arg;

	for (int i = 0; i < STEPS; i++) {
		struct magazine m = transfer_take(CLS);
		if (!m.head)
			m = refill(CLS, (uintptr_t)rng_below(&l->rng, 64), 8);
		for (char *p = m.head; p; p = *(void **)p)
			*(struct load **)(p + 16) = l;
		if (rng_below(&l->rng, 8) == 0)
			sched_yield();
		for (char *p = m.head; p; p = *(void **)p)
			REQUIRE_EQ((uintptr_t) * (struct load **)(p + 16), (uintptr_t)l);
		if (rng_below(&l->rng, 16) == 0 || !transfer_put(CLS, m, true))
			arena_flush(m.head);
	}
	return NULL;
}

START_TEST(test_threads)
{
	static struct load loads[6];

	start(ARENAS);
	inject_hook = yield_now_and_then;
	for (unsigned i = 0; i < LENGTH(loads); i++)
		loads[i].rng = unit_rng(i);
	run_threads(LENGTH(loads), exchange, loads, sizeof(loads[0]));
	arena_audit();
	arena_trim(0);
	ck_assert_uint_eq(arena_totals().handed_out, 0);
}
END_TEST

/* A child finds them whole and unlocked. */
START_TEST(test_fork)
{
	struct magazine m;
	int status;

	start_here();
	m = refill(CLS, 0, 4);
	ck_assert(transfer_put(CLS, m, true));
	arena_fork_prepare();
	pid_t pid = fork();
	if (pid == 0) {
		arena_fork_child();
		m = transfer_take(CLS);
		_exit(m.head && length_of(m.head) == m.count ? 0 : 1);
	}
	arena_fork_parent();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_eq(transfer_take(CLS).head, m.head);
	arena_flush(m.head);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("transfer");
	TCase *tc = plain_tcase(suite, "transfer", 120);

	unit_begin("test_transfer");
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_bound);
	tcase_add_test(tc, test_bound_unwanted);
	tcase_add_test(tc, test_growth);
	tcase_add_test(tc, test_growth_idle);
	tcase_add_test(tc, test_other_cpu);
	tcase_add_test(tc, test_idle);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_fork);
	return run_suite(suite);
}
