/* SPDX-License-Identifier: MIT
 * stress/contention/counters.h - what a hakmem library says of a run by HAKMEM_STATS=json: the
 * proof that it served the run, and its counters. docs/statistics.md has the format. No state. */
#ifndef STRESS_CONTENTION_COUNTERS_H
#define STRESS_CONTENTION_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

struct counters {
	bool known;
	double arenas;                           /* active at the end */
	double acquisitions, contended, wait_us; /* of the arenas' locks, over all arenas */
	double refills, borrowed;                /* magazines */
	double remote_share;                     /* of the blocks that came back, or NaN */
	double sites, entropy_bits;              /* of the call sites that reached the slow path */
	double restarts;                         /* of rseq */
	char mechanism[96];
};

/* Reads the line of JSON in `text`, what the program wrote to standard error. False with the reason
 * in `why` where there is none, where it names another variant or selector, or where it counts no
 * allocation: then the library under test did not serve the run. */
bool counters_read(const char *text, const char *variant, const char *selector, struct counters *c,
	char *why, size_t size);
/* Contended acquisitions of all; NaN where unknown or where no lock was taken. */
double counters_contended_share(const struct counters *c);

#endif
