/* SPDX-License-Identifier: MIT
 * stress/sweep/options.h - the command line of hakmem-sweep. */
#ifndef HAKMEM_SWEEP_OPTIONS_H
#define HAKMEM_SWEEP_OPTIONS_H

#include "stress/sweep/allocators.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	OPTIONS_MAX_THREADS = 64, /* what every workload takes */
	OPTIONS_EXIT = 2,         /* of the program, after a bad option */
};

struct options {
	struct allocator_choice choice;
	const char *workloads, *threads; /* NULL: the default */
	const char *base, *out, *programs, *compare, *resume, *import, *causes, *focus;
	int runs, limit_s; /* 0: the default */
	int procs;         /* what N stands for in results of mimalloc-bench */
	bool quick, merge, estimate, profile_share;
	char *const *files; /* to be merged */
	size_t nfiles;
};

/* Parses the command line; ends the program with a message for a bad one, and after --help. */
void options_parse(int argc, char **argv, struct options *o);

#endif
