/* SPDX-License-Identifier: MIT
 * base/lock.h - a sleeping mutex of four bytes, ranks, and the window of a fork.
 *
 * A lock may be held across a system call, so a waiter sleeps on a futex after a short spin (the
 * three-state mutex of Drepper, "Futexes Are Tricky", 2011). All zeroes is an unlocked lock.
 *
 * A thread takes locks only in the order of LOCK_RANKS, lowest first, at most one of a rank; the
 * fork handlers alone take every lock of a rank, in index order. Debug builds enforce it.
 *
 * While a fork is under way every lock is held by the forking thread, and libc then takes its own
 * stdio locks. A thread that holds a stdio lock and needs one of ours would wait for ever, so
 * lock_acquire gives up after LOCK_FORK_PATIENCE_US and returns false: the caller serves itself
 * from the emergency memory, which needs no lock. Outside that window it never fails. */
#ifndef HAK_BASE_LOCK_H
#define HAK_BASE_LOCK_H

#include "base/compiler.h"

/* Name and what it protects, in the order in which they are taken. */
#define LOCK_RANKS(X)                                                                              \
	X(RANK_STARTUP, "the heap's first initialisation")                                         \
	X(RANK_RULES, "resolving a call site for Site Rules")                                      \
	X(RANK_BACKGROUND, "the background thread's start, end and work")                          \
	X(RANK_CACHES, "the list of thread caches")                                                \
	X(RANK_PROFILE, "sampled blocks and their sites")                                          \
	X(RANK_LEARN, "the learner, and its windows")                                              \
	X(RANK_GROWTH, "the number of arenas")                                                     \
	X(RANK_TRANSFER, "a CPU's transfer cache")                                                 \
	X(RANK_ARENA, "an arena: its slabs, lists and depots")                                     \
	X(RANK_BIG, "BigCache")                                                                    \
	X(RANK_PAGES, "free extents, the regions' frontiers, metadata memory")

enum lock_rank {
#define X(name, what) name,
	LOCK_RANKS(X)
#undef X
		LOCK_RANK_COUNT
};

#define LOCK_FORK_PATIENCE_US 5000

struct lock {
	_Atomic uint32_t state; /* 0 free, 1 held, 2 held and perhaps waited for */
	uint32_t rank;          /* fixed at birth; an enum lock_rank */
};

#define LOCK_INITIALIZER(r)                                                                        \
	{                                                                                          \
		0, r                                                                               \
	}

/* Takes the lock. False only when a fork has held all locks for longer than the patience above. */
bool lock_acquire(struct lock *l) __attribute__((warn_unused_result));
/* True when lock_acquire has failed in this thread since the last time this was asked. */
bool lock_was_refused(void);
/* Takes the lock however long it takes; for callers with nothing to fall back on, outside
 * allocation itself. */
void lock_acquire_wait(struct lock *l);
/* Takes the lock if it is free. */
bool lock_try(struct lock *l) __attribute__((warn_unused_result));
/* Releases a lock that the caller holds. */
void lock_release(struct lock *l);
/* After fork, in the child, for a lock that the forking thread held: free again, no waiters. */
void lock_reset(struct lock *l);

/* Called by the fork handlers with all locks held. */
void lock_fork_open(void);
void lock_fork_close(void);
/* True in that window: what failed may have failed for that reason. Any thread. */
bool lock_fork_is_open(void);

#endif
