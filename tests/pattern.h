/* SPDX-License-Identifier: MIT
 * tests/pattern.h - contents that can be told apart: every block gets an id, and every word of it
 * is a function of that id and of its place. A byte that another block's owner wrote, or that
 * moved, therefore shows. Offsets given as `from` are multiples of 8. */
#ifndef TESTS_PATTERN_H
#define TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The next number of a splitmix64 sequence. */
static inline uint64_t
rng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t
pattern_word(uint64_t id, size_t offset)
{
	uint64_t word = (id * 0xd6e8feb86659fd93u + offset) * 0x9e3779b97f4a7c15u;

	return word ^ (word >> 29);
}

/* Writes the pattern of `id` to the bytes [from, upto) of the block. */
static inline void
pattern_fill(void *block, uint64_t id, size_t from, size_t upto)
{
	unsigned char *p = block;
	uint64_t word;

	for (; from < upto; from += sizeof(word)) {
		size_t left = upto - from;

		word = pattern_word(id, from);
		memcpy(p + from, &word, left < sizeof(word) ? left : sizeof(word));
	}
}

/* The offset of the first word in [from, upto) that does not hold the pattern; upto if all do. */
static inline size_t
pattern_check(const void *block, uint64_t id, size_t from, size_t upto)
{
	const unsigned char *p = block;
	uint64_t word;

	for (; from < upto; from += sizeof(word)) {
		size_t left = upto - from;

		word = pattern_word(id, from);
		if (memcmp(p + from, &word, left < sizeof(word) ? left : sizeof(word)) != 0)
			return from;
	}
	return upto;
}

/* The offset of the first of n bytes that is not `value`; n if all are. */
static inline size_t
bytes_check(const void *block, unsigned char value, size_t n)
{
	const unsigned char *p = block;

	if (n == 0 || p[0] != value)
		return 0;
	/* A range whose first byte is right and whose bytes equal their neighbours is right. */
	if (memcmp(p, p + 1, n - 1) == 0)
		return n;
	for (size_t i = 1; i < n; i++)
		if (p[i] != value)
			return i;
	return n;
}

#endif
