/* SPDX-License-Identifier: MIT
 * stress/sweep/run.h - one run of one workload under one allocator, and what came of it. */
#ifndef HAKMEM_SWEEP_RUN_H
#define HAKMEM_SWEEP_RUN_H

#include "stress/sweep/launch.h"

#include <stdbool.h>

struct allocator;
struct places;
struct workload;

enum run_status {
	RUN_OK,
	RUN_EXIT,  /* ended with a status other than 0, or could not be started */
	RUN_CRASH, /* ended by a signal */
	RUN_TIMEOUT,
	RUN_RESULT,      /* printed no usable result line */
	RUN_CHECKSUM,    /* its checksum is not that of the other runs */
	RUN_PROOF,       /* another library than the one under test served it */
	RUN_INTERRUPTED, /* the sweep was told to end; says nothing of the allocator */
};

/* What to run. */
struct job {
	const struct places *places;
	const struct allocator *allocator;
	const struct workload *workload;
	int threads;
	bool quick;                 /* the smaller parameters */
	bool proof;                 /* the smallest parameters, under the linker's eye */
	const char *arguments;      /* in place of the workload's, or NULL */
	const char *const *wrapper; /* for a server: what its command line is put behind, or NULL */
	double limit_s;
};

/* What came of it. */
struct run {
	const struct allocator *allocator;
	const struct workload *workload;
	int threads;
	int round; /* 0 is the warm-up */
	enum run_status status;
	struct usage usage;
	double ops_per_s;
	char checksum[64];
	char result[2048]; /* the result line as it was printed */
	char detail[256];  /* what went wrong, for people */
};

/* "ok", "exit", "crash", ... as in the results. */
const char *run_status_name(enum run_status status);
/* The status of that name; false if there is none. */
bool run_status_named(const char *name, enum run_status *status);
/* Runs the job. */
void run_execute(const struct job *job, struct run *run);

/* For the ways to run a workload: the launch of a program under the job's allocator. `preload_libc`
 * is true where even glibc has to be preloaded, since the program links another allocator. The
 * variables point into *vars, which run_environment_free releases. */
struct run_environment {
	char *preload, *debug_output;
};
void run_environment(
	const struct job *job, bool preload_libc, struct launch *l, struct run_environment *vars);
void run_environment_free(struct run_environment *vars);
/* Sets status and detail from how the program ended; true where it ended well. */
bool run_judge_end(const struct job *job, bool launched, struct run *run);
/* Where the job is a proof: checks the bindings of process `pid`, started as `program`; NULL for
 * those of all its files, where a program allocates through its libraries. */
bool run_judge_bindings(const struct job *job, pid_t pid, const char *program, struct run *run);
/* Takes ops_per_s and checksum out of run->result. */
bool run_judge_result(struct run *run);
/* Sets a failure. */
void run_fail(struct run *run, enum run_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
