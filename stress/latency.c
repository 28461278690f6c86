/* SPDX-License-Identifier: MIT
 * stress/latency.c - the histogram of the sampled operations. It is in static memory, so that it
 * neither feeds the allocator nor meets it. */
#include "stress/latency.h"

#include <stdatomic.h>

enum {
	SUB_BITS = 4,
	SUBS = 1 << SUB_BITS,
	OCTAVES = 40, /* up to some minutes */
	BUCKETS = OCTAVES * SUBS,
};

/* relaxed: they count, and are read when the threads were joined. */
static _Atomic uint64_t buckets[BUCKETS];

static size_t
latency_bucket(uint64_t ns)
{
	if (ns < SUBS)
		return ns;
	unsigned octave = 63 - SUB_BITS - (unsigned)__builtin_clzll(ns);
	size_t bucket = (size_t)(octave + 1) * SUBS + ((ns >> octave) & (SUBS - 1));

	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The least time above the bucket. */
static uint64_t
latency_end_ns(size_t bucket)
{
	if (bucket < SUBS)
		return bucket + 1;
	return (uint64_t)(SUBS + bucket % SUBS + 1) << (bucket / SUBS - 1);
}

void
latency_add(uint64_t ns)
{
	atomic_fetch_add_explicit(&buckets[latency_bucket(ns)], 1, memory_order_relaxed);
}

uint64_t
latency_samples(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		n += atomic_load_explicit(&buckets[i], memory_order_relaxed);
	return n;
}

double
latency_us(double share)
{
	double rank = share * (double)latency_samples();
	uint64_t below = 0;

	for (size_t i = 0; i < BUCKETS && rank > 0; i++) {
		below += atomic_load_explicit(&buckets[i], memory_order_relaxed);
		if ((double)below >= rank)
			return (double)latency_end_ns(i) / 1000;
	}
	return 0;
}
