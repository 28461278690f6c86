/* SPDX-License-Identifier: MIT
 * tests/reliability/case.h - what the reliability programs share.
 *
 * Each program holds a table of cases and hands it to case_main. A program is run as
 * `program CASE[:NUMBER] [LIBRARY]`; with LIBRARY given it first proves that malloc comes from a
 * file of that name, so that no case can pass on the C library's malloc by mistake. The programs
 * know nothing of hakmem and use the C library's names only. */
#ifndef HAKMEM_TESTS_RELIABILITY_CASE_H
#define HAKMEM_TESTS_RELIABILITY_CASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CASE_FAILED = 1,      /* a promise was broken; standard error says which */
	CASE_SKIPPED = 77,    /* this machine can't run the case; standard output says why */
	CASE_NOT_SERVED = 99, /* malloc is not the library under test, or the usage was wrong */
};

#define CASE_MIB ((size_t)1 << 20)

struct reliability_case {
	const char *name;
	void (*run)(long number); /* the NUMBER of the command line, 0 if there was none */
};

/* Runs the case that argv names; the table ends with a NULL name. */
int case_main(int argc, char **argv, const struct reliability_case *cases);

/* None of these allocates: memory may be exhausted when they are called. */
_Noreturn void case_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void case_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void case_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CASE_REQUIRE(condition, ...)                                                               \
	do {                                                                                       \
		if (!(condition))                                                                  \
			case_fail(__VA_ARGS__);                                                    \
	} while (0)

/* True where the name of the library under test has this part, for bounds that depend on a
 * back-end. */
bool case_library_has(const char *part);
/* The resident set in KiB, exactly (VmRSS is a sum of per-CPU counters and may be off). */
size_t case_rss_kib(void);
/* A "Name:   123 kB" field of a file of /proc. */
size_t case_proc_kib(const char *path, const char *field);

uint64_t case_random(uint64_t *state);
/* A size between min and max, all magnitudes equally likely. */
size_t case_random_size(uint64_t *state, size_t min, size_t max);
void case_sleep_us(unsigned us);
/* Whole seconds of a monotonic clock. */
unsigned case_seconds(void);

/* Fills a block with one byte value, and tells whether it still holds it. */
void case_fill(void *p, size_t size, unsigned char value);
bool case_holds(const void *p, size_t size, unsigned char value);

/* `operations` random calls of malloc, calloc, realloc, aligned_alloc and free on blocks of up to
 * max_size bytes, with contents and zeroing checked; everything is freed at the end. */
void case_load(uint64_t seed, unsigned operations, size_t max_size);

/* pthread_create and pthread_join that fail the case when they fail. */
pthread_t case_thread_start(void *(*function)(void *), void *argument);
void case_thread_join(pthread_t thread);
/* As case_thread_start on the smallest stack that the C library accepts; false where the system
 * has no room for a further thread. */
bool case_thread_start_small(pthread_t *thread, void *(*function)(void *), void *argument);

#endif
