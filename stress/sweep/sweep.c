/* SPDX-License-Identifier: MIT
 * stress/sweep/sweep.c - proofs, warm-ups and rounds. */
#include "stress/sweep/sweep.h"
#include "stress/sweep/progress.h"
#include "stress/sweep/report.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdlib.h>

size_t
plan_cells(const struct plan *plan, const struct workload *w)
{
	return w->threaded ? plan->nthreads : 1;
}

int
plan_threads(const struct plan *plan, const struct workload *w, size_t i)
{
	return w->threaded ? plan->threads[i] : 1;
}

static double
sweep_expected_s(const struct plan *plan, const struct workload *w)
{
	return plan->quick ? w->quick_s : w->full_s;
}

static struct job
sweep_job(const struct plan *plan, const struct workload *w, const struct allocator *a, int threads)
{
	return (struct job){.places = plan->places,
		.allocator = a,
		.workload = w,
		.threads = threads,
		.quick = plan->quick,
		.limit_s = plan->limit_s};
}

/* Proves each allocator once under the workload; proofs[i].status tells. */
static void
sweep_prove(
	const struct plan *plan, const struct workload *w, struct run *proofs, struct progress *p)
{
	size_t proved = 0;
	char *names = text_format("%s", "");

	for (size_t i = 0; i < plan->allocators.n && !launch_interrupted(); i++) {
		const struct allocator *a = &plan->allocators.items[i];
		struct job job = sweep_job(plan, w, a, 1);
		char *what = text_format("%s: proof %s", w->name, a->name);

		progress_show(p, what);
		free(what);
		job.proof = true;
		run_execute(&job, &proofs[i]);
		if (proofs[i].status == RUN_OK) {
			char *longer = text_format("%s %s", names, a->name);

			free(names);
			names = longer;
			proved++;
		} else {
			progress_line(p, false, "%s under %s: %s: %s", w->name, a->name,
				run_status_name(proofs[i].status), proofs[i].detail);
		}
	}
	if (proved > 0)
		progress_line(
			p, false, "proved: malloc and free of %s are served by%s", w->name, names);
	free(names);
}

/* One round of one cell; a pair that failed its proof or timed out sits out. */
static void
sweep_round(const struct plan *plan, const struct workload *w, int threads, int round, bool *out,
	struct results *results, struct progress *p)
{
	for (size_t i = 0; i < plan->allocators.n; i++) {
		const struct allocator *a = &plan->allocators.items[i];
		struct job job = sweep_job(plan, w, a, threads);
		struct run run = {.round = round};

		if (!out[i] && !launch_interrupted()) {
			char *what = text_format("%s x%d %s", w->name, threads, a->name);

			progress_show(p, what);
			free(what);
			run_execute(&job, &run);
			results_add(results, &run);
			/* Waiting for the limit again in each round would cost the most and
			 * tell nothing new. */
			out[i] = run.status == RUN_TIMEOUT;
			if (run.status != RUN_OK)
				progress_line(p, false, "%s, %d threads, under %s: %s: %s", w->name,
					threads, a->name, run_status_name(run.status), run.detail);
		}
		progress_done(p, sweep_expected_s(plan, w));
	}
}

static bool
sweep_cell(const struct plan *plan, const struct workload *w, int threads, const struct run *proofs,
	struct results *results, struct progress *p)
{
	bool *out = text_alloc(plan->allocators.n, sizeof(*out));

	progress_line(p, true, "%s, threads: %d", w->name, threads);
	for (size_t i = 0; i < plan->allocators.n; i++) {
		out[i] = proofs[i].status != RUN_OK;
		if (out[i])
			results_add(results, &proofs[i])->threads = threads;
	}
	for (int round = 0; round <= plan->runs && !launch_interrupted(); round++)
		sweep_round(plan, w, threads, round, out, results, p);
	free(out);
	results_compare_checksums(results, w, threads, plan->base);
	return report_write(plan, results);
}

bool
sweep_run(const struct plan *plan, struct results *results)
{
	struct progress p;
	double expected_s = 0;
	bool ok = true;

	for (const struct workload *const *w = plan->workloads; *w != NULL; w++)
		expected_s += (double)plan_cells(plan, *w) * (double)plan->allocators.n *
			      (plan->runs + 1) * sweep_expected_s(plan, *w);
	progress_start(&p, expected_s);
	for (const struct workload *const *w = plan->workloads; ok && *w != NULL; w++) {
		struct run *proofs = text_alloc(plan->allocators.n, sizeof(*proofs));

		sweep_prove(plan, *w, proofs, &p);
		for (size_t i = 0; ok && !launch_interrupted() && i < plan_cells(plan, *w); i++)
			ok = sweep_cell(plan, *w, plan_threads(plan, *w, i), proofs, results, &p);
		ok = ok && !launch_interrupted();
		free(proofs);
	}
	progress_end(&p);
	return ok;
}
