/* SPDX-License-Identifier: MIT
 * stress/sweep/html.c - the page around the sections, with what is said in words. Closing tags that
 * HTML lets one leave out are left out, for the size's sake. */
#include "stress/sweep/html.h"
#include "stress/sweep/compare.h"
#include "stress/sweep/findings.h"
#include "stress/sweep/html_parts.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>

enum { EXTREMES = 5 };

static void
html_list(FILE *out, struct findings f, const char *none)
{
	fputs("<ul>", out);
	for (size_t i = 0; i < f.n; i++) {
		fputs("<li>", out);
		html_text(out, f.lines[i]);
		putc('\n', out);
	}
	if (f.n == 0)
		fprintf(out, "<li>%s\n", none);
	fputs("</ul>\n", out);
	findings_free(&f);
}

/* The column's best value gets a mark of its own. */
static void
html_mean_column(const struct study *s, enum study_quantity quantity, enum study_group group,
	int machine, struct ratio *column)
{
	for (size_t a = 0; a < s->nallocators; a++)
		column[a] = verdict_mean(s, a, s->base, quantity, group, machine);
}

static size_t
html_best(const struct study *s, const struct ratio *column)
{
	size_t best = s->nallocators;

	for (size_t a = 0; a < s->nallocators; a++)
		if (column[a].cells > 0 &&
			(best == s->nallocators || column[a].value < column[best].value))
			best = a;
	return best;
}

enum { NCOLUMNS = STUDY_GROUPS * STUDY_QUANTITIES };

static void
html_means_row(FILE *out, const struct study *s, size_t a, struct ratio *const *columns,
	const size_t *best)
{
	fputs("<tr><th>", out);
	html_text(out, s->allocators[a].name);
	for (int i = 0; i < NCOLUMNS; i++) {
		fputs(best[i] == a ? "<td><span class=best>" : "<td>", out);
		html_ratio(out, columns[i][a]);
		fputs(best[i] == a ? "</span>" : "", out);
	}
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		struct wins w = verdict_wins(s, a, q);

		fprintf(out, "<td>%zu (%zu)", w.best, w.clear);
	}
	putc('\n', out);
}

/* Allocators by groups, time and RSS; the wins are over all machines. */
static void
html_means(FILE *out, const struct study *s, int machine)
{
	static const char *const short_names[] = {"all", "single", "multi", "apps"};
	struct ratio *columns[NCOLUMNS];
	size_t best[NCOLUMNS];

	fprintf(out,
		"<div class=s><table><thead><tr><th><th colspan=%d>Time<th colspan=%d>Peak RSS"
		"<th colspan=2>Cells<tr><th>",
		STUDY_GROUPS, STUDY_GROUPS);
	for (int i = 0; i < NCOLUMNS; i++) {
		columns[i] = text_alloc(s->nallocators, sizeof(**columns));
		html_mean_column(s, i / STUDY_GROUPS, i % STUDY_GROUPS, machine, columns[i]);
		best[i] = html_best(s, columns[i]);
		fprintf(out, "<th>%s", short_names[i % STUDY_GROUPS]);
	}
	fputs("<th>fastest<th>leanest</thead><tbody>\n", out);
	for (size_t a = 0; a < s->nallocators; a++)
		html_means_row(out, s, a, columns, best);
	fputs("</tbody></table></div>\n", out);
	for (int i = 0; i < NCOLUMNS; i++)
		free(columns[i]);
}

static void
html_summary(FILE *out, const struct study *s)
{
	fputs("<div class=lead>", out);
	html_list(out, findings_summary(s), "");
	fputs("</div>\n<p class=m>Geometric means of the ratios to ", out);
	html_text(out, s->allocators[s->base].name);
	fputs(", over all cells, those of one thread, of several, and of applications; below 1 "
	      "is better, the best of a column is underlined. The last two columns count cells "
	      "won, and in brackets those won beyond noise.</p>\n",
		out);
	html_means(out, s, VERDICT_ANY_MACHINE);
	for (size_t i = 0; s->nmachines > 1 && i < s->nmachines; i++) {
		fputs("<h3>On ", out);
		html_text(out, study_machine_name(s, i));
		fputs("</h3>\n", out);
		html_means(out, s, (int)i);
	}
}

static void
html_comparison(FILE *out, const struct comparison *c)
{
	static const enum change_kind kinds[] = {CHANGE_BROKEN, CHANGE_WORSE, CHANGE_BETTER};
	static const char *const titles[] = {"Newly failed", "Regressions", "Improvements"};

	fprintf(out, "<h2 id=since>Since the older results</h2>\n<p>%zu figures were compared.</p>",
		c->n);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		fprintf(out, "<h3>%s: %zu</h3><ul>\n", titles[k], compare_count(c, kinds[k]));
		for (size_t i = 0; i < c->n; i++) {
			if (c->changes[i].kind != kinds[k])
				continue;
			char *words = compare_words(c, &c->changes[i]);

			fputs("<li>", out);
			html_text(out, words);
			putc('\n', out);
			free(words);
		}
		fputs("</ul>\n", out);
	}
}

static void
html_extremes(FILE *out, const struct study *s)
{
	size_t variant = verdict_focus(s);

	if (variant == s->nallocators)
		return;
	fputs("<h2 id=strengths>Strengths and weaknesses of ", out);
	html_text(out, s->allocators[variant].name);
	fputs("</h2>\n<p class=m>Beside the best peer of each cell; what else differs in the cell "
	      "is "
	      "where to look for the cause.</p>\n<div class=two>\n",
		out);
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		const char *name = q == STUDY_TIME ? "Time" : "Peak RSS";

		fprintf(out, "<div><h3>%s, the three worst workloads</h3>\n", name);
		html_list(out, findings_worst(s, variant, q), "nowhere behind every peer");
		fputs("<h3>Weakest cells</h3>\n", out);
		html_list(out, findings_extremes(s, variant, q, true, EXTREMES),
			"nowhere behind every peer");
		fprintf(out, "</div><div><h3>%s, strongest cells</h3>\n", name);
		html_list(out, findings_extremes(s, variant, q, false, EXTREMES),
			"nowhere ahead of every peer");
		fputs("</div>\n", out);
	}
	fputs("</div>\n", out);
}

static void
html_failures(FILE *out, const struct study *s)
{
	bool any = false;

	for (size_t i = 0; i < s->ncells; i++) {
		for (size_t a = 0; a < s->nallocators; a++) {
			const struct series *series = &s->cells[i].series[a];

			if (series->failed == 0)
				continue;
			fputs(any ? "" : "<h2 id=failed>What failed</h2>\n<ul>\n", out);
			any = true;
			char *label = study_cell_label(s, &s->cells[i]);

			fputs("<li>", out);
			html_text(out, label);
			fprintf(out, " under %s: %s (%zu runs): ", s->allocators[a].name,
				series->status, series->failed);
			html_text(out, series->detail);
			putc('\n', out);
			free(label);
		}
	}
	fputs(any ? "</ul>\n" : "", out);
}

static void
html_environment(FILE *out, const struct study *s)
{
	fputs("<h2 id=environment>Environment</h2>\n", out);
	for (size_t i = 0; i < s->nmachines; i++) {
		fputs("<h3>", out);
		html_text(out, study_machine_name(s, i));
		fputs("</h3>\n", out);
		html_list(out, findings_environment(s, i), "not known");
	}
}

/* "commit, CPU, date" of the first machine, and how many there are. */
static void
html_subtitle(FILE *out, const struct study *s)
{
	static const char *const keys[] = {"hakmem", "commit", "cpu", "cpus", "date"};
	static const char *const before[] = {"hakmem ", "commit ", "", "processors: ", ""};
	bool any = false;

	fputs("<p class=m>", out);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = study_environment(s, 0, keys[i]);

		if (value == NULL)
			continue;
		fprintf(out, "%s%s", any ? " &middot; " : "", before[i]);
		html_text(out, value);
		any = true;
	}
	if (s->nmachines > 1)
		fprintf(out, " &middot; and %zu more machines", s->nmachines - 1);
	fputs("</p>\n", out);
}

void
html_report(FILE *out, const struct study *s, const struct comparison *c)
{
	fputs("<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
	      "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
	      "<title>Allocators compared</title>\n<style>",
		out);
	fputs(html_style, out);
	fputs("</style></head><body>\n<h1>Allocators compared</h1>\n", out);
	html_subtitle(out, s);
	html_summary(out, s);
	if (c != NULL)
		html_comparison(out, c);
	html_heat(out, s);
	html_bars(out, s);
	html_curves(out, s);
	html_extremes(out, s);
	html_latencies(out, s);
	html_failures(out, s);
	html_tables(out, s);
	html_environment(out, s);
	fputs("</body></html>\n", out);
}
