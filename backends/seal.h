/* SPDX-License-Identifier: MIT
 * backends/seal.h - free blocks of isolated groups (docs/placement.md): what stands in their first
 * two words.
 *
 * The first word is the address of the next free block, encoded with a secret and the block's own
 * address; the second is a mark made of another secret and that address. A block of Tiny or L2 is
 * sealed from the moment in which the program frees it, or the heap first cuts it, to the one in
 * which malloc hands it out. So a block that is freed and bears its mark is freed twice, and one
 * that is to be handed out and does not was written to. Pages that are given back lose their seals:
 * L2, which keeps no links in its blocks, makes them anew. Blocks of L2.5 are sealed by who frees
 * them, and where they come from a slab nobody expects a seal.
 *
 * The secrets are drawn at start, before any block, and fixed then. */
#ifndef HAK_BACKENDS_SEAL_H
#define HAK_BACKENDS_SEAL_H

#include "backends/pagemap.h"

struct seal_secrets {
	uint64_t link, mark;
};

extern struct seal_secrets hak_seal HAK_HIDDEN;

/* Draws the secrets; under the startup lock. */
void seal_init(void);
/* Ends the program: the free block p was written to. */
_Noreturn void seal_broken(const void *p) HAK_HIDDEN HAK_COLD;

HAK_INLINE bool
seal_is_on(const void *p)
{
	return ((const uint64_t *)p)[1] == ((uintptr_t)p ^ hak_seal.mark);
}

HAK_INLINE void
seal_set(void *p, const void *next)
{
	uint64_t mark = (uintptr_t)p ^ hak_seal.mark;

	((uint64_t *)p)[0] = (uintptr_t)next ^ (uintptr_t)p ^ hak_seal.link;
	((uint64_t *)p)[1] = mark;
}

/* What p's first word says, unchecked. */
HAK_INLINE void *
seal_peek(const void *p)
{
	return (void *)(((const uint64_t *)p)[0] ^ (uintptr_t)p ^ hak_seal.link);
}

/* The block after p. It is one, as far as its own mark will tell; an address that nobody has
 * encoded is hardly ever in the heap. */
HAK_INLINE void *
seal_next(const void *p)
{
	void *next = seal_peek(p);

	if (HAK_UNLIKELY(!seal_is_on(p)))
		seal_broken(p);
	if (HAK_UNLIKELY(next && !pagemap_in_primary(next)) && !pagemap_contains(next))
		seal_broken(p);
	return next;
}

/* Makes a sealed list one of plain links, which ends with `rest`. The marks stay. */
HAK_INLINE void *
seal_strip(void *list, void *rest)
{
	for (void *p = list, *next; p; p = next) {
		next = seal_next(p);
		link_set(p, next ? next : rest);
	}
	return list;
}

/* p is about to be handed out: its words read as zero then. */
HAK_INLINE void
seal_clear(void *p)
{
	((uint64_t *)p)[0] = 0;
	((uint64_t *)p)[1] = 0;
}

/* The same of a block of L2.5, which bears a seal only where the page has stayed since it was
 * freed. */
HAK_INLINE void
seal_forget(void *p)
{
	if (seal_is_on(p))
		seal_clear(p);
}

#endif
