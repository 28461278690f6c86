/* SPDX-License-Identifier: MIT
 * stress/sweep/sweep.c - proofs, warm-ups and rounds. */
#include "stress/sweep/sweep.h"
#include "stress/sweep/progress.h"
#include "stress/sweep/document.h"
#include "stress/sweep/record.h"
#include "stress/sweep/report.h"
#include "stress/sweep/study.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdlib.h>

/* Roughly what a proof takes. */
#define PROOF_S 0.2

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
sweep_run_s(const struct plan *plan, const struct workload *w)
{
	return plan->quick && w->quick != NULL ? w->quick_s : w->full_s;
}

static int
sweep_first_round(const struct plan *plan)
{
	return plan->quick ? 1 : 0;
}

/* Whether a run is still to be done. Waiting for the limit again in each round would cost the most
 * and tell nothing new, so that an allocator sits out the rest of a cell after a time-out. */
static bool
sweep_is_due(const struct results *r, const struct workload *w, int threads,
	const struct allocator *a, int round)
{
	return results_find(r, w, threads, a, ROUND_PROOF) == NULL &&
	       !results_has(r, w, threads, a, RUN_TIMEOUT) &&
	       results_find(r, w, threads, a, round) == NULL;
}

/* The number of runs of a cell that are still to be done. */
static int
sweep_due(const struct plan *plan, const struct results *r, const struct workload *w, int threads)
{
	int due = 0;

	for (size_t i = 0; i < plan->allocators.n; i++)
		for (int round = sweep_first_round(plan); round <= plan->runs; round++)
			due += sweep_is_due(r, w, threads, &plan->allocators.items[i], round);
	return due;
}

static int
sweep_due_of_workload(const struct plan *plan, const struct results *r, const struct workload *w)
{
	int due = 0;

	for (size_t i = 0; i < plan_cells(plan, w); i++)
		due += sweep_due(plan, r, w, plan_threads(plan, w, i));
	return due;
}

double
sweep_expected_s(const struct plan *plan, const struct results *results)
{
	double expected_s = 0;

	for (const struct workload *const *w = plan->workloads; *w != NULL; w++) {
		int due = sweep_due_of_workload(plan, results, *w);

		expected_s += due * sweep_run_s(plan, *w);
		if (due > 0)
			expected_s += (double)plan->allocators.n * PROOF_S;
	}
	return expected_s;
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
		proofs[i].round = ROUND_PROOF;
		run_execute(&job, &proofs[i]);
		if (proofs[i].status == RUN_OK) {
			char *longer = text_format("%s %s", names, a->name);

			free(names);
			names = longer;
			proved++;
		} else if (proofs[i].status != RUN_INTERRUPTED) {
			progress_line(p, false, "%s under %s: %s: %s", w->name, a->name,
				run_status_name(proofs[i].status), proofs[i].detail);
		}
	}
	if (proved > 0)
		progress_line(
			p, false, "proved: malloc and free of %s are served by%s", w->name, names);
	free(names);
}

/* One round of one cell. */
static void
sweep_round(const struct plan *plan, const struct workload *w, int threads, int round,
	struct results *results, struct progress *p)
{
	for (size_t i = 0; i < plan->allocators.n && !launch_interrupted(); i++) {
		const struct allocator *a = &plan->allocators.items[i];
		struct job job = sweep_job(plan, w, a, threads);
		struct run run = {.round = round};

		if (!sweep_is_due(results, w, threads, a, round))
			continue;
		char *what = text_format("%s x%d %s", w->name, threads, a->name);

		progress_show(p, what);
		free(what);
		run_execute(&job, &run);
		results_add(results, &run);
		if (run.status == RUN_TIMEOUT)
			progress_done(p, sweep_run_s(plan, w) * (plan->runs - round));
		if (run.status != RUN_OK && run.status != RUN_INTERRUPTED)
			progress_line(p, false, "%s, %d threads, under %s: %s: %s", w->name,
				threads, a->name, run_status_name(run.status), run.detail);
		progress_done(p, sweep_run_s(plan, w));
	}
}

/* Puts what there is so far into the directory. */
static bool
sweep_save(const struct plan *plan, const struct results *results)
{
	json_t *document = record_sweep(plan, results, false);
	struct study study;
	bool ok = document_write(document, plan->directory) && study_of(document, NULL, &study);

	if (ok) {
		ok = report_write_runs(&study, plan->directory);
		study_free(&study);
	}
	json_decref(document);
	return ok;
}

static bool
sweep_cell(const struct plan *plan, const struct workload *w, int threads, const struct run *proofs,
	struct results *results, struct progress *p)
{
	int due = sweep_due(plan, results, w, threads);

	if (due == 0)
		return true;
	progress_line(p, true, "%s, threads: %d", w->name, threads);
	for (size_t i = 0; i < plan->allocators.n; i++) {
		const struct run *proof = &proofs[i];

		if (proof->allocator == NULL || proof->status == RUN_OK ||
			proof->status == RUN_INTERRUPTED)
			continue;
		results_add(results, proof)->threads = threads;
		progress_done(p, sweep_run_s(plan, w) * (plan->runs + 1 - sweep_first_round(plan)));
	}
	for (int round = sweep_first_round(plan); round <= plan->runs; round++)
		sweep_round(plan, w, threads, round, results, p);
	results_compare_checksums(results, w, threads, plan->base);
	return sweep_save(plan, results);
}

bool
sweep_run(const struct plan *plan, struct results *results)
{
	struct progress p;
	bool ok = true;

	progress_start(&p, sweep_expected_s(plan, results));
	for (const struct workload *const *w = plan->workloads; ok && *w != NULL; w++) {
		if (sweep_due_of_workload(plan, results, *w) == 0)
			continue;
		struct run *proofs = text_alloc(plan->allocators.n, sizeof(*proofs));

		sweep_prove(plan, *w, proofs, &p);
		progress_done(&p, (double)plan->allocators.n * PROOF_S);
		for (size_t i = 0; ok && !launch_interrupted() && i < plan_cells(plan, *w); i++)
			ok = sweep_cell(plan, *w, plan_threads(plan, *w, i), proofs, results, &p);
		ok = ok && !launch_interrupted();
		free(proofs);
	}
	progress_end(&p);
	return ok;
}
