/* SPDX-License-Identifier: MIT
 * tests/reliability/background.c - the background thread: idle memory goes back without a call, and
 * a thread that the program knows nothing of is in nobody's way.
 *
 * idle:N      32 MiB live; 64 MiB made of blocks of N bytes (0: of all sizes) are freed in random
 *             order; without another call the resident set falls to within 2 MiB and 5 % of the
 * live bytes of what it was at the start, inside 10 s threads     the same of four threads that
 * then wait sleeps      once it has, the thread does not wake any more fork        children of a
 * process with busy threads, and a thread of their own each short       100 processes that end soon
 * after it has started, by exit and by return exit        processes that end while it works
 * main-ends   the main thread calls pthread_exit; the process ends with its last thread
 * setuid      libc reaches all threads by a signal
 * dlopen      the library is loaded by a program that has threads
 *
 * Each case runs in a process of its own with HAKMEM_BACKGROUND=1, by exec. */
#include "case.h"

#include <dlfcn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, LIVE_MIB = 32, GARBAGE_MIB = 64, PROCESSES = 50, SLEEP_US = 100 * 1000 };

static char **arguments;

/* --- processes and what they see of themselves ------------------------------------------------ */

/* Starts the case anew with the setting, unless that is what this process is. */
static void
with_background(void)
{
	if (getenv("HAKMEM_BACKGROUND"))
		return;
	setenv("HAKMEM_BACKGROUND", "1", 1);
	execv("/proc/self/exe", arguments);
	case_fail("execv: %s", strerror(errno));
}

static void
read_text(const char *path, char *text, size_t size)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = descriptor < 0 ? -1 : read(descriptor, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	if (descriptor >= 0)
		close(descriptor);
}

/* The number of the thread named "hakmem"; 0 where there is none. */
static int
background_thread(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int found = 0;

	CASE_REQUIRE(tasks, "/proc/self/task can't be read: %s", strerror(errno));
	while (!found && (task = readdir(tasks))) {
		char path[300], name[32];
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
		read_text(path, name, sizeof(name));
		if (task->d_name[0] != '.' && strcmp(name, "hakmem\n") == 0)
			found = atoi(task->d_name);
	}
	closedir(tasks);
	return found;
}

static void
require_background(void)
{
	for (unsigned i = 0; !background_thread(); i++) {
		CASE_REQUIRE(i < 50, "there is no thread named hakmem");
		free(malloc(300000 + 20000 * (i % 8)));
		case_sleep_us(SLEEP_US);
	}
}

/* Holds enough for the thread to be made. */
static void
start_background(void)
{
	char *p = malloc(4 * CASE_MIB);

	CASE_REQUIRE(p, "malloc failed");
	case_fill(p, 4 * CASE_MIB, 1);
	free(malloc(100 * 1000));
	require_background();
	free(p);
}

static void
require_success(pid_t child, const char *what)
{
	int status;

	CASE_REQUIRE(child > 0, "fork: %s", strerror(errno));
	CASE_REQUIRE(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
	CASE_REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s ended with status 0x%x",
		what, (unsigned)status);
}

/* --- idle ------------------------------------------------------------------------------------- */

static void **
block_list(size_t n)
{
	void **list = mmap(NULL, n * sizeof(void *), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CASE_REQUIRE(list != MAP_FAILED, "mmap: %s", strerror(errno));
	return list;
}

/* Fills `bytes` with blocks and frees them in random order. */
static void
make_garbage(uint64_t seed, size_t bytes, size_t size)
{
	size_t least = size ? size : 16, n = 0, most = bytes / least + 1;
	void **list = block_list(most);

	for (size_t total = 0; total < bytes; total += least) {
		size_t wanted = size ? size : case_random_size(&seed, 16, 4 * CASE_MIB);
		list[n] = malloc(wanted);
		CASE_REQUIRE(list[n], "malloc failed");
		case_fill(list[n++], wanted, 1);
		total += wanted - least;
	}
	for (size_t i = n; i > 1; i--) {
		size_t other = case_random(&seed) % i;
		void *p = list[other];
		list[other] = list[i - 1];
		list[i - 1] = p;
		free(p);
	}
	free(list[0]);
	munmap(list, most * sizeof(void *));
}

/* Waits without a call of malloc. */
static void
check_falls(size_t start_kib)
{
	size_t most_kib = start_kib + LIVE_MIB * 1024 * 105 / 100 + 2048;
	size_t rss_kib = case_rss_kib(), peak_kib = rss_kib;
	unsigned waited;

	/* jemalloc keeps 128 bytes for each slab, of which small ones have one page. */
	if (case_library_has("jemalloc"))
		most_kib += GARBAGE_MIB * 1024 / 24;

	for (waited = 0; waited < 100 && rss_kib > most_kib; waited++) {
		case_sleep_us(SLEEP_US);
		rss_kib = case_rss_kib();
	}
	case_note("RSS %zu KiB at the start, %zu when freed, %zu after %u ms; %zu are allowed",
		start_kib, peak_kib, rss_kib, waited * SLEEP_US / 1000, most_kib);
	CASE_REQUIRE(rss_kib <= most_kib, "RSS is %zu KiB, %zu are allowed", rss_kib, most_kib);
}

static size_t
make_live(void)
{
	size_t start_kib = case_rss_kib();

	for (unsigned i = 0; i < LIVE_MIB; i++) {
		char *p = malloc(CASE_MIB - 4096);
		CASE_REQUIRE(p, "malloc failed");
		case_fill(p, CASE_MIB - 4096, 1);
	}
	return start_kib;
}

static void
run_idle(long number)
{
	with_background();
	size_t start_kib = make_live();
	make_garbage(1, GARBAGE_MIB * CASE_MIB, (size_t)number);
	check_falls(start_kib);
}

static pthread_barrier_t freed, checked;

static void *
garbage_thread(void *argument)
{
	make_garbage((uintptr_t)argument, GARBAGE_MIB / THREADS * CASE_MIB, 0);
	pthread_barrier_wait(&freed);
	pthread_barrier_wait(&checked);
	return NULL;
}

static void
run_threads(long number)
{
	pthread_t threads[THREADS];

	(void)number;
	with_background();
	size_t start_kib = make_live();
	pthread_barrier_init(&freed, NULL, THREADS + 1);
	pthread_barrier_init(&checked, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = case_thread_start(garbage_thread, (void *)(i + 1));
	pthread_barrier_wait(&freed);
	check_falls(start_kib);
	pthread_barrier_wait(&checked);
	for (unsigned i = 0; i < THREADS; i++)
		case_thread_join(threads[i]);
}

static void
run_sleeps(long number)
{
	char path[64];
	size_t before, after;

	(void)number;
	with_background();
	start_background();
	make_garbage(1, 16 * CASE_MIB, 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", background_thread());
	/* HAKMEM_COLD and some intervals of it. */
	case_sleep_us(4 * 1000 * 1000);
	before = case_proc_kib(path, "\nvoluntary_ctxt_switches:");
	case_sleep_us(4 * 1000 * 1000);
	after = case_proc_kib(path, "\nvoluntary_ctxt_switches:");
	CASE_REQUIRE(
		after == before, "the thread woke %zu times in 4 s of idleness", after - before);
}

/* --- processes -------------------------------------------------------------------------------- */

static _Atomic int stop;

static void *
busy_thread(void *argument)
{
	for (uint64_t seed = (uintptr_t)argument; !stop; seed++)
		case_load(seed, 500, CASE_MIB);
	return NULL;
}

static void
child_load(unsigned round)
{
	pthread_t thread;

	stop = 1;
	start_background();
	case_load(round, 500, CASE_MIB);
	thread = case_thread_start(busy_thread, NULL);
	case_thread_join(thread);
	_exit(0);
}

static void
run_fork(long number)
{
	pthread_t threads[2];

	(void)number;
	with_background();
	start_background();
	for (uintptr_t i = 0; i < 2; i++)
		threads[i] = case_thread_start(busy_thread, (void *)(i + 1));
	for (unsigned round = 0; round < 24; round++) {
		pid_t child = fork();
		if (child == 0)
			child_load(round);
		require_success(child, "a child");
	}
	stop = 1;
	for (unsigned i = 0; i < 2; i++)
		case_thread_join(threads[i]);
	require_background();
}

static void
run_program(const char *what, unsigned times)
{
	char *argv[] = {arguments[0], (char *)what, arguments[2], NULL};

	for (unsigned i = 0; i < times; i++) {
		pid_t child = fork();
		if (child == 0) {
			execv("/proc/self/exe", argv);
			_exit(127);
		}
		require_success(child, what);
	}
}

static void
run_short(long number)
{
	with_background();
	if (number == 0) {
		run_program("short:1", PROCESSES / 2);
		run_program("short:2", PROCESSES / 2);
		return;
	}
	char *p = malloc(3 * CASE_MIB);
	CASE_REQUIRE(p, "malloc failed");
	free(malloc(100 * 1000));
	case_fill(p, 3 * CASE_MIB, 1);
	free(p);
	if (number == 2)
		exit(0);
}

static void
run_exit(long number)
{
	with_background();
	if (number == 0) {
		for (long i = 1; i <= 12; i += 4) {
			char what[32];
			snprintf(what, sizeof(what), "exit:%ld", i);
			run_program(what, 1);
		}
		return;
	}
	/* A quarter of HAKMEM_COLD is the interval; the ends fall around the fourth. */
	make_garbage((uint64_t)number, 128 * CASE_MIB, 64 << 10);
	case_sleep_us(800 * 1000 + (unsigned)number * 20000);
	exit(0);
}

static void *
last_thread(void *argument)
{
	case_sleep_us(1500 * 1000);
	case_load((uintptr_t)argument, 1000, CASE_MIB);
	return NULL;
}

static void
run_main_ends(long number)
{
	with_background();
	if (number == 0) {
		run_program("main-ends:1", 3);
		return;
	}
	start_background();
	case_thread_start(last_thread, NULL);
	pthread_exit(NULL);
}

static void
run_setuid(long number)
{
	(void)number;
	with_background();
	start_background();
	CASE_REQUIRE(setegid(getegid()) == 0, "setegid: %s", strerror(errno));
	CASE_REQUIRE(seteuid(geteuid()) == 0, "seteuid: %s", strerror(errno));
	case_load(1, 2000, CASE_MIB);
}

static void *
waiting_thread(void *argument)
{
	while (!stop)
		case_sleep_us(10 * 1000);
	return argument;
}

/* Without the library at first: malloc stays the C library's, and the hak_ functions are called. */
static void
load_late(const char *library)
{
	pthread_t thread = case_thread_start(waiting_thread, NULL);
	void *handle = dlopen(library, RTLD_NOW);
	void *(*take)(size_t);
	void (*give)(void *);

	CASE_REQUIRE(handle, "dlopen: %s", dlerror());
	*(void **)&take = dlsym(handle, "hak_malloc");
	*(void **)&give = dlsym(handle, "hak_free");
	CASE_REQUIRE(take && give, "the library has no hak_malloc");
	for (unsigned i = 0; !background_thread(); i++) {
		CASE_REQUIRE(i < 50, "there is no thread named hakmem");
		case_sleep_us(10 * 1000);
		void *p = take(3 * CASE_MIB + i * 4096), *q = take(100 * 1000);
		CASE_REQUIRE(p && q, "hak_malloc failed");
		give(p);
		give(q);
	}
	stop = 1;
	case_thread_join(thread);
	dlclose(handle);
}

static void
run_dlopen(long number)
{
	if (case_library_has("jemalloc"))
		case_skip("libjemalloc's thread-local data cannot be loaded late");
	with_background();
	if (number == 0) {
		char *argv[] = {arguments[0], "dlopen:1", NULL};
		pid_t child;

		setenv("LATE_LIBRARY", arguments[2], 1);
		unsetenv("LD_PRELOAD");
		child = fork();
		if (child == 0) {
			execv("/proc/self/exe", argv);
			_exit(127);
		}
		require_success(child, "the program without the library");
		return;
	}
	load_late(getenv("LATE_LIBRARY"));
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"idle", run_idle},
		{"threads", run_threads},
		{"sleeps", run_sleeps},
		{"fork", run_fork},
		{"short", run_short},
		{"exit", run_exit},
		{"main-ends", run_main_ends},
		{"setuid", run_setuid},
		{"dlopen", run_dlopen},
		{NULL, NULL},
	};

	arguments = argv;
	return case_main(argc, argv, cases);
}
