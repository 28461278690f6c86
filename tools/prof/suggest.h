/* SPDX-License-Identifier: MIT
 * tools/prof/suggest.h - a rules file from a profile; docs/rules.md has its syntax. */
#ifndef HAKMEM_PROF_SUGGEST_H
#define HAKMEM_PROF_SUGGEST_H

#include "tools/prof/profile.h"
#include "tools/prof/symbols.h"

#include <stdio.h>

/* Writes one rule for each place in the program whose samples show, with the lower end of Wilson's
 * 95 % interval above `confidence`, that its blocks are large and short-lived, or large and
 * long-lived. Each rule has its evidence beside it. */
void suggest_write(FILE *out, const struct profile *p, struct symbols *symbols, double confidence);

#endif
