/* SPDX-License-Identifier: MIT
 * backends/hakmem/large.c - L2.5 blocks. */
#include "backends/hakmem/large.h"

#include "backends/hakmem/mid.h"

void *
large_take(struct slab_list *list, unsigned cls, uint16_t arena, bool *zeroed)
{
	struct slab *s = list->head;

	if (!s)
		s = slab_birth(list, SLAB_LARGE, cls, arena);
	return s ? mid_take(list, s, zeroed) : NULL;
}
