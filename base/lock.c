/* SPDX-License-Identifier: MIT
 * base/lock.c - the futex mutex, rank checks, and waiting in the window of a fork. */
#include "base/lock.h"

#include "base/assert.h"
#include "base/futex.h"
#include "base/inject.h"

#define SPINS 40
/* How often a waiter looks whether a fork's window has opened. */
#define LOCK_LOOK_MS 100

enum { FREE, HELD, CONTENDED };

/* The window's number, odd between lock_fork_open and lock_fork_close. Written by the forking
 * thread with every lock held, read by waiters; the futex call orders the two, so relaxed is
 * enough. */
static _Atomic uint32_t fork_window;

/* The last window in which this thread's patience ended: it has little left for that one. */
static HAK_TLS uint32_t refused_window;
static HAK_TLS bool refused;

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

static uint32_t
window_number(void)
{
	return atomic_load_explicit(&fork_window, memory_order_relaxed);
}

/* Sleeps until the lock was ours or patience ended. */
static HAK_NOINLINE bool
acquire_contended(struct lock *l, bool forever)
{
	uint32_t timed_out = 0;

	for (int i = 0; i < SPINS; i++) {
		cpu_relax();
		if (atomic_load_explicit(&l->state, memory_order_relaxed) == FREE && lock_try(l))
			return true;
	}
	/* Acquire pairs with the release in lock_release. */
	while (atomic_exchange_explicit(&l->state, CONTENDED, memory_order_acquire) != FREE) {
		uint32_t window = forever ? 0 : window_number();
		bool open = window & 1;
		if (open && timed_out == window) {
			refused_window = window;
			refused = true;
			return false;
		}
		/* A thread that has been refused in this window sleeps shortly, so that it leaves
		 * the CPU to those that the fork waits for. Outside a window there is a limit too:
		 * one may open between the look above and the sleep. */
		uint64_t patience_us = LOCK_FORK_PATIENCE_US;
		if (!open)
			patience_us = LOCK_LOOK_MS * 1000;
		else if (refused_window == window)
			patience_us /= 20;
		futex_wait(&l->state, CONTENDED, patience_us);
		timed_out = window;
	}
	rank_enter(l);
	HAK_INJECT(INJECT_LOCK_HELD);
	return true;
}

bool
lock_acquire(struct lock *l)
{
	return HAK_LIKELY(lock_try(l)) || acquire_contended(l, false);
}

bool
lock_was_refused(void)
{
	bool was = refused;

	refused = false;
	return was;
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
	if (atomic_exchange_explicit(&l->state, FREE, memory_order_release) == CONTENDED)
		futex_wake(&l->state, 1);
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
	atomic_store_explicit(&fork_window, window_number() + 1, memory_order_relaxed);
}

void
lock_fork_close(void)
{
	atomic_store_explicit(&fork_window, window_number() + 1, memory_order_relaxed);
}

bool
lock_fork_is_open(void)
{
	return window_number() & 1;
}
