/* SPDX-License-Identifier: MIT
 * stress/sweep/findings.h - what a study says, in sentences that report.md and report.html share.
 */
#ifndef HAKMEM_SWEEP_FINDINGS_H
#define HAKMEM_SWEEP_FINDINGS_H

#include "stress/sweep/study.h"

/* A list of sentences; findings_free releases it. */
struct findings {
	char **lines;
	size_t n;
};

void findings_free(struct findings *f);
/* Who wins over all, by how much, and whether that is noise. */
struct findings findings_summary(const struct study *s);
/* The cells in which the allocator is furthest behind (`weak`) or ahead of the best peer there by
 * the quantity, at most `most` of them, with what else stands out. */
struct findings findings_extremes(const struct study *s, size_t allocator,
	enum study_quantity quantity, bool weak, size_t most);
/* The three workloads in which the allocator is furthest behind, each by its worst cell, with the
 * cause that the document tells, or that none was examined. */
struct findings findings_worst(
	const struct study *s, size_t allocator, enum study_quantity quantity);
/* "key: value" for all that is known of a machine. */
struct findings findings_environment(const struct study *s, size_t machine);
/* The measured quantities of a cell that are not among those of every run, and not the same in all
 * runs: an array of *n keys to be freed. */
const char **findings_extra_keys(const struct study *s, const struct study_cell *c, size_t *n);

#endif
