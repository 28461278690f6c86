/* SPDX-License-Identifier: MIT
 * stress/contention/judge.h - when a difference is one, and what follows from it. Arithmetic only:
 * no state, no output.
 *
 * A difference counts where the medians are further apart, relative to the base, than the larger of
 * both series' spreads, (max - min) / median. */
#ifndef STRESS_CONTENTION_JUDGE_H
#define STRESS_CONTENTION_JUDGE_H

#include "stress/sweep/stats.h"

#include <stdbool.h>
#include <stddef.h>

struct difference {
	bool known;   /* both were measured */
	bool above;   /* above the spread */
	double ratio; /* of the medians, to the base */
	double noise; /* the larger spread */
};

struct difference judge_difference(struct stats value, struct stats base);
/* How much more than the base, as a share; 0 where it is no more or no difference. */
double judge_benefit(struct difference d);

enum verdict { VERDICT_UNKNOWN, VERDICT_REVERT, VERDICT_CONDITIONAL, VERDICT_KEEP };

/* The plan's rule for a front-end's throughput against the base's: keep above 20 % at 4 threads and
 * 40 % at 16; conditional for a benefit below that; revert for none. */
enum verdict judge_verdict(struct difference at_4, struct difference at_16);
/* Over the workloads: keep where each says so, revert where each says so, otherwise conditional.
 * Unknown ones are left out. */
enum verdict judge_overall(const enum verdict *verdicts, size_t n);
const char *verdict_name(enum verdict v);

enum outcome { OUTCOME_UNKNOWN, OUTCOME_MISSED, OUTCOME_MET };

/* The ratio is `most` or less. */
enum outcome judge_at_most(struct difference d, double most);
/* The value is larger than the base, above the spread. */
enum outcome judge_ahead(struct difference d);
const char *outcome_name(enum outcome o);

/* "+35 %", "no difference (+3 %, spread 12 %)" or "not measured", in `out`, which is returned. */
enum { JUDGE_TEXT = 64 };
const char *judge_text(struct difference d, char out[JUDGE_TEXT]);

#endif
