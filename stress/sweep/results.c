/* SPDX-License-Identifier: MIT
 * stress/sweep/results.c - keeps, finds and compares the runs. */
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

const struct run *
results_find(const struct results *r, const struct workload *w, int threads,
	const struct allocator *a, int round)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct run *run = &r->runs[i];

		if (results_in_cell(run, w, threads) && run->allocator == a &&
			run->round == round && run->status != RUN_INTERRUPTED)
			return run;
	}
	return NULL;
}

bool
results_has(const struct results *r, const struct workload *w, int threads,
	const struct allocator *a, enum run_status status)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct run *run = &r->runs[i];

		if (results_in_cell(run, w, threads) && run->allocator == a &&
			run->status == status)
			return true;
	}
	return false;
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

size_t
results_failed(const struct results *r)
{
	size_t failed = 0;

	for (size_t i = 0; i < r->n; i++)
		failed += results_is_failure(&r->runs[i]);
	return failed;
}
