/* SPDX-License-Identifier: MIT
 * stress/sweep/import.h - results of mimalloc-bench as a document of ours. */
#ifndef HAKMEM_SWEEP_IMPORT_H
#define HAKMEM_SWEEP_IMPORT_H

#include <jansson.h>

/* Reads a benchres.csv: one line a run with test, allocator, elapsed, rss, user, sys, faults and
 * reclaims, divided by commas or blanks; lines that start with # do not count. `threads` is what
 * the N in a test's name stood for. NULL with a line on standard error that names what is wrong;
 * otherwise to be released by json_decref. */
json_t *import_mimalloc_bench(const char *path, int threads);

#endif
