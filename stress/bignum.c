/* SPDX-License-Identifier: MIT
 * stress/bignum.c - natural numbers in heap blocks. See bignum.h. The algorithms are the classical
 * ones of Knuth, The Art of Computer Programming, volume 2, section 4.3.1. */
#include "stress/harness.h"

#include "stress/bignum.h"

/* Far beyond what any caller computes with. */
enum { MAX_LIMBS = 1024 };

static uint64_t allocated;

static struct num *
num_new(size_t limbs)
{
	size_t size = sizeof(struct num) + limbs * sizeof(uint32_t);
	struct num *a = malloc(size);

	if (!a)
		block_exhausted(size);
	allocated++;
	a->refs = 1;
	a->len = (uint32_t)limbs;
	return a;
}

/* Of the length and the first and last limb, as cheap as can be: it must not outweigh malloc. */
static uint32_t
num_check(const struct num *a)
{
	uint32_t check = a->len ^ 0x5eed0000;

	return a->len > 0 ? check ^ a->limb[0] ^ a->limb[a->len - 1] * 0x9e3779b1u : check;
}

/* Every value passes here once it is computed, before anyone else sees it. */
static struct num *
num_seal(struct num *a)
{
	while (a->len > 0 && a->limb[a->len - 1] == 0)
		a->len--;
	a->check = num_check(a);
	return a;
}

struct num *
num_ref(struct num *a)
{
	a->refs++;
	return a;
}

void
num_release(struct num *a)
{
	uint32_t check;

	if (a->refs > 1) {
		a->refs--;
		return;
	}
	/* A damaged length must not send the check outside the block. */
	check = a->len <= MAX_LIMBS ? num_check(a) : ~a->check;
	if (a->refs != 1 || a->check != check)
		block_damaged(a, sizeof(*a) + a->len * sizeof(uint32_t), check, a->check);
	/* If another owner has the same block, its check fails. */
	a->refs = 0;
	a->check = ~check;
	free(a);
}

void
num_set(struct num **place, struct num *value)
{
	num_release(*place);
	*place = value;
}

uint64_t
num_allocated(void)
{
	return allocated;
}

/* --- conversion and comparison --------------------------------------------------------------- */

struct num *
num_from_u64(uint64_t value)
{
	struct num *a = num_new(2);

	a->limb[0] = (uint32_t)value;
	a->limb[1] = (uint32_t)(value >> 32);
	return num_seal(a);
}

uint64_t
num_to_u64(const struct num *a)
{
	uint64_t value = 0;

	for (uint32_t i = a->len; i-- > 0;)
		value = value << 32 | a->limb[i];
	return value;
}

struct num *
num_from_decimal(const char *digits)
{
	struct num *ten = num_from_u64(10);
	struct num *a = num_from_u64(0);

	for (; *digits; digits++) {
		struct num *digit = num_from_u64((uint64_t)(*digits - '0'));

		num_set(&a, num_mul(a, ten));
		num_set(&a, num_add(a, digit));
		num_release(digit);
	}
	num_release(ten);
	return a;
}

char *
num_to_decimal(const struct num *a)
{
	/* A limb has at most 9.64 digits. */
	size_t size = (size_t)a->len * 10 + 2;
	char *text = malloc(size);
	size_t first = size - 1;
	struct num *rest = num_from_u64(0);

	if (!text)
		block_exhausted(size);
	num_set(&rest, num_add(a, rest));
	text[first] = '\0';
	do {
		uint32_t digit;

		num_set(&rest, num_div_word(rest, 10, &digit));
		text[--first] = (char)('0' + digit);
	} while (rest->len > 0);
	num_release(rest);
	memmove(text, text + first, size - first);
	return text;
}

unsigned
num_bits(const struct num *a)
{
	if (a->len == 0)
		return 0;
	return a->len * 32 - (unsigned)__builtin_clz(a->limb[a->len - 1]);
}

int
num_cmp(const struct num *a, const struct num *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	for (uint32_t i = a->len; i-- > 0;) {
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	}
	return 0;
}

bool
num_is(const struct num *a, uint32_t value)
{
	return value == 0 ? a->len == 0 : a->len == 1 && a->limb[0] == value;
}

/* --- arithmetic ------------------------------------------------------------------------------ */

struct num *
num_add(const struct num *a, const struct num *b)
{
	const struct num *longer = a->len >= b->len ? a : b;
	const struct num *shorter = a->len >= b->len ? b : a;
	struct num *sum = num_new((size_t)longer->len + 1);
	uint64_t carry = 0;

	for (uint32_t i = 0; i < longer->len; i++) {
		carry += longer->limb[i];
		if (i < shorter->len)
			carry += shorter->limb[i];
		sum->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	sum->limb[longer->len] = (uint32_t)carry;
	return num_seal(sum);
}

struct num *
num_sub(const struct num *a, const struct num *b)
{
	struct num *difference = num_new(a->len);
	uint64_t borrow = 0;

	for (uint32_t i = 0; i < a->len; i++) {
		uint64_t subtrahend = borrow + (i < b->len ? b->limb[i] : 0);

		difference->limb[i] = (uint32_t)(a->limb[i] - subtrahend);
		borrow = a->limb[i] < subtrahend;
	}
	return num_seal(difference);
}

struct num *
num_mul(const struct num *a, const struct num *b)
{
	struct num *product = num_new((size_t)a->len + b->len);

	memset(product->limb, 0, product->len * sizeof(uint32_t));
	for (uint32_t i = 0; i < a->len; i++) {
		uint64_t carry = 0;

		for (uint32_t j = 0; j < b->len; j++) {
			carry += (uint64_t)a->limb[i] * b->limb[j] + product->limb[i + j];
			product->limb[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
		product->limb[i + b->len] = (uint32_t)carry;
	}
	return num_seal(product);
}

struct num *
num_div_word(const struct num *a, uint32_t word, uint32_t *remainder)
{
	struct num *quotient = num_new(a->len);
	uint64_t rest = 0;

	for (uint32_t i = a->len; i-- > 0;) {
		rest = rest << 32 | a->limb[i];
		quotient->limb[i] = (uint32_t)(rest / word);
		rest %= word;
	}
	*remainder = (uint32_t)rest;
	return num_seal(quotient);
}

/* a shifted left by fewer than 32 bits, with one limb more than a, which may be 0: not sealed. */
static struct num *
shifted(const struct num *a, unsigned bits)
{
	struct num *s = num_new((size_t)a->len + 1);
	uint64_t carry = 0;

	for (uint32_t i = 0; i < a->len; i++) {
		carry |= (uint64_t)a->limb[i] << bits;
		s->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	s->limb[a->len] = (uint32_t)carry;
	return s;
}

/* Subtracts v times its digit of the quotient from u[0..n] and returns that digit. The highest bit
 * of v[n - 1] is set, so that the estimate is at most two too high. */
static uint32_t
divide_step(uint32_t *u, const uint32_t *v, uint32_t n)
{
	uint64_t top = (uint64_t)u[n] << 32 | u[n - 1];
	uint64_t digit = top / v[n - 1];
	uint64_t rest = top % v[n - 1];
	uint64_t borrow = 0;
	uint64_t carry = 0;

	while (digit > UINT32_MAX || digit * v[n - 2] > (rest << 32 | u[n - 2])) {
		digit--;
		rest += v[n - 1];
		if (rest > UINT32_MAX)
			break;
	}
	for (uint32_t i = 0; i <= n; i++) {
		uint64_t part = borrow + (i < n ? digit * v[i] : 0);
		uint32_t low = (uint32_t)part;

		borrow = (part >> 32) + (u[i] < low);
		u[i] -= low;
	}
	if (borrow == 0)
		return (uint32_t)digit;
	for (uint32_t i = 0; i <= n; i++) {
		carry += (uint64_t)u[i] + (i < n ? v[i] : 0);
		u[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return (uint32_t)digit - 1;
}

/* The case of a divisor of two limbs or more, and a dividend that is not shorter. */
static void
divide_long(const struct num *a, const struct num *b, struct num **quotient, struct num **remainder)
{
	unsigned shift = (unsigned)__builtin_clz(b->limb[b->len - 1]);
	uint32_t n = b->len;
	struct num *u = shifted(a, shift);
	struct num *v = num_seal(shifted(b, shift));
	struct num *q = num_new((size_t)a->len - n + 1);

	for (uint32_t i = a->len - n + 1; i-- > 0;)
		q->limb[i] = divide_step(u->limb + i, v->limb, n);
	for (uint32_t i = 0; i < n; i++)
		u->limb[i] = (uint32_t)(((uint64_t)u->limb[i + 1] << 32 | u->limb[i]) >> shift);
	u->len = n;
	num_release(v);
	*quotient = num_seal(q);
	*remainder = num_seal(u);
}

void
num_divmod(const struct num *a, const struct num *b, struct num **quotient, struct num **remainder)
{
	if (a->len < b->len) {
		struct num *zero = num_from_u64(0);

		*remainder = num_add(a, zero);
		*quotient = zero;
	} else if (b->len == 1) {
		uint32_t rest;

		*quotient = num_div_word(a, b->limb[0], &rest);
		*remainder = num_from_u64(rest);
	} else {
		divide_long(a, b, quotient, remainder);
	}
}

struct num *
num_div(const struct num *a, const struct num *b)
{
	struct num *quotient, *remainder;

	num_divmod(a, b, &quotient, &remainder);
	num_release(remainder);
	return quotient;
}

struct num *
num_mod(const struct num *a, const struct num *b)
{
	struct num *quotient, *remainder;

	num_divmod(a, b, &quotient, &remainder);
	num_release(quotient);
	return remainder;
}

/* --- number theory --------------------------------------------------------------------------- */

struct num *
num_mulmod(const struct num *a, const struct num *b, const struct num *m)
{
	struct num *product = num_mul(a, b);

	num_set(&product, num_mod(product, m));
	return product;
}

struct num *
num_powmod(const struct num *base, const struct num *exponent, const struct num *m)
{
	struct num *result = num_from_u64(1);

	for (unsigned bit = num_bits(exponent); bit-- > 0;) {
		num_set(&result, num_mulmod(result, result, m));
		if (exponent->limb[bit / 32] >> bit % 32 & 1)
			num_set(&result, num_mulmod(result, base, m));
	}
	return result;
}

struct num *
num_pow(const struct num *base, unsigned exponent)
{
	struct num *result = num_from_u64(1);

	while (exponent-- > 0)
		num_set(&result, num_mul(result, base));
	return result;
}

struct num *
num_gcd(const struct num *a, const struct num *b)
{
	struct num *zero = num_from_u64(0);
	struct num *x = num_add(a, zero);
	struct num *y = num_add(b, zero);

	while (y->len > 0) {
		struct num *rest = num_mod(x, y);

		num_set(&x, y);
		y = rest;
	}
	num_release(y);
	num_release(zero);
	return x;
}

struct num *
num_root(const struct num *a, unsigned k)
{
	struct num *degree = num_from_u64(k);
	struct num *less = num_from_u64(k - 1);
	struct num *two = num_from_u64(2);
	/* Newton's method falls towards the root from any start above it. */
	struct num *root = num_pow(two, num_bits(a) / k + 1);

	for (;;) {
		struct num *power = num_pow(root, k - 1);
		struct num *next = num_div(a, power);
		struct num *weighted = num_mul(root, less);

		num_set(&next, num_add(next, weighted));
		num_set(&next, num_div(next, degree));
		num_release(power);
		num_release(weighted);
		if (num_cmp(next, root) >= 0) {
			num_release(next);
			break;
		}
		num_set(&root, next);
	}
	num_release(degree);
	num_release(less);
	num_release(two);
	return root;
}
