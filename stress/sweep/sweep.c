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

/* Roughly what a proof takes, and what a run takes beside the program. */
#define PROOF_S 0.2
#define LAUNCH_S 0.02

/* The time limit of a run where none was asked for, from the expected time. */
#define LIMIT_S 10
#define LIMIT_FACTOR 10
/* The budget of an allocator in a cell, from the expected time of all runs there. */
#define BUDGET_S 8
#define BUDGET_FACTOR 2

enum { LEAST_RUNS = 2 };

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

/* A full sweep of a workload that runs only a few times has no warm-up of it. */
static bool
sweep_is_short(const struct plan *plan, const struct workload *w)
{
	return !plan->quick && w->full_runs > 0 && w->full_runs < plan->runs;
}

static int
sweep_first_round(const struct plan *plan, const struct workload *w)
{
	return plan->quick || sweep_is_short(plan, w) ? 1 : 0;
}

static int
sweep_last_round(const struct plan *plan, const struct workload *w)
{
	return sweep_is_short(plan, w) ? w->full_runs : plan->runs;
}

/* How long the runs of an allocator in a cell may take together. The usual time is that of the
 * usual allocator: what is slow by nature gets no longer, but fewer runs. */
static double
sweep_budget_s(const struct plan *plan, const struct workload *w)
{
	static const struct allocator usual = {.name = ""};
	int rounds = sweep_last_round(plan, w) + 1 - sweep_first_round(plan, w);

	return BUDGET_S + BUDGET_FACTOR * rounds * workload_expected_s(w, &usual, 1, plan->quick);
}

static double
sweep_limit_s(const struct plan *plan, const struct workload *w, const struct allocator *a)
{
	if (plan->limit_s > 0)
		return plan->limit_s;
	return LIMIT_S + LIMIT_FACTOR * workload_expected_s(w, a, 1, plan->quick);
}

/* Whether an allocator has spent its budget in a cell, and has the runs that an interval needs. */
static bool
sweep_is_spent(const struct plan *plan, const struct results *r, const struct workload *w,
	int threads, const struct allocator *a)
{
	double spent_s = 0;
	int counted = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct run *run = &r->runs[i];

		if (run->workload != w || run->threads != threads || run->allocator != a ||
			run->status == RUN_INTERRUPTED)
			continue;
		spent_s += run->usage.wall_s;
		counted += run->round > 0;
	}
	return counted >= LEAST_RUNS && spent_s > sweep_budget_s(plan, w);
}

/* Whether a run is still to be done. Waiting for the limit again in each round would cost the most
 * and tell nothing new, so that an allocator sits out the rest of a cell after a time-out. */
static bool
sweep_is_due(const struct plan *plan, const struct results *r, const struct workload *w,
	int threads, const struct allocator *a, int round)
{
	return results_find(r, w, threads, a, ROUND_PROOF) == NULL &&
	       !results_has(r, w, threads, a, RUN_TIMEOUT) &&
	       results_find(r, w, threads, a, round) == NULL &&
	       !sweep_is_spent(plan, r, w, threads, a);
}

/* What is still to be done of something: the number of runs, and roughly how long they take. */
struct due {
	int runs;
	double expected_s;
};

/* Of an allocator in a cell: what its budget will cut off does not count. */
static struct due
sweep_due_of_allocator(const struct plan *plan, const struct results *r, const struct workload *w,
	int threads, const struct allocator *a)
{
	double run_s = workload_expected_s(w, a, threads, plan->quick), spent_s = 0;
	double budget_s = sweep_budget_s(plan, w);
	struct due due = {0};

	for (int round = sweep_first_round(plan, w); round <= sweep_last_round(plan, w); round++) {
		if (round > LEAST_RUNS && spent_s > budget_s)
			break;
		spent_s += run_s;
		if (!sweep_is_due(plan, r, w, threads, a, round))
			continue;
		due.runs++;
		due.expected_s += run_s + LAUNCH_S;
	}
	return due;
}

static struct due
sweep_due(const struct plan *plan, const struct results *r, const struct workload *w, int threads)
{
	struct due due = {0};

	for (size_t i = 0; i < plan->allocators.n; i++) {
		struct due one =
			sweep_due_of_allocator(plan, r, w, threads, &plan->allocators.items[i]);

		due.runs += one.runs;
		due.expected_s += one.expected_s;
	}
	return due;
}

static struct due
sweep_due_of_workload(const struct plan *plan, const struct results *r, const struct workload *w)
{
	struct due due = {0};

	for (size_t i = 0; i < plan_cells(plan, w); i++) {
		struct due one = sweep_due(plan, r, w, plan_threads(plan, w, i));

		due.runs += one.runs;
		due.expected_s += one.expected_s;
	}
	if (due.runs > 0)
		due.expected_s += (double)plan->allocators.n * PROOF_S;
	return due;
}

double
sweep_expected_s(const struct plan *plan, const struct results *results, int *runs)
{
	double expected_s = 0;

	*runs = 0;
	for (const struct workload *const *w = plan->workloads; *w != NULL; w++) {
		struct due due = sweep_due_of_workload(plan, results, *w);

		expected_s += due.expected_s;
		*runs += due.runs;
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
		.limit_s = sweep_limit_s(plan, w, a)};
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

		if (!sweep_is_due(plan, results, w, threads, a, round))
			continue;
		char *what = text_format("%s x%d %s", w->name, threads, a->name);

		progress_show(p, what);
		free(what);
		run_execute(&job, &run);
		results_add(results, &run);
		if (run.status != RUN_OK && run.status != RUN_INTERRUPTED)
			progress_line(p, false, "%s, %d threads, under %s: %s: %s", w->name,
				threads, a->name, run_status_name(run.status), run.detail);
		else if (round < sweep_last_round(plan, w) &&
			 sweep_is_spent(plan, results, w, threads, a))
			progress_line(p, false,
				"%s, %d threads: %s is slow; %d runs of it are enough", w->name,
				threads, a->name, round);
		progress_done(p, workload_expected_s(w, a, threads, plan->quick) + LAUNCH_S);
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
	struct due due = sweep_due(plan, results, w, threads);
	double end_s = p->done_s + due.expected_s;

	if (due.runs == 0)
		return true;
	progress_line(p, true, "%s, threads: %d", w->name, threads);
	for (size_t i = 0; i < plan->allocators.n; i++) {
		const struct run *proof = &proofs[i];

		if (proof->allocator == NULL || proof->status == RUN_OK ||
			proof->status == RUN_INTERRUPTED)
			continue;
		results_add(results, proof)->threads = threads;
	}
	for (int round = sweep_first_round(plan, w); round <= sweep_last_round(plan, w); round++)
		sweep_round(plan, w, threads, round, results, p);
	/* Runs that were not done after all, or more than were expected, count as what they were.
	 */
	p->done_s = end_s;
	results_compare_checksums(results, w, threads, plan->base);
	return sweep_save(plan, results);
}

bool
sweep_run(const struct plan *plan, struct results *results)
{
	struct progress p;
	bool ok = true;
	int runs;

	progress_start(&p, sweep_expected_s(plan, results, &runs));
	for (const struct workload *const *w = plan->workloads; ok && *w != NULL; w++) {
		if (sweep_due_of_workload(plan, results, *w).runs == 0)
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
