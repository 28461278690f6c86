/* SPDX-License-Identifier: MIT
 * stress/sweep/html.h - a study as report.html: one file that asks for nothing else. */
#ifndef HAKMEM_SWEEP_HTML_H
#define HAKMEM_SWEEP_HTML_H

#include <stdio.h>

struct comparison;
struct study;

/* Writes the page; `c` may be NULL. */
void html_report(FILE *out, const struct study *s, const struct comparison *c);

#endif
