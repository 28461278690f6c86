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

/* Begins with n and bytes of 0. */
struct purge {
	struct iovec ranges[PURGE_MOST];
	struct slab *slabs[PURGE_MOST];
	uint64_t bits[PURGE_MOST];
	unsigned n;
	size_t bytes; /* given back so far */
};

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

#endif
