/* SPDX-License-Identifier: MIT
 * stress/contention/benchmarks.h - the workloads of the contention study and how they are called.
 * A table that never changes; the programs are those of stress/. */
#ifndef STRESS_CONTENTION_BENCHMARKS_H
#define STRESS_CONTENTION_BENCHMARKS_H

#include "stress/sweep/launch.h"

#include <stddef.h>

struct benchmark {
	const char *name; /* also the program's */
	const char *what; /* for the report: what it does, what a thread and an op are */
	/* T stands for the threads, S for the seconds, C for larson's blocks a thread, I for the
	 * iterations. */
	const char *arguments;
	double ops_per_iteration; /* 0 where it runs for a given time */
};

struct parameters {
	int threads, chunks;
	double seconds, iterations;
};

struct benchmark_command {
	char text[256];
	const char *argv[LAUNCH_ARG_MAX];
};

/* The benchmarks of a comma list, NULL for all: a NULL-terminated array to be freed, their number
 * in *n. NULL with a line on standard error where a name is none. */
const struct benchmark **benchmarks_find(const char *list, size_t *n);
/* The command line, in *command. */
void benchmark_command(const struct benchmark *b, const char *program, const struct parameters *p,
	struct benchmark_command *command);

#endif
