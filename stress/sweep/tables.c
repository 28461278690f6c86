/* SPDX-License-Identifier: MIT
 * stress/sweep/tables.c - puts figures of a study into tables of text. */
#include "stress/sweep/tables.h"
#include "stress/sweep/text.h"

#include <stdlib.h>
#include <string.h>

/* A new table of the tables, with one row, the head. */
static struct table *
tables_add(struct tables *t, char *title, const char *const *head, size_t ncolumns)
{
	t->items = text_grow(t->items, (t->n + 1) * sizeof(*t->items));
	struct table *table = &t->items[t->n++];

	*table = (struct table){.title = title, .ncolumns = ncolumns, .nrows = 1};
	table->cells = text_alloc(ncolumns, sizeof(*table->cells));
	for (size_t i = 0; i < ncolumns; i++)
		table->cells[i] = text_format("%s", head[i]);
	return table;
}

/* The cells of a new row, all NULL. */
static char **
tables_row(struct table *table)
{
	size_t used = table->nrows * table->ncolumns;

	table->cells = text_grow(table->cells, (used + table->ncolumns) * sizeof(*table->cells));
	table->nrows++;
	for (size_t i = 0; i < table->ncolumns; i++)
		table->cells[used + i] = NULL;
	return table->cells + used;
}

void
tables_free(struct tables *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < t->items[i].nrows * t->items[i].ncolumns; k++)
			free(t->items[i].cells[k]);
		free(t->items[i].cells);
		free(t->items[i].title);
		free(t->items[i].note);
	}
	free(t->items);
	*t = (struct tables){0};
}

/* --- latency --------------------------------------------------------------------------------- */

/* The columns behind the allocator's name. */
static const struct {
	const char *head, *key;
	double scale;
} columns[] = {
	{"ops/s", "ops_per_s", 1},
	{"p50 us", "p50_us", 1},
	{"p99 us", "p99_us", 1},
	{"p99.9 us", "p999_us", 1},
	{"RSS MiB", "rss_kb", 1.0 / 1024},
	{"frag.", "mem_fragmentation_ratio", 1},
};

enum { NCOLUMNS = sizeof(columns) / sizeof(columns[0]) };

static bool
tables_known(const struct study *s, const struct study_cell *c, const char *key)
{
	for (size_t a = 0; a < s->nallocators; a++)
		if (study_stats(&c->series[a], key).n > 0)
			return true;
	return false;
}

static void
tables_latency_row(struct table *table, const struct study *s, const struct study_cell *c, size_t a)
{
	char **row = tables_row(table);

	row[0] = text_format("%s", s->allocators[a].name);
	for (size_t i = 0; i + 1 < table->ncolumns; i++) {
		struct stats stats = study_stats(&c->series[a], columns[i].key);

		double median = stats.median * columns[i].scale;

		row[i + 1] = stats.n > 0 ? text_format("%.*f", median < 100 ? 2 : 0, median)
					 : text_format("-");
	}
}

struct tables
tables_latency(const struct study *s)
{
	struct tables t = {0};
	const char *head[NCOLUMNS + 1] = {"medians"};

	for (size_t i = 0; i < NCOLUMNS; i++)
		head[i + 1] = columns[i].head;
	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *c = &s->cells[i];

		if (!tables_known(s, c, "p50_us"))
			continue;
		/* What only some workloads measure is the last column. */
		bool last = tables_known(s, c, columns[NCOLUMNS - 1].key);
		struct table *table =
			tables_add(&t, study_cell_label(s, c), head, last + (size_t)NCOLUMNS);

		for (size_t a = 0; a < s->nallocators; a++)
			if (c->series[a].good > 0)
				tables_latency_row(table, s, c, a);
	}
	return t;
}

/* --- share ----------------------------------------------------------------------------------- */

static void
tables_share_row(struct table *table, const json_t *item)
{
	const char *allocator = json_string_value(json_object_get(item, "allocator"));
	const char *reason = json_string_value(json_object_get(item, "reason"));
	double inside = json_number_value(json_object_get(item, "inside"));
	double total = json_number_value(json_object_get(item, "total"));
	char **row = tables_row(table);
	bool known = reason == NULL && total > 0;

	row[0] = text_format("%s", allocator != NULL ? allocator : "?");
	row[1] = known ? text_format("%.2f %%", inside / total * 100) : text_format("-");
	row[2] = known ? text_format("%.1f", inside / 1e6) : text_format("-");
	row[3] = known ? text_format("%.1f", total / 1e6) : text_format("-");
	if (known)
		return;
	char *note = text_format("%s%s%s: %s.", table->note != NULL ? table->note : "",
		table->note != NULL ? " " : "", row[0], reason != NULL ? reason : "not measured");

	free(table->note);
	table->note = note;
}

struct tables
tables_share(const struct study *s)
{
	static const char *const head[] = {
		"callgrind", "share", "allocator, million", "all, million"};
	struct tables t = {0};

	for (size_t i = 0; i < s->nmachines; i++) {
		json_t *shares = json_object_get(s->machines[i], "shares"), *item;
		const char *workload =
			json_string_value(json_object_get(json_array_get(shares, 0), "workload"));
		size_t k;

		if (workload == NULL)
			continue;
		struct table *table = tables_add(&t,
			s->nmachines > 1 ? text_format("%s @%s", workload, study_machine_name(s, i))
					 : text_format("%s", workload),
			head, sizeof(head) / sizeof(head[0]));

		json_array_foreach(shares, k, item)
		{
			tables_share_row(table, item);
		}
	}
	return t;
}
