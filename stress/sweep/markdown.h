/* SPDX-License-Identifier: MIT
 * stress/sweep/markdown.h - a study as report.md. */
#ifndef HAKMEM_SWEEP_MARKDOWN_H
#define HAKMEM_SWEEP_MARKDOWN_H

#include <stdio.h>

struct comparison;
struct study;

/* Writes the report; `c` may be NULL. */
void markdown_report(FILE *out, const struct study *s, const struct comparison *c);

#endif
