/* SPDX-License-Identifier: MIT
 * arenas/background.h - the thread that gives memory back while the program makes no call
 * (HAKMEM_BACKGROUND=1).
 *
 * There is one in a process, made once the heap holds something worth giving back, on a slow path
 * that may do so, and again in a fork's child. It ages at an interval as long as any slow path has
 * been used lately; when none has been for HAKMEM_COLD ms it gives all that is idle back and sleeps
 * without a time limit, until a slow path wakes it. It ends when the main thread calls
 * pthread_exit, since the last thread to end has to be one of the program's.
 *
 * RANK_BACKGROUND is held while it is made or ended and while it works, so that a fork's child
 * never gets a copy of half done work. */
#ifndef HAK_ARENAS_BACKGROUND_H
#define HAK_ARENAS_BACKGROUND_H

#include "base/compiler.h"

enum background_state {
	BACKGROUND_OFF,
	BACKGROUND_NONE,   /* there is nothing to do for it yet */
	BACKGROUND_WANTED, /* the next slow path that may do so makes it */
	BACKGROUND_MADE,
	BACKGROUND_ENDED /* with the main thread */
};

struct background_report {
	enum background_state state;
	uint64_t started, failures; /* threads made, and not made (numbers) */
	uint64_t wakeups;           /* how often it woke (a number) */
	uint64_t ticks;             /* how often it looked for idle memory (a number) */
	uint64_t purged;            /* bytes that it gave back */
};

extern _Atomic unsigned hak_background HAK_HIDDEN;

/* drain(now_ms, least_ms) makes the front-end give up what its caches have not used for least_ms,
 * as far as that can be done from another thread; false where there is more to do. Under the
 * startup lock. */
void background_init(bool (*drain)(uint32_t now_ms, uint32_t least_ms));
/* The C library works: threads may be made from now on. Called once, outside of every lock. */
void background_allow(void);
void background_note_slow(void);
void background_make(uintptr_t site);
/* True where the thread ages, so that slow paths need not. */
bool background_ages(uint32_t now_ms);
/* A snapshot; any thread. */
void background_report(struct background_report *out);

/* On each slow path, with memory perhaps just become idle: wakes the thread if it sleeps. May be
 * called with no lock held. */
HAK_INLINE void
background_note(void)
{
	if (HAK_UNLIKELY(RELAXED(hak_background) != BACKGROUND_OFF))
		background_note_slow();
}

/* At the end of a slow path, the front-end open again: makes the thread if it is wanted. `site` is
 * where the program called; errno is preserved. */
HAK_INLINE void
background_start(uintptr_t site)
{
	if (HAK_UNLIKELY(RELAXED(hak_background) == BACKGROUND_WANTED))
		background_make(site);
}

/* Fork handlers: first before, last after. */
void background_fork_prepare(void);
void background_fork_parent(void);
void background_fork_child(void);

#endif
