/* SPDX-License-Identifier: MIT
 * frontends/placement.h - HAKMEM_PLACEMENT, and its mode isolate: which bucket a call site's blocks
 * come from, and the ways of blocks that pass no cache.
 *
 * A bucket is a group of addresses (backends/pages.h) that a secret hash of the call site chooses.
 * An address never changes its bucket, so that a pointer which is used after its block was freed
 * meets blocks of that bucket's sites only. Blocks of Tiny and L2 are sealed while they are free
 * (backends/seal.h), which tells blocks that are freed twice or written to after they were freed.
 * docs/placement.md describes it. */
#ifndef HAK_FRONTENDS_PLACEMENT_H
#define HAK_FRONTENDS_PLACEMENT_H

#include "arenas/arena.h"
#include "arenas/lifetime.h"
#include "backends/seal.h"

#define PLACEMENT_BUCKETS 16

/* Fixed at start, under the startup lock. */
struct placement {
	_Atomic bool isolates; /* read before the start, too */
	_Atomic bool on;       /* it does, or blocks that last are kept apart; likewise */
	uint64_t salt, factor; /* the secret of the hash; the factor is odd */
};

extern struct placement hak_placement HAK_HIDDEN;

/* Reads HAKMEM_PLACEMENT; before the first arena and the profile. */
void placement_init(void);

HAK_INLINE bool
placement_isolates(void)
{
	return HAK_UNLIKELY(RELAXED(hak_placement.isolates));
}

HAK_INLINE bool
placement_is_on(void)
{
	return HAK_UNLIKELY(RELAXED(hak_placement.on));
}

/* The bucket of the site: multiplicative hashing, by the highest bits, twice. Once would put sites
 * at equal distances into one bucket where that distance times the factor is little. */
HAK_INLINE unsigned
placement_bucket(uintptr_t site)
{
	uint64_t mixed = (site ^ hak_placement.salt) * hak_placement.factor;

	return (unsigned)((mixed ^ mixed >> 32) * hak_placement.factor >> 60);
}

/* The group of addresses for the site's blocks: 0 where blocks are not isolated. */
HAK_INLINE unsigned
placement_group(uintptr_t site)
{
	return placement_isolates() ? 1 + placement_bucket(site) : 0;
}

/* arena_take from the site's bucket, or from its group by lifetimes. */
void *placement_take(unsigned cls, uintptr_t site, bool *zeroed);
/* The block p is freed past the caches: aborts where it is free already, and seals it. Nothing
 * where p is no block of a bucket's Tiny or L2. */
void placement_note_free(void *p);

/* A sealed block, about to be handed out. */
HAK_INLINE void *
placement_open(void *p)
{
	seal_next(p);
	seal_clear(p);
	return p;
}

#endif
