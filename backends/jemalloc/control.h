/* SPDX-License-Identifier: MIT
 * backends/jemalloc/control.h - what is asked of jemalloc beside blocks: arenas of its own, ageing,
 * counts. All of it by mallctl, which takes locks of jemalloc's; they come after RANK_BIG and
 * before RANK_PAGES, since an arena that grows calls the page heap.
 *
 * jemalloc registers its fork handlers when it is first used, which is before ours are: ours run
 * first before a fork, and last after it. jemalloc's then wait for whoever is inside. So whoever
 * enters jemalloc, here or for a block, holds a lock of ours, taken by lock_acquire, which gives up
 * while a fork has them: else a thread with a lock of libc's could wait for the fork that waits for
 * that one. control_init apart, where there are no handlers yet.
 *
 * Nothing here calls malloc or another of the C library's names: those are ours. */
#ifndef HAK_BACKENDS_JEMALLOC_CONTROL_H
#define HAK_BACKENDS_JEMALLOC_CONTROL_H

#include "base/compiler.h"

/* The first use of jemalloc; under the startup lock. Aborts with a line where the library is none
 * that this build can work with. */
void control_init(void);
/* Makes an arena on memory from the regions; false when memory is exhausted. */
bool control_create(unsigned *number);
/* Lets the arena's idle pages age by the clock, or gives them all back. */
void control_decay(unsigned number);
void control_purge(unsigned number);

/* Ranges and bytes given back so far. Any thread. */
size_t control_purges(void);
size_t control_purged(void);

struct control_totals {
	size_t active; /* bytes in pages of slabs and large blocks */
	size_t dirty;  /* bytes in idle pages that hold memory */
};

/* Of all arenas made here. Adds up jemalloc's statistics: not for fast paths. */
struct control_totals control_totals(void);
/* Bytes of the arena's blocks as jemalloc counts them; the caller holds the arena's lock. */
size_t control_allocated(unsigned number);

#endif
