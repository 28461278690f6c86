/* SPDX-License-Identifier: MIT
 * backends/jemalloc/jemalloc.h - jemalloc's arenas as the contract sees them: the reference.
 *
 * Each arena of ours has one of jemalloc's, and Big blocks have one more. Their memory comes from
 * hakmem's regions (control.h), so that the page map knows every block of theirs. jemalloc's slabs
 * are runs of whole pages with blocks of one size, and the classes in use are jemalloc's own
 * (tools/gen-sizeclass.py); so the blocks that begin on one page all have one class while any of
 * them is out, and the page's bin id is theirs.
 *
 * The record of the page that a block begins on has a bit for each place where one may: set while
 * the block is out. The last one to come back takes the page's bin id and kind with it. Owner: the
 * holder of the arena's lock. Invariant: the bytes of the blocks that are out are what jemalloc
 * counts as allocated. (backend_audit)
 *
 * What these records cannot tell: an address inside a block, on a page that another block of the
 * same class begins on, is taken by a front-end's bin as it is with slabs of hakmem's; it is found
 * out when it leaves the bin. Wrong frees of other addresses are told as there.
 *
 * What differs from the tiers of hakmem: HAKMEM_BIGCACHE, HAKMEM_GIVEBACK and HAKMEM_KEEP have no
 * effect. HAKMEM_WARM and HAKMEM_COLD, read at start, are jemalloc's decay times: dirty pages are
 * offered to the system over the first and given back by the second. Address space stays with the
 * arena that got it. A block that moves is copied. */
#ifndef HAK_BACKENDS_JEMALLOC_JEMALLOC_H
#define HAK_BACKENDS_JEMALLOC_JEMALLOC_H

#include "backends/sizeclass.h"
#include "base/compiler.h"

#define BACKEND_NAME "jemalloc"
#define BACKEND_GROUPS 0

/* Arena lock. */
struct backend_arena {
	uint16_t index;
	bool created;    /* jemalloc's arena is there; made when the first block is asked for */
	unsigned number; /* jemalloc's */
	/* By class: blocks that are out; and those that came back less those taken since, a guess
	 * at the room in slabs. */
	uint32_t out[CLASS_END];
	uint32_t holes[CLASS_END];
};

#endif
