/* SPDX-License-Identifier: MIT
 * stress/sweep/sweep.h - the order of a sweep: every workload at every thread count under every
 * allocator, in turns, so that a noisy minute of the machine falls on all allocators alike. */
#ifndef HAKMEM_SWEEP_SWEEP_H
#define HAKMEM_SWEEP_SWEEP_H

#include "stress/sweep/allocators.h"
#include "stress/sweep/results.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct places;
struct workload;

/* What is to be done; fixed before the sweep starts. */
struct plan {
	const struct places *places;
	struct allocators allocators;
	const struct workload **workloads; /* NULL-terminated */
	int *threads;
	size_t nthreads;
	int runs;
	bool quick;
	json_t *shares; /* of share_measure; NULL where they are not asked for */
	double limit_s; /* of a run; 0: from the time that the workload usually takes */
	const struct allocator *base;
	const char *directory; /* for the results */
	char *environment;     /* of machine_describe */
};

/* The round of a proof; 0 is the warm-up, from 1 on runs count. */
enum { ROUND_PROOF = -1 };

/* The number of thread counts at which the workload runs, and the i-th of them. */
size_t plan_cells(const struct plan *plan, const struct workload *w);
int plan_threads(const struct plan *plan, const struct workload *w, size_t i);
/* Roughly how long it will take, in seconds, and how many runs it has; what is in *results already
 * needs no time. */
double sweep_expected_s(const struct plan *plan, const struct results *results, int *runs);
/* Does what is not in *results yet. A full sweep has a warm-up in each cell; in a quick one the
 * proof is all that comes before the counted runs. An allocator that exceeds the time limit, or
 * whose runs in a cell took several times as long as runs there usually do, sits out the rest of
 * the cell, so that no allocator can prolong a sweep by much. results.json and results.csv are
 * written anew after each cell, so that no end of the sweep loses more than one cell. False where
 * it was interrupted or the results cannot be written. */
bool sweep_run(const struct plan *plan, struct results *results);

#endif
