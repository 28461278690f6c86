/* SPDX-License-Identifier: MIT
 * stress/sweep/report.c - results.csv, summary.csv and the table. */
#include "stress/sweep/report.h"
#include "stress/sweep/document.h"
#include "stress/sweep/html.h"
#include "stress/sweep/markdown.h"
#include "stress/sweep/study.h"
#include "stress/sweep/text.h"
#include "stress/sweep/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_WIDTH = 47, CELL_WIDTH = 18 };

/* --- CSV ------------------------------------------------------------------------------------- */

/* The machines' environments as comment lines. */
static void
report_environment(FILE *out, const struct study *s)
{
	for (size_t i = 0; i < s->nmachines; i++) {
		const char *key;
		json_t *value;

		fprintf(out, "# machine: %s\n", study_machine_name(s, i));
		json_object_foreach(json_object_get(s->machines[i], "environment"), key, value)
		{
			fprintf(out, "# %s: ", key);
			text_one_line(out, json_string_value(value));
			putc('\n', out);
		}
	}
	fprintf(out, "# base: %s\n", s->allocators[s->base].name);
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
report_field(FILE *out, const json_t *value)
{
	putc(',', out);
	if (json_is_string(value))
		text_csv_put(out, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_number(value))
		fprintf(out, "%.6g", json_number_value(value));
}

static void
report_runs(FILE *out, const struct study *s)
{
	static const char *const columns[] = {"workload", "threads", "allocator", "round", "status",
		"time", "ops_per_s", "wall_s", "user_s", "sys_s", "rss_kb", "minflt", "majflt",
		"nvcsw", "nivcsw", "exit", "signal", "checksum", "result", "detail"};
	json_t *run;
	size_t i, ncolumns = sizeof(columns) / sizeof(columns[0]);

	fputs("machine", out);
	for (size_t k = 0; k < ncolumns; k++)
		fprintf(out, ",%s", columns[k]);
	putc('\n', out);
	json_array_foreach(json_object_get(s->document, "runs"), i, run)
	{
		text_csv_put(out, study_machine_name(s, (size_t)json_integer_value(
								json_object_get(run, "machine"))));
		for (size_t k = 0; k < ncolumns; k++)
			report_field(out, json_object_get(run, columns[k]));
		putc('\n', out);
	}
}

static void
report_quantity(
	FILE *out, const struct study_cell *c, size_t a, size_t base, enum study_quantity quantity)
{
	const struct series *series = &c->series[a];
	struct stats stats = study_stats(series, study_key(quantity));
	bool known = stats.n > 0;

	report_number(out, known ? stats.median : NAN);
	report_number(out, known ? series->intervals[quantity].low : NAN);
	report_number(out, known ? series->intervals[quantity].high : NAN);
	report_number(out, known ? stats.min : NAN);
	report_number(out, known ? stats.spread : NAN);
	report_number(out, verdict_ratio(c, a, base, quantity).value);
}

static void
report_summary_row(FILE *out, const struct study *s, const struct study_cell *c, size_t a)
{
	static const char *const others[] = {
		"ops_per_s", "user_s", "sys_s", "minflt", "majflt", "nvcsw", "nivcsw"};
	const struct series *series = &c->series[a];

	/* What an interrupted sweep did not come to has no row. */
	if (series->good + series->failed == 0)
		return;
	text_csv_put(out, study_machine_name(s, c->machine));
	fprintf(out, ",%s,%d,", c->workload, c->threads);
	text_csv_put(out, s->allocators[a].name);
	fprintf(out, ",%zu,%zu,%s", series->good, series->failed, c->unit);
	report_quantity(out, c, a, s->base, STUDY_TIME);
	report_quantity(out, c, a, s->base, STUDY_RSS);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct stats stats = study_stats(series, others[i]);

		report_number(out, stats.n > 0 ? stats.median : NAN);
	}
	fprintf(out, ",%s\n", series->status != NULL ? series->status : "ok");
}

static void
report_summary(FILE *out, const struct study *s)
{
	fputs("machine,workload,threads,allocator,runs,failed,unit,time,time_low,time_high,"
	      "time_min,time_spread,time_ratio,rss_kb,rss_kb_low,rss_kb_high,rss_kb_min,"
	      "rss_kb_spread,rss_ratio,ops_per_s,user_s,sys_s,minflt,majflt,nvcsw,nivcsw,status\n",
		out);
	for (size_t i = 0; i < s->ncells; i++)
		for (size_t a = 0; a < s->nallocators; a++)
			report_summary_row(out, s, &s->cells[i], a);
}

static bool
report_csv(const struct study *s, const char *directory, const char *name,
	void (*body)(FILE *, const struct study *))
{
	FILE *out = document_open(directory, name);

	if (out == NULL)
		return false;
	report_environment(out, s);
	body(out, s);
	return document_close(out, directory, name);
}

bool
report_write_runs(const struct study *s, const char *directory)
{
	return report_csv(s, directory, "results.csv", report_runs);
}

bool
report_write(const struct study *s, const struct comparison *c, const char *directory)
{
	static const char markdown[] = "report.md", html[] = "report.html";
	bool ok = report_write_runs(s, directory) &&
		  report_csv(s, directory, "summary.csv", report_summary);
	FILE *out = ok ? document_open(directory, markdown) : NULL;

	if (out != NULL) {
		markdown_report(out, s, c);
		ok = document_close(out, directory, markdown);
	}
	out = ok ? document_open(directory, html) : NULL;
	if (out != NULL) {
		html_report(out, s, c);
		return document_close(out, directory, html);
	}
	return false;
}

/* --- the table ------------------------------------------------------------------------------- */

static void
report_label(FILE *out, const struct study *s, const struct study_cell *c)
{
	char time[32] = "-", rss[32] = "-";
	struct stats of_time = study_stats(&c->series[s->base], "time");
	struct stats of_rss = study_stats(&c->series[s->base], "rss_kb");
	char *label = study_cell_label(s, c);

	if (of_time.n > 0) {
		snprintf(time, sizeof(time), "%.4g %s", of_time.median, c->unit);
		snprintf(rss, sizeof(rss), "%.1f MB", of_rss.median / 1024);
	}
	fprintf(out, "%-20.20s %13s %11s |", label, time, rss);
	free(label);
}

static void
report_cell(FILE *out, const struct study *s, const struct study_cell *c, size_t a)
{
	const struct series *series = &c->series[a];
	double time = verdict_ratio(c, a, s->base, STUDY_TIME).value;
	double rss = verdict_ratio(c, a, s->base, STUDY_RSS).value;
	char text[CELL_WIDTH];

	if (series->status != NULL)
		snprintf(text, sizeof(text), "%s", series->status);
	else if (isnan(time) || isnan(rss))
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%5.2f %5.2f %3.0f%%", time, rss,
			study_stats(series, "time").spread * 100);
	fprintf(out, " %*s", CELL_WIDTH - 1, text);
}

static void
report_means(FILE *out, const struct study *s, size_t first, size_t last)
{
	for (int g = 0; g < STUDY_GROUPS; g++) {
		fprintf(out, "%-46s |", study_group_name(g));
		for (size_t a = first; a < last; a++) {
			struct ratio time =
				verdict_mean(s, a, s->base, STUDY_TIME, g, VERDICT_ANY_MACHINE);
			struct ratio rss =
				verdict_mean(s, a, s->base, STUDY_RSS, g, VERDICT_ANY_MACHINE);
			char text[CELL_WIDTH] = "-";

			if (time.cells > 0)
				snprintf(text, sizeof(text), "%5.2f %5.2f     ", time.value,
					rss.value);
			fprintf(out, " %*s", CELL_WIDTH - 1, text);
		}
		putc('\n', out);
	}
}

static void
report_block(FILE *out, const struct study *s, size_t first, size_t last)
{
	char base[32];

	snprintf(base, sizeof(base), "%.20s is", s->allocators[s->base].name);
	fprintf(out, "\n%-*s|", LABEL_WIDTH, "");
	for (size_t a = first; a < last; a++)
		fprintf(out, " %*.*s", CELL_WIDTH - 1, CELL_WIDTH - 1, s->allocators[a].name);
	fprintf(out, "\n%-20s %25s |", "workload x threads", base);
	for (size_t a = first; a < last; a++)
		fprintf(out, " %*s", CELL_WIDTH - 1, " time   RSS   +-");
	putc('\n', out);
	for (size_t i = 0; i < s->ncells; i++) {
		report_label(out, s, &s->cells[i]);
		for (size_t a = first; a < last; a++)
			report_cell(out, s, &s->cells[i], a);
		putc('\n', out);
	}
	fputs("geometric means\n", out);
	report_means(out, s, first, last);
}

static void
report_failures(FILE *out, const struct study *s)
{
	for (size_t i = 0; i < s->ncells; i++) {
		for (size_t a = 0; a < s->nallocators; a++) {
			const struct series *series = &s->cells[i].series[a];

			if (series->failed == 0)
				continue;
			char *label = study_cell_label(s, &s->cells[i]);

			fprintf(out, "failed: %s, %s: %s (%zu): ", label, s->allocators[a].name,
				series->status, series->failed);
			text_one_line(out, series->detail);
			putc('\n', out);
			free(label);
		}
	}
}

void
report_table(FILE *out, const struct study *s, int width)
{
	int fit = (width - LABEL_WIDTH - 1) / CELL_WIDTH;
	size_t step = fit > 1 ? (size_t)fit : 1;

	fprintf(out,
		"\nTime and peak RSS relative to %s (below 1: faster, leaner), medians; +- is the\n"
		"spread of the time, (max - min) / median.\n",
		s->allocators[s->base].name);
	for (size_t a = 0; a < s->nallocators; a += step)
		report_block(out, s, a, a + step < s->nallocators ? a + step : s->nallocators);
	putc('\n', out);
	report_failures(out, s);
}
