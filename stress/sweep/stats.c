/* SPDX-License-Identifier: MIT
 * stress/sweep/stats.c - medians and spreads through GSL. */
#include "stress/sweep/stats.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

struct stats
stats_of(double *values, size_t n)
{
	struct stats s = {.n = n};

	if (n == 0)
		return s;
	gsl_sort(values, 1, n);
	gsl_stats_minmax(&s.min, &s.max, values, 1, n);
	s.median = gsl_stats_median_from_sorted_data(values, 1, n);
	if (s.median > 0)
		s.spread = (s.max - s.min) / s.median;
	return s;
}

double
stats_ratio(double value, double base)
{
	/* Written so that a NaN on either side falls through to NaN. */
	return value > 0 && base > 0 ? value / base : NAN;
}
