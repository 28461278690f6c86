/* SPDX-License-Identifier: MIT
 * base/maths.c - two short series, after the exponent has been taken off. */
#include "base/maths.h"

#include <stdint.h>
#include <string.h>

#define LN2 0.69314718055994530942
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023

double
maths_log2(double x)
{
	uint64_t bits;
	double m;

	memcpy(&bits, &x, sizeof(bits));
	int exponent = (int)(bits >> MANTISSA_BITS) - EXPONENT_BIAS;
	bits &= ((uint64_t)1 << MANTISSA_BITS) - 1;
	bits |= (uint64_t)EXPONENT_BIAS << MANTISSA_BITS;
	memcpy(&m, &bits, sizeof(m));
	/* ln m = 2 artanh((m - 1) / (m + 1)); with m within sqrt(2) of 1 the series is short. */
	if (m > 1.4142135623730951) {
		m /= 2;
		exponent++;
	}
	double t = (m - 1) / (m + 1), power = t, sum = 0;
	for (int k = 1; k <= 19; k += 2) {
		sum += power / k;
		power *= t * t;
	}
	return exponent + 2 * sum / LN2;
}

double
maths_exp2(double x)
{
	x = x > 1000 ? 1000 : x < -1000 ? -1000 : x;
	int whole = (int)(x < 0 ? x - 0.5 : x + 0.5);
	/* e^r for |r| up to 0.35: the 15th term is below 1e-18. */
	double r = (x - whole) * LN2, term = 1, sum = 1, scale;
	for (int k = 1; k <= 14; k++) {
		term *= r / k;
		sum += term;
	}
	uint64_t bits = (uint64_t)(whole + EXPONENT_BIAS) << MANTISSA_BITS;
	memcpy(&scale, &bits, sizeof(scale));
	return sum * scale;
}
