/* SPDX-License-Identifier: MIT
 * tests/reliability/spawn.h - runs a program with a library preloaded, under circumstances that
 * must be arranged before the program starts. */
#ifndef HAKMEM_TESTS_RELIABILITY_SPAWN_H
#define HAKMEM_TESTS_RELIABILITY_SPAWN_H

#include <stdbool.h>

enum spawn_circumstance {
	SPAWN_EMPTY_ENVIRONMENT = 1 << 0,  /* nothing but LD_PRELOAD */
	SPAWN_CLOSED_DESCRIPTORS = 1 << 1, /* 0, 1 and 2 */
	SPAWN_NO_PROC = 1 << 2,            /* an empty /proc */
	SPAWN_STRICT_OVERCOMMIT = 1 << 3,  /* vm.overcommit_memory is 2 while the program runs */
	SPAWN_NO_MADVISE = 1 << 4,         /* these system calls answer ENOSYS */
	SPAWN_NO_MREMAP = 1 << 5,
	SPAWN_NO_MEMBARRIER = 1 << 6,
	SPAWN_NO_RSEQ = 1 << 7,
};

enum { SPAWN_SKIPPED = 77 }; /* the exit status where a circumstance can't be arranged */

struct spawn {
	const char *const *argv; /* argv[0] is the program's path */
	const char *preload;     /* the library's path */
	unsigned circumstances;  /* of enum spawn_circumstance */
	unsigned limit_as_mib;   /* RLIMIT_AS, 0 for none */
	unsigned limit_s;        /* it is killed, with its children, after so many seconds */
};

struct spawn_result {
	int status; /* as waitpid gives it */
	bool timed_out;
	double seconds; /* that it took */
	char out[4096]; /* the beginning of what it wrote */
	char err[4096];
};

void spawn_run(const struct spawn *spawn, struct spawn_result *result);

#endif
