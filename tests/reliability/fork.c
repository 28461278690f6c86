/* SPDX-License-Identifier: MIT
 * tests/reliability/fork.c - fork while other threads allocate.
 *
 * load           forks under the load of four threads; the child allocates and frees
 * child-threads  the child starts threads of its own that allocate
 * stdio          other threads allocate inside stdio, one of them with the lock of the list of
 *                all streams held, which fork takes too: an allocator whose fork handler waits
 *                for the two in the other order deadlocks here
 *
 * A fork takes from a fraction of a millisecond to a sixth of a second, by the machine: the cases
 * go on for a number of forks or some seconds, whichever is less, but have their least. */
#include "case.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NTHREADS = 4, CHILD_LIMIT_S = 60, FORKS_S = 3, LEAST_FORKS = 40 };

static atomic_bool stop;
/* A block that the parent allocated and every child frees. */
static unsigned char *inherited;

static void *
load_thread(void *argument)
{
	uint64_t seed = (uintptr_t)argument;

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		case_load(seed++, 100, 64 << 10);
	return NULL;
}

/* A child that hangs is killed by its alarm, so that the failure names the child. */
static void
fork_children(unsigned count, void (*child)(unsigned), bool flush_at_exit)
{
	unsigned start_s = case_seconds(), i;

	for (i = 0; i < count && (i < LEAST_FORKS || case_seconds() - start_s < FORKS_S); i++) {
		int status;
		pid_t pid;

		inherited = malloc(1 + i);
		CASE_REQUIRE(inherited, "malloc failed before fork %u", i);
		case_fill(inherited, 1 + i, (unsigned char)i);
		pid = fork();
		CASE_REQUIRE(pid >= 0, "fork %u failed", i);
		if (pid == 0) {
			alarm(CHILD_LIMIT_S);
			child(i);
			if (flush_at_exit && i % 2)
				exit(0);
			_exit(0);
		}
		free(inherited);
		CASE_REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid failed");
		CASE_REQUIRE(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM,
			"the child of fork %u hung", i);
		CASE_REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			"the child of fork %u ended with status 0x%x", i, (unsigned)status);
	}
	case_note("%u forks", i);
}

static void
child_allocates(unsigned number)
{
	CASE_REQUIRE(case_holds(inherited, 1 + number, (unsigned char)number),
		"an inherited block changed");
	free(inherited);
	case_load(number, 200, 256 << 10);
}

static void *
child_thread(void *argument)
{
	case_load((uintptr_t)argument, 100, 256 << 10);
	return NULL;
}

static void
child_starts_threads(unsigned number)
{
	pthread_t threads[NTHREADS];

	for (uintptr_t i = 0; i < NTHREADS; i++)
		threads[i] = case_thread_start(child_thread, (void *)(i + number));
	case_load(number, 100, 256 << 10);
	for (unsigned i = 0; i < NTHREADS; i++)
		case_thread_join(threads[i]);
	free(inherited);
}

static ssize_t
cookie_write(void *cookie, const char *data, size_t size)
{
	uint64_t *state = cookie;
	size_t block = case_random_size(state, 16, 64 << 10);
	char *copy = malloc(block);

	CASE_REQUIRE(copy, "malloc failed inside stdio");
	memcpy(copy, data, size < block ? size : block);
	free(copy);
	return (ssize_t)size;
}

/* fflush(NULL) calls the write function of each stream with the list of streams locked. */
static void *
flush_thread(void *argument)
{
	uint64_t state = (uintptr_t)argument;
	FILE *stream = fopencookie(&state, "w", (cookie_io_functions_t){.write = cookie_write});

	CASE_REQUIRE(stream, "fopencookie failed");
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		fputs("pending", stream);
		fflush(NULL);
	}
	fclose(stream);
	return NULL;
}

static void *
memory_stream_thread(void *argument)
{
	uint64_t state = (uintptr_t)argument;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		char *text = NULL;
		size_t size = 0;
		size_t lines = case_random_size(&state, 1, 2000);
		FILE *stream = open_memstream(&text, &size);

		CASE_REQUIRE(stream, "open_memstream failed");
		for (size_t i = 0; i < lines; i++)
			fputs("a line that makes the stream grow\n", stream);
		CASE_REQUIRE(fclose(stream) == 0 && size == lines * 34, "open_memstream lost text");
		free(text);
	}
	return NULL;
}

static void *
file_thread(void *argument)
{
	(void)argument;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		FILE *stream = fopen("/dev/null", "w");

		CASE_REQUIRE(stream, "fopen failed");
		fputs("text", stream);
		fclose(stream);
	}
	return NULL;
}

static void
child_uses_stdio(unsigned number)
{
	FILE *stream = fopen("/dev/null", "w");

	CASE_REQUIRE(stream, "fopen failed in a child");
	fputs("text", stream);
	fclose(stream);
	child_allocates(number);
}

static void
run_with_threads(void *(*const functions[NTHREADS])(void *), unsigned forks,
	void (*child)(unsigned), bool flush_at_exit)
{
	pthread_t threads[NTHREADS];

	for (uintptr_t i = 0; i < NTHREADS; i++)
		threads[i] = case_thread_start(functions[i], (void *)(1000 * (i + 1)));
	fork_children(forks, child, flush_at_exit);
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	for (unsigned i = 0; i < NTHREADS; i++)
		case_thread_join(threads[i]);
}

static void *(*const load_threads[NTHREADS])(void *) = {
	load_thread, load_thread, load_thread, load_thread};

static void
run_load(long number)
{
	(void)number;
	run_with_threads(load_threads, 300, child_allocates, true);
}

static void
run_child_threads(long number)
{
	(void)number;
	run_with_threads(load_threads, 200, child_starts_threads, true);
}

static void
run_stdio(long number)
{
	void *(*const functions[NTHREADS])(void *) = {
		flush_thread, memory_stream_thread, file_thread, load_thread};

	(void)number;
	/* The children don't flush: the state of the other threads' streams is not theirs. */
	run_with_threads(functions, 300, child_uses_stdio, false);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"load", run_load},
		{"child-threads", run_child_threads},
		{"stdio", run_stdio},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
