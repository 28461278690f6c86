/* SPDX-License-Identifier: MIT
 * arenas/arena.h - the shards of the heap, as front-ends see them.
 *
 * An arena is its back-end's slabs, a depot for each cached class, and a lock. There is one arena
 * until refills meet a held lock; the number then doubles, up to a limit from the CPUs the process
 * may use, so that a single-threaded program pays for one. HAKMEM_ARENAS fixes the number instead.
 * Arenas are never destroyed.
 *
 * All functions are thread-safe and take the locks they need; the caller holds none. Those that can
 * fail do so only when memory is exhausted, or while a fork holds the locks (lock.h). */
#ifndef HAK_ARENAS_ARENA_H
#define HAK_ARENAS_ARENA_H

#include "arenas/depot.h"
#include "arenas/learn.h"
#include "backends/backend.h"

/* One word of bitmap over arenas. */
#define MAX_ARENAS 64
/* Where blocks are placed by group (docs/placement.md), each group has as many arenas of its own,
 * made as they are needed; of group g, those with the indices from g * MAX_ARENAS on. Nothing moves
 * from one group's to another's. */
#define ARENA_GROUPS 17
#define ARENA_SLOTS (ARENA_GROUPS * MAX_ARENAS)

struct arena_totals {
	size_t arenas; /* a number */
	size_t depot_bytes;
	size_t handed_out;      /* bytes of blocks out of their slabs, depots' included */
	size_t refills, drains; /* numbers */
	size_t contended;       /* lock acquisitions that met a held lock */
	size_t borrowed;        /* refills from another arena */
};

/* What happened under one arena's lock; numbers unless said otherwise. A refill is the arena's
 * where the selector chose it, and the lender's where that had nothing. */
struct arena_counts {
	uint64_t acquisitions; /* of the lock, by refills, drains, flushes, single blocks and ageing
				*/
	uint64_t wait_ns;      /* for the lock, measured only where HAKMEM_STATS asks for it */
	uint64_t refills;      /* for which the arena was chosen, and its lock taken */
	uint64_t drains;       /* magazines that came to its depots */
	uint64_t borrowed;     /* refills of other arenas that were served from this one */
	uint64_t singles;      /* blocks that bypassed the depots */
	uint64_t blocks;       /* that refills got from this arena */
	/* Of those, what was not where it is wanted: a magazine that was drained on another CPU
	 * (by the depot's stacks: modulo DEPOT_WAYS), or anything for another arena's refill. */
	uint64_t remote_magazines;
	uint64_t remote_blocks;
	/* Blocks that were handed out, by refills and singly, by class. */
	uint64_t handed[CLASS_END];
};

struct arena_report {
	struct arena_counts counts;
	uint64_t contended; /* how often the chosen arena's lock was met held */
	size_t depot_bytes;
};

/* Before anything else; under the startup lock. */
void arena_init(void);
/* From now on there are groups from `first`, above 0, on: those of the back-end, whose addresses
 * stay apart and whose free blocks are sealed (seal.h), and so many bin ids of the front-end's
 * (backend_arena_init). Under the startup lock. */
void arena_isolate(unsigned first, unsigned bins);
/* From now on there is a group 1, whose blocks come from slabs of their own and pass all bins, and
 * are otherwise as group 0's. Under the startup lock. */
void arena_split(void);
/* One past the highest index that an arena may have. */
unsigned arena_end(void);
/* From now on what this thread refills is for that cache: fresh memory is touched for one cache by
 * the slab. NULL, as at first: for the CPU's. */
void arena_lease_to(const void *cache);
/* A magazine of class cls, of about `want` and at most `most` blocks, from the group's arena for
 * the site; empty when memory is exhausted. Sealed blocks come as a sealed list. */
struct magazine arena_refill_in(
	unsigned group, unsigned cls, uintptr_t site, uint32_t want, uint32_t most);

HAK_INLINE struct magazine
arena_refill(unsigned cls, uintptr_t site, uint32_t want, uint32_t most)
{
	return arena_refill_in(0, cls, site, want, most);
}

/* Takes a magazine of blocks of one class, all in whichever arenas of group 0 they belong to. False
 * when a fork holds the lock; the caller keeps it. */
bool arena_drain(unsigned cls, struct magazine m);
/* Takes a magazine of Tiny blocks back into their slabs at once if they lie far apart and this
 * thread has been alone with their arena for a while; else false, and the caller keeps it. Pays for
 * blocks that were freed just now. After a long while a magazine that waits somewhere goes too. */
bool arena_drain_scattered(unsigned cls, struct magazine m);
/* arena_drain of sealed magazines, of one group above 0. False also where the depot is full. */
bool arena_drain_sealed(unsigned cls, struct magazine m);
/* Takes blocks of one class, of any arenas, linked through their first words, back into their
 * slabs. What it could not take, since a fork holds locks, is put aside (emergency.h). */
void arena_flush(void *list);
/* Frees what was put aside. */
void arena_flush_deferred(void);
/* One block of any class: a waiting magazine's, else the slabs'; NULL when memory is exhausted.
 * *zeroed says whether zeroes are wanted, and then whether the block reads as zero. In isolated
 * groups for L2.5 only, which may bear old seals. */
void *arena_take_in(unsigned group, unsigned cls, uintptr_t site, bool *zeroed);

HAK_INLINE void *
arena_take(unsigned cls, uintptr_t site, bool *zeroed)
{
	return arena_take_in(0, cls, site, zeroed);
}

/* A block of the class for a sample of the profile; NULL when memory is exhausted. */
void *arena_take_sampled(unsigned cls, uintptr_t site);
/* Takes back one block of any arena, bypassing the depots. */
void arena_give(void *p);
/* A block of L2.5 resized in place; false where that cannot be, and for all other blocks. */
bool arena_resize(void *p, size_t size);
/* Ages depots and slabs, at most every ARENA_TICK_MS; cheap when it is not due. */
void arena_tick(uint32_t now_ms);
/* How much of the program's last pause does not count, in ms; 0 when it has been awake for long. */
extern _Atomic uint32_t hak_discount_ms HAK_HIDDEN;
/* True for a while after a pause of the whole program: free memory is kept which soon may be cold,
 * and slow paths are to be used again for that. */
HAK_INLINE bool
arena_is_waking(void)
{
	return RELAXED(hak_discount_ms) > 0;
}

/* How long what is to have been idle for `ms` has to be idle, where that goes back before the
 * program's last pause: little of the pause counts, since a program that wakes up is about to use
 * what it has. */
uint32_t arena_after_pause(uint32_t now_ms, uint32_t ms);
/* Gives back what has been idle for the settings' times, or cold_ms where that is less than theirs;
 * returns the bytes given back. */
size_t arena_age(uint32_t now_ms, uint32_t cold_ms);
/* When a thread was last on a slow path. */
uint32_t arena_last_active_ms(void);
/* Before more memory is held than the soft limit allows: gives everything idle back, at most every
 * few ms. */
void arena_make_room(void);
/* Gives everything idle back now but `keep` bytes; returns the bytes given back. */
size_t arena_trim(size_t keep);
/* When memory is exhausted: everything back, address space too. */
void arena_reclaim(void);
/* The most arenas that will be used; 1 to MAX_ARENAS. */
void arena_set_limit(unsigned limit);
unsigned arena_limit(void);
struct arena_totals arena_totals(void);
/* The slabs of the class in all arenas of the group. */
struct backend_class arena_class(unsigned group, unsigned cls);
/* One arena's, and its bytes by tier added to *tiers; false where there is none with that index. */
bool arena_report(unsigned index, struct arena_report *out, struct backend_tiers *tiers);
/* What slow paths have done so far: events and sizes are set, nothing else. False while a fork
 * holds the locks. */
bool arena_activity(struct learn_window *out);
void arena_audit(void);

/* Fork handlers: all arenas' locks in order, then the back-end's. */
void arena_fork_prepare(void);
void arena_fork_parent(void);
void arena_fork_child(void);

#define ARENA_TICK_MS 50

#endif
