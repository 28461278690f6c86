/* SPDX-License-Identifier: MIT
 * arenas/sites.h - how often an arena was chosen for which call site, for the statistics.
 *
 * A table of bounded size, there only where HAKMEM_STATS asks for statistics; without it counting
 * is one load and a branch on the slow path. Sites that find no place are counted together, so that
 * the sum of all counts is the number of events.
 *
 * Any thread adds, without a lock; entries are never removed. Invariant: events == the entries'
 * counts + overflow, once the adding threads have ended. */
#ifndef HAK_ARENAS_SITES_H
#define HAK_ARENAS_SITES_H

#include "base/compiler.h"

#define SITES_SLOTS 4096
#define SITES_HOTTEST 10

struct site_count {
	uintptr_t site;    /* what selects: a return address, or a hash */
	uintptr_t address; /* the return address */
	uintptr_t caller;  /* the next frame's, 0 where only one was looked at */
	uint64_t events;   /* a number */
};

struct sites_summary {
	size_t seen;       /* different sites in the table (a number) */
	uint64_t events;   /* all (a number) */
	uint64_t overflow; /* those of them whose site found no place (a number) */
	double entropy;    /* of the events' sites, in bits; those of `overflow` as one site */
	unsigned nhottest;
	struct site_count hottest[SITES_HOTTEST]; /* by falling counts */
};

struct sites;
/* NULL where nothing is counted. Set under the startup lock. */
extern struct sites *_Atomic hak_sites HAK_HIDDEN;

/* Makes the table where statistics are asked for; under the startup lock. */
void sites_init(void);
void sites_add(struct sites *table, uintptr_t site) HAK_HIDDEN HAK_NOINLINE;
/* Notes which addresses a hashed site is made of, for the report. */
void sites_describe(uintptr_t site, uintptr_t address, uintptr_t caller);
/* A snapshot; zeroes where nothing is counted. */
void sites_summary(struct sites_summary *out);

/* One event of the site. */
HAK_INLINE void
sites_count(uintptr_t site)
{
	struct sites *table = RELAXED(hak_sites);

	if (HAK_UNLIKELY(table != NULL))
		sites_add(table, site);
}

#endif
