/* SPDX-License-Identifier: MIT
 * backends/sizeclass.h - size <-> class <-> tier, one table.
 *
 * Class 0 is no class: its bin never holds anything, so that whatever maps to it takes the slow
 * path. Tiny has a class every 16 bytes up to 256 and every 64, whole cache lines, up to 1 KiB
 * (docs/adr/0033-classes-of-whole-lines.md). L2 has eight to each doubling up to 32 KiB (12.5 %
 * internal fragmentation at most) and one more a sixteenth above 1, 2 and 4 KiB, for buffers of
 * that length with a header (6.25 %); L2.5 four to each doubling up to 1 MiB (25 %). Above is Big.
 *
 * A heap on jemalloc uses only those that are jemalloc's size classes too; no size leads to one of
 * the others. */
#ifndef HAK_BACKENDS_SIZECLASS_H
#define HAK_BACKENDS_SIZECLASS_H

#include "base/compiler.h"

/* Every size is a multiple of this, which every block is aligned to. */
#define TINY_STEP 16
/* Above this size every one is a multiple of a cache line. */
#define TINY_FINE 256
#define TINY_MAX 1024
#define MID_MAX 32768
#define LARGE_MAX 1048576

#define TINY_CLASSES (TINY_FINE / TINY_STEP + (TINY_MAX - TINY_FINE) / CACHE_LINE)
#define MID_CLASSES 43
#define LARGE_CLASSES 20

/* The first class of each tier, and one past the last. */
#define CLASS_TINY 1
#define CLASS_MID (CLASS_TINY + TINY_CLASSES)
#define CLASS_LARGE (CLASS_MID + MID_CLASSES)
#define CLASS_END (CLASS_LARGE + LARGE_CLASSES)

/* Classes that a front-end caches: class 0, Tiny, L2 and L2.5. Blocks above the second figure are
 * kept where a budget allows, and go past the depots. */
#define BIN_CLASSES CLASS_END
#define GRANTED_MAX 131072

/* A bin id is the class times this, the offset of the front-end's bin. */
#define BIN_BYTES 16
/* Every L2.5 size is a multiple of this. */
#define LARGE_STEP 8192

struct sizeclass {
	uint32_t size;     /* of a block, bytes */
	uint32_t npages;   /* of a slab, in 64 KiB pages */
	uint32_t capacity; /* blocks in a slab */
	uint64_t inverse;  /* ceil(2^40 / size), for dividing offsets by size */
};

extern const struct sizeclass sizeclass_table[CLASS_END] HAK_HIDDEN;
/* (size + TINY_STEP - 1) / TINY_STEP -> bin id, for sizes up to MID_MAX. */
extern const uint16_t sizeclass_small_bins[MID_MAX / TINY_STEP + 1] HAK_HIDDEN;
/* (size + LARGE_STEP - 1) / LARGE_STEP -> bin id, for sizes above MID_MAX up to LARGE_MAX. */
extern const uint16_t sizeclass_large_bins[LARGE_MAX / LARGE_STEP + 1] HAK_HIDDEN;

HAK_INLINE size_t
sizeclass_size(unsigned cls)
{
	return sizeclass_table[cls].size;
}

/* The bin id for `size`: 0, whose bin never holds anything, where no class is. */
HAK_INLINE size_t
sizeclass_bin(size_t size)
{
	if (HAK_LIKELY(size <= MID_MAX))
		return sizeclass_small_bins[(size + TINY_STEP - 1) / TINY_STEP];
	if (HAK_LIKELY(size <= LARGE_MAX))
		return sizeclass_large_bins[(size + LARGE_STEP - 1) / LARGE_STEP];
	return 0;
}

/* The class for 1 <= size <= LARGE_MAX. */
unsigned sizeclass_of(size_t size);

/* The class whose blocks hold `size` bytes and are aligned to `align`, a power of two; 0 where no
 * class is (then a run of pages has to serve). */
unsigned sizeclass_aligned(size_t size, size_t align);

/* offset / size of a class, exact while offset * size < 2^40: inside any slab. */
HAK_INLINE uint32_t
sizeclass_divide(unsigned cls, size_t offset)
{
	return (uint32_t)((offset * sizeclass_table[cls].inverse) >> 40);
}

#endif
