/* SPDX-License-Identifier: MIT
 * tools/prof/merge.h - several profiles as one. */
#ifndef HAKMEM_PROF_MERGE_H
#define HAKMEM_PROF_MERGE_H

#include "tools/prof/profile.h"

/* Adds `more` to `total`, which is all zeroes at first. A module is the same where path and build
 * id are; one that would lie over another of `total` is moved. Sites are the same by their id. */
void merge_add(struct profile *total, const struct profile *more);

#endif
