/* SPDX-License-Identifier: MIT
 * stress/sweep/stats.c - medians, spreads and intervals through GSL. */
#include "stress/sweep/stats.h"
#include "stress/sweep/text.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

/* Any number but 0, which GSL takes for its default; the intervals of a report hang on it. */
enum { SEED = 20260101 };

#define TAIL 0.025

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

void
stats_bootstrap(const double *values, size_t n, unsigned long stream, double *draws)
{
	gsl_rng *rng = gsl_rng_alloc(gsl_rng_taus2);
	double *drawn = text_alloc(n, sizeof(*drawn));

	gsl_rng_set(rng, SEED + stream);
	for (size_t i = 0; i < STATS_DRAWS; i++) {
		gsl_ran_sample(rng, drawn, n, (void *)values, n, sizeof(*values));
		gsl_sort(drawn, 1, n);
		draws[i] = gsl_stats_median_from_sorted_data(drawn, 1, n);
	}
	free(drawn);
	gsl_rng_free(rng);
}

struct interval
stats_interval(double *draws, size_t n)
{
	gsl_sort(draws, 1, n);
	return (struct interval){.low = gsl_stats_quantile_from_sorted_data(draws, 1, n, TAIL),
		.high = gsl_stats_quantile_from_sorted_data(draws, 1, n, 1 - TAIL)};
}
