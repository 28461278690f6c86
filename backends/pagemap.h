/* SPDX-License-Identifier: MIT
 * backends/pagemap.h - regions of address space, and what each page of them is. A page here has
 * PAGE_BYTES: 64 KiB, of which slabs are runs, or 4 KiB where slabs are jemalloc's, which may begin
 * at any page of the system's.
 *
 * A region is one reservation:
 *
 *     | slab records -> ...   ... <- page map | heap -> ...                 |
 *                                             base
 *
 * The heap grows upwards from base; the page map grows downwards from it, so that an entry is found
 * from base alone, whatever the region's size. A page's map entry is its bin id: the offset of the
 * front-end's bin for the blocks on that page, or 0 where the slow path has to think (L2.5, Big,
 * free pages). A page's slab record is one cache line; a slab's is that of its first page, later
 * pages point back to it.
 *
 * Region 0, the primary, is as large as the system grants; its base and length are in hak_heap and
 * are all the fast path looks at. When it is full, or a limit on address space forbids a large one,
 * further regions are mapped; addresses in those are found by the slow path.
 *
 * Only memory below a region's frontier is readable. Frontiers only grow, except that a further
 * region which has become empty is unmapped. */
#ifndef HAK_BACKENDS_PAGEMAP_H
#define HAK_BACKENDS_PAGEMAP_H

#include "backends/sizeclass.h"
#include "base/compiler.h"

#if defined(HAK_BACKEND_JEMALLOC)
#define PAGE_SHIFT 12
#else
#define PAGE_SHIFT 16
#endif
#define PAGE_BYTES ((size_t)1 << PAGE_SHIFT)
/* Address space is committed in multiples of a huge page. */
#define CHUNK_BYTES ((size_t)2 << 20)
#define CHUNK_PAGES (CHUNK_BYTES / PAGE_BYTES)
#define MAX_REGIONS 256

enum slab_kind {
	SLAB_NONE,      /* beyond the frontier, or inside a run that never marked it */
	SLAB_INTERIOR,  /* npages is the distance back to the first page's record */
	SLAB_FREE,      /* first page of a free extent; the kinds below are runs in use */
	SLAB_TINY,      /* cut into blocks, free ones in a list through the blocks */
	SLAB_MID,       /* cut into blocks, free ones in a bitmap; cached by front-ends */
	SLAB_LARGE,     /* the same; idle blocks give their pages back */
	SLAB_BIG,       /* one block */
	SLAB_BIG_CACHED /* a Big block in BigCache */
};

/* The record of a run of pages. Fields: fixed at birth unless said otherwise. */
struct slab {
	/* Written by the run's owner, read by neighbours under the pages lock, who only ask whether
	 * it is a free extent: relaxed. */
	_Atomic uint8_t kind;
	uint8_t cls; /* L2.5: changes with its owner's realloc (arena lock) */
	uint8_t region;
	/* The pages were zero at birth; free extents: they are now (pages lock). */
	bool zero : 1;
	/* Blocks of the run are samples of the profile; its pages have bin 0. Fixed while a block
	 * is out. */
	bool sampled : 1;
	/* Whose pages these are, and stay (pages.h); written under the pages lock. */
	uint8_t group : 5;
	/* Tiny, L2, L2.5: of a list that is apart (slab.h); its pages have bin 0. */
	bool apart : 1;
	uint16_t arena;    /* its owner's index */
	uint16_t state;    /* arena lock: enum slab_state; Big: its owner's, enum backend_fate */
	uint32_t npages;   /* pages lock for free extents and Big blocks */
	uint32_t since_ms; /* when it became idle (arena lock; pages lock for free extents) */
	char *base;
	union {
		/* Arena lock. Invariant: handed_out + free + (capacity - fresh) == capacity,
		 * audited. */
		struct {
			uint16_t fresh; /* blocks below this index have been handed out before */
			/* Tiny: who took the last fresh ones, and gets the next. */
			uint16_t lessee;
			uint32_t nfree; /* freed blocks held by the slab */
			union {
				void *list;      /* Tiny: through the first word of each block */
				uint64_t bitmap; /* L2 and L2.5: bit i is block i, set when free */
			} free;
			struct slab *next, *prev; /* in its arena's list of slabs with room */
			/* L2, L2.5: free blocks whose pages were given back. Tiny: the system's
			 * pages that were, and a mark (tiny_pages.c). */
			uint64_t purged;
		} cut;
		/* Pages lock. A free extent is in one bin and in the list by age. */
		struct {
			struct slab *next, *prev;
			struct slab *older, *newer;
			uint32_t temperature;
		} idle;
		/* SLAB_BIG_CACHED: the lock of BigCache. */
		struct {
			struct slab *next, *prev;
		} cached;
		/* jemalloc's blocks, a record for each page that one begins on: the lock that
		 * guards the block's arena; read by any thread, relaxed. */
		struct {
			_Atomic uint64_t begins[4]; /* bit i: a block is out that begins at 16 i */
			/* Of a Big block, bytes; of a sample, the class that jemalloc has it in.
			 * Its owner. */
			size_t size;
		} blocks;
	};
} HAK_CACHE_ALIGNED;

_Static_assert(sizeof(struct slab) == CACHE_LINE, "a slab record is one cache line");

HAK_INLINE enum slab_kind
slab_kind(const struct slab *s)
{
	return (enum slab_kind)atomic_load_explicit(&s->kind, memory_order_relaxed);
}

HAK_INLINE void
slab_set_kind(struct slab *s, enum slab_kind kind)
{
	atomic_store_explicit(&s->kind, (uint8_t)kind, memory_order_relaxed);
}

/* What the fast path reads. `last` is the address before the primary region's base, and `negated`
 * is minus the bytes below its frontier: for an address p in the heap, last - p is in
 * [negated, -1], and its page's bin id is at base[(last - p) >> PAGE_SHIFT], counted in
 * 16-bit entries down from base. Written under the pages lock, read by anybody: an address reaches
 * a thread after the growth that made it valid, so relaxed is enough. */
struct heap_bounds {
	_Atomic uintptr_t last;
	_Atomic uintptr_t negated;
	struct slab *records; /* the primary's; fixed at start */
};

extern struct heap_bounds hak_heap HAK_HIDDEN;

/* True where `back`, last - p of an address p, tells that p is not in the primary region. */
HAK_INLINE bool
pagemap_outside(uintptr_t back)
{
#if defined(__x86_64__) && !HAK_SANITIZED
	bool outside;

	/* The compiler would spend an instruction on loading what can be compared in memory. */
	__asm__("cmpq %2, %1" : "=@ccb"(outside) : "r"(back), "m"(hak_heap.negated));
	return outside;
#else
	return back < atomic_load_explicit(&hak_heap.negated, memory_order_relaxed);
#endif
}

/* True where p lies in the primary region; NULL does not. */
HAK_INLINE bool
pagemap_in_primary(const void *p)
{
	return !pagemap_outside(
		atomic_load_explicit(&hak_heap.last, memory_order_relaxed) - (uintptr_t)p);
}

/* The bin id of an address in the primary region; false where p is elsewhere. */
HAK_INLINE bool
pagemap_bin(const void *p, uint16_t *bin)
{
	uintptr_t last = atomic_load_explicit(&hak_heap.last, memory_order_relaxed);
	uintptr_t back = last - (uintptr_t)p;

	if (HAK_UNLIKELY(pagemap_outside(back)))
		return false;
	*bin = *(const uint16_t *)(last + 1 + (uintptr_t)(((intptr_t)back >> PAGE_SHIFT) * 2));
	return true;
}

/* The record of p's page, in the primary region, whose `last` that is. */
HAK_INLINE struct slab *
pagemap_record(const void *p, uintptr_t last)
{
	return &hak_heap.records[((uintptr_t)p - last - 1) >> PAGE_SHIFT];
}

/* pagemap_slab where it takes more than one look. */
struct slab *pagemap_slab_slow(const void *p) HAK_HIDDEN;

/* The record of the run that p lies in, from whichever region; NULL where p is not in the heap or
 * in no run. Any thread; the answer stays true while the caller owns a block of the run. */
HAK_INLINE struct slab *
pagemap_slab(const void *p)
{
	uintptr_t last = atomic_load_explicit(&hak_heap.last, memory_order_relaxed);
	uintptr_t negated = atomic_load_explicit(&hak_heap.negated, memory_order_relaxed);
	uintptr_t back = last - (uintptr_t)p;

	if (HAK_LIKELY(back >= negated)) {
		struct slab *s = pagemap_record(p, last);
		if (HAK_LIKELY(slab_kind(s) > SLAB_FREE))
			return s;
	}
	return pagemap_slab_slow(p);
}

/* Asks the processor for the record of p's page. False where p is not in the primary region. */
HAK_INLINE bool
pagemap_prefetch(const void *p)
{
	uintptr_t last = atomic_load_explicit(&hak_heap.last, memory_order_relaxed);

	if (HAK_UNLIKELY(pagemap_outside(last - (uintptr_t)p)))
		return false;
	__builtin_prefetch(pagemap_record(p, last), 1);
	return true;
}

/* pagemap_page where it takes more than one look. */
struct slab *pagemap_page_slow(const void *p, uint16_t **bin) HAK_HIDDEN;

/* The record of p's page itself, whatever it lies in, and where the page's bin id is kept; NULL
 * where p is in no region. Any thread. */
HAK_INLINE struct slab *
pagemap_page(const void *p, uint16_t **bin)
{
	uintptr_t last = atomic_load_explicit(&hak_heap.last, memory_order_relaxed);
	uintptr_t back = last - (uintptr_t)p;

	if (HAK_UNLIKELY(pagemap_outside(back)))
		return pagemap_page_slow(p, bin);
	*bin = (uint16_t *)(last + 1 + (uintptr_t)(((intptr_t)back >> PAGE_SHIFT) * 2));
	return pagemap_record(p, last);
}

/* The record of the run of npages at p, filled in as that of a run that was just handed out, for
 * one that was cut out of others since. The caller owns the pages. */
struct slab *pagemap_run(void *p, size_t npages);

/* Gives the memory of the run's records back, as far as they fill pages of the system's: they read
 * as SLAB_NONE then. The caller owns the pages, and no block is on them. */
void pagemap_forget(void *p, size_t npages);

/* True where p lies below a region's frontier. */
bool pagemap_contains(const void *p);

/* Writes the bin id of the run's pages on which a block of `block` bytes begins, and 0 on the
 * others. Pages lock not needed: the caller owns the run. */
void pagemap_set_bin(const struct slab *s, uint16_t bin, size_t block);

/* Marks the later pages' records as belonging to s. */
void pagemap_mark_interior(struct slab *s);

/* --- growth: under the pages lock ------------------------------------------------------------ */

/* Moves a frontier up by at least npages, aligned so that the new pages contain a run aligned to
 * align_pages; the new pages are returned as a record with base, npages and region set, and are
 * zero. `dense`: the program will touch them all, so that a large heap may use huge pages. NULL
 * when the system refuses. */
struct slab *pagemap_grow(size_t npages, size_t align_pages, bool dense);

/* There is a limit on address space now, in bytes: what is reserved and not needed goes back, and
 * further regions are small and go back as soon as they are empty. */
void pagemap_limit(size_t limit);
/* True once there was such a limit. Any thread. */
bool pagemap_is_limited(void);

/* Unmaps a further region that is wholly free; its records are gone then. False for the primary. */
bool pagemap_drop_region(unsigned region);

/* The record before the run, NULL at a region's base; the record after it, NULL at its frontier. */
struct slab *pagemap_before(const struct slab *s);
struct slab *pagemap_after(const struct slab *s);

/* Bytes below all frontiers. Any thread. */
size_t pagemap_committed(void);

/* Makes the primary reservation, as large as the system and the limits allow. Under the startup
 * lock. Succeeds also when there is no memory at all: the heap is then empty, and growth will try
 * again. */
void pagemap_init(void);

/* Memory for the library's own structures, zeroed, aligned to a cache line, never given back. NULL
 * when exhausted. Pages lock held. */
void *pagemap_meta_alloc(size_t size);

#endif
