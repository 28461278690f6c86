/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny_pages.h - Tiny slabs' pages whose blocks are all free: given back to the
 * system, and handed out again.
 *
 * A few blocks that stay hold a slab of 64 KiB, but not each page of it. In a slab that is quiet
 * and has few live blocks the pages without one are given back; `purged` of the record has a bit
 * for each. Blocks that reach into such a page are in no list; they come back page by page, lowest
 * address first. Invariant: nfree == |list| + tiny_purged. (slab_audit)
 *
 * All functions need the lock of the slab's arena. */
#ifndef HAK_BACKENDS_HAKMEM_TINY_PAGES_H
#define HAK_BACKENDS_HAKMEM_TINY_PAGES_H

#include "backends/hakmem/purge.h"

/* How many blocks reach into purged pages, all of them free. */
uint32_t tiny_purged(const struct slab *s);
/* Block `index` comes back to a slab that was looked at: it is worth another look. Aborts where the
 * block reaches into a purged page. */
void tiny_changed(struct slab *s, uint32_t index);
/* Takes up to `most` blocks, consecutive from *fresh on, that reach into one purged page, of which
 * there is one; the page is none any more, and what is left of it is in the list. Returns their
 * number. */
uint32_t tiny_unpurge(struct slab *s, uint32_t most, char **fresh);
/* Adds pages of the list's slabs with few live blocks in which nothing has been freed for quiet_ms
 * to what is given back. Aborts where a free list was written to. */
void tiny_age(struct slab_list *list, uint32_t now_ms, uint32_t quiet_ms, struct purge *p);

#endif
