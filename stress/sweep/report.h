/* SPDX-License-Identifier: MIT
 * stress/sweep/report.h - a study as files and as a table for people. */
#ifndef HAKMEM_SWEEP_REPORT_H
#define HAKMEM_SWEEP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct comparison;
struct study;

/* Writes results.csv (one row a run), summary.csv (medians), report.md and report.html to the
 * directory, each put in place as a whole. `c` may be NULL. False with a line on standard error. */
bool report_write(const struct study *s, const struct comparison *c, const char *directory);
/* Writes results.csv alone. */
bool report_write_runs(const struct study *s, const char *directory);
/* Prints the table, folded into blocks of allocators that fit `width` columns, and below it what
 * failed. */
void report_table(FILE *out, const struct study *s, int width);

#endif
