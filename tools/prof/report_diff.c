/* SPDX-License-Identifier: MIT
 * tools/prof/report_diff.c - what grew between two profiles. */
#include "stress/sweep/document.h"
#include "stress/sweep/text.h"
#include "tools/prof/report.h"
#include "tools/prof/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row of both profiles; NULL on the side that does not have it. */
struct change {
	struct row *old, *now;
	double growth;
	struct interval interval;
	const char *name;
};

struct changes {
	const struct view *old, *now;
	struct change *items;
	size_t n, noise;
};

static double
live_of(const struct row *r)
{
	return r != NULL ? (double)r->total.live_bytes : 0;
}

static struct interval
interval_of(const struct row *r, const struct profile *p)
{
	static const struct site nothing;

	return parts_live(r != NULL ? &r->total : &nothing, p);
}

static void
changes_add(struct changes *c, struct row *old, struct row *now)
{
	struct interval before = interval_of(old, c->old->profile);
	struct interval after = interval_of(now, c->now->profile);
	struct change *item = &c->items[c->n++];

	*item = (struct change){.old = old,
		.now = now,
		.growth = live_of(now) - live_of(old),
		.interval = estimate_difference(live_of(old), before, live_of(now), after)};
	c->noise += estimate_is_noise(item->interval);
}

/* Both views are ordered by their keys. */
static struct changes
changes_of(const struct view *old, const struct view *now)
{
	struct changes c = {.old = old, .now = now};
	size_t i = 0, j = 0;

	c.items = text_alloc(old->n + now->n, sizeof(*c.items));
	while (i < old->n || j < now->n) {
		int order = i == old->n   ? 1
			    : j == now->n ? -1
					  : strcmp(old->rows[i].key, now->rows[j].key);
		struct row *before = order <= 0 ? &old->rows[i++] : NULL;

		changes_add(&c, before, order >= 0 ? &now->rows[j++] : NULL);
	}
	return c;
}

static const char *
change_name(const struct changes *c, struct change *item)
{
	if (item->name == NULL)
		item->name = item->now != NULL ? row_name(c->now, item->now)
					       : row_name(c->old, item->old);
	return item->name;
}

static const char *
change_key(const struct change *item)
{
	return item->now != NULL ? item->now->key : item->old->key;
}

/* --- order: what is no noise first, whatever the size ---------------------------------------- */

static int
compare_changes(const void *a, const void *b, void *sort)
{
	const struct change *x = a, *y = b;
	int order = 0;

	if (*(enum view_sort *)sort == VIEW_SORT_NAME)
		order = strcmp(x->name, y->name);
	else if (*(enum view_sort *)sort == VIEW_SORT_LIVE)
		order = (live_of(x->now) < live_of(y->now)) - (live_of(x->now) > live_of(y->now));
	else
		order = estimate_is_noise(x->interval) - estimate_is_noise(y->interval);
	if (order == 0)
		order = (fabs(x->growth) < fabs(y->growth)) - (fabs(x->growth) > fabs(y->growth));
	return order != 0 ? order : strcmp(change_key(x), change_key(y));
}

/* --- output ---------------------------------------------------------------------------------- */

static struct change
total_change(const struct changes *c, struct site *old, struct site *now)
{
	*old = parts_total(c->old);
	*now = parts_total(c->now);
	double a = (double)old->live_bytes, b = (double)now->live_bytes;

	return (struct change){.growth = b - a,
		.interval = estimate_difference(
			a, parts_live(old, c->old->profile), b, parts_live(now, c->now->profile))};
}

static json_t *
change_json(const struct changes *c, struct change *item)
{
	json_t *row = json_pack("{s:o, s:o, s:f, s:o, s:b}", "key",
		document_string(change_key(item)), "name", document_string(change_name(c, item)),
		"growth_bytes", item->growth, "growth_interval",
		parts_interval_json(item->interval), "noise", estimate_is_noise(item->interval));
	const struct row *sides[] = {item->old, item->now};
	static const char *const names[] = {"old", "new"};

	for (size_t i = 0; i < 2; i++)
		json_object_set_new(row, names[i],
			sides[i] == NULL
				? json_null()
				: json_pack("{s:I, s:I, s:I, s:I, s:I}", "samples",
					  (json_int_t)sides[i]->total.samples, "live_samples",
					  (json_int_t)sides[i]->total.live_samples, "live_bytes",
					  (json_int_t)sides[i]->total.live_bytes, "live_count",
					  (json_int_t)sides[i]->total.live_count, "alloc_bytes",
					  (json_int_t)sides[i]->total.alloc_bytes));
	if (item->now != NULL && item->now->site != NULL)
		json_object_set_new(row, "stack", row_stack_json(c->now, item->now));
	else if (item->old != NULL && item->old->site != NULL)
		json_object_set_new(row, "stack", row_stack_json(c->old, item->old));
	return row;
}

static void
diff_json(FILE *out, const struct options *o, const struct changes *c, const struct change *total)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < c->n && i < o->limit; i++)
		json_array_append_new(rows, change_json(c, &c->items[i]));
	parts_write_json(
		out, json_pack("{s:s, s:i, s:o, s:o, s:{s:f, s:o, s:b, s:I, s:I}, s:o}", "report",
			     "diff", "version", PROFILE_VERSION, "old",
			     profile_head_json(c->old->profile), "new",
			     profile_head_json(c->now->profile), "total", "growth_bytes",
			     total->growth, "growth_interval", parts_interval_json(total->interval),
			     "noise", estimate_is_noise(total->interval), "rows", (json_int_t)c->n,
			     "noise_rows", (json_int_t)c->noise, "rows", rows));
}

#define DIFF_LINE "%10s %24s %6s %10s %10s  %s\n"

static void
diff_text(FILE *out, const struct options *o, const struct changes *c, const struct change *total)
{
	fputs("old: ", out);
	parts_print_origin(out, c->old->profile);
	fputs("new: ", out);
	parts_print_origin(out, c->now->profile);
	fprintf(out, "live bytes grew by %s (95 %%: %s)%s; %zu of %zu rows are noise\n\n",
		cell_bytes(total->growth).text, cell_interval(total->interval).text,
		estimate_is_noise(total->interval) ? ", which is noise" : "", c->noise, c->n);
	fprintf(out, DIFF_LINE, "growth", "95 % interval", "", "old", "new", "site");
	for (size_t i = 0; i < c->n && i < o->limit; i++) {
		struct change *item = &c->items[i];

		fprintf(out, DIFF_LINE, cell_bytes(item->growth).text,
			cell_interval(item->interval).text,
			estimate_is_noise(item->interval) ? "noise" : "",
			cell_bytes(live_of(item->old)).text, cell_bytes(live_of(item->now)).text,
			change_name(c, item));
	}
	if (c->n > o->limit)
		fprintf(out, "(%zu more; --limit=0 shows all)\n", c->n - o->limit);
}

void
report_diff(FILE *out, const struct options *o, struct view *old, struct view *now)
{
	struct changes c = changes_of(old, now);
	enum view_sort sort = o->sort;
	struct site before, after;
	struct change total = total_change(&c, &before, &after);

	for (size_t i = 0; sort == VIEW_SORT_NAME && i < c.n; i++)
		change_name(&c, &c.items[i]);
	qsort_r(c.items, c.n, sizeof(*c.items), compare_changes, &sort);
	if (o->format == FORMAT_JSON)
		diff_json(out, o, &c, &total);
	else
		diff_text(out, o, &c, &total);
	site_free(&before);
	site_free(&after);
	free(c.items);
}
