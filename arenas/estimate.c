/* SPDX-License-Identifier: MIT
 * arenas/estimate.c - exponential distances, and the weight of a sample. */
#include "arenas/estimate.h"

#include "base/maths.h"

/* The step of splitmix64: 2^64 divided by the golden ratio, made odd. */
#define GOLDEN 0x9e3779b97f4a7c15u
#define LN_2 0.69314718055994530942
/* exp(-40) is less than half the last bit of 1. */
#define CERTAIN 40.0
#define TERMS 14

double
estimate_probability(uint64_t size, uint64_t mean)
{
	double x = (double)size / (double)mean;
	unsigned halvings = 0;

	if (x > CERTAIN)
		return 1;
	for (; x > 0.5; x /= 2)
		halvings++;
	/* expm1(-x) by its series, which loses nothing where x is small: from the inside out,
	 * -x (1 - x/2 (1 - x/3 (...))). */
	double series = 1;
	for (int k = TERMS; k >= 2; k--)
		series = 1 - x / k * series;
	double t = -x * series;
	/* expm1(2a) = expm1(a) (expm1(a) + 2). */
	while (halvings-- > 0)
		t *= t + 2;
	return -t;
}

struct estimate
estimate_of(uint64_t size, uint64_t mean)
{
	double p = estimate_probability(size, mean);
	double bytes = (double)size / p;

	return (struct estimate){
		.parts = (uint64_t)(ESTIMATE_PARTS / p + 0.5),
		.bytes = (uint64_t)(bytes + 0.5),
		.variance = (estimate_wide)(bytes * bytes * (1 - p) + 0.5),
	};
}

uint64_t
estimate_draw(uint64_t *state, uint64_t mean)
{
	*state += GOLDEN;
	uint64_t u = mix64(*state);
	/* -ln of a number between 0 and 1. */
	double distance = (64 - maths_log2((double)(u ? u : 1))) * LN_2 * (double)mean;

	/* Rounded up: the chance of a distance of at most s is then p exactly. */
	return distance > 0 ? (uint64_t)distance + 1 : 1;
}
