/* SPDX-License-Identifier: MIT
 * backends/pages.h - runs of pages (PAGE_BYTES each): handed out, taken back, aged, given back.
 *
 * Free pages are extents, coalesced, in two sets of bins by length: resident ones (Hot, or Warm
 * once offered to the system) and clean ones (Cold: given back, they read as zero). Resident ones
 * are handed out first. An extent's idle time is the mean over its pages, so that steady traffic at
 * one end doesn't keep the rest from ageing.
 *
 * Two limits go by what is held: runs handed out, touched or not, and resident free pages. Above
 * the soft one idle pages are given back before more are held; above the hard one no more are.
 *
 * Pages may belong to a group: once handed out to it they never serve another one, free or not. All
 * others are group 0's, which the other groups take fresh pages from; so where there are groups,
 * nothing is to be freed into group 0, or fresh pages are to be parted from it.
 *
 * One lock, RANK_PAGES; the functions take it themselves. */
#ifndef HAK_BACKENDS_PAGES_H
#define HAK_BACKENDS_PAGES_H

#include "backends/pagemap.h"

struct pages_totals {
	size_t used;     /* bytes in runs handed out */
	size_t resident; /* bytes free, not given back */
	size_t peak;     /* the highest `used` so far */
	size_t purges;   /* ranges given back */
	size_t purged;   /* bytes given back so far */
	size_t refused;  /* runs that the hard limit refused (a number) */
};

#define PAGE_GROUPS 17

/* A run of npages, its base a multiple of align_pages (a power of two) pages; its record has base,
 * npages, region, group and zero set, kind SLAB_NONE. `dense` as in pagemap_grow. NULL when memory
 * is exhausted, the hard limit is reached, or a fork holds the lock. */
struct slab *pages_alloc_in(unsigned group, size_t npages, size_t align_pages, bool dense);

/* The same for a long run that is written from its beginning on, without alignment: where no
 * resident extent is long enough, it begins with a long one that the free pages behind it complete,
 * or the pages of long ones are moved to its beginning (mremap(2)). The lock is released meanwhile.
 * What is to be `zero` does so only where it is a run that comes again (again.h). */
struct slab *pages_alloc_long(unsigned group, size_t npages, bool zero);

/* From now on pages that were never handed out are no group's, so that group 0's serve no other.
 * With no pages there yet; under the startup lock. */
void pages_part_fresh(void);

HAK_INLINE struct slab *
pages_alloc(size_t npages, size_t align_pages, bool dense)
{
	return pages_alloc_in(0, npages, align_pages, dense);
}

/* Takes a run back. `zero`: its pages are known to hold no memory; else they count as resident and
 * just used. False, and nothing done, when a fork holds the lock. */
bool pages_free(struct slab *s, bool zero);
/* The same for a long run. All of its pages stay resident where it comes again (again.h); else they
 * are not needed soon: as many stay, from its beginning, as leave free memory a third of that in
 * use; the others are given back. Where nothing stays, what has stayed of others is given back too,
 * as long as free memory is more than that and `least` pages of it follow one another. Of the pages
 * in use `idle` count as free. The lock is released meanwhile. */
bool pages_free_long(struct slab *s, size_t least, size_t idle);
/* Gives the run's memory to the system; true when it reads as zero now. The run stays handed out.
 */
bool pages_purge_run(struct slab *s);
/* Changes a run's length in place; the end is freed, or the following free pages are taken. False
 * when that cannot be. *zeroed tells whether pages that were added read as zero. */
bool pages_resize(struct slab *s, size_t npages, bool *zeroed);
/* Ages resident extents: idle for warm_ms they are offered, for cold_ms given back. Returns the
 * bytes given back. `cold_ms` 0 gives all back, down to `keep` bytes. */
size_t pages_age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep);
/* When the system refuses more: gives all back and unmaps regions that have become empty. */
void pages_reclaim(void);
/* The process is about to have a limit on address space, in bytes. */
void pages_limit_address_space(size_t limit);
/* Memory for the library's own structures, zeroed and never freed; NULL when exhausted. */
void *pages_meta_alloc(size_t size);
/* Sets the limits in bytes, SIZE_MAX for none; any thread. */
void pages_set_limits(size_t soft, size_t hard);
/* True where there is a limit. Any thread. */
bool pages_is_limited(void);
/* True where so many bytes more would be held than the soft limit allows. Any thread, approximate;
 * one load where there is no limit. */
bool pages_over_soft(size_t bytes);
/* True where further runs make the heap hold more memory, of which so many bytes that somebody
 * keeps free are a large part. Any thread, approximate. */
bool pages_need(size_t kept);
/* Bytes given back so far; any thread. */
size_t pages_purged(void);
/* A snapshot; any thread. */
struct pages_totals pages_totals(void);
/* Walks all extents and aborts where an invariant is broken. */
void pages_audit(void);

void pages_fork_prepare(void);
void pages_fork_parent(void);
void pages_fork_child(void);

#endif
