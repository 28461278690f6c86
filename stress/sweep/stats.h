/* SPDX-License-Identifier: MIT
 * stress/sweep/stats.h - what a series of runs is reduced to. The arithmetic and the random numbers
 * are GSL's. */
#ifndef HAKMEM_SWEEP_STATS_H
#define HAKMEM_SWEEP_STATS_H

#include <stddef.h>

struct stats {
	size_t n;
	double median, min, max;
	double spread; /* (max - min) / median; 0 where the median is 0 */
};

/* Where a quantity lies with a probability of 95 %. */
struct interval {
	double low, high;
};

/* How often a series is drawn anew. */
enum { STATS_DRAWS = 1000 };

/* Sorts `values` in place and reduces it. All fields are 0 for n == 0. */
struct stats stats_of(double *values, size_t n);
/* value / base, or NaN where either is unknown (0 or less, or NaN). */
double stats_ratio(double value, double base);
/* The bootstrap (B. Efron, 1979): STATS_DRAWS times n of the n values are drawn with replacement;
 * draws[i] is the median of the i-th time. The same stream gives the same draws. n is 1 or more. */
void stats_bootstrap(const double *values, size_t n, unsigned long stream, double *draws);
/* Sorts n draws in place and cuts off 2.5 % at each end. */
struct interval stats_interval(double *draws, size_t n);

#endif
