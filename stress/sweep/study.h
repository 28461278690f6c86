/* SPDX-License-Identifier: MIT
 * stress/sweep/study.h - a results document reduced to what reports tell: for each cell (workload,
 * threads, machine) and allocator the series of its good, counted runs.
 *
 * A study does not change after study_of. Its strings belong to the document, which has to live
 * longer. */
#ifndef HAKMEM_SWEEP_STUDY_H
#define HAKMEM_SWEEP_STUDY_H

#include "stress/sweep/stats.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What a cell counts for. Every cell is of one group, and of STUDY_ALL. */
enum study_group { STUDY_ALL, STUDY_SINGLE, STUDY_MULTI, STUDY_APPLICATION, STUDY_GROUPS };

/* The two by which allocators are compared; study_draws has them for intervals. */
enum study_quantity { STUDY_TIME, STUDY_RSS, STUDY_QUANTITIES };

/* One measured quantity of a series: "time", "rss_kb", "p99_us", ... */
struct study_value {
	const char *key;
	double *values; /* n of them, sorted */
	struct stats stats;
};

struct series {
	size_t good, failed;
	const char *status, *detail; /* of the first failure; NULL where there was none */
	struct study_value *values;
	size_t nvalues;
	struct interval intervals[STUDY_QUANTITIES];
	double *draws[STUDY_QUANTITIES]; /* STATS_DRAWS medians each; NULL where nothing is known */
};

struct study_cell {
	size_t machine;
	const char *workload, *program, *unit, *arguments;
	enum study_group group; /* never STUDY_ALL */
	int threads;
	bool threaded;
	int live_mib;          /* 0 where the workload has none */
	struct series *series; /* one for each allocator of the study */
};

struct study_allocator {
	const char *name;
	bool hakmem;
};

struct study {
	const json_t *document;
	const json_t **machines;
	size_t nmachines;
	struct study_allocator *allocators;
	size_t nallocators;
	struct study_cell *cells;
	size_t ncells;
	size_t base; /* index of an allocator */
};

/* Reduces a document that document_load or record_sweep gave. `base` replaces the document's own
 * where it is not NULL. False with a line on standard error where no such allocator is in it. */
bool study_of(const json_t *document, const char *base, struct study *s);
void study_free(struct study *s);

/* The allocator's index; nallocators if there is none of that name. */
size_t study_allocator_named(const struct study *s, const char *name);
/* The statistics of a quantity, n == 0 where it was not measured. */
struct stats study_stats(const struct series *series, const char *key);
/* The key, "time" or "rss_kb". */
const char *study_key(enum study_quantity quantity);
/* "all", "single-threaded", "multi-threaded", "applications". */
const char *study_group_name(enum study_group group);
bool study_in_group(const struct study_cell *cell, enum study_group group);
/* The machine's name, and a value of its environment or NULL. */
const char *study_machine_name(const struct study *s, size_t machine);
const char *study_environment(const struct study *s, size_t machine, const char *key);
/* "larson x4", with the machine where there are several; to be freed. */
char *study_cell_label(const struct study *s, const struct study_cell *cell);
/* The summary of each series as a JSON array, as docs/results.md tells. */
json_t *study_summary(const struct study *s);

#endif
