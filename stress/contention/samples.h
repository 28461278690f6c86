/* SPDX-License-Identifier: MIT
 * stress/contention/samples.h - all runs of a study, and what they are reduced to. */
#ifndef STRESS_CONTENTION_SAMPLES_H
#define STRESS_CONTENTION_SAMPLES_H

#include "stress/sweep/run.h"
#include "stress/sweep/stats.h"

#include <stddef.h>

/* A benchmark at a thread count under a configuration, as indices into the study's lists. */
struct at {
	size_t benchmark, thread, config;
};

/* run.workload is not used: `at` has it. */
struct sample {
	struct at at;
	struct run run;
};

struct samples {
	struct sample *items;
	size_t n, room;
};

/* The runs of one combination. */
struct summary {
	struct stats rate;     /* operations a second */
	struct stats cpu_rate; /* operations a second of processor time */
	struct stats time_ns;  /* of an operation */
	struct stats rss_kb;   /* peak */
	size_t failed;
};

void samples_add(struct samples *s, struct at at, const struct run *run);
void samples_free(struct samples *s);
/* Reduces the good, counted runs. Round 0 counts only where it failed. */
struct summary samples_summary(const struct samples *s, struct at at);
/* Among the good runs of equal work (benchmark, threads, iterations), makes those failures whose
 * checksum the majority does not share. */
void samples_compare_checksums(struct samples *s);
size_t samples_failed(const struct samples *s);

#endif
