/* SPDX-License-Identifier: MIT
 * stress/sweep/html_parts.h - the sections of report.html, and what they share. Colours are
 * variables of the style sheet; an allocator has the same one everywhere, and in curves a marker
 * of its own, so that no figure hangs on colour alone. */
#ifndef HAKMEM_SWEEP_HTML_PARTS_H
#define HAKMEM_SWEEP_HTML_PARTS_H

#include "stress/sweep/study.h"
#include "stress/sweep/verdict.h"

#include <stdio.h>

enum { HTML_COLOURS = 8 };

extern const char html_style[];

/* Writes text with the characters that HTML takes for its own replaced. */
void html_text(FILE *out, const char *text);
/* A number with three digits and k, M or G; a small whole number as it is. */
void html_quantity(FILE *out, double value);
/* "~1.02", or a dash. */
void html_ratio(FILE *out, struct ratio r);
/* The colour's number of an allocator. */
unsigned html_colour(size_t allocator);

/* The two maps of workload x allocator. */
void html_heat(FILE *out, const struct study *s);
/* Bars of the means, and below them of every cell. */
void html_bars(FILE *out, const struct study *s);
/* Curves over threads, and over the live set. */
void html_curves(FILE *out, const struct study *s);
/* Latencies and shares, then everything that was measured. */
void html_latencies(FILE *out, const struct study *s);
void html_tables(FILE *out, const struct study *s);

#endif
