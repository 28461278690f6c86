/* SPDX-License-Identifier: MIT
 * tools/prof/heap_v2.h - a profile as the heap_v2 text that jeprof reads. */
#ifndef HAKMEM_PROF_HEAP_V2_H
#define HAKMEM_PROF_HEAP_V2_H

#include "tools/prof/profile.h"
#include "tools/prof/symbols.h"

#include <stdio.h>

/* Writes all sites. `symbols` is asked for the modules' segments; a module whose file is not found
 * is taken to be mapped at the same distance throughout. */
void heap_v2_write(FILE *out, const struct profile *p, struct symbols *symbols);

#endif
