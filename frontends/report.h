/* SPDX-License-Identifier: MIT
 * frontends/report.h - the statistics as a report; docs/statistics.md describes it. */
#ifndef HAK_FRONTENDS_REPORT_H
#define HAK_FRONTENDS_REPORT_H

#include "base/compiler.h"

/* Writes the report to standard error, as JSON on one line or as text. Takes locks, one after
 * another, and holds none while it writes; allocates nothing; preserves errno. */
void report_write(bool json);

#endif
