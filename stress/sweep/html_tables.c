/* SPDX-License-Identifier: MIT
 * stress/sweep/html_tables.c - latencies, and the tables of everything that was measured. */
#include "stress/sweep/findings.h"
#include "stress/sweep/html_parts.h"
#include "stress/sweep/tables.h"

#include <stdlib.h>

static void
table_head(FILE *out, const char *const *names, size_t n)
{
	fputs("<div class=s><table><thead><tr><th>", out);
	for (size_t i = 0; i < n; i++) {
		fputs("<th>", out);
		html_text(out, names[i]);
	}
	fputs("</thead><tbody>\n", out);
}

static void
table_value(FILE *out, const struct series *series, const char *key)
{
	struct stats stats = study_stats(series, key);

	fputs("<td>", out);
	if (stats.n > 0)
		html_quantity(out, stats.median);
}

static void
table_name(FILE *out, const struct study *s, size_t a)
{
	fputs("<tr><th>", out);
	html_text(out, s->allocators[a].name);
}

static void
table_cell_label(FILE *out, const struct study *s, const struct study_cell *c)
{
	char *label = study_cell_label(s, c);

	html_text(out, label);
	free(label);
}

/* --- tables of text -------------------------------------------------------------------------- */

static void
table_of_text(FILE *out, const struct table *table)
{
	fputs("<div><h3>", out);
	html_text(out, table->title);
	fputs("</h3>", out);
	/* The place above the names stays empty, as in all tables. */
	table_head(out, (const char *const *)table->cells + 1, table->ncolumns - 1);
	for (size_t r = 1; r < table->nrows; r++) {
		for (size_t i = 0; i < table->ncolumns; i++) {
			fputs(i == 0 ? "<tr><th>" : "<td>", out);
			html_text(out, table->cells[r * table->ncolumns + i]);
		}
		putc('\n', out);
	}
	fputs("</tbody></table></div>", out);
	if (table->note != NULL) {
		fputs("<p class=m>", out);
		html_text(out, table->note);
		fputs("</p>", out);
	}
	fputs("</div>\n", out);
}

static void
table_section(FILE *out, struct tables t, const char *head)
{
	if (t.n > 0)
		fprintf(out, "%s<div class=two>\n", head);
	for (size_t i = 0; i < t.n; i++)
		table_of_text(out, &t.items[i]);
	if (t.n > 0)
		fputs("</div>\n", out);
	tables_free(&t);
}

void
html_latencies(FILE *out, const struct study *s)
{
	table_section(out, tables_latency(s),
		"<h2 id=latency>Latencies</h2>\n<p class=m>Medians of the runs; the resident set "
		"at its peak, and "
		"fragmentation as Redis tells it.</p>\n");
	table_section(out, tables_share(s),
		"<h2 id=share>Instructions in the allocator</h2>\n<p class=m>Of a shortened run, "
		"counted by callgrind; millions in user space.</p>\n");
}

/* --- everything ------------------------------------------------------------------------------ */

static void
table_interval(
	FILE *out, const struct study_cell *c, size_t a, size_t base, enum study_quantity quantity)
{
	const struct series *series = &c->series[a];
	struct stats stats = study_stats(series, study_key(quantity));
	double scale = quantity == STUDY_TIME ? 1 : 1.0 / 1024;

	fputs("<td>", out);
	if (stats.n > 0) {
		html_quantity(out, stats.median * scale);
		fputs("<td>", out);
		html_quantity(out, series->intervals[quantity].low * scale);
		fputs("&ndash;", out);
		html_quantity(out, series->intervals[quantity].high * scale);
	} else {
		fputs("<td>", out);
	}
	fputs("<td>", out);
	html_ratio(out, verdict_ratio(c, a, base, quantity));
}

static void
table_cell(FILE *out, const struct study *s, const struct study_cell *c)
{
	static const char *const names[] = {"runs", "time", "95 %", "ratio", "spread %", "RSS MiB",
		"95 %", "ratio", "ops/s", "user s", "system s", "minor faults", "major faults",
		"vol. switches", "invol. switches"};
	static const char *const others[] = {
		"ops_per_s", "user_s", "sys_s", "minflt", "majflt", "nvcsw", "nivcsw"};

	table_head(out, names, sizeof(names) / sizeof(names[0]));
	for (size_t a = 0; a < s->nallocators; a++) {
		const struct series *series = &c->series[a];

		if (series->good + series->failed == 0)
			continue;
		table_name(out, s, a);
		fprintf(out, "<td>%zu", series->good);
		if (series->failed > 0)
			fprintf(out, ", %zu %s", series->failed, series->status);
		table_interval(out, c, a, s->base, STUDY_TIME);
		fprintf(out, "<td>%.1f", study_stats(series, "time").spread * 100);
		table_interval(out, c, a, s->base, STUDY_RSS);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			table_value(out, series, others[i]);
		putc('\n', out);
	}
	fputs("</tbody></table></div>\n", out);
}

/* What only this workload tells. */
static void
table_extra(FILE *out, const struct study *s, const struct study_cell *c)
{
	size_t n;
	const char **keys = findings_extra_keys(s, c, &n);

	if (n > 0) {
		table_head(out, keys, n);
		for (size_t a = 0; a < s->nallocators; a++) {
			if (c->series[a].good == 0)
				continue;
			table_name(out, s, a);
			for (size_t i = 0; i < n; i++)
				table_value(out, &c->series[a], keys[i]);
			putc('\n', out);
		}
		fputs("</tbody></table></div>\n", out);
	}
	free(keys);
}

void
html_tables(FILE *out, const struct study *s)
{
	fputs("<h2 id=tables>All figures</h2>\n<p class=m>Medians of the counted runs; k, M and G "
	      "stand for 10^3, 10^6 and 10^9. Each run is in results.json and "
	      "results.csv.</p>\n",
		out);
	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *c = &s->cells[i];

		fputs("<details><summary>", out);
		table_cell_label(out, s, c);
		fputs(" <span class=m>", out);
		html_text(out, c->unit);
		fputs(", ", out);
		html_text(out, study_group_name(c->group));
		fputs(": ", out);
		html_text(out, c->program);
		putc(' ', out);
		html_text(out, c->arguments);
		fputs("</span></summary>\n", out);
		table_cell(out, s, c);
		table_extra(out, s, c);
		fputs("</details>\n", out);
	}
}
