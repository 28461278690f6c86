/* SPDX-License-Identifier: MIT
 * stress/science.h - what the computing workloads share beyond the harness: blocks that hold data
 * instead of check words, and the words that their checksums are made of. */
#ifndef STRESS_SCIENCE_H
#define STRESS_SCIENCE_H

#include "stress/harness.h"

#include <stdatomic.h>

/* A block of size bytes, to be freed by free. Never NULL. */
static inline void *
heap_new(size_t size)
{
	void *mem = malloc(size);

	if (!mem)
		block_exhausted(size);
	return mem;
}

/* realloc that ends the program instead of returning NULL. size is 1 or more. */
static inline void *
heap_resize(void *mem, size_t size)
{
	mem = realloc(mem, size);
	if (!mem)
		block_exhausted(size);
	return mem;
}

/* The next number from 0 that no thread has got yet. Threads share out the parts of a computation
 * by it, so that a slow thread does not keep the others waiting.
 * relaxed: the number is all it carries; barriers order the parts of one phase before the next. */
static inline size_t
claim_next(atomic_size_t *next)
{
	return atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
}

/* A word for item number `index` with that value. Their sum does not depend on the order. */
static inline uint64_t
digest_word(uint64_t index, uint64_t value)
{
	return mix64(value + HARNESS_GOLDEN * (index + 1));
}

static inline uint64_t
double_bits(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* A number from 0 to 1, below 1, by prng. */
static inline double
prng_unit(struct prng *g)
{
	return (double)(prng_next(g) >> 11) * 0x1p-53;
}

#endif
