/* SPDX-License-Identifier: MIT
 * stress/sha1.h - the SHA-1 digest of a block of memory, as FIPS 180-4 defines it. It names chunks
 * of data here; it protects nothing. Thread-safe, allocates nothing. */
#ifndef STRESS_SHA1_H
#define STRESS_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_SIZE = 20 };

void sha1(uint8_t digest[SHA1_SIZE], const void *data, size_t length);

#endif
