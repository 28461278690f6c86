/* SPDX-License-Identifier: MIT
 * tests/fastpath.c - what tools/check-fastpath.py counts the instructions of.
 *
 * Usage: fastpath CASE ROUNDS. A round allocates BLOCKS blocks in a loop and frees them in another,
 * or resizes them in place. The program is linked with a variant's shared library and calls it
 * through the PLT. Run with two values of ROUNDS, the difference of the counts is the rounds' own:
 * start-up, the first fill of the caches and the end cancel out.
 *
 * The controls are the same loops around calls of functions that only return: one instruction for
 * each call, as the PLT's jump is one.
 *
 * The library's clock is this program's: slow paths let memory age by the clock, and under
 * callgrind the machine's would make the count depend on how fast the machine is and what else it
 * does. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCKS 100

/* Operator new and sized delete, as C++ code calls them. */
extern void *_Znwm(size_t size);
extern void _ZdlPvm(void *p, size_t size);

/* Each reading takes a microsecond. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	static struct timespec time = {.tv_sec = 1000};

	(void)clock;
	time.tv_nsec += 1000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec = 0;
		time.tv_sec++;
	}
	*now = time;
	return 0;
}

void *empty_alloc(size_t size);
void empty_free(void *p);
void *empty_realloc(void *p, size_t size);

/* They must stay calls: noipa would do, but clang does not know it. */
__attribute__((noinline)) void *
empty_alloc(size_t size)
{
	void *p;

	/* The result is whatever the register holds; no instruction is spent on it. */
	__asm__ volatile("" : "=r"(p) : "r"(size));
	return p;
}

__attribute__((noinline)) void
empty_free(void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

__attribute__((noinline)) void *
empty_realloc(void *p, size_t size)
{
	void *q;

	__asm__ volatile("" : "=r"(q) : "r"(p), "r"(size));
	return q;
}

/* A function that runs `rounds` rounds of "allocate BLOCKS, free them all". */
#define PAIR(name, allocate, give_back)                                                            \
	static __attribute__((noinline)) void name(long rounds)                                    \
	{                                                                                          \
		void *block[BLOCKS];                                                               \
                                                                                                   \
		for (long r = 0; r < rounds; r++) {                                                \
			for (int i = 0; i < BLOCKS; i++)                                           \
				block[i] = allocate;                                               \
			for (int i = 0; i < BLOCKS; i++)                                           \
				give_back;                                                         \
		}                                                                                  \
	}

PAIR(pair_control, empty_alloc(64), empty_free(block[i]))
PAIR(malloc_64, malloc(64), free(block[i]))
PAIR(malloc_1024, malloc(1024), free(block[i]))
PAIR(malloc_2000, malloc(2000), free(block[i]))
PAIR(calloc_64, calloc(1, 64), free(block[i]))
PAIR(aligned_192, aligned_alloc(64, 192), free(block[i]))
PAIR(new_64, _Znwm(64), _ZdlPvm(block[i], 64))

/* The blocks of a resizing round live for the whole run. */
#define RESIZE(name, resize)                                                                       \
	static __attribute__((noinline)) void name(long rounds)                                    \
	{                                                                                          \
		void *block[BLOCKS];                                                               \
                                                                                                   \
		for (int i = 0; i < BLOCKS; i++)                                                   \
			block[i] = malloc(64);                                                     \
		for (long r = 0; r < rounds; r++)                                                  \
			for (int i = 0; i < BLOCKS; i++)                                           \
				block[i] = resize;                                                 \
	}

RESIZE(realloc_control, empty_realloc(block[i], 50))
RESIZE(usable_size, (malloc_usable_size(block[i]), block[i]))
RESIZE(realloc_in_place, realloc(block[i], 50))

static const struct {
	const char *name;
	void (*run)(long rounds);
} cases[] = {
	{"pair-control", pair_control},
	{"malloc-64", malloc_64},
	{"malloc-1024", malloc_1024},
	{"malloc-2000", malloc_2000},
	{"calloc-64", calloc_64},
	{"aligned-192", aligned_192},
	{"new-64", new_64},
	{"realloc-control", realloc_control},
	{"realloc-in-place", realloc_in_place},
	{"usable-size", usable_size},
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run(atol(argv[2]));
			return 0;
		}
	}
	fputs("usage: fastpath CASE ROUNDS\n", stderr);
	return 2;
}
