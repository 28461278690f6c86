/* SPDX-License-Identifier: MIT
 * backends/hakmem/big.h - blocks above 1 MiB, and any that no class aligns: a run of pages each.
 *
 * BigCache keeps freed runs whole and warm for a while, so that a program that allocates and frees
 * the same buffer again needs no system call and no page fault. It is bounded in bytes and in age;
 * what leaves it goes to the page heap, as do its runs, the oldest first, where slabs would take
 * fresh pages. Locks: RANK_BIG for the cache, then RANK_PAGES. */
#ifndef HAK_BACKENDS_HAKMEM_BIG_H
#define HAK_BACKENDS_HAKMEM_BIG_H

#include "backends/backend.h"
#include "backends/pagemap.h"

/* How long kept runs stay. */
#define BIG_KEEP_MS 3600000

struct big_totals {
	size_t live;   /* bytes */
	size_t count;  /* a number */
	size_t cached; /* bytes */
	size_t allocs; /* blocks handed out so far, a number */
	size_t alloc_bytes;
};

/* A block of at least `size` bytes aligned to `align`, a power of two; NULL when memory is
 * exhausted or a fork holds the locks. *zeroed asks for zeroes, and tells whether it reads as zero;
 * where they are not asked for, a block above HAKMEM_GIVEBACK begins with warm pages. Its pages are
 * of the group (pages.h). */
void *big_alloc(unsigned group, size_t size, size_t align, bool *zeroed);
/* Frees a Big block; false when a fork holds the locks. */
bool big_free(struct slab *s);
/* Gives the page heap the run of the group that has been cached longest, but for those that a rule
 * keeps; false where there is none. */
bool big_yield(unsigned group);
/* Resizes in place, or by moving pages; NULL when neither can be and the block is as it was. */
void *big_resize(struct slab *s, size_t size);
/* The pages of a block. */
size_t big_pages(size_t size);
/* A run of another tier, handed out whole, is a Big block from now on. */
void big_adopt(struct slab *s);
/* Lets go of runs that have been cached for cold_ms, and kept ones (FATE_KEPT) that have been so
 * for keep_ms; their pages are given back at once. */
void big_age(uint32_t now_ms, uint32_t cold_ms, uint32_t keep_ms);
/* A snapshot; any thread. */
struct big_totals big_totals(void);

/* The counters of a class; false where there is none of that number. Any thread. */
bool big_cache_counts(unsigned class, struct backend_bigcache *out);

void big_fork_prepare(void);
void big_fork_parent(void);
void big_fork_child(void);

#endif
