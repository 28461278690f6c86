/* SPDX-License-Identifier: MIT
 * backends/hakmem/slab.h - a run of 64 KiB pages cut into blocks of one class.
 *
 * A slab belongs to one arena; only the holder of that arena's lock touches its `cut` fields.
 * Blocks are handed out in address order while fresh, so that pages are touched one after another.
 * Invariant: handed_out + nfree + (capacity - fresh) == capacity. (slab_audit) */
#ifndef HAK_BACKENDS_HAKMEM_SLAB_H
#define HAK_BACKENDS_HAKMEM_SLAB_H

#include "backends/pagemap.h"

enum slab_state {
	SLAB_FULL,   /* in no list: every block is handed out */
	SLAB_PARTIAL /* in its arena's list */
};

/* An arena's slabs of one class. */
struct slab_list {
	struct slab *head; /* those with room */
	uint32_t count;    /* all */
	bool sampled;      /* their blocks are samples; fixed */
	bool apart;        /* their blocks pass no bins; fixed */
	uint8_t group;     /* of their pages (pages.h); fixed */
	uint16_t bins;     /* where the group's bin ids begin, in bins; 0: it has none; fixed */
};

HAK_INLINE uint32_t
slab_capacity(const struct slab *s)
{
	return sizeclass_table[s->cls].capacity;
}

HAK_INLINE bool
slab_is_empty(const struct slab *s)
{
	return s->cut.nfree == s->cut.fresh;
}

HAK_INLINE bool
slab_is_full(const struct slab *s)
{
	return s->cut.nfree == 0 && s->cut.fresh == slab_capacity(s);
}

/* A new slab of the class, in the list; NULL when memory is exhausted. The pages of samples, of
 * lists apart, and of groups without bins, have bin 0, so that their frees take the slow path. */
struct slab *slab_birth(struct slab_list *list, enum slab_kind kind, unsigned cls, uint16_t arena);
/* The list's first slab with room; where there is none, a new one if `birth` allows it, or NULL. */
HAK_INLINE struct slab *
slab_first(struct slab_list *list, enum slab_kind kind, unsigned cls, uint16_t arena, bool birth)
{
	return list->head || !birth ? list->head : slab_birth(list, kind, cls, arena);
}

/* Makes the run's records and bin ids those of a slab of its class in the list. */
void slab_mark(const struct slab_list *list, struct slab *s);
/* After blocks were taken from s: off the list when full. */
void slab_taken(struct slab_list *list, struct slab *s);
/* slab_returned where s was full or is empty. */
void slab_changed(struct slab_list *list, struct slab *s);
/* The end, by a message. */
_Noreturn void slab_no_block(const struct slab *s, const void *p) __attribute__((cold));

/* After a block came back to s: onto the list when it was full, dead when it is empty. The page
 * heap keeps the pages warm for whichever class needs them next. */
HAK_INLINE void
slab_returned(struct slab_list *list, struct slab *s)
{
	if (HAK_UNLIKELY(s->state == SLAB_FULL || slab_is_empty(s)))
		slab_changed(list, s);
}

/* The index of block p; aborts where p is not the start of a block that was handed out. */
HAK_INLINE uint32_t
slab_index(const struct slab *s, const void *p)
{
	size_t offset = (size_t)((const char *)p - s->base);
	uint32_t index = sizeclass_divide(s->cls, offset);

	if (HAK_UNLIKELY(index * sizeclass_size(s->cls) != offset || index >= s->cut.fresh))
		slab_no_block(s, p);
	return index;
}

void slab_audit(const struct slab_list *list, enum slab_kind kind);

#endif
