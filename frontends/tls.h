/* SPDX-License-Identifier: MIT
 * frontends/tls.h - per-thread freelists: the fast path.
 *
 * A thread's cache has a bin for each class of Tiny and L2; a bin is two magazines, active and
 * spare (Bonwick & Adams, USENIX 2001). The active one is a list of free blocks; `room` counts down
 * what it may still take, so that "full" is the sign of one subtraction, and a bin that takes
 * nothing (of class 0, of the empty cache) has no room by the same test.
 *
 * A thread reaches its bins by two pointers, one for malloc and one for free. They start out at
 * static empty bins, all of which miss, so that the fast path never asks whether there is a cache.
 * They point there again while the thread is on a slow path, so that a signal handler that
 * interrupts it there sees no half-changed bin; and malloc's alone does after memory has become
 * idle, so that the next malloc passes the slow path once and looks at the clock.
 *
 * While a profile is taken malloc has bins of its own (struct counted), which only slow paths fill:
 * each block in them is handed out once, so that allocations are counted where bins are filled, and
 * the one that is to be a sample finds its bin empty.
 *
 * Owner: the thread. Other threads read `room` for the statistics and set hak_tls.alloc to the
 * empty bins, both relaxed. The background thread empties bins of a thread that is blocked in a
 * system call (frontend_drain_idle). Invariant: |active| + room == capacity, where a bin of struct
 * counted has capacity 0. (cache_audit) */
#ifndef HAK_FRONTENDS_TLS_H
#define HAK_FRONTENDS_TLS_H

#include "backends/backend.h"
#include "backends/pagemap.h"
#include "base/compiler.h"
#include "frontends/counts.h"

#define FRONTEND_NAME "tls"
/* More than the classes: a shift finds a group's bins. */
#define FRONTEND_GROUP_BINS 128
#define FRONTEND_SPLITS 1
#define TLS_GROUPS 17

/* After a thread has freed this much without a refill, its next malloc looks at the clock. */
#define FREED_BYTES 65536

struct bin {
	_Alignas(BIN_BYTES) void *head;
	_Atomic int32_t room;
	_Atomic uint32_t capacity;
};

_Static_assert(BIN_CLASSES <= FRONTEND_GROUP_BINS, "a group has a bin for each class");
_Static_assert(sizeof(struct bin) == BIN_BYTES, "a bin id is the bin's offset");

/* malloc's bins while allocations are counted. */
struct counted {
	struct bin bins[BIN_CLASSES];
	/* Allocations up to the next sample, it included, but for those whose blocks are in `bins`
	 * already; 0 before the distance is drawn. */
	uint32_t until[BIN_CLASSES];
	uint64_t random;
	/* Blocks for sites whose blocks last (lifetime.h); they are counted when they go out. */
	struct bin lasting[CLASS_LARGE];
};

struct cache {
	struct bin bins[BIN_CLASSES];
	struct spare {
		void *head;
		_Atomic uint16_t count;
		uint8_t misses;   /* of the bin, since its magazines last grew */
		uint8_t drains;   /* of the bin, since it last missed */
		uint32_t used_ms; /* when a slow path last used this bin */
	} spares[BIN_CLASSES];
	/* How many magazines a bin has got more than given away: so many more that it gives away
	 * are wanted here again. Where there are none, the thread frees what others allocate. */
	uint16_t wanted[BIN_CLASSES];
	/* A bin's first block when it had last missed and taken its spare magazine. */
	const void *marks[BIN_CLASSES];
	/* The list of caches, under RANK_CACHES. */
	struct cache *next, *prev;
	struct tls *owner;
	/* The owner's; read by others. */
	_Atomic size_t slow_allocs, slow_frees;
	_Atomic int64_t budget; /* bytes by which magazines may still grow */
	int64_t share;          /* what it was at birth */
	/* When the owner last looked for idle bins, by the clock and by its CPU time, and when it
	 * will look again. */
	uint32_t aged_ms, look_ms;
	uint64_t aged_ns;
	uint64_t signal_mask; /* at birth */
	uint32_t thread;      /* the owner's number */
	/* When the owner was last on a slow path; read by others. */
	_Atomic uint32_t slow_ms;
	/* A futex: 1 while the background thread looks whether it may empty the cache, and does;
	 * the owner's slow paths wait. */
	_Atomic uint32_t claimed;
	/* The background thread's: slow_ms as it was when it last tried, and how often since. */
	uint32_t tried_ms, tries;
	uint32_t looks; /* mallocs on slow paths since the program woke up or memory became idle */
	size_t freed_bytes; /* drained, and freed past the bins, since the last refill */
	/* What a cache keeps when it goes to another thread. */
	struct counted *counted; /* NULL where no profile is taken */
	/* Of tls_isolate.h; NULL where blocks are not placed by their site. */
	struct isolated *isolated;
	struct bin *alloc_bins, *free_bins; /* what the owner's pointers are off the slow path */
};

struct tls {
	struct bin *_Atomic alloc;
	struct bin *_Atomic free;
	struct cache *own; /* NULL before the first slow path and after thread exit */
	_Atomic bool busy; /* on a slow path; others read it */
	bool dead;         /* the cache was destroyed at thread exit */
};

extern HAK_TLS struct tls hak_tls HAK_HIDDEN;
/* For any bin id. Memory that nobody touches costs none. */
extern struct bin hak_empty_bins[TLS_GROUPS * FRONTEND_GROUP_BINS] HAK_HIDDEN;

void tls_free_slow(void *p) HAK_HIDDEN HAK_NOINLINE;
/* The slow paths where no bin is known to serve; arguments as in frontend_alloc_slow. */
void *tls_alloc_long(size_t size, size_t align, uintptr_t site, bool *zeroed) HAK_HIDDEN;
void tls_free_long(void *p) HAK_HIDDEN;

/* One instruction where the compiler would use three for an atomic: no other thread writes it. True
 * when there was no room. */
HAK_INLINE bool
bin_take_room(struct bin *b)
{
#if defined(__x86_64__) && !HAK_SANITIZED
	bool none;

	__asm__("subl $1, %0" : "+m"(b->room), "=@ccs"(none));
	return none;
#else
	int32_t room = atomic_load_explicit(&b->room, memory_order_relaxed) - 1;

	atomic_store_explicit(&b->room, room, memory_order_relaxed);
	return room < 0;
#endif
}

HAK_INLINE void
bin_give_room(struct bin *b)
{
#if defined(__x86_64__) && !HAK_SANITIZED
	__asm__("addl $1, %0" : "+m"(b->room));
#else
	atomic_store_explicit(&b->room, atomic_load_explicit(&b->room, memory_order_relaxed) + 1,
		memory_order_relaxed);
#endif
}

HAK_INLINE struct bin *
bin_at(struct bin *bins, size_t offset)
{
	struct bin *b = (struct bin *)((char *)bins + offset);

	HAK_IN_REGISTER(b);
	return b;
}

/* The bin at an offset in the caller's own cache, by one of its pointers, hak_tls.alloc or .free:
 * one instruction where the compiler would use two for an atomic. */
HAK_INLINE struct bin *
bin_by(struct bin *_Atomic *bins, size_t offset)
{
#if defined(__x86_64__) && !HAK_SANITIZED
	__asm__("addq %1, %0" : "+r"(offset) : "m"(*bins));
	return (struct bin *)offset;
#else
	return bin_at(atomic_load_explicit(bins, memory_order_relaxed), offset);
#endif
}

/* The active magazine's first block, in the register in which malloc returns it. */
HAK_INLINE void *
bin_head(const struct bin *b)
{
#if defined(__x86_64__) && !HAK_SANITIZED
	void *head;

	__asm__("movq %1, %0" : "=a"(head) : "m"(b->head));
	return head;
#else
	return b->head;
#endif
}

HAK_INLINE void *
frontend_try_alloc(size_t bin)
{
	struct bin *b = bin_by(&hak_tls.alloc, bin);
	void *p = bin_head(b);
	/* One test for an empty bin and for a link that the program wrote over after it had freed
	 * the block: such an address is not handed out. */
	if (HAK_UNLIKELY(!pagemap_in_primary(p)))
		return NULL;
	bin_give_room(b);
	void *next = *(void **)p;
	b->head = next;
	COUNT_FAST_HIT(bin);
	return p;
}

HAK_INLINE void
frontend_free(void *p)
{
	uint16_t bin;

	if (HAK_UNLIKELY(!pagemap_bin(p, &bin))) {
		tls_free_slow(p);
		return;
	}
	struct bin *b = bin_by(&hak_tls.free, bin);
	void *head = b->head;
	/* The cheap half of double-free detection: the block just freed. */
	if (HAK_UNLIKELY(head == p || bin_take_room(b))) {
		tls_free_slow(p);
		return;
	}
	b->head = p;
	link_set(p, head);
}

#endif
