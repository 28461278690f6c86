/* SPDX-License-Identifier: MIT
 * tests/unit/unit.h - what the tests of the internals share: the seed, threads, standard error
 * through a pipe, and children that are expected to abort or to come through. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/pattern.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define ERRNO_MARK 12345
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define UNIT_THREADS_MAX 8

/* ThreadSanitizer and AddressSanitizer make everything many times slower. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define UNIT_SLOW 8
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define UNIT_SLOW 8
#endif
#endif
#ifndef UNIT_SLOW
#define UNIT_SLOW 1
#endif

/* As ck_assert_msg, which notes each place it passes by a system call: for inner loops. */
#define REQUIRE_MSG(cond, ...)                                                                     \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

#define REQUIRE_EQ(a, b)                                                                           \
	REQUIRE_MSG((a) == (b), "%s is %" PRIuMAX ", %s is %" PRIuMAX, #a, (uintmax_t)(a), #b,     \
		(uintmax_t)(b))

static uint64_t unit_seed;

/* The seed is HAKMEM_TEST_SEED or comes from the clock; either way it is printed. */
static inline void
unit_begin(const char *program)
{
	uint64_t mixed = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	const char *text = getenv("HAKMEM_TEST_SEED");
	char *end;

	unit_seed = rng_next(&mixed);
	if (text && *text) {
		errno = 0;
		unit_seed = strtoull(text, &end, 0);
		if (errno || *end || *text == '-') {
			fprintf(stderr, "%s: HAKMEM_TEST_SEED=%s is no number from 0 to 2^64-1\n",
				program, text);
			exit(2);
		}
	}
	printf("%s: HAKMEM_TEST_SEED=%" PRIu64 "\n", program, unit_seed);
	fflush(stdout);
}

/* The state of a random sequence of its own for each `number`. */
static inline uint64_t
unit_rng(uint64_t number)
{
	uint64_t state = unit_seed + number;

	return rng_next(&state);
}

static inline size_t
rng_below(uint64_t *rng, size_t n)
{
	return (size_t)(rng_next(rng) % n);
}

/* A test case without an audit of the heap, for what lies below a front-end. */
static inline TCase *
plain_tcase(Suite *suite, const char *name, double timeout_s)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, timeout_s);
	suite_add_tcase(suite, tc);
	return tc;
}

static inline void
sleep_us(long us)
{
	struct timespec ts = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&ts, NULL);
}

static inline uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Runs body in n threads, each with its element of args, if there are any, and waits for all. */
static inline void
run_threads(unsigned n, void *(*body)(void *), void *args, size_t size)
{
	pthread_t threads[UNIT_THREADS_MAX];

	ck_assert_uint_le(n, UNIT_THREADS_MAX);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, body,
					 args ? (char *)args + i * size : NULL),
			0);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

/* --- standard error --------------------------------------------------------------------------- */

struct capture {
	int saved, reader;
};

/* Standard error goes into a pipe from here on; what is written must fit the pipe. */
static inline struct capture
capture_begin(void)
{
	struct capture c;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	c.saved = dup(STDERR_FILENO);
	c.reader = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	return c;
}

/* All that can be read before the writers are gone, terminated. */
static inline void
read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
}

static inline void
capture_end(struct capture *c, char *text, size_t size)
{
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	read_all(c->reader, text, size);
	close(c->reader);
}

/* --- children --------------------------------------------------------------------------------- */

/* In a child: tells why and ends it, as a failure. */
#define CHILD_REQUIRE(cond, ...)                                                                   \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                 \
			fprintf(stderr, __VA_ARGS__);                                              \
			fprintf(stderr, "\n");                                                     \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Runs body in a child, its standard error into `message`; returns the wait status. Ends with
 * status 0 where body returns. */
static inline int
run_child(void (*body)(void *), void *arg, char *message, size_t size)
{
	static const struct rlimit none = {0, 0};
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		body(arg);
		_exit(0);
	}
	close(fds[1]);
	read_all(fds[0], message, size);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* body must abort, with one line of the library's that contains `word`. */
static inline void
expect_abort(void (*body)(void *), void *arg, const char *word)
{
	char message[1024];
	int status = run_child(body, arg, message, sizeof(message));

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
		"no abort (status 0x%x), '%s' expected: %s", (unsigned)status, word, message);
	ck_assert_msg(strncmp(message, "hakmem: ", 8) == 0, "not the library's: '%s'", message);
	ck_assert_msg(strstr(message, word) != NULL, "no '%s' in '%s'", word, message);
	ck_assert_msg(strchr(message, '\n') == message + strlen(message) - 1, "not one line: '%s'",
		message);
}

#endif
