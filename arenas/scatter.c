/* SPDX-License-Identifier: MIT
 * arenas/scatter.c - magazines whose blocks lie far apart go back to their slabs at once.
 *
 * What is freed in random order makes magazines of a block from here and one from there. Handed on
 * whole, as depots do, they stay so: slabs do not empty, and whoever gets them has a miss for each
 * block. In the slabs' lists neighbours come together again, and the slabs that empty are handed
 * out in the order of addresses. It costs a look at the record of each block's slab, which is
 * little while the blocks are still in the CPU's caches, and where no other CPU writes to the
 * slabs: as long as one thread alone uses the arena. In a small heap it is not worth even that,
 * since all that is free waits in caches, and most of it in the CPU's. */
#include "arenas/arena.h"
#include "arenas/internal.h"
#include "arenas/transfer.h"
#include "backends/os.h"
#include "backends/pagemap.h"
#include "backends/pages.h"
#include "base/probe.h"

/* Scattered are so many of so many links at the head that lead as far as a slab is long. */
#define LINKS 8
#define LINKS_FAR 6
#define FAR_BYTES ((size_t)64 << 10)
/* A thread is alone with an arena after so many refills and drains in a row. */
#define USES_ALONE 256
/* From so many on what waits in its depot and the CPU's transfer cache is this thread's too. */
#define USES_LONG 8192

/* Its address tells threads apart. */
static HAK_TLS char this_thread;

uint32_t
arena_note_use(struct arena *a)
{
	uint32_t uses = 0;

	/* Hints: relaxed. */
	if (RELAXED(a->user) != &this_thread)
		RELAXED_SET(a->user, &this_thread);
	else
		uses = RELAXED(a->uses) + (RELAXED(a->uses) < USES_LONG);
	RELAXED_SET(a->uses, uses);
	return uses;
}

/* Of LINKS + 1 blocks or more. What leaves the heap is another's to find out. */
static bool
is_scattered(struct magazine m)
{
	const char *p = m.head;
	unsigned far = 0;

	for (unsigned i = 0; i < LINKS; i++) {
		const char *next = link_get(p);
		if (!pagemap_in_primary(next))
			return false;
		far += (size_t)(next > p ? next - p : p - next) >= FAR_BYTES;
		p = next;
	}
	return far >= LINKS_FAR;
}

bool
arena_drain_scattered(unsigned cls, struct magazine m)
{
	unsigned owned_cls;

	if (cls >= CLASS_MID || m.count <= LINKS || pages_totals().used <= ARENA_SCATTER_HEAP ||
		!is_scattered(m))
		return false;
	uint16_t owner = backend_owner(m.head, &owned_cls);
	struct arena *a = owned_cls == cls ? arena_at(owner) : NULL;
	uint32_t uses = a ? arena_note_use(a) : 0;
	if (uses <= USES_ALONE || !arena_try(a))
		return false;
	PROBE2(hakmem, drain, cls, m.count);
	a->counts.drains++;
	uint32_t now_ms = os_now_ms();
	bool all = uses == USES_LONG;
	void *rest = backend_return(&a->backend, m.head, now_ms);
	void *waiting = all ? arena_pop_stack(a, cls, NULL, 1, now_ms) : NULL;
	arena_note_room(a, cls);
	lock_release(&a->lock);
	arena_flush(rest);
	arena_flush(waiting);
	/* Cold ones, but a few blocks keep as many slabs. */
	if (all)
		arena_flush(transfer_take(cls).head);
	return true;
}
