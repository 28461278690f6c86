/* SPDX-License-Identifier: MIT
 * base/lock.c - the futex mutex, rank checks, and waiting in the window of a fork. */
#include "base/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/inject.h"

#define SPINS 40

enum { FREE, HELD, CONTENDED };

/* 1 between lock_fork_open and lock_fork_close. Written by the forking thread with every lock
 * held, read by waiters; the futex call orders the two, so relaxed is enough. */
static _Atomic uint32_t fork_window;

#if HAK_DEBUG >= 1
static HAK_TLS uint32_t held_ranks[LOCK_RANK_COUNT];

static void
rank_enter(const struct lock *l)
{
	/* Several of one rank are held by the fork handlers only. */
	for (uint32_t r = l->rank + 1; r < LOCK_RANK_COUNT; r++)
		HAK_CHECK(held_ranks[r] == 0);
	held_ranks[l->rank]++;
}

static void
rank_leave(const struct lock *l)
{
	HAK_CHECK(held_ranks[l->rank] > 0);
	held_ranks[l->rank]--;
}
#else
static void
rank_enter(const struct lock *l)
{
	(void)l;
}

static void
rank_leave(const struct lock *l)
{
	(void)l;
}
#endif

static void
futex_wait(struct lock *l, uint32_t expected, const struct timespec *timeout)
{
	syscall(SYS_futex, &l->state, FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
}

static void
futex_wake(struct lock *l, int count)
{
	syscall(SYS_futex, &l->state, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void
cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

bool
lock_try(struct lock *l)
{
	uint32_t expected = FREE;

	/* Acquire pairs with the release in lock_release. */
	if (!atomic_compare_exchange_strong_explicit(
		    &l->state, &expected, HELD, memory_order_acquire, memory_order_relaxed))
		return false;
	rank_enter(l);
	return true;
}

/* Sleeps until the lock was ours or patience ended. */
static HAK_NOINLINE bool
acquire_contended(struct lock *l, bool forever)
{
	const struct timespec patience = {0, LOCK_FORK_PATIENCE_MS * 1000000L};
	int saved = errno;
	bool timed_out = false;

	for (int i = 0; i < SPINS; i++) {
		cpu_relax();
		if (atomic_load_explicit(&l->state, memory_order_relaxed) == FREE && lock_try(l))
			return true;
	}
	/* Acquire pairs with the release in lock_release. */
	while (atomic_exchange_explicit(&l->state, CONTENDED, memory_order_acquire) != FREE) {
		bool window = atomic_load_explicit(&fork_window, memory_order_relaxed) && !forever;
		if (window && timed_out) {
			errno = saved;
			return false;
		}
		futex_wait(l, CONTENDED, window ? &patience : NULL);
		timed_out = window;
	}
	errno = saved;
	rank_enter(l);
	HAK_INJECT(INJECT_LOCK_HELD);
	return true;
}

bool
lock_acquire(struct lock *l)
{
	return HAK_LIKELY(lock_try(l)) || acquire_contended(l, false);
}

void
lock_acquire_wait(struct lock *l)
{
	if (!lock_try(l))
		acquire_contended(l, true);
}

void
lock_release(struct lock *l)
{
	rank_leave(l);
	/* Release pairs with the acquire in lock_try and acquire_contended. */
	if (atomic_exchange_explicit(&l->state, FREE, memory_order_release) == CONTENDED) {
		int saved = errno;

		futex_wake(l, 1);
		errno = saved;
	}
}

void
lock_reset(struct lock *l)
{
	rank_leave(l);
	atomic_store_explicit(&l->state, FREE, memory_order_relaxed);
}

void
lock_fork_open(void)
{
	atomic_store_explicit(&fork_window, 1, memory_order_relaxed);
}

void
lock_fork_wake(struct lock *l)
{
	/* Whoever waits without a time limit went to sleep before the window opened. */
	if (atomic_load_explicit(&l->state, memory_order_relaxed) == CONTENDED)
		futex_wake(l, 1 << 30);
}

void
lock_fork_close(void)
{
	atomic_store_explicit(&fork_window, 0, memory_order_relaxed);
}

bool
lock_fork_is_open(void)
{
	return atomic_load_explicit(&fork_window, memory_order_relaxed);
}
