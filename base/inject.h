/* SPDX-License-Identifier: MIT
 * base/inject.h - injection points in race windows. A normal build has none; a test build
 * (HAK_TESTING) calls the hook, which may spin, yield, sleep or raise a signal there. */
#ifndef HAK_BASE_INJECT_H
#define HAK_BASE_INJECT_H

#include "base/compiler.h"

enum inject_point {
	INJECT_SLOW_ALLOC,  /* front-end slow path entered, bins hidden from signal handlers */
	INJECT_SLOW_FREE,   /* the same on the free side */
	INJECT_REFILL,      /* blocks taken from an arena, lock released, not yet linked */
	INJECT_DRAIN,       /* a magazine detached from a bin, not yet in a depot */
	INJECT_LOCK_HELD,   /* a contended lock was just acquired */
	INJECT_PURGE,       /* an extent is out of the free lists, its pages being given back */
	INJECT_MOVE,        /* the same, its pages being moved to a run that is being handed out */
	INJECT_FORK_WINDOW, /* all locks held by the fork handler */
	INJECT_CACHE_EXIT,  /* a thread's cache is half flushed */
	INJECT_TRANSFER,    /* a CPU's transfer cache is locked */
	INJECT_POINTS
};

#ifdef HAK_TESTING
/* Set by a test before its threads start; called with the point from any thread. */
extern void (*inject_hook)(enum inject_point point);

HAK_INLINE void
HAK_INJECT(enum inject_point point)
{
	if (inject_hook)
		inject_hook(point);
}
#else
HAK_INLINE void
HAK_INJECT(enum inject_point point)
{
	(void)point;
}
#endif

#endif
