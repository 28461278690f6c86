/* SPDX-License-Identifier: MIT
 * backends/hakmem/large.c - L2.5 blocks. */
#include "backends/hakmem/large.h"

#include "backends/hakmem/big.h"
#include "backends/hakmem/mid.h"
#include "backends/pages.h"

void *
large_take(struct slab_list *list, unsigned cls, uint16_t arena, bool *zeroed)
{
	struct slab *s = list->head;

	if (!s)
		s = slab_birth(list, SLAB_LARGE, cls, arena);
	return s ? mid_take(list, s, zeroed) : NULL;
}

unsigned
large_whole_class(size_t size)
{
	unsigned cls = sizeclass_of(size);

	while (sizeclass_table[cls].capacity > 1)
		cls++;
	return cls;
}

/* The class for `size` bytes whose slabs are one block each; 0 for Big, CLASS_END for smaller ones.
 */
static unsigned
class_of(size_t size)
{
	if (size > LARGE_MAX)
		return 0;
	return size > MID_MAX ? large_whole_class(size) : CLASS_END;
}

bool
large_resize(struct slab_list *lists, struct slab *s, size_t size)
{
	unsigned cls = class_of(size);
	struct slab_list *list = &lists[s->cls];
	bool zeroed;

	/* The slab of a block that is out and has it for itself is full. */
	if (slab_capacity(s) > 1 || s->state != SLAB_FULL || s->sampled || s->apart || s->group ||
		cls == CLASS_END)
		return false;
	if (cls == s->cls)
		return true;
	if (!pages_resize(s, cls ? sizeclass_table[cls].npages : big_pages(size), &zeroed))
		return false;
	list->count--;
	if (cls == 0) {
		big_adopt(s);
		return true;
	}
	lists[cls].count++;
	s->cls = (uint8_t)cls;
	slab_mark(&lists[cls], s);
	return true;
}
