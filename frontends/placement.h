/* SPDX-License-Identifier: MIT
 * frontends/placement.h - HAKMEM_PLACEMENT, and its mode isolate: which bucket a call site's blocks
 * come from, and the ways of blocks that pass no cache.
 *
 * A bucket is a group of addresses (backends/pages.h) that a secret hash of the call site chooses.
 * An address never changes its bucket, so that a pointer which is used after its block was freed
 * meets blocks of that bucket's sites only. Blocks are sealed while they are free
 * (backends/seal.h), which tells blocks that are freed twice or written to after they were freed.
 * docs/placement.md describes it.
 *
 * Site Rules place blocks too (rules.h): with those that last, or in a group of the rule's own, the
 * highest group for the first such rule. Every allocation is then to ask for its site, of the
 * classes that rules split (lifetime.h), or of all where there are buckets. These are then groups
 * from PLACEMENT_FIRST on. */
#ifndef HAK_FRONTENDS_PLACEMENT_H
#define HAK_FRONTENDS_PLACEMENT_H

#include "arenas/arena.h"
#include "arenas/lifetime.h"
#include "arenas/rules.h"
#include "backends/seal.h"

#define PLACEMENT_BUCKETS 16
/* Where rules place blocks: so many of them may isolate, and the first group that may be isolated.
 * Lower ones are those that last, and in medium paths the bucket that has no bins. */
#define PLACEMENT_RULES 8
#define PLACEMENT_FIRST 2

/* Fixed at start, under the startup lock. */
struct placement {
	_Atomic bool isolates; /* read before the start, too */
	_Atomic bool on;       /* it does, or blocks that last are kept apart; likewise */
	_Atomic bool seals;    /* some groups are isolated; likewise */
	_Atomic bool ruled;    /* rules place some sites' blocks; likewise */
	/* The secret of the hash; the factor is odd. Where rules place blocks it is 0, so that all
	 * sites are in bucket 0, which has no blocks: then medium paths miss, and ask the rules. */
	uint64_t salt, factor;
	uint64_t ruled_factor; /* what it would be */
	unsigned buckets;      /* that are not rules'; where these place blocks */
};

extern struct placement hak_placement HAK_HIDDEN;

/* Reads HAKMEM_PLACEMENT; before the first arena and the profile. */
void placement_init(void);
/* Finds groups for the rules that place blocks; behind both. */
void placement_rules(void);

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

HAK_INLINE bool
placement_seals(void)
{
	return HAK_UNLIKELY(RELAXED(hak_placement.seals));
}

HAK_INLINE bool
placement_is_ruled(void)
{
	return HAK_UNLIKELY(RELAXED(hak_placement.ruled));
}

/* Multiplicative hashing, by the highest bits, twice. Once would put sites at equal distances into
 * one bucket where that distance times the factor is little. */
HAK_INLINE uint64_t
placement_hash(uintptr_t site, uint64_t factor)
{
	uint64_t mixed = (site ^ hak_placement.salt) * factor;

	return (mixed ^ mixed >> 32) * factor;
}

/* The bucket of the site, where no rule places any. */
HAK_INLINE unsigned
placement_bucket(uintptr_t site)
{
	return (unsigned)(placement_hash(site, hak_placement.factor) >> 60);
}

/* The group of arenas for the site's blocks of that size where rules place some; below 0
 * where the site is not settled yet (resolve.h). */
int placement_ask(uintptr_t site, size_t size);
/* The same on slow paths, behind resolve_if_ruled: where it still cannot be told, as if no rule
 * held for the site. */
unsigned placement_ruled_group(uintptr_t site, size_t size);

/* The group by what was learned of the site; 0 where nothing was. */
HAK_INLINE unsigned
placement_learned_group(uintptr_t site, size_t size)
{
	return size <= MID_MAX ? lifetime_group(site, sizeclass_of(size)) : 0;
}

/* The group of arenas for the site's blocks of that size; 0: that of most. */
HAK_INLINE unsigned
placement_group(uintptr_t site, size_t size)
{
	if (placement_is_ruled())
		return placement_ruled_group(site, size);
	if (placement_isolates())
		return 1 + placement_bucket(site);
	return placement_learned_group(site, size);
}

/* True where no other sites' blocks get the addresses of the group's. */
HAK_INLINE bool
placement_is_apart(unsigned group)
{
	return placement_isolates() || group >= PLACEMENT_FIRST;
}

/* Splits the class where a rule has the site's blocks of it last; on slow paths, as above. */
void placement_meet(uintptr_t site, unsigned cls);
/* arena_take from the site's group. */
void *placement_take(unsigned cls, uintptr_t site, bool *zeroed);
/* The group for the site's Big block, or one that is aligned as no class is. */
unsigned placement_big(uintptr_t site, size_t size);
/* The block p is freed past the caches: aborts where it is free already, and seals it. Nothing
 * where p is no block of a bucket's slabs. */
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
