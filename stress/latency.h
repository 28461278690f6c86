/* SPDX-License-Identifier: MIT
 * stress/latency.h - how long single operations of a workload take, by a sample of them.
 *
 * One operation in LATENCY_EVERY is timed by the monotonic clock, into a histogram whose buckets
 * are a sixteenth of a doubling wide. Where nothing is sampled an operation costs two branches that
 * are always foretold; a sample costs two readings of the clock, which are part of the time that is
 * told. The closing line (harness.h) has p50_us=, p99_us= and p999_us= of a workload that samples.
 */
#ifndef STRESS_LATENCY_H
#define STRESS_LATENCY_H

#include "stress/harness.h"

enum { LATENCY_EVERY = 1024 };

/* The time before the n-th operation of a thread if that is sampled, else 0. */
static inline uint64_t
latency_start(uint64_t n)
{
	return __builtin_expect(n % LATENCY_EVERY == LATENCY_EVERY - 1, 0) ? harness_now_ns() : 0;
}

/* Adds an operation to the histogram; from any thread. */
void latency_add(uint64_t ns);

/* After the operation, with what latency_start returned. */
static inline void
latency_end(uint64_t start_ns)
{
	if (__builtin_expect(start_ns != 0, 0))
		latency_add(harness_now_ns() - start_ns);
}

/* The number of operations in the histogram. */
uint64_t latency_samples(void);
/* The time in microseconds that a share of the samples, from 0 to 1, did not exceed, by the upper
 * end of its bucket; 0 without a sample. */
double latency_us(double share);

#endif
