/* SPDX-License-Identifier: MIT
 * arenas/estimate.h - the arithmetic of sampling by bytes: when to sample, and what a sample stands
 * for.
 *
 * Sample points lie on the line of all allocated bytes at exponential distances (mean `mean`
 * bytes), so a block of `size` bytes is sampled with probability p = 1 - exp(-size / mean),
 * whatever came before it. A sampled block stands for 1/p blocks and size/p bytes (Horvitz &
 * Thompson 1952), without bias; size^2 (1 - p) / p^2 is its share of the variance of the bytes.
 *
 * Pure functions, without the mathematics library. The same size and mean give the same estimate,
 * so that what a free takes off is exactly what the allocation added. */
#ifndef HAK_ARENAS_ESTIMATE_H
#define HAK_ARENAS_ESTIMATE_H

#include "base/compiler.h"

/* Estimated numbers of blocks are counted in parts of a block. */
#define ESTIMATE_PARTS 1024

typedef unsigned __int128 estimate_wide;

struct estimate {
	uint64_t parts;         /* of blocks: ESTIMATE_PARTS for each */
	uint64_t bytes;         /* size / p, to the nearest byte */
	estimate_wide variance; /* of the bytes, bytes squared */
};

/* The probability that a block of `size` bytes is sampled; size and mean must not be 0. To within
 * 1e-14 of the value. */
double estimate_probability(uint64_t size, uint64_t mean);
/* What a sampled block of `size` bytes stands for; size from 1 to 2^47, mean from 1 to 2^40. */
struct estimate estimate_of(uint64_t size, uint64_t mean);
/* The distance in bytes, at least 1, to the next sample point. A block of s bytes is sampled where
 * the distance left is at most s; else s is taken off it. After a sample a new distance begins with
 * the next block. *state is the caller's generator, any number at first. */
uint64_t estimate_draw(uint64_t *state, uint64_t mean);

#endif
