/* SPDX-License-Identifier: MIT
 * stress/sweep/results.h - all runs of a sweep, in the order in which they were done. */
#ifndef HAKMEM_SWEEP_RESULTS_H
#define HAKMEM_SWEEP_RESULTS_H

#include "stress/sweep/run.h"

#include <stddef.h>

struct results {
	struct run *runs;
	size_t n, room;
};

struct run *results_add(struct results *r, const struct run *run);
void results_free(struct results *r);
/* The run of that allocator, cell (workload and number of threads) and round, or NULL. One that was
 * interrupted is none. */
const struct run *results_find(const struct results *r, const struct workload *w, int threads,
	const struct allocator *a, int round);
/* Whether a run of that allocator in the cell ended so. */
bool results_has(const struct results *r, const struct workload *w, int threads,
	const struct allocator *a, enum run_status status);
/* Compares the checksums of the cell's good runs: those that differ from the most frequent one
 * (for a draw, from that of `base`) become failures. */
void results_compare_checksums(
	struct results *r, const struct workload *w, int threads, const struct allocator *base);
/* The number of runs that failed. */
size_t results_failed(const struct results *r);

#endif
