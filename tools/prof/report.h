/* SPDX-License-Identifier: MIT
 * tools/prof/report.h - what hakmem-prof prints of one profile (top, leaks, lifetimes) and of two
 * (diff), as text or JSON. */
#ifndef HAKMEM_PROF_REPORT_H
#define HAKMEM_PROF_REPORT_H

#include "tools/prof/options.h"
#include "tools/prof/view.h"

#include <stdio.h>

/* top, leaks or lifetimes, as the options say. Sorts the view. */
void report_view(FILE *out, const struct options *o, struct view *v);
/* The growth from `old` to `now`, views by the same thing. */
void report_diff(FILE *out, const struct options *o, struct view *old, struct view *now);

#endif
