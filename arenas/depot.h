/* SPDX-License-Identifier: MIT
 * arenas/depot.h - an arena's stack of magazines of one class (Bonwick & Adams, USENIX 2001).
 *
 * A magazine is a list of free blocks linked through their first words; in a depot the second word
 * of its first block holds the next magazine's address and the magazine's length. A depot belongs
 * to one arena; only the holder of that arena's lock touches it.
 * Invariant: blocks == the sum of the magazines' lengths. (depot_audit) */
#ifndef HAK_ARENAS_DEPOT_H
#define HAK_ARENAS_DEPOT_H

#include "base/assert.h"
#include "base/compiler.h"

struct magazine {
	void *head;
	uint32_t count;
};

struct depot {
	void *top;
	uint32_t blocks;
	uint32_t used_ms; /* when it was last pushed to or popped from */
};

/* Addresses of the process fit in 48 bits, so the length goes above them. */
#define DEPOT_COUNT_SHIFT 48
#define DEPOT_MAX_COUNT UINT16_MAX

HAK_INLINE void
depot_push(struct depot *d, struct magazine m, uint32_t now_ms)
{
	HAK_ASSERT(m.count > 0 && m.count <= DEPOT_MAX_COUNT);
	((uint64_t *)m.head)[1] = (uint64_t)(uintptr_t)d->top |
				  (uint64_t)m.count << DEPOT_COUNT_SHIFT;
	d->top = m.head;
	d->blocks += m.count;
	d->used_ms = now_ms;
}

/* An empty magazine when the depot is. */
HAK_INLINE struct magazine
depot_pop(struct depot *d, uint32_t now_ms)
{
	struct magazine m = {d->top, 0};

	if (!m.head)
		return m;
	uint64_t word = ((uint64_t *)m.head)[1];
	m.count = (uint32_t)(word >> DEPOT_COUNT_SHIFT);
	d->top = (void *)(uintptr_t)(word & (((uint64_t)1 << DEPOT_COUNT_SHIFT) - 1));
	d->blocks -= m.count;
	d->used_ms = now_ms;
	return m;
}

HAK_INLINE void
depot_audit(const struct depot *d)
{
	uint32_t blocks = 0;

	for (void *m = d->top; m;) {
		uint64_t word = ((uint64_t *)m)[1];
		uint32_t count = (uint32_t)(word >> DEPOT_COUNT_SHIFT);
		uint32_t n = 0;

		for (void *p = m; p; p = *(void **)p)
			n++;
		HAK_CHECK(n == count);
		blocks += n;
		m = (void *)(uintptr_t)(word & (((uint64_t)1 << DEPOT_COUNT_SHIFT) - 1));
	}
	HAK_CHECK(blocks == d->blocks);
}

#endif
