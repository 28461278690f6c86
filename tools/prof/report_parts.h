/* SPDX-License-Identifier: MIT
 * tools/prof/report_parts.h - what the reports share: quantities as text, intervals, totals. */
#ifndef HAKMEM_PROF_REPORT_PARTS_H
#define HAKMEM_PROF_REPORT_PARTS_H

#include "tools/prof/estimate.h"
#include "tools/prof/view.h"

#include <stdio.h>

/* A few words in place, for one call of printf. */
struct cell {
	char text[48];
};

/* "1.5 MiB", with a sign where it is negative. "alive" for infinity, "-" for NaN: the quantiles of
 * lifetimes. */
struct cell cell_bytes(double bytes);
/* "1.5 MiB .. 2.0 MiB" */
struct cell cell_interval(struct interval i);
/* "250 ms", "1.5 s", "2.0 h" */
struct cell cell_ms(double ms);
/* "12.3 %"; "-" where the whole is 0. */
struct cell cell_share(double part, double whole);

struct interval parts_live(const struct site *s, const struct profile *p);
struct interval parts_allocated(const struct site *s, const struct profile *p);
/* All rows together. site_free releases what it owns. */
struct site parts_total(const struct view *v);
json_t *parts_interval_json(struct interval i);
/* null for NaN and infinity. */
json_t *parts_number_json(double value);
/* Writes the report and releases it. */
void parts_write_json(FILE *out, json_t *report);
/* Program, process and host: who was profiled, and when. */
void parts_print_origin(FILE *out, const struct profile *p);
/* How much was sampled, and what got lost. */
void parts_print_sampling(FILE *out, const struct profile *p, const struct site *total);

#endif
