/* SPDX-License-Identifier: MIT
 * arenas/depot.h - an arena's stacks of magazines of one class (Bonwick & Adams, USENIX 2001).
 *
 * A magazine is a list of free blocks linked through their first words; in a depot the second word
 * of its first block holds the next magazine's address and the magazine's length. A depot belongs
 * to one arena; only the holder of that arena's lock touches it.
 * Invariant: blocks == the sum of the magazines' lengths. (depot_audit) */
#ifndef HAK_ARENAS_DEPOT_H
#define HAK_ARENAS_DEPOT_H

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"

struct magazine {
	void *head;
	uint32_t count;
};

/* The magazine's blocks and those of `rest` as one list; walks over the magazine if there are any:
 * its blocks are cold, and each is a miss after another. */
HAK_INLINE void *
magazine_join(struct magazine m, void *rest)
{
	void *tail = m.head;

	if (!rest)
		return m.head;
	for (uint32_t n = 1; n < m.count; n++)
		tail = *(void **)tail;
	*(void **)tail = rest;
	return m.head;
}

/* A stack for each of a few CPUs: a magazine goes, as long as there is a choice, to a thread on the
 * CPU whose caches hold its blocks. */
#define DEPOT_WAYS 4

struct depot {
	void *tops[DEPOT_WAYS];
	uint32_t blocks;
	uint32_t used_ms; /* when it was last pushed to or popped from */
};

/* Of a group above 0 the magazines are sealed lists (backends/seal.h), which leave no room in their
 * blocks: the stack is here. `blocks` and `used_ms` are in the class's struct depot. */
#define SEALED_DEPOT_MOST 64
struct sealed_depot {
	struct magazine full[SEALED_DEPOT_MOST];
	uint32_t count;
};

/* Addresses of the process fit in 48 bits, so the length goes above them. */
#define DEPOT_COUNT_SHIFT 48
#define DEPOT_MAX_COUNT UINT16_MAX

/* Makes m the magazine above the one that begins at `below`, NULL for the first. */
HAK_INLINE void
depot_link(struct magazine m, const void *below)
{
	HAK_ASSERT(m.count > 0 && m.count <= DEPOT_MAX_COUNT);
	uint64_t word = (uint64_t)(uintptr_t)below | (uint64_t)m.count << DEPOT_COUNT_SHIFT;

	/* Copied, since a wrong free's address, which is noticed later, need not be aligned. */
	memcpy((char *)m.head + sizeof(word), &word, sizeof(word));
}

HAK_INLINE void
depot_push(struct depot *d, unsigned cpu, struct magazine m, uint32_t now_ms)
{
	void **top = &d->tops[cpu % DEPOT_WAYS];

	depot_link(m, *top);
	*top = m.head;
	d->blocks += m.count;
	d->used_ms = now_ms;
}

/* The magazine below the one that begins at `head`; *count gets the length of that one. */
HAK_INLINE void *
depot_below(const void *head, uint32_t *count)
{
	uint64_t word;

	memcpy(&word, (const char *)head + sizeof(word), sizeof(word));
	*count = (uint32_t)(word >> DEPOT_COUNT_SHIFT);
	return (void *)(uintptr_t)(word & (((uint64_t)1 << DEPOT_COUNT_SHIFT) - 1));
}

/* A magazine from the CPU's own stack; an empty one when that is. */
HAK_INLINE struct magazine
depot_pop_own(struct depot *d, unsigned cpu, uint32_t now_ms)
{
	void **top = &d->tops[cpu % DEPOT_WAYS];
	struct magazine m = {*top, 0};

	if (m.head) {
		*top = depot_below(m.head, &m.count);
		d->blocks -= m.count;
		d->used_ms = now_ms;
	}
	return m;
}

/* A magazine from any stack; an empty one when the depot is. */
HAK_INLINE struct magazine
depot_pop(struct depot *d, uint32_t now_ms)
{
	struct magazine m = {NULL, 0};

	for (unsigned cpu = 0; cpu < DEPOT_WAYS && !m.head && d->blocks > 0; cpu++)
		m = depot_pop_own(d, cpu, now_ms);
	return m;
}

/* The blocks of the magazines from `top` down. */
HAK_INLINE uint32_t
depot_stack_audit(void *top)
{
	uint32_t blocks = 0, count;

	for (void *m = top, *below; m; m = below) {
		uint32_t n = 0;
		below = depot_below(m, &count);
		for (void *p = m; p; p = *(void **)p)
			n++;
		HAK_CHECK(n == count);
		blocks += n;
	}
	return blocks;
}

HAK_INLINE void
depot_audit(const struct depot *d)
{
	uint32_t blocks = 0;

	for (unsigned i = 0; i < DEPOT_WAYS; i++)
		blocks += depot_stack_audit(d->tops[i]);
	HAK_CHECK(blocks == d->blocks);
}

#endif
