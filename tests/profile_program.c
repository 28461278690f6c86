/* SPDX-License-Identifier: MIT
 * tests/profile_program.c - a program whose live memory test_profile.py knows by owner. Allocates
 * under malloc's own names; no line of the library is in it.
 *
 * profile_program MIB [THREADS]
 *
 * Ten owners, functions of their own, each end up with MIB MiB, a thread's share in each thread.
 * Half of what an owner allocates is freed on the way, in random order, and owners take turns, so
 * that one's blocks become another's. Between the allocations of owner_steady another site
 * allocates and frees a block of the same size: whoever samples by what a cache still holds will
 * take the one for the other. One line for each owner on standard output: its name and the bytes of
 * its live blocks, as malloc_usable_size has them. The blocks are live when the program ends. */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
#define THREADS_MAX 16
#define MIB ((size_t)1 << 20)

/* Keeps a call from being the last thing that a function does, so that its frame is there. */
#define KEEP_FRAME(p) __asm__ volatile("" : "+r"(p))

static uint64_t
next_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

static size_t
between(uint64_t *state, size_t least, size_t most)
{
	return least + next_random(state) % (most - least + 1);
}

static void *
checked(void *p)
{
	if (!p) {
		fprintf(stderr, "profile_program: out of memory\n");
		exit(1);
	}
	return p;
}

#define OWNER(name, call)                                                                          \
	static NOINLINE void *owner_##name(uint64_t *random)                                       \
	{                                                                                          \
		void *p = (call);                                                                  \
		KEEP_FRAME(p);                                                                     \
		return checked(p);                                                                 \
	}

static NOINLINE void
steady_guest(void)
{
	void *p = malloc(48);

	KEEP_FRAME(p);
	free(checked(p));
}

static NOINLINE void *
owner_grown(uint64_t *random)
{
	void *p = NULL;
	size_t size = 20;

	for (unsigned i = 0; i < 6; i++, size += size / 2 + between(random, 0, 9)) {
		p = checked(realloc(p, size));
		KEEP_FRAME(p);
	}
	return p;
}

static NOINLINE void *
owner_steady(uint64_t *random)
{
	(void)random;
	steady_guest();
	void *p = malloc(48);
	KEEP_FRAME(p);
	return checked(p);
}

OWNER(small, malloc(between(random, 1, 64)))
OWNER(tiny, malloc(between(random, 100, 1000)))
OWNER(l2, malloc(between(random, 2000, 30000)))
OWNER(large, malloc(between(random, 40000, 900000)))
OWNER(big, malloc(between(random, 1100000, 3000000)))
OWNER(zeroed, calloc(between(random, 1, 4), 70))
OWNER(zeroed_large, calloc(1, between(random, 33000, 100000)))
OWNER(aligned, aligned_alloc(64, between(random, 1, 6) * 64))

static const struct {
	const char *name;
	void *(*make)(uint64_t *random);
} owners[] = {
	{"owner_small", owner_small},
	{"owner_tiny", owner_tiny},
	{"owner_l2", owner_l2},
	{"owner_large", owner_large},
	{"owner_big", owner_big},
	{"owner_zeroed", owner_zeroed},
	{"owner_zeroed_large", owner_zeroed_large},
	{"owner_grown", owner_grown},
	{"owner_aligned", owner_aligned},
	{"owner_steady", owner_steady},
};

#define OWNERS (sizeof(owners) / sizeof(owners[0]))

struct worker {
	pthread_t thread;
	uint64_t random;
	size_t share; /* bytes an owner */
	struct pile {
		void **blocks;
		size_t n, room, bytes;
	} piles[OWNERS];
};

static void
push(struct pile *pile, void *p)
{
	if (pile->n == pile->room) {
		pile->room = pile->room ? pile->room * 2 : 64;
		pile->blocks = checked(realloc(pile->blocks, pile->room * sizeof(void *)));
	}
	pile->blocks[pile->n++] = p;
	pile->bytes += malloc_usable_size(p);
}

/* Frees a block of the pile where that leaves at least so many bytes. */
static int
drop_one(struct worker *w, struct pile *pile, size_t least)
{
	size_t i = next_random(&w->random) % pile->n;
	size_t bytes = malloc_usable_size(pile->blocks[i]);

	if (pile->bytes < least + bytes)
		return 0;
	pile->bytes -= bytes;
	free(pile->blocks[i]);
	pile->blocks[i] = pile->blocks[--pile->n];
	return 1;
}

/* An owner's turn: allocates about a sixteenth of its share, and frees half as much. False when it
 * has all. */
static int
turn(struct worker *w, size_t i)
{
	struct pile *pile = &w->piles[i];
	size_t before = pile->bytes;

	if (before >= w->share)
		return 0;
	while (pile->bytes < w->share && pile->bytes < before + w->share / 16)
		push(pile, owners[i].make(&w->random));
	size_t least = before + (pile->bytes - before) / 2;
	while (pile->bytes < w->share && drop_one(w, pile, least))
		;
	return 1;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	int busy;

	do {
		busy = 0;
		for (size_t i = 0; i < OWNERS; i++)
			busy |= turn(w, i);
	} while (busy);
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	size_t threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;

	if (mib == 0 || threads == 0 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: profile_program MIB [THREADS up to %d]\n", THREADS_MAX);
		return 2;
	}
	for (size_t t = 0; t < threads; t++) {
		workers[t].random = 0x9e3779b97f4a7c15u * (t + 1);
		workers[t].share = mib * MIB / threads;
		if (pthread_create(&workers[t].thread, NULL, work, &workers[t]) != 0) {
			fprintf(stderr, "profile_program: no thread\n");
			return 1;
		}
	}
	for (size_t t = 0; t < threads; t++)
		pthread_join(workers[t].thread, NULL);
	for (size_t i = 0; i < OWNERS; i++) {
		size_t bytes = 0;
		for (size_t t = 0; t < threads; t++)
			bytes += workers[t].piles[i].bytes;
		printf("%s %zu\n", owners[i].name, bytes);
	}
	return 0;
}
