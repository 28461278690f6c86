/* SPDX-License-Identifier: MIT
 * backends/hakmem/large.h - L2.5, blocks to 1 MiB: slabs as in L2 (mid.h), of a few blocks each, of
 * which it is known whether they read as zero. */
#ifndef HAK_BACKENDS_HAKMEM_LARGE_H
#define HAK_BACKENDS_HAKMEM_LARGE_H

#include "backends/hakmem/slab.h"

/* As backend_take, for one class; arena lock. */
void *large_take(struct slab_list *list, unsigned cls, uint16_t arena, bool *zeroed);
/* The least class for `size` bytes, MID_MAX to LARGE_MAX, whose slabs are one block each, so that
 * its blocks can be resized in place. */
unsigned large_whole_class(size_t size);
/* As backend_resize, for a block of L2.5 in slab s; `lists` are its arena's, by class. Arena lock.
 */
bool large_resize(struct slab_list *lists, struct slab *s, size_t size);

#endif
