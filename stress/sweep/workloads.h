/* SPDX-License-Identifier: MIT
 * stress/sweep/workloads.h - the table of workloads: how each is called and what is measured. */
#ifndef HAKMEM_SWEEP_WORKLOADS_H
#define HAKMEM_SWEEP_WORKLOADS_H

#include "stress/sweep/run.h"

#include <stddef.h>

struct workload {
	const char *name; /* also the program's, where run is NULL */
	bool threaded;    /* runs once per thread count; otherwise once */
	bool timed; /* runs for a given time, so that its rate is compared, not its duration */
	double quick_s, full_s; /* roughly how long a run takes: for the time left */
	/* Arguments; a lone T stands for the thread count. */
	const char *full, *quick, *proof;
	void (*run)(const struct job *job, struct run *run); /* NULL: one program, one line */
	bool (*available)(void); /* false with a line on standard error; NULL: always */
};

struct workload_command {
	char text[256];
	const char *argv[LAUNCH_ARG_MAX];
};

/* The workloads of a comma list, NULL for all that are available: a NULL-terminated array to be
 * freed. NULL with a line on standard error where a name is none. */
const struct workload **workloads_find(const char *list);
/* The command line of a job, in *command. */
void workload_command(const struct workload *w, const char *program, const struct job *job,
	struct workload_command *command);
/* What a run is compared by: seconds, or nanoseconds per operation for a timed workload. */
double workload_time(const struct run *run);
const char *workload_unit(const struct workload *w);

#endif
