/* SPDX-License-Identifier: MIT
 * backends/extents.h - the free pages of the page heap: extents, coalesced, in two sets of bins by
 * length for each group of pages, those that hold memory also in a list by age.
 *
 * All functions are for the holder of the page heap's lock, but for extents_resident. An extent's
 * record is its first page's; "in no list" is one that extent_remove has taken out. */
#ifndef HAK_BACKENDS_EXTENTS_H
#define HAK_BACKENDS_EXTENTS_H

#include "backends/pagemap.h"
#include "backends/pages.h"

/* Cold ones are clean: they read as zero. */
enum temperature { HOT, WARM, COLD };
enum extent_set { RESIDENT, CLEAN, EXTENT_SETS };

/* The page heap's, and one more for pages that were never handed out. */
#define EXTENT_GROUPS (PAGE_GROUPS + 1)

/* Puts s, in no list, into its bin, and as the youngest into the list by age. */
void extent_insert(struct slab *s);
void extent_remove(struct slab *s);
/* b follows a in memory; a takes it over, both in no list. The idle time is the mean over the
 * pages. */
void extent_join(struct slab *a, struct slab *b);
/* Makes s, in no list, a free extent joined with its neighbours of the same set and group. */
struct slab *extent_release(struct slab *s);
/* Shortens s, in no list, to npages, of more; returns the rest, of the same age and in no list. */
struct slab *extent_cut(struct slab *s, size_t npages);
/* Shortens s, in no list, to npages, of so many or more; the rest becomes a free extent. */
void extent_split(struct slab *s, size_t npages);
/* Cuts a run out of s, in no list and long enough, that begins at a multiple of align_pages; what
 * is left becomes free extents. */
struct slab *extent_carve(struct slab *s, size_t npages, size_t align_pages);
/* The last page's record leads back to the first, for the neighbour behind. */
void extent_set_tag(struct slab *s);
/* An extent of at least npages, nearly the shortest; NULL where there is none. */
struct slab *extent_fit(unsigned group, enum extent_set set, size_t npages);
/* The resident extent that is nearly the longest; NULL where that has less than `least` pages. */
struct slab *extent_longest(unsigned group, size_t least);
/* The resident extent that was inserted first; idle.newer leads to the next. */
struct slab *extent_oldest(void);
/* Calls visit for each clean extent of the group; it may remove that one. */
void extents_each_clean(unsigned group, void (*visit)(struct slab *s));
/* Pages of all resident extents. Any thread. */
size_t extents_resident(void);
/* Walks all extents, aborts where an invariant is broken, and returns their pages. */
size_t extents_audit(void);

#endif
