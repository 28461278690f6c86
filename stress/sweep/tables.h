/* SPDX-License-Identifier: MIT
 * stress/sweep/tables.h - small tables that report.md and report.html share: what applications tell
 * of latency and memory, and the share of instructions in the allocator. */
#ifndef HAKMEM_SWEEP_TABLES_H
#define HAKMEM_SWEEP_TABLES_H

#include "stress/sweep/study.h"

/* Cells are text, row by row; the first row is the head, the first column names allocators. */
struct table {
	char *title;
	char **cells;
	size_t nrows, ncolumns;
	char *note; /* below the table; NULL for none */
};

struct tables {
	struct table *items;
	size_t n;
};

/* One table for each cell whose workload measures latencies. */
struct tables tables_latency(const struct study *s);
/* One table for each machine on which the share was measured. */
struct tables tables_share(const struct study *s);
void tables_free(struct tables *t);

#endif
