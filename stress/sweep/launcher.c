/* SPDX-License-Identifier: MIT
 * stress/sweep/launcher.c - hakmem-launch, the tiny process between the sweep and each program.
 *
 * Linux carries the peak RSS of the forking process over an exec (and over a vfork or posix_spawn
 * just as well), so that a program started by a large process seems at least as large as that
 * process was. The launcher therefore is a program of its own that links nothing but libc and never
 * allocates: what a program inherits from it is a few hundred KiB, below what any program uses by
 * itself.
 *
 * usage: hakmem-launch LIMIT_MS OUT ERR NENV [NAME=VALUE]... PROGRAM [ARGUMENT]...
 *
 * It runs PROGRAM in a process group of its own with the NENV variables added to its environment
 * (and only to its), input from /dev/null, output to the files OUT and ERR. To descriptor 3 it
 * writes "pid=P" when PROGRAM has started and, when it has ended, a line of what wait4 and the
 * clock tell. The group is killed at the time limit, when the launcher is told to end, when the
 * sweep dies, and in any case when PROGRAM has ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPORT_FD = 3, FIRST_ENV = 5 };

static long long
launcher_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int
launcher_open(const char *path, int flags, int to)
{
	int fd = open(path, flags, 0666);

	if (fd < 0 || dup2(fd, to) < 0)
		return -1;
	return fd == to ? 0 : close(fd);
}

/* The child's half: returns only where the program could not be started. */
static void
launcher_exec(char **argv, int nenv, const sigset_t *before)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, before, NULL);
	if (launcher_open("/dev/null", O_RDONLY, STDIN_FILENO) != 0 ||
		launcher_open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO) != 0 ||
		launcher_open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO) != 0)
		return;
	for (int i = 0; i < nenv; i++)
		putenv(argv[FIRST_ENV + i]);
	execv(argv[FIRST_ENV + nenv], argv + FIRST_ENV + nenv);
}

/* Waits until the child is a zombie; 1 where it had to be killed for the time limit. */
static int
launcher_watch(pid_t child, long long limit_us, const sigset_t *watched)
{
	long long deadline = launcher_now_us() + limit_us;
	int timed_out = 0;

	for (;;) {
		siginfo_t ended = {0};

		if (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
			ended.si_pid == child)
			return timed_out;
		long long left = deadline - launcher_now_us();

		if (left < 0)
			left = 0;
		struct timespec wait = {left / 1000000, left % 1000000 * 1000};
		int sig = sigtimedwait(watched, NULL, timed_out ? NULL : &wait);

		if (sig == SIGCHLD || (sig < 0 && errno == EINTR))
			continue;
		if (sig < 0)
			timed_out = 1;
		kill(-child, SIGKILL);
	}
}

static void
launcher_report(pid_t child, long long start_us, int timed_out, int exec_errno)
{
	struct rusage u = {0};
	int status = 0;
	long long wall = launcher_now_us() - start_us;

	while (wait4(child, &status, 0, &u) < 0 && errno == EINTR)
		;
	dprintf(REPORT_FD,
		"wall_us=%lld user_us=%lld sys_us=%lld rss_kb=%ld minflt=%ld majflt=%ld nvcsw=%ld "
		"nivcsw=%ld exit=%d signal=%d timed_out=%d exec_errno=%d\n",
		wall, u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec,
		u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec, u.ru_maxrss, u.ru_minflt,
		u.ru_majflt, u.ru_nvcsw, u.ru_nivcsw, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0, timed_out, exec_errno);
}

int
main(int argc, char **argv)
{
	int nenv = argc > FIRST_ENV ? atoi(argv[4]) : -1;
	sigset_t watched, before;
	int failed[2], exec_errno = 0;

	if (nenv < 0 || argc <= FIRST_ENV + nenv) {
		fputs("usage: hakmem-launch LIMIT_MS OUT ERR NENV [NAME=VALUE]... PROGRAM "
		      "[ARGUMENT]...\n(hakmem-sweep starts it; it reports to descriptor 3)\n",
			stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGHUP);
	sigprocmask(SIG_BLOCK, &watched, &before);
	if (fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) != 0 || pipe2(failed, O_CLOEXEC) != 0) {
		perror("hakmem-launch");
		return 2;
	}
	long long start_us = launcher_now_us();
	pid_t child = fork();

	if (child < 0) {
		perror("hakmem-launch: fork");
		return 2;
	}
	if (child == 0) {
		launcher_exec(argv, nenv, &before);
		exec_errno = errno;
		_exit(write(failed[1], &exec_errno, sizeof(exec_errno)) > 0 ? 127 : 126);
	}
	setpgid(child, child);
	close(failed[1]);
	/* The pipe closes at the exec: from then on the pid is that of the program proper. */
	while (read(failed[0], &exec_errno, sizeof(exec_errno)) < 0 && errno == EINTR)
		;
	dprintf(REPORT_FD, "pid=%d\n", (int)child);
	int timed_out = launcher_watch(child, atoll(argv[1]) * 1000, &watched);

	/* What the program left behind in its group goes while its zombie keeps the id taken. */
	kill(-child, SIGKILL);
	launcher_report(child, start_us, timed_out, exec_errno);
	return 0;
}
