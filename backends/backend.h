/* SPDX-License-Identifier: MIT
 * backends/backend.h - the contract between arenas and what they are made of.
 *
 * A back-end is bound at build time: it defines struct backend_arena, BACKEND_GROUPS, how many
 * groups of address ranges it can keep apart, and the operations prototyped below; a missing one or
 * a wrong type fails the build. Below, "arena" means that the caller holds the lock of the arena
 * that `a` belongs to.
 *
 * | operation          | caller holds | may wait for        | failure means                      |
 * |--------------------|--------------|---------------------|------------------------------------|
 * | backend_init       | startup lock | nothing             | cannot fail                        |
 * | backend_arena_init | startup lock | nothing             | cannot fail                        |
 * | backend_refill     | arena        | pages lock, the OS  | 0: memory is exhausted             |
 * | backend_dry        | arena        | nothing             | cannot fail                        |
 * | backend_return     | arena        | pages lock          | cannot; bad blocks abort           |
 * | backend_take       | arena        | pages lock, the OS  | NULL: memory is exhausted          |
 * | backend_take_sampled | arena      | pages lock, the OS  | NULL: memory is exhausted          |
 * | backend_big_sampled | owns block  | nothing             | cannot fail                        |
 * | backend_is_sampled | owns block   | nothing             | false: no sample, or no block      |
 * | backend_owner      | owns block   | nothing             | BACKEND_NO_ARENA: no arena's block |
 * | backend_big_alloc_in | nothing    | Big and pages locks | NULL: exhausted, or a fork         |
 * | backend_big_mark   | owns block   | nothing             | cannot fail                        |
 * | backend_big_free   | owns block   | Big and pages locks | false: a fork; try again later     |
 * | backend_big_resize | owns block   | pages lock          | NULL: the block is as it was       |
 * | backend_resize     | arena, owns block | pages lock     | false: the block is as it was      |
 * | backend_growing_size | nothing    | nothing             | cannot fail                        |
 * | backend_bin        | owns block   | nothing             | 0: no front-end bin for it         |
 * | backend_usable     | owns block   | nothing             | 0: not the start of a block        |
 * | backend_arena_age  | arena        | pages lock, the OS  | cannot fail                        |
 * | backend_age        | nothing      | Big and pages locks | a fork: does nothing               |
 * | backend_reclaim    | nothing      | Big and pages locks | a fork: does nothing               |
 * | backend_bigcache   | nothing      | nothing             | false: there is no such class      |
 * | backend_purged     | nothing      | nothing             | cannot fail                        |
 * | backend_audit      | arena        | nothing             | aborts                             |
 * | backend_fork_*     | fork handler | Big and pages locks | cannot fail                        |
 */
#ifndef HAK_BACKENDS_BACKEND_H
#define HAK_BACKENDS_BACKEND_H

#include "backends/sizeclass.h"
#include "base/compiler.h"

#define BACKEND_NO_ARENA UINT16_MAX
#define BATCH_CHAINS 8
#define BATCH_BLOCKS 64
/* Fresh blocks are best handed out up to the end of a page of the processor's: what two threads are
 * given then shares no cache line, nor any that the processor fetches ahead. */
#define REFILL_PAGE 4096

/* What a refill hands out, not yet one list: the parts are joined after the arena's lock has been
 * released, since that touches the blocks and may fault. */
struct batch {
	struct {
		void *head; /* linked through the first word */
		uint32_t count;
	} chains[BATCH_CHAINS];
	uint32_t nchains;
	uint32_t nblocks;
	void *blocks[BATCH_BLOCKS];
	char *fresh; /* consecutive blocks, in no list: new, or their pages were given back */
	uint32_t nfresh;
	uint32_t count;  /* all of the above together */
	uint16_t lessee; /* the number of the cache that they are for; 0: any */
};

/* Bytes of each tier that a back-end can tell. */
struct backend_totals {
	size_t used;       /* in slabs and runs handed out */
	size_t resident;   /* free, not given back */
	size_t committed;  /* usable address space */
	size_t peak;       /* of used */
	size_t purges;     /* ranges given back */
	size_t purged;     /* bytes given back */
	size_t big;        /* live Big blocks */
	size_t big_count;  /* a number */
	size_t big_cached; /* held by BigCache */
	size_t big_allocs; /* Big blocks handed out so far, a number */
	size_t big_alloc_bytes;
};

/* BigCache by size of block: class i from 2^(20 + i) bytes on, the first also what is smaller, the
 * last all above. Numbers so far. */
#define BIGCACHE_CLASSES 16
struct backend_bigcache {
	uint64_t hits, misses; /* look-ups; aligned blocks are not looked for */
	uint64_t puts;         /* freed blocks that went in */
	uint64_t past;         /* freed blocks that went past it */
	uint64_t pushed;       /* runs that left for want of room */
	uint64_t aged;         /* runs that left for their age */
};

/* What becomes of a Big block's memory when it is freed: what its size says; never or always kept
 * in BigCache; kept there for long; given back at once. A hint to the back-end. */
enum backend_fate { FATE_USUAL, FATE_UNCACHED, FATE_CACHED, FATE_KEPT, FATE_PURGED };

enum tier { TIER_TINY, TIER_MID, TIER_LARGE, TIER_BIG, TIERS };

/* Bytes of blocks by tier. */
struct backend_tiers {
	struct {
		size_t active; /* out of their slabs */
		size_t cached; /* back in a slab, and may hold memory */
		size_t purged; /* back in a slab, and their memory given back */
	} of[TIERS];
};

HAK_INLINE enum tier
tier_of_class(unsigned cls)
{
	return cls < CLASS_MID ? TIER_TINY : cls < CLASS_LARGE ? TIER_MID : TIER_LARGE;
}

/* So many blocks of the class are out of their slabs, but nobody's. A back-end that cannot tell its
 * tiers has said 0. */
HAK_INLINE void
backend_tiers_cache(struct backend_tiers *tiers, unsigned cls, uint64_t blocks)
{
	size_t bytes = blocks * sizeclass_size(cls);
	enum tier tier = tier_of_class(cls);

	if (bytes > tiers->of[tier].active)
		return;
	tiers->of[tier].active -= bytes;
	tiers->of[tier].cached += bytes;
}

/* An arena's slabs of one class; numbers. */
struct backend_class {
	size_t slabs;
	size_t slab_pages, slab_blocks; /* of each slab: pages of PAGE_BYTES, and blocks */
	size_t blocks;                  /* that are out of them */
};

struct backend_arena;

/* Prepares the back-end; before any other operation. */
void backend_init(void);
/* Prepares a zeroed arena's part; index is its number. `group`, up to BACKEND_GROUPS: above 0, no
 * address of the arena ever serves one of another group, and its blocks are sealed while they are
 * free (seal.h): those of Tiny that come from it are, those of L2 are to be. The bin ids of its
 * classes are then those from group * bins on, or 0 where `bins` is. */
void backend_arena_init(struct backend_arena *a, uint16_t index, unsigned group, unsigned bins);
/* The arena's blocks are to pass all bins: the bin ids of its pages are 0. After the above, before
 * anything else; for arenas of group 0, in back-ends with BACKEND_GROUPS. */
void backend_arena_apart(struct backend_arena *a);
/* Blocks of a class below BIN_CLASSES: at least one and up to `most`, about `want`, into *b, which
 * is zeroed but for its lessee; returns their number. A back-end may heed the lessee or not. */
uint32_t backend_refill(
	struct backend_arena *a, unsigned cls, uint32_t want, uint32_t most, struct batch *b);
/* True where a refill of the class would have to map a new slab. */
bool backend_dry(const struct backend_arena *a, unsigned cls);
/* Takes a list's blocks, linked through their first words, back into their slabs, but for those of
 * other arenas: returns the list of these. */
void *backend_return(struct backend_arena *a, void *list, uint32_t now_ms);
/* One block of any class. *zeroed is true where the caller wants zeroes, which a back-end may heed
 * or not, and is set to whether the block reads as zero. */
void *backend_take(struct backend_arena *a, unsigned cls, bool *zeroed);
/* A block of the class for a sample of the profile: the bin id of its page is 0. */
void *backend_take_sampled(struct backend_arena *a, unsigned cls);
/* Makes the Big block p a sample's, or no sample's any more. */
void backend_big_sampled(void *p, bool sampled);
/* True where p is a block that was handed out for a sample. */
bool backend_is_sampled(const void *p);
/* The index of the arena whose lock backend_return needs for p; *cls gets the block's class. Aborts
 * with a line when p is the start of no block (as far as the slab's record can tell). */
uint16_t backend_owner(const void *p, unsigned *cls);
/* A run of its own, for sizes above LARGE_MAX and alignments that no class has; *zeroed as above.
 * Groups as above. */
void *backend_big_alloc_in(unsigned group, size_t size, size_t align, bool *zeroed);

HAK_INLINE void *
backend_big_alloc(size_t size, size_t align, bool *zeroed)
{
	return backend_big_alloc_in(0, size, align, zeroed);
}

/* A block of backend_big_alloc has FATE_USUAL until this is called. */
void backend_big_mark(void *p, enum backend_fate fate);
bool backend_big_free(void *p);
/* The Big block resized in place or its pages moved; contents kept up to the smaller size. */
void *backend_big_resize(void *p, size_t size);
/* Block p of the arena, of L2.5, resized in place to at most PTRDIFF_MAX bytes: it is of another
 * class then, or a Big one. */
bool backend_resize(struct backend_arena *a, void *p, size_t size);
/* What to ask for where a block of `size` bytes, MID_MAX to LARGE_MAX, is likely to grow on: the
 * size of the least class that backend_resize serves. */
size_t backend_growing_size(size_t size);
/* The bin id of p's page. */
uint16_t backend_bin(const void *p);
/* The bytes usable at p; 0 when p is not the start of a block, as far as its slab can tell. */
size_t backend_usable(const void *p);
/* Gives idle memory of the arena's slabs back: blocks of Tiny and L2 when their slab has been quiet
 * for quiet_ms, free blocks of L2.5 after cold_ms. Times as in pages_age. */
void backend_arena_age(
	struct backend_arena *a, uint32_t now_ms, uint32_t quiet_ms, uint32_t cold_ms);
/* Ages what no arena owns; returns the bytes given back. */
size_t backend_age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep);
/* Gives back all that is free, address space too. */
void backend_reclaim(void);
/* A snapshot; any thread. */
struct backend_totals backend_totals(void);
/* The class's counters; false where the back-end has no such class, or no BigCache. Any thread. */
bool backend_bigcache(unsigned class, struct backend_bigcache *out);
/* Its `purged` alone, by one load. */
size_t backend_purged(void);
/* What there is of the class, samples not counted; zeroes where the back-end has no slabs. Arena
 * lock. */
struct backend_class backend_arena_class(const struct backend_arena *a, unsigned cls);
/* Bytes of the arena's blocks that its slabs have handed out; arena lock. */
size_t backend_arena_live(const struct backend_arena *a);
/* Adds what the arena's slabs hold, tier by tier, to *out; nothing to TIER_BIG. As far as the
 * back-end can tell; arena lock. */
void backend_arena_tiers(const struct backend_arena *a, struct backend_tiers *out);
void backend_audit(struct backend_arena *a);
void backend_fork_prepare(void);
void backend_fork_parent(void);
void backend_fork_child(void);

/* The implementation that this build is bound to. */
#if defined(HAK_BACKEND_JEMALLOC)
#include "backends/jemalloc/jemalloc.h"
#else
#include "backends/hakmem/hakmem.h"
#endif

#endif
