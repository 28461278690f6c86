/* SPDX-License-Identifier: MIT
 * stress/sweep/record.h - a sweep as a JSON document and back. docs/results.md has the schema. */
#ifndef HAKMEM_SWEEP_RECORD_H
#define HAKMEM_SWEEP_RECORD_H

#include <jansson.h>
#include <stdbool.h>

struct plan;
struct results;

/* The whole document of a sweep, without its summary; to be released by json_decref. */
json_t *record_sweep(const struct plan *plan, const struct results *results, bool complete);
/* Takes the runs of a document of the same plan into *results. False with a line on standard error
 * where it holds what the plan does not. */
bool record_restore(const json_t *document, const struct plan *plan, struct results *results);

/* "# key: value" lines as an object, in their order. */
json_t *record_environment(const char *text);

#endif
