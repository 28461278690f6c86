/* SPDX-License-Identifier: MIT
 * stress/sha1.c - the SHA-1 digest, in the terms of FIPS 180-4, section 6.1. See sha1.h. */
#include "stress/sha1.h"

#include <string.h>

enum { BLOCK = 64, ROUNDS = 80 };

static uint32_t
rotate(uint32_t x, unsigned bits)
{
	return x << bits | x >> (32 - bits);
}

static uint32_t
load_big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
store_big_endian(uint8_t *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void
block_add(uint32_t h[5], const uint8_t *block)
{
	uint32_t w[ROUNDS];
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (int t = 0; t < 16; t++)
		w[t] = load_big_endian(block + 4 * t);
	for (int t = 16; t < ROUNDS; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (int t = 0; t < ROUNDS; t++) {
		uint32_t f, k, next;

		if (t < 20) {
			f = (b & c) | (~b & d);
			k = 0x5a827999;
		} else if (t < 40) {
			f = b ^ c ^ d;
			k = 0x6ed9eba1;
		} else if (t < 60) {
			f = (b & c) | (b & d) | (c & d);
			k = 0x8f1bbcdc;
		} else {
			f = b ^ c ^ d;
			k = 0xca62c1d6;
		}
		next = rotate(a, 5) + f + e + k + w[t];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void
sha1(uint8_t digest[SHA1_SIZE], const void *data, size_t length)
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t tail[2 * BLOCK] = {0};
	const uint8_t *p = data;
	size_t rest = length % BLOCK;
	/* The tail is padded by one bit and the length, which may need a block of their own. */
	size_t padded = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;

	for (; length - (size_t)(p - (const uint8_t *)data) >= BLOCK; p += BLOCK)
		block_add(h, p);
	memcpy(tail, p, rest);
	tail[rest] = 0x80;
	store_big_endian(tail + padded - 8, (uint32_t)((uint64_t)length >> 29));
	store_big_endian(tail + padded - 4, (uint32_t)length << 3);
	for (size_t at = 0; at < padded; at += BLOCK)
		block_add(h, tail + at);
	for (int i = 0; i < 5; i++)
		store_big_endian(digest + 4 * i, h[i]);
}
