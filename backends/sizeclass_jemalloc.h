/* SPDX-License-Identifier: MIT
 * backends/sizeclass_jemalloc.h - the size classes of a heap on jemalloc; included by sizeclass.c
 * alone, after sizeclass_table.h.
 *
 * Two classes that jemalloc serves from one of its own would lie side by side on a page, which has
 * one bin id. So sizes lead only to the classes that are jemalloc's too: every 16 bytes up to 128,
 * then four to each doubling. backend_init checks them against the library that it finds. */
#ifndef HAK_BACKENDS_SIZECLASS_JEMALLOC_H
#define HAK_BACKENDS_SIZECLASS_JEMALLOC_H

/* clang-format off */

/* Indexed by (size + 15) / 16: a Tiny class's bin id, which is its size. */
#define SIZECLASS_TINY_ROWS \
	[0] = 0, [1] = 16, [2] = 32, [3] = 48, [4] = 64, [5] = 80, [6] = 96, [7] = 112, [8] = 128, \
	[9 ... 10] = 160, [11 ... 12] = 192, [13 ... 14] = 224, [15 ... 16] = 256, \
	[17 ... 20] = 320, [21 ... 24] = 384, [25 ... 28] = 448, [29 ... 32] = 512, \
	[33 ... 40] = 640, [41 ... 48] = 768, [49 ... 56] = 896, [57 ... 64] = 1024

/* Indexed by (size - 1) / MID_STEP: the class. Every second one of L2's eight to a doubling. */
#undef SIZECLASS_MID_ROWS
#define SIZECLASS_MID_ROWS \
	[0 ... 1] = 8, [2 ... 3] = 16, [4 ... 5] = 24, [6 ... 7] = 32, \
	[8 ... 9] = 40, [10 ... 11] = 48, [12 ... 13] = 56, [14 ... 15] = 64, \
	[16 ... 19] = 67, [20 ... 23] = 69, [24 ... 27] = 71, [28 ... 31] = 73, \
	[32 ... 39] = 76, [40 ... 47] = 78, [48 ... 55] = 80, [56 ... 63] = 82, \
	[64 ... 79] = 85, [80 ... 95] = 87, [96 ... 111] = 89, [112 ... 127] = 91, \
	[128 ... 159] = 93, [160 ... 191] = 95, [192 ... 223] = 97, [224 ... 255] = 99, \
	[256 ... 319] = 101, [320 ... 383] = 103, [384 ... 447] = 105, [448 ... 511] = 107

/* clang-format on */

#endif
