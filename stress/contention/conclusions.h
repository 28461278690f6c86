/* SPDX-License-Identifier: MIT
 * stress/contention/conclusions.h - the parts of the report that draw conclusions. Each takes its
 * words from the figures and says where there are none. */
#ifndef STRESS_CONTENTION_CONCLUSIONS_H
#define STRESS_CONTENTION_CONCLUSIONS_H

#include <stdio.h>

struct contention;

/* Which front-end to keep, by the plan's rule; what tls costs with one thread; rseq's criteria. */
void conclusions_verdicts(FILE *out, const struct contention *s);
/* rseq on hakmem against jemalloc as a back-end and by itself. */
void conclusions_rivals(FILE *out, const struct contention *s);
/* The selectors beside the entropy of the call sites, and when sharding by call site helps. */
void conclusions_selectors(FILE *out, const struct contention *s);

#endif
