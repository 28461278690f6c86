/* SPDX-License-Identifier: MIT
 * stress/sweep/markdown.c - summary, ratios, strengths and weaknesses, failures, environment. */
#include "stress/sweep/markdown.h"
#include "stress/sweep/compare.h"
#include "stress/sweep/findings.h"
#include "stress/sweep/study.h"
#include "stress/sweep/tables.h"
#include "stress/sweep/text.h"
#include "stress/sweep/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXTREMES = 5 };

/* Text that no table or list of Markdown takes for its own. */
static void
markdown_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("|<>*_`\\", *text) != NULL)
			putc('\\', out);
		putc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
}

static void
markdown_list(FILE *out, struct findings f, const char *none)
{
	for (size_t i = 0; i < f.n; i++) {
		fputs("* ", out);
		markdown_text(out, f.lines[i]);
		putc('\n', out);
	}
	if (f.n == 0 && none != NULL)
		fprintf(out, "* %s\n", none);
	findings_free(&f);
}

static void
markdown_head(FILE *out, const struct study *s, const char *first)
{
	fprintf(out, "\n| %s |", first);
	for (size_t a = 0; a < s->nallocators; a++) {
		putc(' ', out);
		markdown_text(out, s->allocators[a].name);
		fputs(" |", out);
	}
	fputs("\n|---|", out);
	for (size_t a = 0; a < s->nallocators; a++)
		fputs("---:|", out);
	putc('\n', out);
}

static void
markdown_ratio(FILE *out, struct ratio r)
{
	if (isnan(r.value))
		fputs(" - |", out);
	else
		fprintf(out, " %s%.2f |", r.noise ? "~" : "", r.value);
}

static void
markdown_means(FILE *out, const struct study *s, int machine)
{
	static const char *const names[] = {"time", "peak RSS"};

	markdown_head(out, s, "geometric mean");
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		for (int g = 0; g < STUDY_GROUPS; g++) {
			struct ratio base = verdict_mean(s, s->base, s->base, q, g, machine);

			if (base.cells == 0)
				continue;
			fprintf(out, "| %s, %s (%zu) |", names[q], study_group_name(g), base.cells);
			for (size_t a = 0; a < s->nallocators; a++)
				markdown_ratio(out, verdict_mean(s, a, s->base, q, g, machine));
			putc('\n', out);
		}
	}
}

static void
markdown_wins(FILE *out, const struct study *s)
{
	static const char *const names[] = {
		"fastest in cells (beyond noise)", "leanest in cells (beyond noise)"};

	markdown_head(out, s, "wins");
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		fprintf(out, "| %s |", names[q]);
		for (size_t a = 0; a < s->nallocators; a++) {
			struct wins w = verdict_wins(s, a, q);

			fprintf(out, " %zu (%zu) |", w.best, w.clear);
		}
		putc('\n', out);
	}
}

static void
markdown_cells(FILE *out, const struct study *s, enum study_quantity quantity)
{
	markdown_head(out, s, quantity == STUDY_TIME ? "time" : "peak RSS");
	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *c = &s->cells[i];
		char *label = study_cell_label(s, c);

		fputs("| ", out);
		markdown_text(out, label);
		fputs(" |", out);
		for (size_t a = 0; a < s->nallocators; a++) {
			if (c->series[a].status != NULL)
				fprintf(out, " **%s** |", c->series[a].status);
			else
				markdown_ratio(out, verdict_ratio(c, a, s->base, quantity));
		}
		putc('\n', out);
		free(label);
	}
}

static void
markdown_extremes(FILE *out, const struct study *s)
{
	size_t variant = verdict_focus(s);

	if (variant == s->nallocators)
		return;
	fprintf(out,
		"\n## Strengths and weaknesses of %s\n\nEach beside the best peer of its cell.\n",
		s->allocators[variant].name);
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		const char *name = q == STUDY_TIME ? "Time" : "Peak RSS";

		fprintf(out, "\n%s, the three worst workloads:\n\n", name);
		markdown_list(out, findings_worst(s, variant, q), "nowhere behind every peer");
		fprintf(out, "\n%s, weakest cells:\n\n", name);
		markdown_list(out, findings_extremes(s, variant, q, true, EXTREMES),
			"nowhere behind every peer");
		fprintf(out, "\n%s, strongest:\n\n", name);
		markdown_list(out, findings_extremes(s, variant, q, false, EXTREMES),
			"nowhere ahead of every peer");
	}
}

static void
markdown_failures(FILE *out, const struct study *s)
{
	bool any = false;

	for (size_t i = 0; i < s->ncells; i++) {
		for (size_t a = 0; a < s->nallocators; a++) {
			const struct series *series = &s->cells[i].series[a];

			if (series->failed == 0)
				continue;
			if (!any)
				fputs("\n## What failed\n\n", out);
			any = true;
			char *label = study_cell_label(s, &s->cells[i]);

			fprintf(out, "* %s under %s: %s (%zu runs): ", label, s->allocators[a].name,
				series->status, series->failed);
			markdown_text(out, series->detail);
			putc('\n', out);
			free(label);
		}
	}
}

static void
markdown_comparison(FILE *out, const struct comparison *c)
{
	static const enum change_kind kinds[] = {CHANGE_BROKEN, CHANGE_WORSE, CHANGE_BETTER};

	fprintf(out,
		"\n## Since the older results\n\n%zu figures compared: %zu newly failed, %zu "
		"regressions and %zu improvements beyond noise.\n\n",
		c->n, compare_count(c, CHANGE_BROKEN), compare_count(c, CHANGE_WORSE),
		compare_count(c, CHANGE_BETTER));
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (size_t i = 0; i < c->n; i++) {
			if (c->changes[i].kind != kinds[k])
				continue;
			char *words = compare_words(c, &c->changes[i]);

			fprintf(out, "* %s: ", kinds[k] == CHANGE_BETTER ? "better" : "worse");
			markdown_text(out, words);
			putc('\n', out);
			free(words);
		}
	}
}

static void
markdown_table(FILE *out, const struct table *table)
{
	fputs("\n### ", out);
	markdown_text(out, table->title);
	fputs("\n\n", out);
	for (size_t r = 0; r < table->nrows; r++) {
		putc('|', out);
		for (size_t i = 0; i < table->ncolumns; i++) {
			putc(' ', out);
			markdown_text(out, table->cells[r * table->ncolumns + i]);
			fputs(" |", out);
		}
		for (size_t i = 0; r == 0 && i < table->ncolumns; i++)
			fputs(i == 0 ? "\n|---|" : "---:|", out);
		putc('\n', out);
	}
	if (table->note != NULL) {
		putc('\n', out);
		markdown_text(out, table->note);
		putc('\n', out);
	}
}

static void
markdown_tables(FILE *out, struct tables t, const char *head)
{
	if (t.n > 0)
		fputs(head, out);
	for (size_t i = 0; i < t.n; i++)
		markdown_table(out, &t.items[i]);
	tables_free(&t);
}

static void
markdown_environment(FILE *out, const struct study *s)
{
	fputs("\n## Environment\n", out);
	for (size_t i = 0; i < s->nmachines; i++) {
		fputs("\nMachine ", out);
		markdown_text(out, study_machine_name(s, i));
		fputs(":\n\n", out);
		markdown_list(out, findings_environment(s, i), NULL);
	}
}

void
markdown_report(FILE *out, const struct study *s, const struct comparison *c)
{
	fputs("# Allocators compared\n\n", out);
	markdown_list(out, findings_summary(s), NULL);
	fprintf(out,
		"\nRatios are to %s, of medians; below 1 is faster or leaner. ~ marks those whose "
		"95 %% interval holds 1.\n",
		s->allocators[s->base].name);
	markdown_means(out, s, VERDICT_ANY_MACHINE);
	markdown_wins(out, s);
	for (size_t i = 0; s->nmachines > 1 && i < s->nmachines; i++) {
		fputs("\nOn ", out);
		markdown_text(out, study_machine_name(s, i));
		fputs(":\n", out);
		markdown_means(out, s, (int)i);
	}
	if (c != NULL)
		markdown_comparison(out, c);
	fputs("\n## Time\n", out);
	markdown_cells(out, s, STUDY_TIME);
	fputs("\n## Peak RSS\n", out);
	markdown_cells(out, s, STUDY_RSS);
	markdown_extremes(out, s);
	markdown_tables(out, tables_latency(s),
		"\n## Latencies\n\nMedians of the runs; the resident set at its peak, and "
		"fragmentation as Redis "
		"tells it.\n");
	markdown_tables(out, tables_share(s),
		"\n## Instructions in the allocator\n\nOf a shortened run, counted by callgrind; "
		"millions in user space.\n");
	markdown_failures(out, s);
	markdown_environment(out, s);
}
