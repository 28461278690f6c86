/* SPDX-License-Identifier: MIT
 * stress/sweep/report.h - the results as files and as a table for people. */
#ifndef HAKMEM_SWEEP_REPORT_H
#define HAKMEM_SWEEP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct plan;
struct results;

/* Writes results.csv (one row a run) and summary.csv (medians) to the plan's directory, each put in
 * place as a whole. False with a line on standard error. */
bool report_write(const struct plan *plan, const struct results *r);
/* Prints the table, folded into blocks of allocators that fit `width` columns, and below it what
 * failed. */
void report_table(FILE *out, const struct plan *plan, const struct results *r, int width);

#endif
