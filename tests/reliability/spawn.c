/* SPDX-License-Identifier: MIT
 * tests/reliability/spawn.c - runs a program under arranged circumstances; see spawn.h. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OVERCOMMIT_PATH "/proc/sys/vm/overcommit_memory"

/* Ends the child before it has become the program. */
static _Noreturn void
give_up(int status, const char *what)
{
	dprintf(STDOUT_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(status);
}

static void
require(bool success, const char *what)
{
	if (!success)
		give_up(EXIT_FAILURE, what);
}

static void
limit(int resource, rlim_t value)
{
	const struct rlimit both = {.rlim_cur = value, .rlim_max = value};

	require(setrlimit((__rlimit_resource_t)resource, &both) == 0, "setrlimit");
}

/* An unprivileged process may do so too, in a user namespace where the system allows that. */
static void
hide_proc(void)
{
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		give_up(SPAWN_SKIPPED, "no mount namespace to be had: run as root");
	require(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "mount");
	require(mount("none", "/proc", "tmpfs", 0, NULL) == 0, "mount over /proc");
	require(access("/proc/self", F_OK) != 0, "/proc is still there");
}

static void
deny(unsigned circumstances)
{
	const struct {
		unsigned circumstance;
		unsigned number;
	} calls[] = {
		{SPAWN_NO_MADVISE, SYS_madvise},
		{SPAWN_NO_MADVISE, SYS_process_madvise},
		{SPAWN_NO_MREMAP, SYS_mremap},
		{SPAWN_NO_MEMBARRIER, SYS_membarrier},
		{SPAWN_NO_RSEQ, SYS_rseq},
	};
	struct sock_filter code[2 + 2 * sizeof(calls) / sizeof(calls[0])];
	struct sock_fprog program = {.filter = code};
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!(circumstances & calls[i].circumstance))
			continue;
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
		code[n++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = n;
	if (n == 2)
		return;
	require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		give_up(SPAWN_SKIPPED, "no seccomp filter to be had");
}

/* The child between fork and exec. */
static _Noreturn void
become(const struct spawn *spawn, int out, int err)
{
	char preload[4200];
	char *const empty_environment[] = {preload, NULL};

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", spawn->preload);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	limit(RLIMIT_CORE, 0);
	if (spawn->circumstances & SPAWN_NO_PROC)
		hide_proc();
	if (spawn->circumstances & SPAWN_CLOSED_DESCRIPTORS)
		for (int i = 0; i < 3; i++)
			close(i);
	putenv(preload);
	if (spawn->limit_as_mib)
		limit(RLIMIT_AS, (rlim_t)spawn->limit_as_mib << 20);
	deny(spawn->circumstances);
	if (spawn->circumstances & SPAWN_EMPTY_ENVIRONMENT)
		execve(spawn->argv[0], (char *const *)spawn->argv, empty_environment);
	else
		execv(spawn->argv[0], (char *const *)spawn->argv);
	give_up(EXIT_FAILURE, spawn->argv[0]);
}

static bool
overcommit_write(char value)
{
	int file = open(OVERCOMMIT_PATH, O_WRONLY | O_CLOEXEC);
	bool written = file >= 0 && write(file, &value, 1) == 1;

	if (file >= 0)
		close(file);
	return written;
}

struct overcommit {
	pid_t guardian;
	int alive; /* the guardian acts when this end of a pipe is closed, however that happens */
};

/* Sets strict overcommit. A guardian process puts the old value back when it is told to, and as
 * well when this process is killed; it is there before the value is changed. */
static bool
overcommit_strict(struct overcommit *overcommit)
{
	int ends[2];
	char old = '2';
	int file = open(OVERCOMMIT_PATH, O_RDONLY | O_CLOEXEC);

	overcommit->guardian = 0;
	if (file < 0)
		return false;
	if (read(file, &old, 1) != 1 || old == '2') {
		close(file);
		return old == '2';
	}
	close(file);
	/* Writing what is there already tells whether writing is allowed. */
	if (!overcommit_write(old) || pipe2(ends, O_CLOEXEC) != 0)
		return false;
	overcommit->alive = ends[1];
	overcommit->guardian = fork();
	if (overcommit->guardian == 0) {
		char none;

		setsid();
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		close(ends[1]);
		while (read(ends[0], &none, 1) < 0 && errno == EINTR)
			;
		_exit(overcommit_write(old) ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(ends[0]);
	if (overcommit->guardian > 0 && overcommit_write('2'))
		return true;
	close(overcommit->alive);
	return false;
}

static void
overcommit_restore(const struct overcommit *overcommit)
{
	int status;

	if (!overcommit->guardian)
		return;
	close(overcommit->alive);
	if (waitpid(overcommit->guardian, &status, 0) < 0 || status != 0)
		fprintf(stderr, "%s was not restored\n", OVERCOMMIT_PATH);
}

/* Waits for the child, and kills it and its children when its time is over. */
static void
await(pid_t child, unsigned limit_s, struct spawn_result *result)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");
	struct timespec start;
	struct timespec now;
	double limit_now_s = limit_s * (multiplier ? atof(multiplier) : 1.0);

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (waitpid(child, &result->status, WNOHANG) == 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		result->seconds = (double)(now.tv_sec - start.tv_sec) +
				  (double)(now.tv_nsec - start.tv_nsec) / 1e9;
		if (!result->timed_out && result->seconds > limit_now_s) {
			result->timed_out = true;
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
		}
		nanosleep(&pause, NULL);
	}
	kill(-child, SIGKILL);
}

static void
read_back(int file, char *text, size_t size)
{
	ssize_t length = pread(file, text, size - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	close(file);
}

void
spawn_run(const struct spawn *spawn, struct spawn_result *result)
{
	bool strict = spawn->circumstances & SPAWN_STRICT_OVERCOMMIT;
	struct overcommit overcommit = {0, -1};
	int out = memfd_create("out", MFD_CLOEXEC);
	int err = memfd_create("err", MFD_CLOEXEC);
	pid_t child;

	memset(result, 0, sizeof(*result));
	if (strict && !overcommit_strict(&overcommit)) {
		snprintf(result->out, sizeof(result->out), "%s can't be set: run as root\n",
			OVERCOMMIT_PATH);
		result->status = SPAWN_SKIPPED << 8;
		close(out);
		close(err);
		return;
	}
	fflush(NULL);
	child = out < 0 || err < 0 ? -1 : fork();
	if (child == 0)
		become(spawn, out, err);
	if (child > 0)
		await(child, spawn->limit_s, result);
	else
		result->status = EXIT_FAILURE << 8;
	if (strict)
		overcommit_restore(&overcommit);
	read_back(out, result->out, sizeof(result->out));
	read_back(err, result->err, sizeof(result->err));
}
