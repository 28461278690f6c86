/* SPDX-License-Identifier: MIT
 * stress/sweep/results.h - all runs of a sweep, and what they are reduced to. */
#ifndef HAKMEM_SWEEP_RESULTS_H
#define HAKMEM_SWEEP_RESULTS_H

#include "stress/sweep/run.h"
#include "stress/sweep/stats.h"

#include <stddef.h>

struct results {
	struct run *runs;
	size_t n, room;
};

/* The runs of one allocator in one cell, the pair of a workload and a number of threads. */
struct summary {
	struct stats time, rss_kb, user_s, sys_s, ops_per_s, minflt, nvcsw, nivcsw;
	size_t failed;
	const struct run *failure; /* the first that failed, or NULL */
};

struct run *results_add(struct results *r, const struct run *run);
void results_free(struct results *r);
/* Compares the checksums of the cell's good runs: those that differ from the most frequent one
 * (for a draw, from that of `base`) become failures. */
void results_compare_checksums(
	struct results *r, const struct workload *w, int threads, const struct allocator *base);
/* Reduces the good, counted runs. The warm-up counts only where it failed. */
struct summary results_summary(
	const struct results *r, const struct workload *w, int threads, const struct allocator *a);
/* The number of runs that failed. */
size_t results_failed(const struct results *r);

#endif
