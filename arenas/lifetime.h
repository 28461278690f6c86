/* SPDX-License-Identifier: MIT
 * arenas/lifetime.h - HAKMEM_PLACEMENT=lifetime: which sites' blocks last, and a table for the slow
 * paths to ask.
 *
 * A site is here a call site and a class (Barrett & Zorn, PLDI 1993). Of its samples (profile.h)
 * those are tallied that lasted, which is that the process allocated more than a threshold
 * meanwhile, and those that ended before, each once, as soon as either is known. It is lasting
 * where the lower bound of the 95 % interval (Wilson 1927) of the share that lasted is at least
 * LIFETIME_ENTER, and stays so until that bound is below LIFETIME_LEAVE. Old samples count for less
 * and less.
 *
 * What an earlier process found comes by HAKMEM_POLICY's file (policy.h): call sites by their id,
 * which is the same in every process, and classes. The first sample of such a site counts as
 * LIFETIME_TRUST that lasted.
 *
 * Tallies are guarded by the profile's lock. The table is written under it and read by any thread,
 * each entry by itself: a reader that sees an old entry places one block the old way. */
#ifndef HAK_ARENAS_LIFETIME_H
#define HAK_ARENAS_LIFETIME_H

#include "backends/sizeclass.h"
#include "base/compiler.h"
#include "base/config.h"

/* The mean distance of the samples to learn from, in bytes. */
#define LIFETIME_SAMPLE 65536
/* That of blocks too large to be placed, which only the clock is told of, is so many times as long.
 */
#define LIFETIME_COARSE 16
/* Blocks last where more bytes than this, and than this part of what is live, are allocated
 * meanwhile. */
#define LIFETIME_LEAST ((uint64_t)4 << 20)
#define LIFETIME_LIVE_PART 2
#define LIFETIME_ENTER 0.8
#define LIFETIME_LEAVE 0.5
/* When a site is judged, a tally of more samples than this is halved. */
#define LIFETIME_MOST 256
/* The arenas' group of blocks that last. */
#define LIFETIME_GROUP 1
#define LIFETIME_SLOTS 4096
/* Enough to be lasting at once, and little beside what comes to be known. */
#define LIFETIME_TRUST 16
/* So many sites are taken from a file at most, and written to one. */
#define LIFETIME_KNOWN 1024
/* The id of call sites that have none: they are in no file, or not return addresses. */
#define LIFETIME_NAMELESS UINT64_C(1)

struct lifetime_tally {
	uint32_t ended, lasted; /* numbers */
	bool lasting;
};

struct lifetime_table {
	/* By class: so many sites in the table, and one more where a rule splits the class. 0
	 * everywhere unless the mode acts or there are such rules. */
	_Atomic uint32_t sites[BIN_CLASSES];
	_Atomic bool ruled[BIN_CLASSES];        /* a rule does; never taken back */
	_Atomic uintptr_t keys[LIFETIME_SLOTS]; /* 0: empty */
};

/* A call site and a class. */
struct lifetime_site {
	uint64_t id; /* as in profiles and Site Rules */
	unsigned cls;
	bool met; /* this process has had a sample of it; the profile's lock */
};

/* Those that lasted in an earlier process. Filled under the startup lock. */
struct lifetime_known {
	struct lifetime_site sites[LIFETIME_KNOWN];
	unsigned count;
};

extern struct lifetime_table hak_lifetime HAK_HIDDEN;
extern struct lifetime_known hak_lifetime_known HAK_HIDDEN;

/* True where HAKMEM_PLACEMENT looks at lifetimes, acting or not. */
HAK_INLINE bool
lifetime_is_learned(void)
{
	return CONFIG(placement) == PLACEMENT_LIFETIME ||
	       CONFIG(placement) == PLACEMENT_LIFETIME_DRY;
}

/* The threshold in bytes, where so many are live. */
uint64_t lifetime_threshold(uint64_t live_bytes);
/* True where the lower bound of the share of k in n is at least `share`, above 0 and below 1. */
bool lifetime_surely(uint32_t k, uint32_t n, double share);
/* Decides anew whether the site is lasting; true where that changed. */
bool lifetime_judge(struct lifetime_tally *t);
/* Puts the site into the table, or takes it out. Nothing where its entry is another's, or the class
 * has no slabs of several blocks to keep apart. */
void lifetime_publish(uintptr_t site, unsigned cls, bool lasting);

/* A rule wants the class's sites to be asked for, from now on. Any thread. */
void lifetime_split(unsigned cls);

/* The site is known to last; nothing happens where it is known already. False where there are too
 * many. Under the startup lock. */
bool lifetime_know(uint64_t id, unsigned cls);
/* The entry of a site that was known before the process began; NULL. */
struct lifetime_site *lifetime_known(uint64_t id, unsigned cls);

/* A sample has lasted, or ended before. */
HAK_INLINE void
lifetime_note(struct lifetime_tally *t, bool lasted)
{
	if (lasted)
		t->lasted++;
	else
		t->ended++;
}

HAK_INLINE uintptr_t
lifetime_key(uintptr_t site, unsigned cls)
{
	return (site << 8 ^ cls) | (uintptr_t)1 << 63;
}

HAK_INLINE _Atomic uintptr_t *
lifetime_slot(uintptr_t key)
{
	return &hak_lifetime.keys[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}

/* True where the blocks of some sites of the class are to be apart from the others', by what was
 * learned or by Site Rules. */
HAK_INLINE bool
lifetime_splits(unsigned cls)
{
	return HAK_UNLIKELY(RELAXED(hak_lifetime.sites[cls]) != 0);
}

/* True where this site's are. */
HAK_INLINE bool
lifetime_lasts(uintptr_t site, unsigned cls)
{
	uintptr_t key = lifetime_key(site, cls);

	return RELAXED(*lifetime_slot(key)) == key;
}

/* The group of arenas for the site's blocks. */
HAK_INLINE unsigned
lifetime_group(uintptr_t site, unsigned cls)
{
	return lifetime_splits(cls) && lifetime_lasts(site, cls) ? LIFETIME_GROUP : 0;
}

#endif
