/* SPDX-License-Identifier: MIT
 * tools/prof/estimate.c - intervals and quantiles. */
#include "tools/prof/estimate.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#define TAIL 0.025

static struct interval
normal_interval(double bytes, double variance)
{
	double reach = gsl_cdf_ugaussian_Qinv(TAIL) * sqrt(variance);

	return (struct interval){.low = fmax(0, bytes - reach), .high = bytes + reach};
}

struct interval
estimate_bytes(double bytes, double variance, uint64_t samples, uint64_t sample_bytes)
{
	if (samples == 0 || !(bytes > 0))
		return (struct interval){.low = 0, .high = -log(TAIL) * (double)sample_bytes};
	if (!(variance > 0))
		return (struct interval){.low = bytes, .high = bytes};
	if (samples >= ESTIMATE_MANY)
		return normal_interval(bytes, variance);
	double event = variance / bytes, events = bytes / event;
	struct interval i = {.low = gsl_cdf_gamma_Pinv(TAIL, events, event),
		.high = gsl_cdf_gamma_Qinv(TAIL, events + 1, event)};

	/* GSL gives up where a few huge blocks are all but certain, like so many events. */
	return isfinite(i.low) && isfinite(i.high) ? i : normal_interval(bytes, variance);
}

struct interval
estimate_difference(double a, struct interval in_a, double b, struct interval in_b)
{
	return (struct interval){.low = b - a - hypot(b - in_b.low, in_a.high - a),
		.high = b - a + hypot(in_b.high - b, a - in_a.low)};
}

bool
estimate_is_noise(struct interval difference)
{
	return difference.low <= 0 && difference.high >= 0;
}

struct interval
estimate_share(uint64_t hits, uint64_t n)
{
	if (n == 0)
		return (struct interval){.low = 0, .high = 1};
	double z = gsl_cdf_ugaussian_Qinv(TAIL), draws = (double)n;
	double share = (double)hits / draws, shrink = 1 + z * z / draws;
	double middle = (share + z * z / (2 * draws)) / shrink;
	double reach = z * sqrt(share * (1 - share) / draws + z * z / (4 * draws * draws)) / shrink;

	return (struct interval){.low = middle - reach, .high = middle + reach};
}

double
estimate_quantile(const uint64_t *buckets, size_t n, uint64_t above, double q)
{
	double total = (double)above, seen = 0;

	for (size_t i = 0; i < n; i++)
		total += (double)buckets[i];
	if (!(total > 0))
		return NAN;
	for (size_t i = 0; i < n; i++) {
		double here = (double)buckets[i];

		if (here > 0 && seen + here >= q * total) {
			double part = (q * total - seen) / here;

			/* Bucket 0 holds 0, which has no logarithm. */
			return i == 0 ? 2 * part : exp2((double)i + part);
		}
		seen += here;
	}
	return INFINITY;
}
