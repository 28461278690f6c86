/* SPDX-License-Identifier: MIT
 * frontends/tls_isolate.h - a thread's cache while HAKMEM_PLACEMENT isolates: bins by bucket and
 * class.
 *
 * A page's bin id is the offset of its bucket's and class's bin here, as far as free's fast path
 * goes, for which no bin has room; malloc's finds none but empty ones. So each call comes to its
 * slow path, and what that does first is the medium path: a pop or a push in the bin of the block's
 * bucket, with its seal checked, without lock or clock. `busy` is set meanwhile, so that a signal
 * handler that interrupts it is served as on any slow path. Whoever claims the cache makes the
 * owner miss the medium path as well: it goes by the same two pointers as the fast path.
 *
 * Of a bin, `room` is the fast path's, which takes from it: 0 or less. What a bin may still take is
 * `capacity`. Owner: the thread, or whoever has claimed the cache. Invariant: from a bin's head on
 * there are sizes - capacity sealed blocks, all of its bucket and class, and from a spare
 * magazine's as many as its count. (isolate_audit) */
#ifndef HAK_FRONTENDS_TLS_ISOLATE_H
#define HAK_FRONTENDS_TLS_ISOLATE_H

#include "frontends/frontend.h"
#include "frontends/placement.h"

struct isolated {
	/* By group, of which 0 is nobody's, and class. */
	struct bin bins[ARENA_GROUPS][FRONTEND_GROUP_BINS];
	_Atomic uint16_t sizes[ARENA_GROUPS][FRONTEND_GROUP_BINS];
	struct sealed_spare {
		void *head;
		_Atomic uint16_t count;
		const void *mark; /* the bin's first block when it had last taken this one */
	} spares[ARENA_GROUPS][FRONTEND_GROUP_BINS];
};

/* frontend_alloc_slow and free's slow path: by the medium path, or else the long way. */
void *isolate_alloc(size_t size, size_t align, uintptr_t site, bool *zeroed) HAK_HIDDEN;
void isolate_free(void *p) HAK_HIDDEN;
/* The same on the long way, after it has entered: from a bin that is refilled as need be, and into
 * one that is made room in, or past the bins. */
void *isolate_alloc_slow(struct cache *c, unsigned cls, uintptr_t site);
void isolate_free_slow(struct cache *c, void *p, uint32_t now_ms);
/* Prepares what the medium path reads; under the startup lock. */
void isolate_init(void);
/* Gives a new cache its bins, which are zeroed. */
void isolate_cache(struct cache *c, struct isolated *bins);
/* Gives the blocks of the class, of all buckets, to depots where they are many, else, or when they
 * have been idle, back to their slabs. */
void isolate_flush(struct cache *c, unsigned cls, bool idle);
bool isolate_is_empty(const struct cache *c, unsigned cls);
size_t isolate_cached_bytes(const struct cache *c);
void isolate_audit(const struct cache *c);

#endif
