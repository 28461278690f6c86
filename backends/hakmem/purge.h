/* SPDX-License-Identifier: MIT
 * backends/hakmem/purge.h - parts of slabs that are given back to the system together, since each
 * call may interrupt other processors.
 *
 * All under the lock of the slabs' arena, which is held until purge_end. */
#ifndef HAK_BACKENDS_HAKMEM_PURGE_H
#define HAK_BACKENDS_HAKMEM_PURGE_H

#include "backends/hakmem/slab.h"
#include "backends/os.h"

enum { PURGE_MOST = 32 };

struct purge {
	struct iovec ranges[PURGE_MOST];
	struct slab *slabs[PURGE_MOST];
	uint64_t bits[PURGE_MOST];
	unsigned n;
	size_t bytes;      /* given back so far */
	uint64_t until_ns; /* of os_now_ns(); UINT64_MAX for as long as it takes */
};

HAK_INLINE void
purge_begin(struct purge *p, uint64_t until_ns)
{
	p->n = 0;
	p->bytes = 0;
	p->until_ns = until_ns;
}

/* True where no further slab is to be looked at. */
HAK_INLINE bool
purge_is_over(const struct purge *p)
{
	return p->until_ns != UINT64_MAX && os_now_ns() >= p->until_ns;
}

/* Gives back what was added; returns the bytes since the beginning. */
HAK_INLINE size_t
purge_end(struct purge *p)
{
	uint64_t gone = os_purge_all(p->ranges, p->n);

	for (unsigned i = 0; i < p->n; i++)
		if (gone >> i & 1) {
			p->slabs[i]->cut.purged |= p->bits[i];
			p->bytes += p->ranges[i].iov_len;
		}
	p->n = 0;
	return p->bytes;
}

/* When the system has taken the range, `bits` are set in the slab's `purged`. */
HAK_INLINE void
purge_add(struct purge *p, struct slab *s, size_t offset, size_t size, uint64_t bits)
{
	if (p->n == PURGE_MOST)
		purge_end(p);
	p->ranges[p->n] = (struct iovec){s->base + offset, size};
	p->slabs[p->n] = s;
	p->bits[p->n++] = bits;
}

/* Takes the lowest run out of a set that is not empty, and returns it: *n bits from *from on. */
HAK_INLINE uint64_t
purge_take_run(uint64_t *set, unsigned *from, unsigned *n)
{
	*from = (unsigned)__builtin_ctzll(*set);
	uint64_t end = ~(*set >> *from);
	*n = end ? (unsigned)__builtin_ctzll(end) : 64;
	uint64_t run = (*n < 64 ? ((uint64_t)1 << *n) - 1 : UINT64_MAX) << *from;
	*set &= ~run;
	return run;
}

#endif
