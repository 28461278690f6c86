/* SPDX-License-Identifier: MIT
 * frontends/frontend.h - the contract of a front-end: where a block is handed to the program.
 *
 * A front-end is one header of static inline functions, bound at build time, and what it needs off
 * the fast path beside it. It is written against arenas/arena.h and frontends/slow.h; a missing
 * operation or a wrong type fails the build.
 *
 * | operation              | called by       | may wait for      | failure means                  |
 * |------------------------|-----------------|-------------------|--------------------------------|
 * | frontend_try_alloc     | any thread      | what the fast     | NULL: ask frontend_alloc_slow  |
 * |                        |                 | path may          |                                |
 * | frontend_alloc_slow    | any thread      | locks, the OS     | NULL: memory is exhausted      |
 * | frontend_enter         | any thread      | nothing           | false: this thread is inside   |
 * | frontend_leave         | after enter     | nothing           | cannot fail                    |
 * | frontend_free          | any thread      | locks             | cannot; bad blocks abort       |
 * | frontend_init          | the first call, | nothing           | cannot fail                    |
 * |                        | startup lock    |                   |                                |
 * | frontend_flush         | any thread      | locks             | cannot fail                    |
 * | frontend_drain_idle    | the background  | the cache list    | false: call it again           |
 * |                        | thread          |                   |                                |
 * | frontend_totals        | any thread      | the cache list    | cannot fail                    |
 * | frontend_classes       | any thread      | the cache list    | cannot fail                    |
 * | frontend_each_cache    | any thread      | the cache list    | cannot fail                    |
 * | frontend_mechanism     | any thread      | nothing           | cannot fail                    |
 * | frontend_audit         | between enter   | the cache list    | aborts                         |
 * |                        | and leave       |                   |                                |
 * | frontend_fork_prepare  | fork handler,   | the cache list    | cannot fail                    |
 * | frontend_fork_parent   | no lock held    |                   |                                |
 * | frontend_fork_child    |                 |                   |                                |
 *
 * Beside them it defines FRONTEND_NAME; FRONTEND_GROUP_BINS: how many bin ids each group of
 * placement.h has, 0 where such blocks pass its bins; and FRONTEND_SPLITS: 1 where each allocation
 * of a class that lifetime_splits says asks for the site, else 0.
 *
 * From a signal handler: a front-end must stay intact when a handler allocates while the
 * interrupted thread is on a slow path; it may serve the handler from the emergency memory or
 * answer NULL. docs/concurrency.md says what each promises for the fast path. */
#ifndef HAK_FRONTENDS_FRONTEND_H
#define HAK_FRONTENDS_FRONTEND_H

#include "base/compiler.h"

struct frontend_totals {
	size_t caches;       /* a number */
	size_t cached_bytes; /* free blocks held by caches */
	size_t slow_allocs;  /* a number */
	size_t slow_frees;   /* a number */
	size_t restarts;     /* restartable sequences that were interrupted (a number) */
};

/* What became of the requests of one class; all are numbers. */
struct frontend_class {
	uint64_t hits;      /* served on the fast path; counted in builds with HAK_COUNTERS only */
	uint64_t misses;    /* allocations that found no block at hand */
	uint64_t overflows; /* frees that found no room */
	uint64_t refills;   /* magazines taken from the arenas */
	uint64_t drains;    /* magazines given to the arenas */
};

/* A block from a bin, by its id (sizeclass_bin), not zeroed, where one is at hand. */
HAK_INLINE void *frontend_try_alloc(size_t bin);
/* The same by the long way, for any size and an alignment that is a power of two; *zeroed tells
 * whether the block reads as zero, and is NULL where nobody asks. errno is preserved. `site` is the
 * program's return address. */
void *frontend_alloc_slow(size_t size, size_t align, uintptr_t site, bool *zeroed) HAK_HIDDEN;
/* Brackets work on what the locks protect: a signal handler that interrupts it finds the front-end
 * closed and is served from the emergency memory. */
bool frontend_enter(void) HAK_HIDDEN;
void frontend_leave(void) HAK_HIDDEN;
/* Takes a block back; p may be NULL. errno is preserved. */
HAK_INLINE void frontend_free(void *p);
/* Prepares the front-end. */
void frontend_init(void);
/* Gives the calling thread's cached blocks back to the arenas. Between enter and leave. */
void frontend_flush(void);
/* Makes caches give up what has been idle for least_ms (0: everything) as far as another thread
 * than their owners may; false where the next call may do more. */
bool frontend_drain_idle(uint32_t now_ms, uint32_t least_ms);
/* A snapshot; approximate while other threads run. */
void frontend_totals(struct frontend_totals *out);
/* The same by class: out[c] for each class c below BIN_CLASSES; zeroes where nothing is cached. */
void frontend_classes(struct frontend_class *out);
/* Calls visit with each cache's number (a CPU's, or a running number) and the bytes it holds. visit
 * must not allocate. */
void frontend_each_cache(void (*visit)(void *context, unsigned id, size_t bytes), void *context);
/* Walks what the caller can reach of the caches and aborts where an invariant is broken. */
void frontend_audit(void);
/* How blocks are cached here, in a few words. */
const char *frontend_mechanism(void);
void frontend_fork_prepare(void);
void frontend_fork_parent(void);
void frontend_fork_child(void);

/* The implementation that this build is bound to. */
#if defined(HAK_FRONTEND_TLS)
#include "frontends/tls.h"
#elif defined(HAK_FRONTEND_LOCK)
#include "frontends/lock.h"
#elif defined(HAK_FRONTEND_RSEQ)
#include "frontends/rseq.h"
#else
#error "no front-end: define HAK_FRONTEND_TLS, HAK_FRONTEND_LOCK or HAK_FRONTEND_RSEQ"
#endif

#endif
