/* SPDX-License-Identifier: MIT
 * frontends/rseq.h - per-CPU caches: the fast path.
 *
 * Each CPU has a cache with a bin for each class that front-ends hold; a bin is two magazines, the
 * active one and a spare, of one word each (rseq_x86_64.h). A thread takes and gives blocks in the
 * cache of the CPU that it runs on, in restartable sequences: no lock, no atomic instruction, no
 * memory for a thread that does not run. A signal handler may use what it interrupted.
 *
 * Caches lie in one array, at base + (index << RSEQ_CACHE_SHIFT). The index is the kernel's mm_cid,
 * or the CPU's number where it has none; -1 for a thread that is not registered, whose cache is a
 * stretch of zeroes, in which everything misses. There is a base for malloc and one for free. While
 * the caches are closed both are that of an array of zeroes: then whoever has passed a fence since
 * owns all caches. malloc's alone is so after memory has become idle: the next malloc passes the
 * slow path once, and looks at the clock.
 *
 * While a profile is taken, malloc's base is that of further caches (struct rseq_counted), which
 * only slow paths fill: each block in them is handed out once, so that allocations are counted
 * where bins are filled, and the one that is to be a sample finds its bin empty.
 *
 * Where there is no rseq, every thread is as if not registered, and the slow path uses the same
 * caches under a lock each, which it only tries. */
#ifndef HAK_FRONTENDS_RSEQ_H
#define HAK_FRONTENDS_RSEQ_H

#include "backends/backend.h"
#include "backends/os_rseq.h"
#include "backends/pagemap.h"
#include "base/compiler.h"
#include "frontends/counts.h"

#define FRONTEND_NAME "rseq"
#define FRONTEND_GROUP_BINS 0
#define FRONTEND_SPLITS 0

#define RSEQ_CACHE_SHIFT 13
#define RSEQ_COUNT_SHIFT 48

struct rseq_process {
	/* The bases are changed under the lock of the caches, the rest is fixed at start. */
	_Atomic uintptr_t alloc_base, free_base;
	uintptr_t index_at; /* where in an area the index is, bytes */
	uint64_t mask;      /* of a word's first block */
	uint64_t one;       /* a word's count of one */
	uintptr_t closed;   /* the bases while closed */
	_Atomic uint64_t restarts HAK_CACHE_ALIGNED;
};

struct rseq_thread {
	struct os_rseq_area *area; /* libc's, or own */
	bool known;                /* has been on a slow path */
	bool attached;             /* the area is registered */
	bool busy;                 /* on a slow path */
	struct os_rseq_area own;
};

extern struct rseq_process hak_rseq HAK_HIDDEN;
extern HAK_TLS struct rseq_thread hak_rseq_thread HAK_HIDDEN;

#ifdef HAK_TESTING
#define RSEQ_DELAYS 5
extern uint32_t hak_rseq_delays[RSEQ_DELAYS] HAK_HIDDEN;
#endif

void rseq_free_slow(void *p) HAK_HIDDEN HAK_NOINLINE;

#if defined(__x86_64__) && !HAK_SANITIZED
#define RSEQ_SEQUENCES 1
#include "frontends/rseq_x86_64.h"
#else
/* No sequences for this architecture, or a sanitizer that has to see every access: the slow path
 * does it all. */
#define RSEQ_SEQUENCES 0

HAK_INLINE void *
rseq_pop(struct os_rseq_area *area, size_t offset)
{
	(void)area;
	(void)offset;
	return NULL;
}

HAK_INLINE bool
rseq_push(struct os_rseq_area *area, size_t offset, void *p)
{
	(void)area;
	(void)offset;
	(void)p;
	return false;
}

HAK_INLINE void *
rseq_replace(struct os_rseq_area *area, size_t offset, uint64_t expected, uint64_t word)
{
	(void)area;
	(void)offset;
	(void)expected;
	(void)word;
	return NULL;
}
#endif

HAK_INLINE void *
frontend_try_alloc(size_t bin)
{
	void *p = rseq_pop(hak_rseq_thread.area, bin);

	if (HAK_LIKELY(p != NULL))
		COUNT_FAST_HIT(bin);
	return p;
}

HAK_INLINE void
frontend_free(void *p)
{
	uint16_t bin;

	if (HAK_UNLIKELY(!pagemap_bin(p, &bin)) ||
		HAK_UNLIKELY(!rseq_push(hak_rseq_thread.area, bin, p)))
		rseq_free_slow(p);
}

#endif
