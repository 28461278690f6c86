/* SPDX-License-Identifier: MIT
 * frontends/rseq_cache.h - the caches of CPUs, as the slow paths of rseq use them.
 *
 * Every step that changes a cache is one of three: pop, push, and replacing a word by another
 * (rseq.h); where there is no rseq, the same under the cache's lock, which is only tried. Any
 * thread may call any function between frontend_enter and frontend_leave; none waits for a lock. */
#ifndef HAK_FRONTENDS_RSEQ_CACHE_H
#define HAK_FRONTENDS_RSEQ_CACHE_H

#include "base/lock.h"
#include "frontends/frontend.h"
#include "frontends/magazine.h"

struct rseq_bin {
	_Atomic uint64_t word;  /* the active magazine: number of blocks above, first block below */
	_Atomic uint64_t limit; /* its capacity, as a word's number */
};

_Static_assert(sizeof(struct rseq_bin) == BIN_BYTES, "a bin id is the bin's offset");

/* Synchronization: `word` and `spares` by sequences, or under `lock` where there are none; the rest
 * by any thread, atomically. Invariant: a word's number is the length of the list at its first
 * block. (frontend_audit) */
struct rseq_cache {
	struct rseq_bin bins[BIN_CLASSES];
	_Atomic uint64_t spares[BIN_CLASSES];
	_Atomic uint32_t used_ms[BIN_CLASSES]; /* when a slow path last used the bin */
	/* How many magazines a bin has got more than given away. */
	_Atomic uint16_t wanted[BIN_CLASSES];
	_Atomic uint8_t drains[BIN_CLASSES]; /* of a bin since it last missed, about */
	/* A bin's first block when it had last missed and taken its spare magazine, about. */
	const void *_Atomic marks[BIN_CLASSES];
	_Atomic int64_t grown; /* bytes by which magazines have grown */
	_Atomic size_t slow_allocs, slow_frees;
	_Atomic bool used;
	struct lock lock; /* TRYLOCK only */
};

/* malloc's bins while allocations are counted, at the same distance from all caches. As above. */
struct rseq_counted {
	struct rseq_bin bins[BIN_CLASSES];
	/* Allocations up to the next sample, it included, but for those whose blocks are in `bins`
	 * already; 0 before the distance is drawn. */
	_Atomic uint32_t until[BIN_CLASSES];
	_Atomic uint64_t random;
};

/* The most that a slow path tries again what others keep undoing. */
#define RSEQ_TRIES 4

/* Makes the caches and finds out how they can be used; under the startup lock. */
void rseq_caches_init(void);
/* A thread's first slow path: from now on its fast path finds a cache, where it can have one. */
void rseq_thread_attach(void);
/* The cache of this thread's CPU a moment ago: a hint, for figures that need not be of one CPU. One
 * of its own, without room, for threads that have none. */
struct rseq_cache *rseq_cache_now(void);

/* Where in a cache the words of a class's magazines are, bytes. */
HAK_INLINE size_t
rseq_active_at(unsigned cls)
{
	return offsetof(struct rseq_cache, bins) + cls * sizeof(struct rseq_bin);
}

HAK_INLINE size_t
rseq_spare_at(unsigned cls)
{
	return offsetof(struct rseq_cache, spares) + cls * sizeof(uint64_t);
}

/* The same of the bin that only malloc uses. Where nothing is counted it is the active one. */
size_t rseq_counted_at(unsigned cls);
/* The counters of the cache's CPU; NULL where nothing is counted. */
struct rseq_counted *rseq_counted_of(struct rseq_cache *c);
/* True where each allocation takes a slow path, and is counted there. */
bool rseq_counts_each(void);

HAK_INLINE struct magazine
rseq_magazine(uint64_t word)
{
	return (struct magazine){
		(void *)(uintptr_t)(word & hak_rseq.mask), (uint32_t)(word >> RSEQ_COUNT_SHIFT)};
}

/* The capacity of a bin's magazines, blocks. */
HAK_INLINE uint32_t
rseq_capacity(struct rseq_cache *c, unsigned cls)
{
	return rseq_magazine(RELAXED(c->bins[cls].limit)).count;
}

/* As the fast paths: NULL on a miss; false where there is no room. */
void *rseq_try_pop(unsigned cls);
bool rseq_try_push(unsigned cls, void *p);
/* A whole magazine, the one whose word is at `offset`; an empty one where that is. */
struct magazine rseq_take(size_t offset);
/* Puts a magazine where none is; false where one is, or there is no cache. */
bool rseq_put(size_t offset, struct magazine m);
/* Doubles the magazines of a bin that misses, within the class's bound and the CPU's budget; the
 * first size is always granted. */
void rseq_grow(struct rseq_cache *c, unsigned cls);
/* The magazines of a bin may hold n blocks from now on; what that is less than before goes back to
 * the CPU's budget. */
void rseq_set_capacity(struct rseq_cache *c, unsigned cls, uint32_t n);

/* After disarm the next malloc of any thread misses; after arm they hit again. */
void rseq_disarm(void);
void rseq_arm(void);
/* Gives what bins hold that no slow path has used for least_ms, of all CPUs, back to the slabs. */
void rseq_drain_idle(uint32_t now_ms, uint32_t least_ms);
/* The same from time to time. */
void rseq_age(uint32_t now_ms);

#endif
