/* SPDX-License-Identifier: MIT
 * arenas/internal.h - the arena's struct, shared by the files of this folder. */
#ifndef HAK_ARENAS_INTERNAL_H
#define HAK_ARENAS_INTERNAL_H

#include "arenas/arena.h"
#include "base/lock.h"

struct arena {
	struct lock lock;
	/* Fixed at birth. */
	unsigned index;
	bool seals;                 /* its free blocks are sealed */
	uint64_t bit;               /* in hints: the group's i-th arena has bit i */
	_Atomic uint64_t *nonempty; /* its group's hints, by class */
	_Atomic size_t contended;   /* any thread, when it has met the lock held */
	/* Hints: which thread last refilled or drained, and how often in a row (scatter.c). */
	const void *_Atomic user;
	_Atomic uint32_t uses;
	/* All below: the lock. */
	struct arena_counts counts;
	size_t depot_bytes; /* in all depots */
	struct depot depots[BIN_CLASSES];
	struct sealed_depot *sealed; /* by class; NULL before the first magazine */
	struct backend_arena backend;
} HAK_CACHE_ALIGNED;

struct arenas {
	/* Filled once each (release), never emptied. */
	struct arena *_Atomic all[ARENA_SLOTS];
	_Atomic unsigned active; /* a power of two; release, with the arenas that it counts */
	_Atomic unsigned limit;  /* a power of two; 0: not yet known */
	_Atomic size_t contended;
	_Atomic uint32_t contended_ms; /* when so many had been counted again */
	unsigned groups_above;         /* group 0 that are in use; fixed at start */
	unsigned group_bins;
	unsigned seals_from; /* this group on are isolated; 0: none is; fixed at start */
	/* By group and class: bit i is the group's i-th arena, set when it has free blocks, in its
	 * depot or its slabs. A hint. */
	_Atomic uint64_t nonempty[ARENA_GROUPS][BIN_CLASSES];
};

extern struct arenas hak_arenas;

HAK_INLINE struct arena *
arena_at(unsigned i)
{
	return atomic_load_explicit(&hak_arenas.all[i], memory_order_acquire);
}

/* Takes the lock if it is free. */
HAK_INLINE bool
arena_try(struct arena *a)
{
	if (!lock_try(&a->lock))
		return false;
	a->counts.acquisitions++;
	return true;
}

/* Keeps the class's bit of the arena true. Arena lock. */
HAK_INLINE void
arena_note_room(struct arena *a, unsigned cls)
{
	_Atomic uint64_t *nonempty = &a->nonempty[cls];
	uint64_t bit = a->bit, bits = atomic_load_explicit(nonempty, memory_order_relaxed);
	bool room = a->depots[cls].blocks || !backend_dry(&a->backend, cls);

	/* A hint, read without the lock: relaxed. */
	if (room == ((bits & bit) != 0))
		return;
	if (room)
		atomic_fetch_or_explicit(nonempty, bit, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(nonempty, ~bit, memory_order_relaxed);
}

/* In a heap of up to so many bytes scattered magazines are handed on: transfer caches have room for
 * all that is free. */
#define ARENA_SCATTER_HEAP ((size_t)8 << 20)
/* Notes that this thread refills or drains; how often it alone has done so since another did, 0 the
 * first time, up to a bound. */
uint32_t arena_note_use(struct arena *a);
/* lock_acquire, counting contention, which makes the number of arenas grow. */
bool arena_lock(struct arena *a) __attribute__((warn_unused_result));
/* Counts an acquisition that met a held lock; when they come often, the arenas double. No lock
 * held. */
void arena_note_contention(void) HAK_NOINLINE;
/* A magazine of a sealed depot, the last that came; empty where that is. Arena lock. */
HAK_INLINE struct magazine
arena_pop_sealed(struct arena *a, unsigned cls)
{
	struct sealed_depot *d = a->sealed ? &a->sealed[cls] : NULL;
	struct magazine m = {NULL, 0};

	if (d && d->count > 0) {
		m = d->full[--d->count];
		a->depots[cls].blocks -= m.count;
		a->depot_bytes -= m.count * sizeclass_size(cls);
	}
	return m;
}

/* Up to n magazines of the class's depot, on top of the stack `top`. Arena lock. */
HAK_INLINE void *
arena_pop_stack(struct arena *a, unsigned cls, void *top, unsigned n, uint32_t now_ms)
{
	for (struct magazine m; n > 0 && (m = depot_pop(&a->depots[cls], now_ms)).head; n--) {
		depot_link(m, top);
		top = m.head;
		a->depot_bytes -= m.count * sizeclass_size(cls);
	}
	return top;
}

/* So many magazines go back to their slabs together. */
#define ARENA_FLUSH_TOGETHER 8
/* Takes the magazines of a stack (depot.h) back into their slabs. No lock held. */
void arena_flush_stack(void *top);
/* Gives the blocks of depots that have been idle for least_ms back to their slabs; no lock held. */
void arena_age_depots(struct arena *a, uint32_t now_ms, uint32_t least_ms);
/* The same for all transfer caches. */
void arena_age_transfers(uint32_t now_ms, uint32_t least_ms);

#endif
