/* SPDX-License-Identifier: MIT
 * backends/sizeclass.h - size <-> class <-> tier, one table.
 *
 * Class 0 is no class: its bin never holds anything, so that whatever maps to it takes the slow
 * path. Tiny classes are the multiples of 16 up to 1 KiB, and class c holds blocks of 16 * c bytes:
 * no table is needed to find one. L2 has eight classes to each doubling up to 32 KiB (12.5 %
 * internal fragmentation at most) and one more a sixteenth above 1, 2 and 4 KiB, for buffers of
 * that length with a header (6.25 %); L2.5 four to each doubling up to 1 MiB (25 %). Above is Big.
 *
 * A heap on jemalloc uses only those that are jemalloc's size classes too (sizeclass_jemalloc.h);
 * no size leads to one of the others. */
#ifndef HAK_BACKENDS_SIZECLASS_H
#define HAK_BACKENDS_SIZECLASS_H

#include "base/compiler.h"

#define TINY_STEP 16
#define TINY_MAX 1024
#define MID_MAX 32768
#define LARGE_MAX 1048576

#define TINY_CLASSES (TINY_MAX / TINY_STEP)
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

/* Every L2 size is a multiple of this; the table is indexed by it. */
#define MID_STEP 64
/* And every L2.5 size one of this. */
#define LARGE_STEP 8192

struct sizeclass {
	uint32_t size;     /* of a block, bytes */
	uint32_t npages;   /* of a slab, in 64 KiB pages */
	uint32_t capacity; /* blocks in a slab */
	uint64_t inverse;  /* ceil(2^40 / size), for dividing offsets by size */
};

extern const struct sizeclass sizeclass_table[CLASS_END] HAK_HIDDEN;
/* (size - 1) / MID_STEP -> class, for sizes up to MID_MAX. */
extern const uint8_t sizeclass_mid_table[MID_MAX / MID_STEP] HAK_HIDDEN;
/* (size - 1) / LARGE_STEP -> class, for sizes above MID_MAX up to LARGE_MAX. */
extern const uint8_t sizeclass_large_table[LARGE_MAX / LARGE_STEP] HAK_HIDDEN;

HAK_INLINE size_t
sizeclass_size(unsigned cls)
{
	return sizeclass_table[cls].size;
}

/* The bin id, which is the offset of the front-end's bin, for 0 <= size <= TINY_MAX. */
#if defined(HAK_BACKEND_JEMALLOC)
extern const uint16_t sizeclass_tiny_table[TINY_CLASSES + 1] HAK_HIDDEN;

HAK_INLINE size_t
sizeclass_tiny_bin(size_t size)
{
	return sizeclass_tiny_table[(size + TINY_STEP - 1) / TINY_STEP];
}

HAK_INLINE char *
sizeclass_tiny_bin_in(char *bins, size_t size)
{
	return bins + sizeclass_tiny_bin(size);
}
#else
HAK_INLINE size_t
sizeclass_tiny_bin(size_t size)
{
	return round_up(size, TINY_STEP);
}

/* As sizeclass_bin_in. The sum is rounded: an instruction less than a sum with what was rounded. */
HAK_INLINE char *
sizeclass_tiny_bin_in(char *bins, size_t size)
{
	return (char *)round_up((uintptr_t)bins + size, TINY_STEP);
}
#endif

/* The offset of the front-end's bin for `size`: 0, whose bin never holds anything, where no class
 * is. */
HAK_INLINE size_t
sizeclass_bin(size_t size)
{
	if (HAK_LIKELY(size <= TINY_MAX))
		return sizeclass_tiny_bin(size);
	if (HAK_LIKELY(size <= MID_MAX))
		return sizeclass_mid_table[(size - 1) / MID_STEP] * (size_t)TINY_STEP;
	if (HAK_LIKELY(size <= LARGE_MAX))
		return sizeclass_large_table[(size - 1) / LARGE_STEP] * (size_t)TINY_STEP;
	return 0;
}

/* The bin for `size` of those that begin at `bins`, a multiple of TINY_STEP. */
HAK_INLINE char *
sizeclass_bin_in(char *bins, size_t size)
{
	if (HAK_LIKELY(size <= TINY_MAX))
		return sizeclass_tiny_bin_in(bins, size);
	return bins + sizeclass_bin(size);
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
