/* SPDX-License-Identifier: MIT
 * frontends/magazine.h - how large the magazines of a caching front-end are, and where full ones
 * go. All functions are thread-safe. */
#ifndef HAK_FRONTENDS_MAGAZINE_H
#define HAK_FRONTENDS_MAGAZINE_H

#include "arenas/arena.h"
#include "arenas/profile.h"
#include "arenas/rules.h"
#include "arenas/transfer.h"
#include "base/config.h"
#include "frontends/counts.h"

/* A full magazine holds about HAKMEM_MAGAZINE bytes, no more blocks than the first figure, and up
 * to GRANTED_MAX no fewer than the second. */
#define MAGAZINE_MOST 1024
#define MAGAZINE_LEAST 4
/* What is not half full goes from a cache that ends to the slabs, but for so many blocks. */
#define MAGAZINE_WHOLE 16
/* How often a thread, or a CPU's threads, look at the clock again while the program wakes up. */
#define WAKING_LOOKS 64
/* A bin that has given away so many magazines and missed none in between is in a phase of frees:
 * its magazines go back to their slabs while the CPU's caches hold them, if that pays
 * (arena_drain_scattered), and become so small. */
#define DRAINS_IN_A_ROW 3
#define SCATTERED_BLOCKS 64
/* A bin starts with magazines of this many bytes, at least one block, at most so many. */
#define MAGAZINE_FIRST_BYTES 512
#define MAGAZINE_FIRST 16

HAK_INLINE uint32_t
magazine_blocks(size_t bytes, unsigned cls, uint32_t most)
{
	size_t n = bytes / sizeclass_size(cls);

	return n < 1 ? 1 : n > most ? most : (uint32_t)n;
}

/* The most blocks that a magazine of the class may hold. */
HAK_INLINE uint32_t
magazine_most(unsigned cls)
{
	uint32_t n = magazine_blocks(CONFIG(magazine), cls, MAGAZINE_MOST);

	return n < MAGAZINE_LEAST && sizeclass_size(cls) <= GRANTED_MAX ? MAGAZINE_LEAST : n;
}

/* How many it may hold whatever the budget. */
HAK_INLINE uint32_t
magazine_granted(unsigned cls)
{
	return sizeclass_size(cls) <= GRANTED_MAX
		       ? magazine_blocks(MAGAZINE_FIRST_BYTES, cls, MAGAZINE_FIRST)
		       : 0;
}

/* How many blocks a refill for a magazine of n may bring: fresh ones up to the end of a page. */
HAK_INLINE uint32_t
magazine_refill(unsigned cls, uint32_t n)
{
	uint32_t page = (uint32_t)(REFILL_PAGE / sizeclass_size(cls));
	uint32_t most = magazine_most(cls);

	page = page > most ? most : page;
	return n > page ? n : page;
}

/* The size after this one: double, up to the most, which may have become less. */
HAK_INLINE uint32_t
magazine_next(unsigned cls, uint32_t old)
{
	uint32_t first = magazine_granted(cls);
	uint32_t next = old ? old * 2 : first ? first : 1;

	return next > magazine_most(cls) ? magazine_most(cls) : next;
}

/* By how many bytes a bin's two magazines grow with that, above what is granted. */
HAK_INLINE int64_t
magazine_cost(unsigned cls, uint32_t old, uint32_t capacity)
{
	uint32_t granted = magazine_granted(cls);
	int64_t before = old > granted ? old : granted;
	int64_t after = capacity > granted ? capacity : granted;

	return 2 * (after - before) * (int64_t)sizeclass_size(cls);
}

/* Cuts *m off after its first `n` blocks, of more; returns the rest. */
HAK_INLINE struct magazine
magazine_split(struct magazine *m, uint32_t n)
{
	void *last = m->head;

	for (uint32_t i = 1; i < n; i++)
		last = *(void **)last;
	struct magazine rest = {*(void **)last, m->count - n};
	*(void **)last = NULL;
	m->count = n;
	return rest;
}

/* Halves *m, of two blocks or more, and returns the older half. A bin that goes to and fro between
 * full and empty keeps both: its next overflow is then as far as its next miss, and comes after
 * half a magazine of either, where a whole one beside an empty one could mean a slow path each
 * time. Returns nothing where a link leaves the primary region: whoever pops that block tells
 * whether the program wrote over it. */
HAK_INLINE struct magazine
magazine_halve(struct magazine *m)
{
	uint32_t half = m->count / 2;
	void *last = m->head, *next = link_get(last);

	for (uint32_t i = 1; i < half && pagemap_in_primary(next); i++) {
		last = next;
		next = link_get(last);
	}
	if (HAK_UNLIKELY(!pagemap_in_primary(next)))
		return (struct magazine){NULL, 0};
	struct magazine rest = {next, m->count - half};
	link_set(last, NULL);
	m->count = half;
	return rest;
}

/* True where a full bin, m, has hardly changed since it missed and took its spare magazine, when
 * its first block was `mark`. */
HAK_INLINE bool
magazine_is_back(struct magazine m, const void *mark)
{
	return m.count > 1 && (m.head == mark || link_get(m.head) == mark);
}

/* True where a bin whose magazines have that capacity, and whose spare one m was, or nothing, goes
 * on with it when the active one is full: the other half of what was halved. */
HAK_INLINE bool
magazine_has_room(struct magazine m, uint32_t capacity)
{
	return m.count <= capacity / 2;
}

/* Draws how many allocations of `size` bytes come up to the next sample, it included. */
HAK_INLINE uint32_t
magazine_until_sample(uint64_t *random, size_t size)
{
	uint64_t n = (profile_draw(random) - 1) / profile_step(size) + 1;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* One magazine more, or as many as there is a number for. */
HAK_INLINE uint16_t
magazine_count(uint16_t n)
{
	return (uint16_t)(n + (n < UINT16_MAX));
}

/* Takes what a bin was just filled with back into its slabs, where it is in a phase of frees;
 * *drains are those in a row. False: the caller keeps it. */
HAK_INLINE bool
magazine_drain_scattered(unsigned cls, struct magazine m, uint8_t *drains)
{
	if (HAK_LIKELY(*drains < DRAINS_IN_A_ROW)) {
		++*drains;
		return false;
	}
	if (arena_drain_scattered(cls, m)) {
		count(cls, COUNT_DRAIN);
		return true;
	}
	/* Not before as many again: to ask costs lines that other CPUs write. */
	*drains = 0;
	return false;
}

/* Gives a full magazine to the CPU's transfer cache, which has more room for what is wanted here
 * again, or the depot of an arena; large blocks, which other classes may need the pages of, to
 * their slabs. */
HAK_INLINE void
magazine_drain(unsigned cls, struct magazine m, bool wanted)
{
	count(cls, COUNT_DRAIN);
	if (magazine_granted(cls) == 0)
		arena_flush(m.head);
	else if ((rules_any() || !transfer_put(cls, m, wanted)) && !arena_drain(cls, m))
		arena_flush(m.head);
}

/* To the depot when it is worth handing on whole, else, or when it has been idle, to the slabs. */
HAK_INLINE void
magazine_give(unsigned cls, struct magazine m, bool idle)
{
	if (!m.head)
		return;
	if (idle || (m.count * 2 < magazine_most(cls) && m.count < MAGAZINE_WHOLE))
		arena_flush(m.head);
	else
		magazine_drain(cls, m, false);
}

#endif
