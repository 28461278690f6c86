/* SPDX-License-Identifier: MIT
 * stress/sweep/resume.h - going on with a sweep that was interrupted: its plan comes from its own
 * results, and the machine and the build have to be those that it began with. */
#ifndef HAKMEM_SWEEP_RESUME_H
#define HAKMEM_SWEEP_RESUME_H

#include <jansson.h>
#include <stdbool.h>

struct options;
struct places;
struct workload;

/* A sweep as it was left. */
struct resumed {
	json_t *document;
	char *workloads, *allocators, *threads; /* comma lists that options point to */
};

/* Reads DIR/results.json of o->resume and sets the options to what that sweep was called with.
 * False with a line on standard error. resume_close is to be called in any case. */
bool resume_open(struct options *o, struct resumed *r);
void resume_close(struct resumed *r);
/* The shares of instructions that were measured already; borrowed, NULL where there are none. */
json_t *resume_shares(const struct resumed *r);
/* Whether machine and build are the same still: false with a line on standard error for what is
 * not. `now` is what machine_describe tells. That the commit's name is another is only said: what
 * counts are the files that are run. */
bool resume_check(const struct options *o, const struct resumed *r, const char *now);
/* The line of the environment that tells two builds of the workloads apart: "# workloads: digest
 * ...", of their programs and scripts; to be freed. */
char *resume_fingerprint(const struct places *p, const struct workload *const *w);

#endif
