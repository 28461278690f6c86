/* SPDX-License-Identifier: MIT
 * stress/sweep/verdict.h - what follows from a study: ratios with intervals, geometric means over
 * groups of workloads, who wins, what each hakmem variant is good and bad at. */
#ifndef HAKMEM_SWEEP_VERDICT_H
#define HAKMEM_SWEEP_VERDICT_H

#include "stress/sweep/study.h"

/* A ratio of two allocators' figures; below 1 the first is better. NaN where one is unknown. */
struct ratio {
	double value;
	struct interval interval;
	size_t cells; /* that it is a mean over */
	bool noise;   /* 1 is inside the interval */
};

enum { VERDICT_ANY_MACHINE = -1 };

/* In one cell. */
struct ratio verdict_ratio(
	const struct study_cell *cell, size_t allocator, size_t base, enum study_quantity quantity);
/* The geometric mean over the cells of the group in which both are known. */
struct ratio verdict_mean(const struct study *s, size_t allocator, size_t base,
	enum study_quantity quantity, enum study_group group, int machine);

/* How often an allocator is the best of its cell: by its median, and of these how often beyond
 * noise, with its interval below all others. */
struct wins {
	size_t cells, best, clear;
};
struct wins verdict_wins(const struct study *s, size_t allocator, enum study_quantity quantity);

/* The best peer (an allocator that is not hakmem) in a cell; nallocators where there is none. */
size_t verdict_best_peer(
	const struct study *s, const struct study_cell *cell, enum study_quantity quantity);
/* The hakmem variant with the lowest mean of time over all cells; nallocators if there is none. */
size_t verdict_best_variant(const struct study *s);
/* The variant whose strengths and weaknesses are told: the one that the document names, else the
 * best one; nallocators if there is none. */
size_t verdict_focus(const struct study *s);

/* A cell beside the best peer there. */
struct standing {
	const struct study_cell *cell;
	size_t peer;
	struct ratio ratio;
};
/* All cells in which the allocator and a peer are known, from its worst to its best: an array of
 * *n to be freed. */
struct standing *verdict_standings(
	const struct study *s, size_t allocator, enum study_quantity quantity, size_t *n);
/* What the allocator has clearly more of than the peer (less, where `more` is false), and what may
 * be the cause: "3.10 times the page faults, ..."; an empty string where nothing stands out. To be
 * freed. */
char *verdict_hints(const struct study_cell *cell, size_t allocator, size_t peer, bool more);

#endif
