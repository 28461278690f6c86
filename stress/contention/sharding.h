/* SPDX-License-Identifier: MIT
 * stress/contention/sharding.h - when sharding the heap by call site helps, and when it hurts. */
#ifndef STRESS_CONTENTION_SHARDING_H
#define STRESS_CONTENTION_SHARDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct contention;

/* Cells (workload, front-end, thread count from 2 on) of one outcome, and the range of their site
 * entropy. */
struct sharding_group {
	size_t n;
	double least_bits, most_bits;
	double best_ratio, worst_ratio; /* of `site` to the control that decided */
	char *names;                    /* "larson lock x16 (1.31)", comma-separated; to be freed */
};

struct sharding {
	struct sharding_group all;
	struct sharding_group helps; /* `site` ahead of `single`, and behind no control */
	struct sharding_group hurts; /* `site` behind some control */
	struct sharding_group same;  /* neither */
	/* Those where no second arena became active under any selector, so that there was nothing
	 * to choose; they are in none of the three above. */
	struct sharding_group idle;
	size_t idle_differences; /* of these, with a difference above the spread all the same */
};

/* Sorts the cells by what the figures say of them. */
struct sharding sharding_of(const struct contention *s);
void sharding_free(struct sharding *sh);
/* Writes the paragraph. */
void sharding_conclude(FILE *out, const struct contention *s);

#endif
