/* SPDX-License-Identifier: MIT
 * stress/sweep/results.c - keeps, compares and reduces the runs. */
#include "stress/sweep/results.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 64 };

struct run *
results_add(struct results *r, const struct run *run)
{
	if (r->n == r->room) {
		r->room += r->room + ROOM;
		r->runs = text_grow(r->runs, r->room * sizeof(*r->runs));
	}
	r->runs[r->n] = *run;
	return &r->runs[r->n++];
}

void
results_free(struct results *r)
{
	free(r->runs);
	*r = (struct results){0};
}

static bool
results_in_cell(const struct run *run, const struct workload *w, int threads)
{
	return run->workload == w && run->threads == threads;
}

static bool
results_has_sum(const struct run *run, const struct workload *w, int threads)
{
	return results_in_cell(run, w, threads) && run->status == RUN_OK;
}

void
results_compare_checksums(
	struct results *r, const struct workload *w, int threads, const struct allocator *base)
{
	size_t best = 0;
	char right[sizeof(r->runs->checksum)] = "";

	for (size_t i = 0; i < r->n; i++) {
		const struct run *a = &r->runs[i];
		size_t votes = 0;

		if (!results_has_sum(a, w, threads))
			continue;
		for (size_t k = 0; k < r->n; k++)
			votes += results_has_sum(&r->runs[k], w, threads) &&
				 strcmp(r->runs[k].checksum, a->checksum) == 0;
		if (votes > best || (votes == best && a->allocator == base)) {
			best = votes;
			memcpy(right, a->checksum, sizeof(right));
		}
	}
	for (size_t i = 0; i < r->n; i++) {
		struct run *run = &r->runs[i];

		if (results_has_sum(run, w, threads) && strcmp(run->checksum, right) != 0)
			run_fail(run, RUN_CHECKSUM, "checksum %s, but %s in %zu other runs",
				run->checksum, right, best);
	}
}

static bool
results_is_failure(const struct run *run)
{
	return run->status != RUN_OK && run->status != RUN_INTERRUPTED;
}

/* Each measured quantity by a function of the run, so that all are reduced in one way. */
#define RESULTS_USAGE(field)                                                                       \
	static double results_##field(const struct run *run)                                       \
	{                                                                                          \
		return run->usage.field;                                                           \
	}
RESULTS_USAGE(rss_kb)
RESULTS_USAGE(user_s)
RESULTS_USAGE(sys_s)
RESULTS_USAGE(minflt)
RESULTS_USAGE(nvcsw)
RESULTS_USAGE(nivcsw)

static double
results_ops(const struct run *run)
{
	return run->ops_per_s;
}

static struct stats
results_reduce(const struct run *const *runs, size_t n, double *values,
	double (*value)(const struct run *))
{
	for (size_t i = 0; i < n; i++)
		values[i] = value(runs[i]);
	return stats_of(values, n);
}

struct summary
results_summary(
	const struct results *r, const struct workload *w, int threads, const struct allocator *a)
{
	const struct run **good = text_alloc(r->n, sizeof(*good));
	double *values = text_alloc(r->n, sizeof(*values));
	struct summary s = {0};
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct run *run = &r->runs[i];

		if (!results_in_cell(run, w, threads) || run->allocator != a)
			continue;
		if (results_is_failure(run)) {
			s.failed++;
			s.failure = s.failure != NULL ? s.failure : run;
		} else if (run->status == RUN_OK && run->round > 0) {
			good[n++] = run;
		}
	}
	s.time = results_reduce(good, n, values, workload_time);
	s.rss_kb = results_reduce(good, n, values, results_rss_kb);
	s.user_s = results_reduce(good, n, values, results_user_s);
	s.sys_s = results_reduce(good, n, values, results_sys_s);
	s.ops_per_s = results_reduce(good, n, values, results_ops);
	s.minflt = results_reduce(good, n, values, results_minflt);
	s.nvcsw = results_reduce(good, n, values, results_nvcsw);
	s.nivcsw = results_reduce(good, n, values, results_nivcsw);
	free(values);
	free(good);
	return s;
}

size_t
results_failed(const struct results *r)
{
	size_t failed = 0;

	for (size_t i = 0; i < r->n; i++)
		failed += results_is_failure(&r->runs[i]);
	return failed;
}
