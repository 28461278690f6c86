/* SPDX-License-Identifier: MIT
 * stress/sweep/report.c - results.csv, summary.csv and the table. */
#include "stress/sweep/report.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LABEL_WIDTH = 41, CELL_WIDTH = 18 };

/* One cell of the sweep under one allocator, with what it is compared to. */
struct entry {
	const struct workload *workload;
	int threads;
	const struct allocator *allocator;
	struct summary own, base;
};

typedef void report_entry_fn(FILE *out, const struct entry *e);

static struct entry
report_entry(const struct plan *plan, const struct results *r, const struct workload *w,
	int threads, const struct allocator *a)
{
	return (struct entry){.workload = w,
		.threads = threads,
		.allocator = a,
		.own = results_summary(r, w, threads, a),
		.base = results_summary(r, w, threads, plan->base)};
}

/* Calls `each` for every cell under every allocator. */
static void
report_each(FILE *out, const struct plan *plan, const struct results *r, report_entry_fn *each)
{
	for (const struct workload *const *w = plan->workloads; *w != NULL; w++) {
		for (size_t i = 0; i < plan_cells(plan, *w); i++) {
			for (size_t k = 0; k < plan->allocators.n; k++) {
				struct entry e = report_entry(plan, r, *w,
					plan_threads(plan, *w, i), &plan->allocators.items[k]);

				each(out, &e);
			}
		}
	}
}

/* A number as CSV: empty where it is not known. */
static void
report_number(FILE *out, double value)
{
	putc(',', out);
	if (isfinite(value))
		fprintf(out, "%.6g", value);
}

static void
report_runs(FILE *out, const struct plan *plan, const struct results *r)
{
	(void)plan;
	fputs("workload,threads,allocator,round,status,time,unit,ops_per_s,wall_s,user_s,sys_s,"
	      "rss_kb,minflt,majflt,nvcsw,nivcsw,exit,signal,checksum,result,detail\n",
		out);
	for (size_t i = 0; i < r->n; i++) {
		const struct run *run = &r->runs[i];
		const struct usage *u = &run->usage;
		const double usage[] = {u->wall_s, u->user_s, u->sys_s, u->rss_kb, u->minflt,
			u->majflt, u->nvcsw, u->nivcsw};
		bool measured = run->ops_per_s > 0;

		fprintf(out, "%s,%d,", run->workload->name, run->threads);
		text_csv_put(out, run->allocator->name);
		fprintf(out, ",%d,%s", run->round, run_status_name(run->status));
		report_number(out, measured ? workload_time(run) : NAN);
		fprintf(out, ",%s", workload_unit(run->workload));
		report_number(out, measured ? run->ops_per_s : NAN);
		for (size_t k = 0; k < sizeof(usage) / sizeof(usage[0]); k++)
			report_number(out, usage[k]);
		fprintf(out, ",%d,%d,", u->exit_code, u->signal);
		text_csv_put(out, run->checksum);
		putc(',', out);
		text_csv_put(out, run->result);
		putc(',', out);
		text_csv_put(out, run->detail);
		putc('\n', out);
	}
}

static void
report_stats(FILE *out, const struct stats *s)
{
	report_number(out, s->n > 0 ? s->median : NAN);
	report_number(out, s->n > 0 ? s->min : NAN);
	report_number(out, s->n > 0 ? s->spread : NAN);
}

static void
report_median(FILE *out, const struct stats *s)
{
	report_number(out, s->n > 0 ? s->median : NAN);
}

static void
report_summary_row(FILE *out, const struct entry *e)
{
	const struct summary *s = &e->own;

	/* What an interrupted sweep did not come to has no row. */
	if (s->time.n + s->failed == 0)
		return;
	fprintf(out, "%s,%d,", e->workload->name, e->threads);
	text_csv_put(out, e->allocator->name);
	fprintf(out, ",%zu,%zu,%s", s->time.n, s->failed, workload_unit(e->workload));
	report_stats(out, &s->time);
	report_number(out, stats_ratio(s->time.median, e->base.time.median));
	report_stats(out, &s->rss_kb);
	report_number(out, stats_ratio(s->rss_kb.median, e->base.rss_kb.median));
	report_median(out, &s->ops_per_s);
	report_median(out, &s->user_s);
	report_median(out, &s->sys_s);
	report_median(out, &s->minflt);
	report_median(out, &s->nvcsw);
	report_median(out, &s->nivcsw);
	fprintf(out, ",%s\n", s->failure != NULL ? run_status_name(s->failure->status) : "ok");
}

static void
report_summary(FILE *out, const struct plan *plan, const struct results *r)
{
	fprintf(out, "# base: %s\n", plan->base->name);
	fputs("workload,threads,allocator,runs,failed,unit,time,time_min,time_spread,time_ratio,"
	      "rss_kb,rss_kb_min,rss_kb_spread,rss_ratio,ops_per_s,user_s,sys_s,minflt,nvcsw,"
	      "nivcsw,status\n",
		out);
	report_each(out, plan, r, report_summary_row);
}

/* Writes one file aside and renames it, so that a reader never sees half of it. */
static bool
report_file(const struct plan *plan, const struct results *r, const char *name,
	void (*write_body)(FILE *, const struct plan *, const struct results *))
{
	char *path = text_format("%s/%s", plan->directory, name);
	char *aside = text_format("%s.new", path);
	FILE *out = fopen(aside, "we");
	bool ok = out != NULL;

	if (ok) {
		fprintf(out, "%s# runs: %d%s\n", plan->environment, plan->runs,
			plan->quick ? ", quick" : "");
		write_body(out, plan, r);
		ok = !ferror(out);
		ok = fclose(out) == 0 && ok && rename(aside, path) == 0;
	}
	if (!ok)
		fprintf(stderr, "hakmem-sweep: cannot write %s: %s\n", path, strerror(errno));
	free(aside);
	free(path);
	return ok;
}

bool
report_write(const struct plan *plan, const struct results *r)
{
	return report_file(plan, r, "results.csv", report_runs) &&
	       report_file(plan, r, "summary.csv", report_summary);
}

static void
report_label(FILE *out, const struct entry *e)
{
	char time[32] = "-", rss[32] = "-";

	if (e->base.time.n > 0) {
		snprintf(time, sizeof(time), "%.4g %s", e->base.time.median,
			workload_unit(e->workload));
		snprintf(rss, sizeof(rss), "%.1f MB", e->base.rss_kb.median / 1024);
	}
	fprintf(out, "%-11.11s %2d %13s %11s |", e->workload->name, e->threads, time, rss);
}

static void
report_cell(FILE *out, const struct entry *e)
{
	double time = stats_ratio(e->own.time.median, e->base.time.median);
	double rss = stats_ratio(e->own.rss_kb.median, e->base.rss_kb.median);
	char text[CELL_WIDTH];

	if (e->own.failure != NULL)
		snprintf(text, sizeof(text), "%s", run_status_name(e->own.failure->status));
	else if (isnan(time) || isnan(rss))
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%5.2f %5.2f %3.0f%%", time, rss,
			e->own.time.spread * 100);
	fprintf(out, " %*s", CELL_WIDTH - 1, text);
}

static void
report_head(FILE *out, const struct plan *plan, size_t first, size_t last)
{
	char base[32];

	snprintf(base, sizeof(base), "%.20s is", plan->base->name);
	fprintf(out, "\n%-*s|", LABEL_WIDTH, "");
	for (size_t k = first; k < last; k++)
		fprintf(out, " %*.*s", CELL_WIDTH - 1, CELL_WIDTH - 1,
			plan->allocators.items[k].name);
	fprintf(out, "\n%-11s %2s %25s |", "workload", "T", base);
	for (size_t k = first; k < last; k++)
		fprintf(out, " %*s", CELL_WIDTH - 1, " time   RSS   +-");
	putc('\n', out);
}

static void
report_block(FILE *out, const struct plan *plan, const struct results *r, size_t first, size_t last)
{
	report_head(out, plan, first, last);
	for (const struct workload *const *w = plan->workloads; *w != NULL; w++) {
		for (size_t i = 0; i < plan_cells(plan, *w); i++) {
			for (size_t k = first; k < last; k++) {
				struct entry e = report_entry(plan, r, *w,
					plan_threads(plan, *w, i), &plan->allocators.items[k]);

				if (k == first)
					report_label(out, &e);
				report_cell(out, &e);
			}
			putc('\n', out);
		}
	}
}

static void
report_failure(FILE *out, const struct entry *e)
{
	const struct run *failure = e->own.failure;

	if (failure == NULL)
		return;
	fprintf(out, "  %s, %d threads, %s: %s (%zu): ", e->workload->name, e->threads,
		e->allocator->name, run_status_name(failure->status), e->own.failed);
	text_one_line(out, failure->detail);
	putc('\n', out);
}

void
report_table(FILE *out, const struct plan *plan, const struct results *r, int width)
{
	int fit = (width - LABEL_WIDTH - 1) / CELL_WIDTH;
	size_t step = fit > 1 ? (size_t)fit : 1;

	fprintf(out,
		"\nTime and peak RSS relative to %s (below 1: faster, leaner), medians of %d "
		"runs;\n"
		"+- is the spread of the time, (max - min) / median. T: threads.\n",
		plan->base->name, plan->runs);
	for (size_t k = 0; k < plan->allocators.n; k += step)
		report_block(out, plan, r, k,
			k + step < plan->allocators.n ? k + step : plan->allocators.n);
	if (results_failed(r) > 0)
		fprintf(out, "\n%zu runs failed:\n", results_failed(r));
	report_each(out, plan, r, report_failure);
}
