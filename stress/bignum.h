/* SPDX-License-Identifier: MIT
 * stress/bignum.h - natural numbers of any length, each value a heap block of its own.
 *
 * For the workload cfrac, which lives on them. A value never changes: every operation returns a new
 * block of 12 bytes and 4 for each 32-bit limb, so that arithmetic is a stream of short-lived small
 * blocks. Values are counted references: parameters are borrowed, results belong to the caller, who
 * gives them back by num_release. One thread only.
 *
 * Invariant: the highest limb is not 0 (zero has no limbs), and `check` is num_check() of the rest.
 * It is compared when the last reference goes, so that a block that was handed out twice or
 * overwritten ends the program. */
#ifndef STRESS_BIGNUM_H
#define STRESS_BIGNUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct num {
	uint32_t refs;
	uint32_t len; /* limbs, the lowest first */
	uint32_t check;
	uint32_t limb[];
};

struct num *num_from_u64(uint64_t value);
/* `digits` are decimal digits and nothing else. */
struct num *num_from_decimal(const char *digits);
/* The decimal digits, in a block to be freed by free. */
char *num_to_decimal(const struct num *a);
/* Only for a number of at most two limbs. */
uint64_t num_to_u64(const struct num *a);

struct num *num_ref(struct num *a);
void num_release(struct num *a);
/* Releases *place and puts the value there, which may come from an operation on *place. */
void num_set(struct num **place, struct num *value);

unsigned num_bits(const struct num *a); /* 0 for 0 */
int num_cmp(const struct num *a, const struct num *b);
bool num_is(const struct num *a, uint32_t value);

struct num *num_add(const struct num *a, const struct num *b);
struct num *num_sub(const struct num *a, const struct num *b); /* a >= b */
struct num *num_mul(const struct num *a, const struct num *b);
/* Quotient and remainder by b > 0. */
void num_divmod(
	const struct num *a, const struct num *b, struct num **quotient, struct num **remainder);
struct num *num_div(const struct num *a, const struct num *b);
struct num *num_mod(const struct num *a, const struct num *b);
/* The quotient by word > 0; the remainder goes to *remainder. */
struct num *num_div_word(const struct num *a, uint32_t word, uint32_t *remainder);

struct num *num_mulmod(const struct num *a, const struct num *b, const struct num *m);
struct num *num_powmod(const struct num *base, const struct num *exponent, const struct num *m);
struct num *num_pow(const struct num *base, unsigned exponent);
struct num *num_gcd(const struct num *a, const struct num *b);
/* The integer part of the k-th root of a > 0, k >= 2. */
struct num *num_root(const struct num *a, unsigned k);

/* How many blocks the operations have allocated so far. */
uint64_t num_allocated(void);

#endif
