/* SPDX-License-Identifier: MIT
 * stress/sweep/stats.h - what a series of runs is reduced to. The arithmetic is GSL's. */
#ifndef HAKMEM_SWEEP_STATS_H
#define HAKMEM_SWEEP_STATS_H

#include <stddef.h>

struct stats {
	size_t n;
	double median, min, max;
	double spread; /* (max - min) / median; 0 where the median is 0 */
};

/* Sorts `values` in place and reduces it. All fields are 0 for n == 0. */
struct stats stats_of(double *values, size_t n);
/* value / base, or NaN where either is unknown (0 or less, or NaN). */
double stats_ratio(double value, double base);

#endif
