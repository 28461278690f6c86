/* SPDX-License-Identifier: MIT
 * tests/reliability/memory.c - limits on memory.
 *
 * hard:N        with HAKMEM_LIMIT_HARD=64: blocks of N bytes until malloc returns NULL with ENOMEM,
 *               which is near the limit; after they have been freed other sizes have as much room
 * hard-threads  four threads at the limit at once, each on its own way through NULL
 * soft          with HAKMEM_LIMIT_SOFT=48 freed blocks that wait for others of their size, and live
 *               ones, hold little more than that together
 * cgroup        the same program in a control group of 64 MiB: it is killed without
 *               HAKMEM_LIMIT_CGROUP=1 and comes through with it
 *
 * Each runs in a process of its own with the setting, by exec. */
#include "case.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HARD_MIB = 64, SOFT_MIB = 48, THREADS = 4, ROUNDS = 2 };

static char **arguments;

static void
run_again(const char *setting, const char *value)
{
	if (getenv(setting))
		return;
	setenv(setting, value, 1);
	execv("/proc/self/exe", arguments);
	case_fail("execv: %s", strerror(errno));
}

/* --- the hard limit --------------------------------------------------------------------------- */

struct node {
	struct node *next;
};

/* All that there is; returns the bytes. */
static size_t
exhaust(struct node **list, size_t size)
{
	size_t bytes = 0;
	struct node *node;

	errno = 0;
	while ((node = malloc(size))) {
		CASE_REQUIRE(bytes < 4 * (size_t)HARD_MIB * CASE_MIB, "there is no limit");
		case_fill(node, size, 1);
		node->next = *list;
		*list = node;
		bytes += size;
	}
	CASE_REQUIRE(errno == ENOMEM, "errno is %d", errno);
	return bytes;
}

static void
release(struct node *list)
{
	while (list) {
		struct node *next = list->next;
		free(list);
		list = next;
	}
}

static void
run_hard(long number)
{
	static const size_t others[] = {64, 5000, 100 * 1000, 3 << 20};

	run_again("HAKMEM_LIMIT_HARD", "64");
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct node *list = NULL;
		size_t first = exhaust(&list, (size_t)number);
		size_t rss_kib = case_rss_kib();
		release(list);
		case_note("%zu KiB in blocks of %ld bytes, RSS %zu KiB", first / 1024, number,
			rss_kib);
		CASE_REQUIRE(first >= HARD_MIB * CASE_MIB / 2, "only %zu bytes", first);
		CASE_REQUIRE(rss_kib <= (HARD_MIB + 8) * 1024, "RSS is %zu KiB", rss_kib);
		for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			list = NULL;
			size_t bytes = exhaust(&list, others[i]);
			release(list);
			CASE_REQUIRE(bytes >= HARD_MIB * CASE_MIB / 2, "%zu bytes of %zu after it",
				bytes, others[i]);
		}
	}
	case_load(1, 5000, CASE_MIB);
}

static void *
greedy_thread(void *argument)
{
	uint64_t state = (uintptr_t)argument;

	for (unsigned round = 0; round < 10; round++) {
		struct node *list = NULL;
		exhaust(&list, case_random_size(&state, 64, CASE_MIB));
		release(list);
	}
	return NULL;
}

static void
run_hard_threads(long number)
{
	pthread_t threads[THREADS];
	void *p;

	(void)number;
	run_again("HAKMEM_LIMIT_HARD", "64");
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = case_thread_start(greedy_thread, (void *)(i + 1));
	for (unsigned i = 0; i < THREADS; i++)
		case_thread_join(threads[i]);
	p = malloc(HARD_MIB / 2 * CASE_MIB);
	CASE_REQUIRE(p, "no %d MiB when all is free", HARD_MIB / 2);
	free(p);
}

/* --- a program of which half is freed and waits in caches ------------------------------------- */

static void
note_rss(size_t *most_kib)
{
	size_t kib = case_rss_kib();

	*most_kib = kib > *most_kib ? kib : *most_kib;
}

static char *
filled_block(size_t size, size_t *most_kib)
{
	char *p = malloc(size);

	CASE_REQUIRE(p, "malloc of %zu bytes failed", size);
	case_fill(p, size, 1);
	note_rss(most_kib);
	return p;
}

/* A block of each size above 1 MiB is freed and waits for the next one of its size, 46 MiB in all;
 * then two of other sizes come, 30 MiB, which cannot use that. Returns the highest resident set in
 * KiB. */
static size_t
use_sizes_in_turn(void)
{
	size_t most_kib = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t size = CASE_MIB + CASE_MIB / 2; size <= 24 * CASE_MIB; size *= 2)
			free(filled_block(size, &most_kib));
		char *others[] = {filled_block(10 * CASE_MIB, &most_kib),
			filled_block(20 * CASE_MIB, &most_kib)};
		free(others[0]);
		free(others[1]);
	}
	return most_kib;
}

static void
run_soft(long number)
{
	(void)number;
	run_again("HAKMEM_LIMIT_SOFT", "48");
	size_t most_kib = use_sizes_in_turn();
	case_note("RSS up to %zu KiB", most_kib);
	CASE_REQUIRE(most_kib <= (SOFT_MIB + 8) * 1024, "RSS came to %zu KiB", most_kib);
}

static bool
write_file(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];
	int descriptor;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	descriptor = open(path, O_WRONLY | O_CLOEXEC);
	ok = descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text);
	if (descriptor >= 0)
		close(descriptor);
	return ok;
}

/* A control group of version 1 below this process's, with a limit; false where there may be none.
 */
static bool
make_group(char *group, size_t size)
{
	char line[PATH_MAX];
	FILE *file = fopen("/proc/self/cgroup", "r");
	bool made = false;

	while (file && !made && fgets(line, sizeof(line), file)) {
		char *path = strstr(line, ":memory:");
		if (!path)
			continue;
		path[strcspn(path, "\n")] = '\0';
		snprintf(group, size, "/sys/fs/cgroup/memory%s/hakmem-test-%d",
			path + strlen(":memory:"), (int)getpid());
		if (mkdir(group, 0700) != 0)
			break;
		made = write_file(group, "memory.limit_in_bytes", "67108864");
		if (!made)
			rmdir(group);
	}
	if (file)
		fclose(file);
	return made;
}

static int
run_in_group(const char *group, bool with_limit)
{
	char *argv[] = {arguments[0], "cgroup:1", arguments[2], NULL};
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (with_limit)
			setenv("HAKMEM_LIMIT_CGROUP", "1", 1);
		if (write_file(group, "cgroup.procs", "0"))
			execv("/proc/self/exe", argv);
		_exit(CASE_SKIPPED);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = CASE_SKIPPED << 8;
	return status;
}

static void
run_cgroup(long number)
{
	char group[PATH_MAX];
	int without, with;

	if (number == 1) {
		use_sizes_in_turn();
		return;
	}
	if (!make_group(group, sizeof(group)))
		case_skip("no control group with a memory limit can be made");
	without = run_in_group(group, false);
	with = run_in_group(group, true);
	rmdir(group);
	if (WIFEXITED(without) && WEXITSTATUS(without) == CASE_SKIPPED)
		case_skip("no process can be put into the control group");
	case_note("without the setting: status 0x%x; with it: 0x%x", (unsigned)without,
		(unsigned)with);
	/* jemalloc has no cache of large blocks to fill the group with. */
	CASE_REQUIRE(case_library_has("jemalloc") ||
			     (WIFSIGNALED(without) && WTERMSIG(without) == SIGKILL),
		"the program is not killed without the setting: the case proves nothing");
	CASE_REQUIRE(WIFEXITED(with) && WEXITSTATUS(with) == 0,
		"with the setting it ended with status 0x%x", (unsigned)with);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"hard", run_hard},
		{"hard-threads", run_hard_threads},
		{"soft", run_soft},
		{"cgroup", run_cgroup},
		{NULL, NULL},
	};

	arguments = argv;
	return case_main(argc, argv, cases);
}
