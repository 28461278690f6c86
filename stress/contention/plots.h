/* SPDX-License-Identifier: MIT
 * stress/contention/plots.h - throughput, peak RSS and contended-lock share against threads: one
 * SVG a workload and quantity, drawn by gnuplot, which runs as a program of its own. */
#ifndef STRESS_CONTENTION_PLOTS_H
#define STRESS_CONTENTION_PLOTS_H

#include <stdbool.h>
#include <stdio.h>

struct contention;

/* Draws them into the study's directory. False with a line on standard error where gnuplot is
 * missing (its package is named) or fails. */
bool plots_draw(const struct contention *s);
/* The plots' section of the report: links to those that are in the directory. */
void plots_links(FILE *out, const struct contention *s);
/* The script that gnuplot reads. */
void plots_script(FILE *out, const struct contention *s);

#endif
