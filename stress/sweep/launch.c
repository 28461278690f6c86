/* SPDX-License-Identifier: MIT
 * stress/sweep/launch.c - the sweep's side of hakmem-launch. */
#include "stress/sweep/launch.h"
#include "stress/sweep/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 200, REPORT_FD = 3 };

extern char **environ;

static volatile sig_atomic_t launch_signal;

static void
launch_on_signal(int sig)
{
	launch_signal = sig;
}

void
launch_catch_signals(void)
{
	struct sigaction action = {.sa_handler = launch_on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool
launch_interrupted(void)
{
	return launch_signal != 0;
}

static int
launch_spawn(const struct launch *l, int report_fd, pid_t *pid)
{
	const char *argv[LAUNCH_ARG_MAX + LAUNCH_ENV_MAX + 6];
	char limit[32], nenv[16];
	size_t n = 0, variables = 0;

	while (variables < LAUNCH_ENV_MAX && l->env[variables] != NULL)
		variables++;
	snprintf(limit, sizeof(limit), "%.0f", l->limit_s * 1000);
	snprintf(nenv, sizeof(nenv), "%zu", variables);
	argv[n++] = l->launcher;
	argv[n++] = limit;
	argv[n++] = l->out;
	argv[n++] = l->err;
	argv[n++] = nenv;
	for (size_t i = 0; i < variables; i++)
		argv[n++] = l->env[i];
	for (size_t i = 0; l->argv[i] != NULL; i++) {
		if (i == LAUNCH_ARG_MAX)
			return E2BIG;
		argv[n++] = l->argv[i];
	}
	argv[n] = NULL;

	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	/* A dup2 onto itself clears close-on-exec here, which is what is wanted then. */
	posix_spawn_file_actions_adddup2(&actions, report_fd, REPORT_FD);
	int error = posix_spawn(pid, l->launcher, &actions, NULL, (char **)argv, environ);

	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Reads more of the report; false at its end. */
static bool
launch_read(struct child *c)
{
	ssize_t got = read(c->report_fd, c->report + c->used, sizeof(c->report) - 1 - c->used);

	if (got < 0)
		return errno == EINTR;
	c->used += (size_t)got;
	c->report[c->used] = '\0';
	return got > 0;
}

bool
launch_start(const struct launch *l, struct child *c)
{
	int report[2];
	double pid = 0;

	*c = (struct child){.report_fd = -1};
	if (pipe2(report, O_CLOEXEC) != 0) {
		perror("hakmem-sweep: pipe");
		return false;
	}
	int error = launch_spawn(l, report[1], &c->launcher);

	close(report[1]);
	c->report_fd = report[0];
	if (error != 0) {
		fprintf(stderr, "hakmem-sweep: cannot run %s: %s\n", l->launcher, strerror(error));
		close(report[0]);
		return false;
	}
	while (strchr(c->report, '\n') == NULL && launch_read(c))
		;
	if (text_number(c->report, "pid", &pid))
		c->pid = (pid_t)pid;
	return true;
}

void
launch_stop(struct child *c)
{
	if (c->launcher > 0)
		kill(c->launcher, SIGTERM);
}

bool
launch_alive(struct child *c)
{
	struct pollfd p = {.fd = c->report_fd, .events = POLLIN};

	return c->report_fd >= 0 && poll(&p, 1, 0) <= 0 && strstr(c->report, "wall_us=") == NULL;
}

static bool
launch_parse(const char *line, struct usage *u)
{
	double wall, user, sys, code, sig, late, exec_errno;

	if (!text_number(line, "wall_us", &wall) || !text_number(line, "user_us", &user) ||
		!text_number(line, "sys_us", &sys) || !text_number(line, "rss_kb", &u->rss_kb) ||
		!text_number(line, "minflt", &u->minflt) ||
		!text_number(line, "majflt", &u->majflt) ||
		!text_number(line, "nvcsw", &u->nvcsw) ||
		!text_number(line, "nivcsw", &u->nivcsw) || !text_number(line, "exit", &code) ||
		!text_number(line, "signal", &sig) || !text_number(line, "timed_out", &late) ||
		!text_number(line, "exec_errno", &exec_errno))
		return false;
	u->wall_s = wall / 1e6;
	u->user_s = user / 1e6;
	u->sys_s = sys / 1e6;
	u->exit_code = (int)code;
	u->signal = (int)sig;
	u->timed_out = late != 0;
	u->exec_errno = (int)exec_errno;
	return true;
}

bool
launch_wait(struct child *c, struct usage *u)
{
	*u = (struct usage){.exit_code = -1};
	if (c->report_fd < 0)
		return false;
	/* The poll's time-out closes the gap between the look at the flag and the sleep. */
	for (bool more = true; more;) {
		struct pollfd p = {.fd = c->report_fd, .events = POLLIN};

		if (launch_interrupted())
			launch_stop(c);
		if (poll(&p, 1, POLL_MS) > 0)
			more = launch_read(c);
	}
	close(c->report_fd);
	c->report_fd = -1;
	while (waitpid(c->launcher, NULL, 0) < 0 && errno == EINTR)
		;
	c->launcher = 0;
	return launch_parse(c->report, u);
}

bool
launch_run(const struct launch *l, struct usage *u)
{
	struct child c;

	return launch_start(l, &c) && launch_wait(&c, u);
}
