/* SPDX-License-Identifier: MIT
 * arenas/tune.h - the learner at work (HAKMEM_LEARN): measures windows, asks arenas/learn.h which
 * policy to play in the next one, publishes that.
 *
 * It is looked after by arena_tick, every 50 ms by whichever thread is on a slow path then. The
 * clock of the slow paths reads the thread's CPU time at both ends of one slow path in
 * TUNE_SAMPLE, chosen by chance, and of each that is long by itself. Big blocks' are long as long
 * as the thread's last one that was timed was. Off, a slow path pays for one load and two branches
 * that are not taken; the fast path for nothing. */
#ifndef HAK_ARENAS_TUNE_H
#define HAK_ARENAS_TUNE_H

#include "arenas/learn.h"
#include "arenas/policy.h"
#include "base/compiler.h"

/* A window is closed after so many slow-path events or ms, but lasts for the least, as often as the
 * learner stretches it, at least. The first ms after a change of the policy belong to nobody:
 * memory is still as the last one left it. */
#define TUNE_EVENTS 10000
#define TUNE_MOST_MS 2000
#define TUNE_LEAST_MS 200
#define TUNE_SETTLE_MS 100
/* Nor do the first of the process: what a program touches when it starts is no policy's doing. */
#define TUNE_START_MS 1000
#define TUNE_SAMPLE 64

/* What all windows of some kind together were, for the statistics. */
struct tune_report {
	struct learner learner;
	struct learn_window all;    /* since the process began, settling included */
	struct learn_window chosen; /* the windows of the chosen policy since it was chosen */
};

enum tune_path {
	TUNE_SHORT,
	TUNE_BIG, /* of a block above LARGE_MAX: from a cache, or with the system's work in it */
	TUNE_LONG
};

struct tune_clock {
	uint64_t began_ns;
	int64_t weight; /* 0: not read; below it for TUNE_BIG */
};

/* How many slow paths the one that is timed counts for. */
HAK_INLINE uint64_t
tune_clock_weight(struct tune_clock c)
{
	return (uint64_t)(c.weight < 0 ? -c.weight : c.weight);
}

extern _Atomic bool hak_tune_on HAK_HIDDEN;

struct tune_clock tune_clock_read(enum tune_path path) HAK_HIDDEN HAK_COLD;
void tune_clock_add(struct tune_clock c) HAK_HIDDEN HAK_COLD;

/* Around the work of a slow path, but for arena_tick. */
HAK_INLINE struct tune_clock
tune_clock_start(enum tune_path path)
{
	if (HAK_LIKELY(!RELAXED(hak_tune_on)))
		return (struct tune_clock){0, 0};
	return tune_clock_read(path);
}

HAK_INLINE void
tune_clock_stop(struct tune_clock c)
{
	if (HAK_UNLIKELY(c.weight != 0))
		tune_clock_add(c);
}

/* Begins as HAKMEM_LEARN and HAKMEM_POLICY say; under the startup lock. */
void tune_begin(void);
/* Closes the window if it is due. Any thread, which holds no lock; one does it, others pass. */
void tune_tick(void);
/* Writes what has been learned, if anything, to HAKMEM_POLICY's file, and with
 * HAKMEM_PLACEMENT=lifetime which sites last. The caller is between frontend_enter and
 * frontend_leave. */
void tune_end(void);
/* A snapshot; false where nothing is learned or measured. */
bool tune_report(struct tune_report *out);

void tune_fork_prepare(void);
void tune_fork_parent(void);
void tune_fork_child(void);

#endif
