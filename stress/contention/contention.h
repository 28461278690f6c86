/* SPDX-License-Identifier: MIT
 * stress/contention/contention.h - the study: what is compared, in which order it runs, what came
 * of it.
 *
 * Round 0 runs everything once and does not count: it warms up, proves which library serves, and
 * brings the counters (HAKMEM_STATS=json), without which the counted rounds run. Each round goes
 * through all workloads and thread counts, and within each through all configurations, starting
 * with another one each time; an end at any moment leaves all of them with about as many runs.
 *
 * Owner: the one thread of the program. Invariant: cells[] has an element for each combination, and
 * samples holds no run that an interrupt cut short. */
#ifndef STRESS_CONTENTION_CONTENTION_H
#define STRESS_CONTENTION_CONTENTION_H

#include "stress/contention/benchmarks.h"
#include "stress/contention/configs.h"
#include "stress/contention/counters.h"
#include "stress/contention/judge.h"
#include "stress/contention/samples.h"

#include <stdbool.h>
#include <stddef.h>

struct places;

/* A benchmark at a thread count under a configuration. */
struct cell {
	struct counters counters;
	double ops_per_s; /* of round 0: for the iterations */
	bool out;         /* failed its proof or timed out */
};

struct contention {
	/* Fixed before it starts, but for `seconds`. */
	const struct places *places;
	struct configs configs;
	const struct benchmark **benchmarks;
	size_t nbenchmarks;
	int *threads; /* ascending */
	size_t nthreads;
	int runs, chunks;
	bool paced;                /* `seconds` follows from BUDGET_S */
	double seconds, longest_s; /* of a run; of the first counted ones */
	const char *directory;
	char *environment;

	/* What came of it. */
	struct samples samples;
	struct cell *cells;
	double took_s;
};

/* How long a paced study is to take. */
enum { CONTENTION_BUDGET_S = 13 * 60 };

struct cell *contention_cell(const struct contention *s, struct at at);
/* Makes the cells and, where the study is paced, sets the seconds of a run. */
void contention_prepare(struct contention *s);
/* The number of runs and roughly how long they take, in seconds. */
size_t contention_runs(const struct contention *s);
double contention_expected_s(const struct contention *s);
/* Runs it; the report is written anew after each round. False where it was interrupted or the
 * report cannot be written. */
bool contention_execute(struct contention *s);
void contention_free(struct contention *s);

/* What the study knows of a configuration (NULL: nothing) at a thread count. */
struct summary contention_summary(
	const struct contention *s, size_t benchmark, int threads, const struct config *c);
const struct counters *contention_counters(
	const struct contention *s, size_t benchmark, int threads, const struct config *c);

enum quantity { QUANTITY_RATE, QUANTITY_TIME, QUANTITY_RSS };

/* The one configuration against the other; unknown where either was not measured. */
struct difference contention_compare(const struct contention *s, size_t benchmark, int threads,
	enum quantity q, const struct config *c, const struct config *base);

#endif
