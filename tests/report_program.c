/* SPDX-License-Identifier: MIT
 * tests/report_program.c - a program whose statistics test_report.py knows: built once with frame
 * pointers and once without. Allocates under malloc's own names; no line of the library is in it.
 *
 * sites N     N rounds of an allocation from each of 16 callers of one xmalloc, xcalloc, xrealloc
 * threads N   N threads that allocate and free blocks of all tiers, one after another
 * stats       malloc_stats() in the middle
 * close       closes standard error before it ends */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
/* A magazine of these is one block, so that each that stays live is an event. */
#define BYTES ((size_t)140000)
#define THREADS_MAX 64

/* All blocks of the callers, linked through their first words. */
static void *kept;

static void
keep(void *p)
{
	*(void **)p = kept;
	kept = p;
}

static NOINLINE void *
checked(void *p)
{
	if (!p) {
		fprintf(stderr, "report_program: out of memory\n");
		exit(1);
	}
	return p;
}

/* No tail calls: each stays a frame of its own. */
static NOINLINE void *
xmalloc(size_t size)
{
	void *p = malloc(size);

	return checked(p);
}

static NOINLINE void *
xcalloc(size_t size)
{
	void *p = calloc(1, size);

	return checked(p);
}

static NOINLINE void *
xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size);

	return checked(p);
}

/* A caller of its own for each number; the sizes keep the compiler from making them one. */
#define CALLER(n)                                                                                  \
	static NOINLINE void caller_##n(void)                                                      \
	{                                                                                          \
		keep(n % 2 ? xmalloc(BYTES + n) : xcalloc(BYTES + n));                             \
		keep(xrealloc(NULL, 2 * BYTES));                                                   \
	}
#define CALLERS(X)                                                                                 \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
CALLERS(CALLER)

static void
run_sites(int rounds)
{
#define CALL(n) caller_##n();
	for (int i = 0; i < rounds; i++) {
		CALLERS(CALL)
	}
#undef CALL
	while (kept) {
		void *next = *(void **)kept;
		free(kept);
		kept = next;
	}
}

static void *
churn(void *arg)
{
	static const size_t sizes[] = {24, 700, 5000, 30000, BYTES, 3 << 20};
	void *p[300];

	for (size_t i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
		p[i] = xmalloc(sizes[i % (sizeof(sizes) / sizeof(sizes[0]))]);
		memset(p[i], 1, 16);
	}
	for (size_t i = 0; i < sizeof(p) / sizeof(p[0]); i++)
		free(p[i]);
	return arg;
}

static void
run_threads(int n)
{
	pthread_t threads[THREADS_MAX];

	for (int i = 0; i < n && i < THREADS_MAX; i++) {
		if (pthread_create(&threads[i], NULL, churn, NULL) != 0) {
			fprintf(stderr, "report_program: cannot start a thread\n");
			exit(1);
		}
		pthread_join(threads[i], NULL);
	}
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 1;

	if (strcmp(mode, "sites") == 0) {
		run_sites(n);
	} else if (strcmp(mode, "threads") == 0) {
		run_threads(n);
	} else if (strcmp(mode, "stats") == 0) {
		churn(NULL);
		malloc_stats();
	} else if (strcmp(mode, "close") == 0) {
		close(STDERR_FILENO);
	} else {
		fprintf(stderr,
			"report_program: '%s' is no mode; choose sites, threads, stats or "
			"close\n",
			mode);
		return 2;
	}
	return 0;
}
