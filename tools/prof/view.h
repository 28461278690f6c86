/* SPDX-License-Identifier: MIT
 * tools/prof/view.h - a profile as rows: its sites, or what they come to by function or module.
 * A function's or module's row adds up the sites that called the allocator from it.
 * For programs of one thread; memory that cannot be had ends the program. */
#ifndef HAKMEM_PROF_VIEW_H
#define HAKMEM_PROF_VIEW_H

#include "tools/prof/profile.h"
#include "tools/prof/symbols.h"

enum view_by { VIEW_BY_SITE, VIEW_BY_FUNCTION, VIEW_BY_MODULE };

enum view_sort {
	VIEW_SORT_LIVE,
	VIEW_SORT_ALLOCATED,
	VIEW_SORT_COUNT,
	VIEW_SORT_PEAK,
	VIEW_SORT_SAMPLES,
	VIEW_SORT_LIFETIME,
	VIEW_SORT_GROWTH,
	VIEW_SORT_NAME,
};

struct row {
	char *key;               /* the same in every profile */
	char *name;              /* of row_name; a site's is NULL until it is asked for */
	const struct site *site; /* VIEW_BY_SITE: the site itself, else NULL */
	struct site total;
	size_t nsites;
};

struct view {
	const struct profile *profile;
	struct symbols *symbols;
	enum view_by by;
	struct row *rows; /* by rising key until view_sort */
	size_t n;
};

/* Both have to live longer than the view. */
void view_open(struct view *v, const struct profile *p, struct symbols *symbols, enum view_by by);
void view_close(struct view *v);
/* Leaves the rows that have living samples. */
void view_drop_dead(struct view *v);
/* Largest first, by name where they are equal; by name for VIEW_SORT_NAME. VIEW_SORT_GROWTH is
 * diff's own. */
void view_sort(struct view *v, enum view_sort sort);
/* Half of the row's samples, or nine tenths, were freed within so many bytes or milliseconds;
 * living samples count as longer than all others. NaN, infinite: as estimate_quantile. */
double row_lifetime_bytes(const struct row *r, double q);
double row_lifetime_ms(const struct row *r, double q);
/* What a reader sees of the row. */
const char *row_name(const struct view *v, struct row *r);
/* The row's stack as a JSON array, empty where the view is not by site. */
json_t *row_stack_json(const struct view *v, const struct row *r);

#endif
