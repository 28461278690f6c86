/* SPDX-License-Identifier: MIT
 * backends/sizeclass.c - the size classes' tables and the two searches off the fast path. */
#include "backends/sizeclass.h"

#include "backends/pagemap.h"
#include "backends/sizeclass_table.h"
#if defined(HAK_BACKEND_JEMALLOC)
#include "backends/sizeclass_jemalloc.h"

const uint16_t sizeclass_tiny_table[TINY_CLASSES + 1] = {SIZECLASS_TINY_ROWS};
#endif

const struct sizeclass sizeclass_table[CLASS_END] = {SIZECLASS_ROWS};
const uint8_t sizeclass_mid_table[MID_MAX / MID_STEP] = {SIZECLASS_MID_ROWS};
const uint8_t sizeclass_large_table[LARGE_MAX / LARGE_STEP] = {SIZECLASS_LARGE_ROWS};

_Static_assert(UINT16_MAX >= BIN_CLASSES * TINY_STEP, "a bin id is the bin's offset in 16 bits");

unsigned
sizeclass_of(size_t size)
{
	return (unsigned)(sizeclass_bin(size) / TINY_STEP);
}

unsigned
sizeclass_aligned(size_t size, size_t align)
{
	unsigned cls;

	/* Slabs begin at multiples of a page, so a block is aligned as its size is, up to that. */
	if (size > LARGE_MAX || align > PAGE_BYTES)
		return 0;
	/* A multiple is a class in most cases. */
	cls = (unsigned)(sizeclass_bin(round_up(size, align)) / TINY_STEP);
	for (; cls < CLASS_END; cls++)
		if ((sizeclass_size(cls) & (align - 1)) == 0)
			return cls;
	return 0;
}
