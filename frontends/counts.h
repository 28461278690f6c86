/* SPDX-License-Identifier: MIT
 * frontends/counts.h - what becomes of requests, counted by class for the statistics.
 *
 * Slow-path events are counted where HAKMEM_STATS asks for statistics; there is one table for all
 * caches, which only exists then. Hits are counted in builds with --enable-counters only: in all
 * others the fast path has no instruction for it, since pairs of malloc and free that hit leave no
 * trace from which hits could be derived.
 *
 * Any thread adds; numbers are exact once the adding threads have ended. */
#ifndef HAK_FRONTENDS_COUNTS_H
#define HAK_FRONTENDS_COUNTS_H

#include "backends/sizeclass.h"
#include "base/compiler.h"

enum count_kind { COUNT_HIT, COUNT_MISS, COUNT_OVERFLOW, COUNT_REFILL, COUNT_DRAIN, COUNT_KINDS };

struct counts {
	_Atomic uint64_t of[BIN_CLASSES][COUNT_KINDS];
};

/* NULL where nothing is counted. Set under the startup lock. */
extern struct counts *_Atomic hak_counts HAK_HIDDEN;

/* Makes the table where statistics are asked for; under the startup lock. */
void counts_init(void);

HAK_INLINE void
count(unsigned cls, enum count_kind kind)
{
	struct counts *c = RELAXED(hak_counts);

	if (HAK_UNLIKELY(c != NULL))
		atomic_fetch_add_explicit(&c->of[cls][kind], 1, memory_order_relaxed);
}

#ifdef HAK_COUNTERS
#define COUNT_FAST_HIT(offset) count((unsigned)((offset) / BIN_BYTES), COUNT_HIT)
#else
#define COUNT_FAST_HIT(offset) ((void)(offset))
#endif

#endif
