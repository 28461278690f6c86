/* SPDX-License-Identifier: MIT
 * tools/prof/estimate.h - what can be said of the truth behind a sample: 95 % intervals, quantiles
 * of histograms. Pure functions; the distributions are GSL's.
 *
 * A block of `size` bytes is sampled with p = 1 - exp(-size / sample_bytes) and then stands for 1/p
 * of them; a sum of such bytes has the variance that the profile tells. */
#ifndef HAKMEM_PROF_ESTIMATE_H
#define HAKMEM_PROF_ESTIMATE_H

#include "stress/sweep/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From so many samples on the normal approximation serves. */
enum { ESTIMATE_MANY = 30 };

/* Where the bytes lie that `samples` samples stand for. From ESTIMATE_MANY on, 1.96 standard
 * deviations to both sides, not below 0. With fewer, the gamma interval for weighted Poisson
 * counts (M. P. Fay, E. J. Feuer, 1997), with variance / bytes as the weight of one event: where
 * blocks are small it is the exact Poisson interval (F. Garwood, 1936), and where blocks are so
 * large that each is sampled it closes. Without a sample, from 0 to 3.69 sample_bytes: whatever
 * the sizes, so many bytes are missed with a probability of 2.5 %. */
struct interval estimate_bytes(
	double bytes, double variance, uint64_t samples, uint64_t sample_bytes);
/* Where b - a lies, from the intervals of both (MOVER: G. Y. Zou, A. Donner, 2008). For two
 * independent estimates; wider than needed where they share samples. */
struct interval estimate_difference(double a, struct interval in_a, double b, struct interval in_b);
/* Where the share of `hits` in n draws lies (E. B. Wilson, 1927); 0 to 1 for n == 0. */
struct interval estimate_share(uint64_t hits, uint64_t n);
bool estimate_is_noise(struct interval difference);

/* The q-quantile of a histogram whose bucket i counts what is in [2^i, 2^(i+1)), bucket 0 from 0
 * on, and of `above` more that are longer than all of these. Inside a bucket the logarithm is
 * taken as evenly spread. NaN for nothing at all, infinite where it is one of those above. */
double estimate_quantile(const uint64_t *buckets, size_t n, uint64_t above, double q);

#endif
