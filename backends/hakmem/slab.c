/* SPDX-License-Identifier: MIT
 * backends/hakmem/slab.c - birth, lists and death of slabs; the same for every tier. */
#include "backends/hakmem/slab.h"

#include "backends/hakmem/big.h"
#include "backends/hakmem/tiny_pages.h"
#include "backends/pages.h"
#include "backends/seal.h"
#include "base/assert.h"

static void
list_push(struct slab_list *list, struct slab *s)
{
	s->cut.prev = NULL;
	s->cut.next = list->head;
	if (list->head)
		list->head->cut.prev = s;
	list->head = s;
}

static void
list_remove(struct slab_list *list, struct slab *s)
{
	if (s->cut.prev)
		s->cut.prev->cut.next = s->cut.next;
	else
		list->head = s->cut.next;
	if (s->cut.next)
		s->cut.next->cut.prev = s->cut.prev;
}

void
slab_mark(const struct slab_list *list, struct slab *s)
{
	pagemap_mark_interior(s);
	if (!s->sampled && !s->apart && (!s->group || list->bins))
		pagemap_set_bin(
			s, (uint16_t)((list->bins + s->cls) * BIN_BYTES), sizeclass_size(s->cls));
}

/* Pages for a slab: warm ones, BigCache's too, before fresh ones. To what is cached there it is the
 * same which of the two takes page faults, and it was not wanted while these were. */
static struct slab *
birth_pages(const struct slab_list *list, size_t npages, bool dense)
{
	struct slab *s = pages_alloc_in(list->group, npages, 1, dense);

	if (!s || !s->zero || !big_yield(list->group))
		return s;
	/* The arena's lock is held, so no fork holds the page heap's. */
	HAK_CHECK(pages_free(s, true));
	return pages_alloc_in(list->group, npages, 1, dense);
}

struct slab *
slab_birth(struct slab_list *list, enum slab_kind kind, unsigned cls, uint16_t arena)
{
	struct slab *s = birth_pages(list, sizeclass_table[cls].npages, kind != SLAB_LARGE);

	if (!s)
		return NULL;
	slab_set_kind(s, kind);
	s->cls = (uint8_t)cls;
	s->arena = arena;
	s->state = SLAB_PARTIAL;
	s->sampled = list->sampled;
	s->apart = list->apart;
	s->cut.purged = 0;
	s->cut.fresh = 0;
	s->cut.lessee = 0;
	s->cut.nfree = 0;
	s->cut.free.bitmap = 0;
	if (kind == SLAB_TINY)
		s->cut.free.list = NULL;
	slab_mark(list, s);
	list_push(list, s);
	list->count++;
	return s;
}

/* Takes an empty slab out of the list and gives its pages back to the page heap. */
static void
slab_death(struct slab_list *list, struct slab *s)
{
	HAK_ASSERT(slab_is_empty(s));
	list_remove(list, s);
	list->count--;
	pagemap_set_bin(s, 0, PAGE_BYTES);
	slab_set_kind(s, SLAB_NONE);
	/* The arena's lock is held, so no fork holds the page heap's. */
	bool freed = pages_free(s, false);
	HAK_CHECK(freed);
}

void
slab_taken(struct slab_list *list, struct slab *s)
{
	s->state = SLAB_PARTIAL;
	if (slab_is_full(s)) {
		list_remove(list, s);
		s->state = SLAB_FULL;
	}
}

void
slab_changed(struct slab_list *list, struct slab *s)
{
	if (s->state == SLAB_FULL) {
		/* At the head: the fullest slabs serve next, so that others can empty. */
		list_push(list, s);
		s->state = SLAB_PARTIAL;
	}
	if (slab_is_empty(s))
		slab_death(list, s);
}

void
slab_no_block(const struct slab *s, const void *p)
{
	log_fatal("free of %p: not the start of a block (slab %p, blocks of %u bytes)", p,
		(void *)s->base, sizeclass_size(s->cls));
}

void
slab_audit(const struct slab_list *list, enum slab_kind kind)
{
	const struct slab *prev = NULL;

	for (const struct slab *s = list->head; s; prev = s, s = s->cut.next) {
		uint32_t n = 0;

		HAK_CHECK(slab_kind(s) == kind && s->cut.prev == prev && s->state != SLAB_FULL);
		HAK_CHECK(s->cut.fresh <= slab_capacity(s) && !slab_is_full(s));
		if (kind == SLAB_TINY) {
			for (void *p = s->cut.free.list; p;
				p = s->group ? seal_next(p) : *(void **)p, n++)
				HAK_CHECK(slab_index(s, p) < s->cut.fresh && n < s->cut.nfree);
			n += tiny_purged(s);
		} else {
			n = (uint32_t)__builtin_popcountll(s->cut.free.bitmap);
		}
		HAK_CHECK(n == s->cut.nfree);
	}
}
