/* SPDX-License-Identifier: MIT
 * backends/hakmem/large.h - L2.5, blocks to 1 MiB: slabs as in L2 (mid.h), of a few blocks each, of
 * which it is known whether they read as zero. */
#ifndef HAK_BACKENDS_HAKMEM_LARGE_H
#define HAK_BACKENDS_HAKMEM_LARGE_H

#include "backends/hakmem/slab.h"

/* As backend_take, for one class; arena lock. */
void *large_take(struct slab_list *list, unsigned cls, uint16_t arena, bool *zeroed);

#endif
