/* SPDX-License-Identifier: MIT
 * backends/sizeclass.c - the size classes' tables and the two searches off the fast path. */
#include "backends/sizeclass.h"

#include "backends/pagemap.h"
#include "backends/sizeclass_table.h"

const struct sizeclass sizeclass_table[CLASS_END] = {SIZECLASS_ROWS};
const uint16_t sizeclass_small_bins[MID_MAX / TINY_STEP + 1] = {SIZECLASS_SMALL_ROWS};
const uint16_t sizeclass_large_bins[LARGE_MAX / LARGE_STEP + 1] = {SIZECLASS_LARGE_ROWS};

_Static_assert(UINT16_MAX >= BIN_CLASSES * BIN_BYTES, "a bin id is the bin's offset in 16 bits");

unsigned
sizeclass_of(size_t size)
{
	return (unsigned)(sizeclass_bin(size) / BIN_BYTES);
}

unsigned
sizeclass_aligned(size_t size, size_t align)
{
	unsigned cls;

	/* Slabs begin at multiples of a page, so a block is aligned as its size is, up to that. */
	if (size > LARGE_MAX || align > PAGE_BYTES)
		return 0;
	/* A multiple is a class in most cases. */
	cls = sizeclass_of(round_up(size, align));
	for (; cls < CLASS_END; cls++)
		if ((sizeclass_size(cls) & (align - 1)) == 0)
			return cls;
	return 0;
}
