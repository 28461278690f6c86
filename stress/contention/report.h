/* SPDX-License-Identifier: MIT
 * stress/contention/report.h - the study as files: report.md for people; results.csv (a row a run)
 * and counters.csv (a row a cell) for programs. */
#ifndef STRESS_CONTENTION_REPORT_H
#define STRESS_CONTENTION_REPORT_H

#include <stdbool.h>

struct contention;

/* Writes all three to the study's directory, each put in place as a whole. False with a line on
 * standard error. */
bool contention_report_write(const struct contention *s);

#endif
