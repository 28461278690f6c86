/* SPDX-License-Identifier: MIT
 * tests/unit/test_lock.c - base/lock: mutual exclusion, ranks, and the window of a fork. */
#include "base/lock.h"

#include <sched.h>

#include "base/assert.h"
#include "base/inject.h"
#include "tests/unit/unit.h"

#define ROUNDS (200000 / UNIT_SLOW)

static struct lock arena_rank = LOCK_INITIALIZER(RANK_ARENA);
static struct lock pages_rank = LOCK_INITIALIZER(RANK_PAGES);

static void
acquire(struct lock *l)
{
	ck_assert(lock_acquire(l));
}

/* --- mutual exclusion ------------------------------------------------------------------------- */

/* Not atomic: the lock alone keeps the sum right, and is what ThreadSanitizer goes by. */
static size_t sum;

struct adder {
	uint64_t rng;
	size_t added;
	bool errno_kept;
};

static void *
add(void *arg)
{
	struct adder *a = arg;

	a->errno_kept = true;
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t kind = rng_below(&a->rng, 16);

		errno = ERRNO_MARK;
		if (kind == 0)
			lock_acquire_wait(&arena_rank);
		else if (kind < 3 ? !lock_try(&arena_rank) : !lock_acquire(&arena_rank))
			continue;
		sum++;
		a->added++;
		if (kind == 15 && i % 64 == 0)
			sched_yield();
		lock_release(&arena_rank);
		a->errno_kept = a->errno_kept && errno == ERRNO_MARK;
	}
	return NULL;
}

static _Atomic size_t hits[INJECT_POINTS];

static void
count_hits(enum inject_point point)
{
	atomic_fetch_add(&hits[point], 1);
}

START_TEST(test_exclusion)
{
	struct adder adders[4];
	size_t expected = 0;

	inject_hook = count_hits;
	for (unsigned i = 0; i < LENGTH(adders); i++)
		adders[i] = (struct adder){.rng = unit_rng(i)};
	run_threads(LENGTH(adders), add, adders, sizeof(adders[0]));
	for (unsigned i = 0; i < LENGTH(adders); i++) {
		expected += adders[i].added;
		ck_assert(adders[i].errno_kept);
		ck_assert_uint_gt(adders[i].added, ROUNDS / 2);
	}
	ck_assert_uint_eq(sum, expected);
	ck_assert(lock_try(&arena_rank));
	lock_release(&arena_rank);
	ck_assert_uint_gt(atomic_load(&hits[INJECT_LOCK_HELD]), 0);
}
END_TEST

/* Another thread's view of a lock. */
static void *
try_once(void *arg)
{
	struct lock *l = arg;
	bool got = lock_try(l);

	if (got)
		lock_release(l);
	return got ? l : NULL;
}

static bool
free_for_others(struct lock *l)
{
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, try_once, l), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	return result != NULL;
}

START_TEST(test_try)
{
	ck_assert(free_for_others(&arena_rank));
	acquire(&arena_rank);
	ck_assert(!free_for_others(&arena_rank));
	lock_release(&arena_rank);
	ck_assert(lock_try(&arena_rank));
	ck_assert(!free_for_others(&arena_rank));
	lock_reset(&arena_rank);
	ck_assert(free_for_others(&arena_rank));
	acquire(&arena_rank);
	lock_release(&arena_rank);
}
END_TEST

/* --- ranks ------------------------------------------------------------------------------------ */

static void
wrong_order(void *arg)
{
	(void)arg;
	lock_acquire_wait(&pages_rank);
	lock_acquire_wait(&arena_rank);
}

static void
wrong_order_try(void *arg)
{
	(void)arg;
	lock_acquire_wait(&pages_rank);
	CHILD_REQUIRE(lock_try(&arena_rank), "not free");
}

static void
release_unheld(void *arg)
{
	(void)arg;
	lock_release(&arena_rank);
}

START_TEST(test_order)
{
	acquire(&arena_rank);
	acquire(&pages_rank);
	lock_release(&arena_rank);
	lock_release(&pages_rank);
	/* In an order once, and in another after all have been released. */
	acquire(&pages_rank);
	lock_release(&pages_rank);
	acquire(&arena_rank);
	lock_release(&arena_rank);
	if (HAK_DEBUG >= 1) {
		expect_abort(wrong_order, NULL, "held_ranks");
		expect_abort(wrong_order_try, NULL, "held_ranks");
		expect_abort(release_unheld, NULL, "held_ranks");
	} else {
		char message[128];

		ck_assert_int_eq(run_child(wrong_order, NULL, message, sizeof(message)), 0);
	}
}
END_TEST

/* --- the window of a fork --------------------------------------------------------------------- */

enum { WAITING, TAKEN, REFUSED };

struct waiter {
	pthread_t thread;
	bool forever;
	_Atomic bool started;
	_Atomic int result;
};

static void *
wait_for_lock(void *arg)
{
	struct waiter *w = arg;
	bool got = true;

	atomic_store(&w->started, true);
	if (w->forever)
		lock_acquire_wait(&arena_rank);
	else
		got = lock_acquire(&arena_rank);
	if (got)
		lock_release(&arena_rank);
	atomic_store(&w->result, got ? TAKEN : REFUSED);
	return NULL;
}

static void
waiter_start(struct waiter *w, bool forever)
{
	*w = (struct waiter){.forever = forever};
	ck_assert_int_eq(pthread_create(&w->thread, NULL, wait_for_lock, w), 0);
	while (!atomic_load(&w->started))
		sleep_us(100);
}

static int
waiter_end(struct waiter *w)
{
	ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
	return atomic_load(&w->result);
}

/* The time that a refused call took at best, of n. */
static uint64_t
refused_us(int n)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < n; i++) {
		uint64_t start = now_us(), took;

		errno = ERRNO_MARK;
		ck_assert(!lock_acquire(&arena_rank));
		ck_assert_int_eq(errno, ERRNO_MARK);
		ck_assert(lock_was_refused());
		ck_assert(!lock_was_refused());
		took = now_us() - start;
		least = took < least ? took : least;
	}
	return least;
}

static void *
refusals(void *arg)
{
	(void)arg;
	/* Patience first, and little of it afterwards; anew in each window. */
	for (int window = 0; window < 3; window++) {
		ck_assert(!lock_fork_is_open());
		lock_fork_open();
		ck_assert(lock_fork_is_open());
		ck_assert_uint_ge(refused_us(1), LOCK_FORK_PATIENCE_US);
		ck_assert_uint_lt(refused_us(50), LOCK_FORK_PATIENCE_US);
		/* What is free can be had in the window too. */
		ck_assert(lock_acquire(&pages_rank));
		lock_release(&pages_rank);
		ck_assert(!lock_was_refused());
		lock_fork_close();
	}
	return NULL;
}

START_TEST(test_refusal)
{
	acquire(&arena_rank);
	run_threads(1, refusals, NULL, 0);
	lock_release(&arena_rank);
	ck_assert(free_for_others(&arena_rank));
}
END_TEST

START_TEST(test_window_opens_later)
{
	struct waiter impatient, patient;

	acquire(&arena_rank);
	waiter_start(&impatient, false);
	waiter_start(&patient, true);
	/* Longer than a waiter sleeps between two looks at the window. */
	sleep_us(250000);
	ck_assert_int_eq(atomic_load(&impatient.result), WAITING);
	lock_fork_open();
	ck_assert_int_eq(waiter_end(&impatient), REFUSED);
	ck_assert_int_eq(atomic_load(&patient.result), WAITING);
	lock_fork_close();
	lock_release(&arena_rank);
	ck_assert_int_eq(waiter_end(&patient), TAKEN);
}
END_TEST

/* Outside a window a waiter waits however long it takes, also after windows have passed. */
START_TEST(test_no_refusal_outside)
{
	struct waiter waiters[3];

	lock_fork_open();
	lock_fork_close();
	acquire(&arena_rank);
	for (unsigned i = 0; i < LENGTH(waiters); i++)
		waiter_start(&waiters[i], i == 0);
	sleep_us(300000);
	for (unsigned i = 0; i < LENGTH(waiters); i++)
		ck_assert_int_eq(atomic_load(&waiters[i].result), WAITING);
	lock_release(&arena_rank);
	for (unsigned i = 0; i < LENGTH(waiters); i++)
		ck_assert_int_eq(waiter_end(&waiters[i]), TAKEN);
	ck_assert(!lock_was_refused());
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lock");
	TCase *tc = plain_tcase(suite, "lock", 60);

	unit_begin("test_lock");
	tcase_add_test(tc, test_exclusion);
	tcase_add_test(tc, test_try);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_refusal);
	tcase_add_test(tc, test_window_opens_later);
	tcase_add_test(tc, test_no_refusal_outside);
	return run_suite(suite);
}
