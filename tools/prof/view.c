/* SPDX-License-Identifier: MIT
 * tools/prof/view.c - groups, orders and names sites. */
#include "tools/prof/view.h"
#include "stress/sweep/document.h"
#include "stress/sweep/text.h"
#include "tools/prof/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Frames in the name of a site. */
enum { NAMED_FRAMES = 3 };

/* --- names ----------------------------------------------------------------------------------- */

/* Appends to a string of text_format's. */
static void
append(char **text, const char *between, const char *more)
{
	char *longer = text_format("%s%s%s", *text, **text != '\0' ? between : "", more);

	free(*text);
	*text = longer;
}

/* "function (file.c:12)", "function (lib.so)", or where the frame lies. */
static char *
symbol_name(const struct profile *p, struct frame frame, const struct symbol *s)
{
	if (s->function == NULL)
		return symbols_place(p, frame);
	if (s->file != NULL)
		return text_format("%s (%s:%d)", s->function, basename(s->file), s->line);
	return text_format("%s (%s)", s->function, symbols_module(p, frame.module));
}

static char *
stack_name(const struct view *v, const struct site *site)
{
	char *name = text_format("%s", "");

	for (size_t i = 0, named = 0; i < site->nframes && named < NAMED_FRAMES; i++) {
		size_t n;
		const struct symbol *s = symbols_of(v->symbols, site->frames[i], &n);

		for (size_t j = 0; j < n && named < NAMED_FRAMES; j++, named++) {
			char *one = symbol_name(v->profile, site->frames[i], &s[j]);

			append(&name, " < ", one);
			free(one);
		}
	}
	if (*name == '\0')
		append(&name, "", "?");
	return name;
}

const char *
row_name(const struct view *v, struct row *r)
{
	if (r->name == NULL)
		r->name = stack_name(v, r->site);
	return r->name;
}

json_t *
row_stack_json(const struct view *v, const struct row *r)
{
	json_t *stack = json_array();

	for (size_t i = 0; r->site != NULL && i < r->site->nframes; i++) {
		struct frame frame = r->site->frames[i];
		size_t n;
		const struct symbol *s = symbols_of(v->symbols, frame, &n);

		for (size_t j = 0; j < n; j++) {
			json_t *one = json_pack("{s:s, s:o, s:b}", "module",
				frame.module == PROFILE_NO_MODULE
					? ""
					: v->profile->modules[frame.module].path,
				"offset", json_sprintf("%llx", (unsigned long long)frame.offset),
				"inlined", j + 1 < n);

			if (s[j].function != NULL)
				json_object_set_new(
					one, "function", document_string(s[j].function));
			if (s[j].file != NULL) {
				json_object_set_new(one, "file", document_string(s[j].file));
				json_object_set_new(one, "line", json_integer(s[j].line));
			}
			json_array_append_new(stack, one);
		}
	}
	return stack;
}

/* --- rows ------------------------------------------------------------------------------------ */

static struct row
row_of(const struct view *v, const struct site *site)
{
	struct frame none = {.module = PROFILE_NO_MODULE};
	struct frame frame = site->nframes > 0 ? site->frames[0] : none;
	struct row r = {.nsites = 1};

	if (v->by == VIEW_BY_SITE) {
		r.key = text_format("%016llx", (unsigned long long)site->id);
		r.site = site;
	} else if (v->by == VIEW_BY_MODULE) {
		r.name = text_format("%s", frame.module == PROFILE_NO_MODULE
						   ? "?"
						   : v->profile->modules[frame.module].path);
		r.key = text_format("%s", r.name);
	} else {
		size_t n;
		const char *function = symbols_of(v->symbols, frame, &n)->function;
		const char *module = symbols_module(v->profile, frame.module);

		r.name = function != NULL ? text_format("%s (%s)", function, module)
					  : symbols_place(v->profile, frame);
		r.key = text_format("%s", r.name);
	}
	site_add(&r.total, site);
	return r;
}

static void
row_free(struct row *r)
{
	free(r->key);
	free(r->name);
	site_free(&r->total);
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

void
view_open(struct view *v, const struct profile *p, struct symbols *symbols, enum view_by by)
{
	size_t n = 0;

	*v = (struct view){.profile = p, .symbols = symbols, .by = by};
	v->rows = text_alloc(p->nsites, sizeof(*v->rows));
	for (size_t i = 0; i < p->nsites; i++)
		v->rows[i] = row_of(v, &p->sites[i]);
	qsort(v->rows, p->nsites, sizeof(*v->rows), compare_keys);
	for (size_t i = 0; i < p->nsites; i++) {
		if (n > 0 && strcmp(v->rows[n - 1].key, v->rows[i].key) == 0) {
			site_add(&v->rows[n - 1].total, &v->rows[i].total);
			v->rows[n - 1].nsites++;
			row_free(&v->rows[i]);
		} else {
			v->rows[n++] = v->rows[i];
		}
	}
	v->n = n;
}

void
view_close(struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		row_free(&v->rows[i]);
	free(v->rows);
}

void
view_drop_dead(struct view *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (v->rows[i].total.live_samples > 0)
			v->rows[n++] = v->rows[i];
		else
			row_free(&v->rows[i]);
	}
	v->n = n;
}

/* --- order ----------------------------------------------------------------------------------- */

double
row_lifetime_bytes(const struct row *r, double q)
{
	return estimate_quantile(
		r->total.lifetime_bytes, PROFILE_BYTE_BUCKETS, r->total.live_samples, q);
}

double
row_lifetime_ms(const struct row *r, double q)
{
	return estimate_quantile(
		r->total.lifetime_ms, PROFILE_MS_BUCKETS, r->total.live_samples, q);
}

static double
sort_value(const struct row *r, enum view_sort sort)
{
	double median;

	switch (sort) {
	case VIEW_SORT_ALLOCATED:
		return (double)r->total.alloc_bytes;
	case VIEW_SORT_COUNT:
		return (double)r->total.live_count;
	case VIEW_SORT_PEAK:
		return (double)r->total.peak_live_bytes;
	case VIEW_SORT_SAMPLES:
		return (double)r->total.samples;
	case VIEW_SORT_LIFETIME:
		median = row_lifetime_ms(r, 0.5);
		return isnan(median) ? -1 : median;
	default:
		return (double)r->total.live_bytes;
	}
}

static int
compare_rows(const void *a, const void *b, void *sort)
{
	const struct row *x = a, *y = b;
	double left = sort_value(x, *(enum view_sort *)sort);
	double right = sort_value(y, *(enum view_sort *)sort);

	if (left != right)
		return left > right ? -1 : 1;
	return strcmp(x->key, y->key);
}

static int
compare_names(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : strcmp(x->key, y->key);
}

void
view_sort(struct view *v, enum view_sort sort)
{
	if (sort == VIEW_SORT_NAME) {
		for (size_t i = 0; i < v->n; i++)
			row_name(v, &v->rows[i]);
		qsort(v->rows, v->n, sizeof(*v->rows), compare_names);
	} else {
		qsort_r(v->rows, v->n, sizeof(*v->rows), compare_rows, &sort);
	}
}
