/* SPDX-License-Identifier: MIT
 * frontends/slow.h - what the slow paths of all front-ends share: the heap's start, blocks that no
 * front-end caches, exhausted memory, and the emergency memory. All functions are thread-safe and
 * preserve errno. */
#ifndef HAK_FRONTENDS_SLOW_H
#define HAK_FRONTENDS_SLOW_H

#include "arenas/arena.h"
#include "arenas/profile.h"
#include "backends/pagemap.h"
#include "base/compiler.h"

/* The largest alignment that can be asked for. */
#define MAX_ALIGN ((size_t)1 << 30)

/* True for what the bins of a caching front-end do not hold; zeroed as in frontend_alloc_slow,
 * which asks for L2.5 blocks past the bins: their slab knows of zeroes. */
bool slow_past_bins(size_t size, size_t align, const bool *zeroed);
/* The class whose bin p goes to, 0 where no bin does; in the primary region the page map knows. */
HAK_INLINE unsigned
slow_bin_class(const void *p)
{
	uint16_t bin;

	return (HAK_LIKELY(pagemap_bin(p, &bin)) ? bin : backend_bin(p)) / BIN_BYTES;
}

/* True where block p of class cls belongs into a bin. Not where p is inside a block of several
 * pages, which its slab will say. */
HAK_INLINE bool
slow_bin_takes(unsigned cls, const void *p)
{
	return cls > 0 && (cls < CLASS_LARGE || backend_usable(p) > 0);
}

/* Makes the heap ready; cheap when it is. Called first on every slow path. */
void slow_startup(void);
/* A block for sizes above MID_MAX, or any size and an alignment above 16 (a power of two). zeroed
 * as in frontend_alloc_slow. NULL when memory is exhausted. */
void *slow_alloc_large(size_t size, size_t align, uintptr_t site, bool *zeroed);
/* One block of a cached class, from its arena and past every cache. */
void *slow_alloc_one(unsigned cls, uintptr_t site);
/* True where an allocation of so many bytes, which no bin serves, is to be a sample. */
bool slow_sample_due(size_t size);
/* A block of the class for a sample, with its record, where one is due or a rule asks for one; NULL
 * where neither, and when memory is exhausted. */
void *slow_alloc_sampled(unsigned cls, uintptr_t site, bool due);
/* Makes the Big block p a sample where one is due. */
void slow_sample_big(void *p, uintptr_t site);
/* Closes the record of the Big block p, which is about to be freed or to become another. */
void slow_unsample_big(void *p);
/* slow_alloc_one, or a sample where one is due. */
void *slow_alloc_counting(unsigned cls, uintptr_t site);

HAK_INLINE void *
slow_alloc_counted(unsigned cls, uintptr_t site)
{
	return HAK_UNLIKELY(profile_is_on()) ? slow_alloc_counting(cls, site)
					     : slow_alloc_one(cls, site);
}

/* A block of a class from the emergency memory. */
void *slow_alloc_emergency(unsigned cls);
/* A magazine of about n blocks, of at most `most` where they come from slabs, from the group's
 * arenas for the site. Where there are none, everything idle is given back before one more try;
 * then it is empty, and *instead a block of the emergency memory, or NULL when memory is exhausted.
 */
struct magazine slow_refill(
	unsigned group, unsigned cls, uintptr_t site, uint32_t n, uint32_t most, void **instead);
/* Frees a block past every cache; aborts with a line where p is none. */
void slow_free(void *p);
/* Puts a block that a signal handler frees, which interrupted a slow path, aside. */
void slow_free_busy(void *p);
/* After a refill came back empty: gives everything back that is idle, so that one more try may
 * succeed. False when a fork is why it was empty; then the emergency memory has to serve. */
bool slow_reclaim(void);

#endif
