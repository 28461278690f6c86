/* SPDX-License-Identifier: MIT
 * stress/sweep/compare.h - a study beside an older one of the same machine: what became slower or
 * larger by more than noise?
 *
 * A change counts as a regression when all of these hold: the two 95 % intervals do not overlap;
 * it is larger than both spreads together, than what is usual of these in that cell, than four
 * standard deviations of all changes of the quantity (by their median absolute deviation, each
 * allocator's own median taken off), and than COMPARE_LEAST_*; and the same is true after the
 * cell's drift was taken off. Drift is the median change over all allocators of the cell: what all
 * of them show is the machine's doing. It needs three allocators. */
#ifndef HAKMEM_SWEEP_COMPARE_H
#define HAKMEM_SWEEP_COMPARE_H

#include "stress/sweep/study.h"

#include <stdio.h>

/* Peak RSS is steady, but jumps by a few pages or slabs now and then. */
#define COMPARE_LEAST_TIME 0.03
#define COMPARE_LEAST_RSS 0.1

enum change_kind { CHANGE_NOISE, CHANGE_WORSE, CHANGE_BETTER, CHANGE_BROKEN };

struct change {
	const struct study_cell *cell, *old_cell;
	size_t allocator, old_allocator;
	enum study_quantity quantity;
	enum change_kind kind;
	double ratio; /* new / old; NaN for CHANGE_BROKEN, which failed now and not then */
	double drift; /* 1 where it is not known */
	double noise; /* what the change had to exceed, as a part of 1 */
};

struct comparison {
	const struct study *now, *then;
	struct change *changes; /* every pair that both studies have */
	size_t n;
	size_t skipped; /* cells whose workload had other arguments then, or was not in it */
};

/* Both studies have to live longer than the comparison. */
void compare_studies(const struct study *now, const struct study *then, struct comparison *c);
void compare_free(struct comparison *c);
size_t compare_count(const struct comparison *c, enum change_kind kind);
/* One change as "larson x4 under tls-hakmem: time 1.20 of what it was"; to be freed. */
char *compare_words(const struct comparison *c, const struct change *change);
/* The regressions and what failed, or that there are none, as lines. */
void compare_print(FILE *out, const struct comparison *c);

#endif
