/* SPDX-License-Identifier: MIT
 * stress/sweep/launch.h - runs a program through hakmem-launch and brings back what it cost.
 * The caller's environment is never changed: variables such as LD_PRELOAD reach the program only.
 * After SIGINT or SIGTERM, once launch_catch_signals was called, programs are killed and
 * launch_wait returns soon. */
#ifndef HAKMEM_SWEEP_LAUNCH_H
#define HAKMEM_SWEEP_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { LAUNCH_ENV_MAX = 8, LAUNCH_ARG_MAX = 48 };

struct launch {
	const char *launcher;            /* path of hakmem-launch */
	const char *const *argv;         /* NULL-terminated; argv[0] is the program's path */
	const char *env[LAUNCH_ENV_MAX]; /* NAME=VALUE, NULL-terminated */
	double limit_s;                  /* the program is killed after that long */
	const char *out, *err;           /* files for what it writes */
};

struct usage {
	double wall_s, user_s, sys_s;
	double rss_kb; /* peak */
	double minflt, majflt, nvcsw, nivcsw;
	int exit_code;  /* -1 where a signal ended it */
	int signal;     /* 0 where it exited */
	int exec_errno; /* not 0 where it could not be started */
	bool timed_out;
};

struct child {
	pid_t launcher, pid;
	int report_fd;
	char report[512]; /* what the launcher wrote so far */
	size_t used;
};

/* From now on SIGINT, SIGTERM and SIGHUP only set the flag that launch_interrupted() tells. */
void launch_catch_signals(void);
bool launch_interrupted(void);

/* Starts the program; false with a line on standard error where the launcher could not be run. */
bool launch_start(const struct launch *l, struct child *c);
/* Waits for the end of the program and fills *u; false where the launcher told nothing. */
bool launch_wait(struct child *c, struct usage *u);
/* True as long as the program runs. */
bool launch_alive(struct child *c);
/* Kills the program; launch_wait is still to be called. */
void launch_stop(struct child *c);
/* Start and wait in one. */
bool launch_run(const struct launch *l, struct usage *u);

#endif
