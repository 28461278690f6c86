/* SPDX-License-Identifier: MIT
 * tests/reliability/load.c - a load of the whole API, for processes that lack something.
 *
 * load         single-threaded and with threads, all tiers, contents checked; what is missing
 *              (system calls, /proc, the environment) whoever starts the program has taken away
 * calloc       memory that was used, freed and given back to the system comes back zeroed
 * descriptors  descriptors 0 to 2 are closed and stay free for the program to use
 * chain        chains of realloc over all sizes; the usable size is all the program's */
#include "case.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3 };

static void *
load_thread(void *argument)
{
	for (uint64_t i = 0; i < 6; i++)
		case_load((uintptr_t)argument + i, 500, 256 << 10);
	return NULL;
}

/* Every tier, and few of the largest: their page faults would be most of the time. */
static void
load_all_sizes(uint64_t seed)
{
	case_load(seed, 3000, 1 << 20);
	case_load(seed, 300, 16 << 20);
}

static void
run_load(long number)
{
	pthread_t threads[THREADS];

	load_all_sizes((uint64_t)number);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = case_thread_start(load_thread, (void *)(100 * i));
	load_thread((void *)1000);
	for (unsigned i = 0; i < THREADS; i++)
		case_thread_join(threads[i]);
	malloc_trim(0);
	load_all_sizes((uint64_t)number + 1);
}

static void
run_calloc(long number)
{
	static const size_t sizes[] = {64, 1000, 20 << 10, 200 << 10, 2 << 20, 16 << 20};

	(void)number;
	for (unsigned i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i % 6];
		size_t count = (32 << 20) / size < 2000 ? (32 << 20) / size : 2000;
		void *blocks[2000];

		for (size_t j = 0; j < count; j++) {
			blocks[j] = calloc(1, size);
			CASE_REQUIRE(blocks[j], "calloc failed");
			CASE_REQUIRE(case_holds(blocks[j], size, 0),
				"calloc of %zu bytes is not zeroed", size);
			case_fill(blocks[j], size, 0xa5);
		}
		for (size_t j = 0; j < count; j++)
			free(blocks[j]);
		/* Alternately the next round finds memory that was given back, or that wasn't. */
		if (i % 2)
			malloc_trim(0);
	}
}

static void
run_descriptors(long number)
{
	run_load(number);
	for (int i = 0; i < 3; i++) {
		errno = 0;
		CASE_REQUIRE(fcntl(i, F_GETFD) == -1 && errno == EBADF,
			"descriptor %d, closed at start, is in use", i);
	}
	CASE_REQUIRE(open("/dev/null", O_RDWR) == 0, "the first open did not give descriptor 0");
	case_load(7, 1000, 1 << 20);
}

/* Contents are followed by one value a block, and the whole usable size is written. */
static void
chain_step(unsigned char **block, size_t *held, size_t size, unsigned char *value)
{
	size_t kept = *held < size ? *held : size;
	unsigned char *moved = realloc(*block, size);
	size_t usable;

	CASE_REQUIRE(moved, "realloc from %zu to %zu bytes failed", *held, size);
	CASE_REQUIRE(case_holds(moved, kept, *value), "realloc from %zu to %zu lost contents",
		*held, size);
	usable = malloc_usable_size(moved);
	CASE_REQUIRE(
		usable >= size, "malloc_usable_size is %zu after realloc to %zu", usable, size);
	*block = moved;
	*held = usable;
	case_fill(moved, usable, ++*value);
}

static void
run_chain(long number)
{
	uint64_t state = (uint64_t)number;

	CASE_REQUIRE(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) isn't 0");
	for (unsigned chain = 0; chain < 60; chain++) {
		unsigned char *blocks[4] = {NULL};
		size_t held[4] = {0};
		unsigned char values[4] = {0, 50, 100, 150};

		/* Four chains in turn are in each other's way, and so are seen to overlap. */
		for (unsigned i = 0; i < 200; i++)
			chain_step(&blocks[i % 4], &held[i % 4],
				case_random_size(&state, 1, 8 << (chain % 21)), &values[i % 4]);
		for (unsigned i = 0; i < 4; i++) {
			CASE_REQUIRE(case_holds(blocks[i], held[i], values[i]),
				"a chain's block changed");
			free(blocks[i]);
		}
	}
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"load", run_load},
		{"calloc", run_calloc},
		{"descriptors", run_descriptors},
		{"chain", run_chain},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
