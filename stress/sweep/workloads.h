/* SPDX-License-Identifier: MIT
 * stress/sweep/workloads.h - the table of workloads: how each is called and what is measured. */
#ifndef HAKMEM_SWEEP_WORKLOADS_H
#define HAKMEM_SWEEP_WORKLOADS_H

#include "stress/sweep/run.h"

#include <stdbool.h>
#include <stddef.h>

struct workload {
	const char *name;    /* of the row in the results */
	const char *program; /* what several rows share, if not the name: selects all of them */
	bool threaded;       /* runs once per thread count; otherwise once */
	bool timed;          /* its rate is compared, not the duration of the whole run */
	bool application;    /* a real program, not one of ours */
	int live_mib;        /* the live set where rows differ by it, else 0 */
	int least_mib;       /* memory without which it is left out */
	/* Roughly how long a run takes with one thread under the usual allocator, for the time left
	 * and the limit; whether threads share that out; and how many times longer it is under a
	 * front-end that takes a lock for each block, 0 for about as long. */
	double quick_s, full_s;
	bool shared;
	double lock;
	int full_runs; /* at most so many counted ones, without a warm-up, in a full sweep; or 0 */
	/* Arguments; a lone T stands for the thread count, N/T for a thread's share of N. Rows
	 * without quick ones run only in full sweeps, and where they are asked for by name. */
	const char *full, *quick, *proof;
	void (*run)(const struct job *job, struct run *run); /* NULL: one program, one line */
	bool (*available)(void); /* false with a line on standard error; NULL: always */
};

struct workload_command {
	char text[256], threads[16], share[24];
	const char *argv[LAUNCH_ARG_MAX];
};

/* The workloads of a comma list of names or programs, NULL for all of a quick or full sweep that
 * are available and fit into memory: a NULL-terminated array to be freed. NULL with a line on
 * standard error where a name is none. */
const struct workload **workloads_find(const char *list, bool quick);
/* The program that has the workload in it. */
const char *workload_program(const struct workload *w);
/* The arguments of the counted runs. */
const char *workload_arguments(const struct workload *w, bool quick);
/* The command line of a job, in *command. */
void workload_command(const struct workload *w, const char *program, const struct job *job,
	struct workload_command *command);
/* Roughly how long a run takes, in seconds. */
double workload_expected_s(
	const struct workload *w, const struct allocator *a, int threads, bool quick);
/* What a run is compared by: seconds, or nanoseconds per operation for a timed workload. */
double workload_time(const struct run *run);
const char *workload_unit(const struct workload *w);

#endif
