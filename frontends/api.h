/* SPDX-License-Identifier: MIT
 * frontends/api.h - between the files that make up the public interface. */
#ifndef HAK_FRONTENDS_API_H
#define HAK_FRONTENDS_API_H

#include "backends/pagemap.h"
#include "frontends/frontend.h"

/* Declares a usual name as the same function as its hak_ name. */
#define OVERRIDES(name) __attribute__((alias(#name), visibility("default"), nothrow, used))

/* As malloc, with the program's return address at hand; errno is set. */
void *api_malloc_at(size_t size, uintptr_t site) HAK_HIDDEN;
/* As aligned_alloc for an alignment that is a power of two; errno is set. */
void *api_aligned_at(size_t align, size_t size, uintptr_t site) HAK_HIDDEN;

/* The fast path of aligned allocation, for an alignment that is a power of two: a block of the
 * class of the next multiple, where its size is one. NULL where there is none at hand. */
HAK_INLINE void *
api_try_aligned(size_t align, size_t size)
{
	/* 0 for 0, and for what is too large to have a multiple. */
	size_t multiple = (size + align - 1) & ~(align - 1);

	if (HAK_UNLIKELY(multiple - 1 >= MID_MAX))
		return NULL;
	if (PAGE_BYTES < MID_MAX && HAK_UNLIKELY(align > PAGE_BYTES))
		return NULL;
	size_t bin = sizeclass_bin(multiple);
	/* Slabs begin at multiples of a page, so a block is aligned as its size is, up to that. */
	if (HAK_UNLIKELY((sizeclass_size((unsigned)(bin / BIN_BYTES)) & (align - 1)) != 0))
		return NULL;
	return frontend_try_alloc(bin);
}

#endif
