/* SPDX-License-Identifier: MIT
 * stress/cfrac.c - factors a number by continued fractions, on heap-allocated big numbers.
 *
 * Source: the method is M. Morrison, J. Brillhart, "A Method of Factoring and the Factorization of
 * F7", Mathematics of Computation 29, 1975. As a test of allocators a program of that kind was made
 * known by B. Zorn and D. Barrett ("Using Lifetime Predictors to Improve Memory Allocation
 * Performance", PLDI 1993): one thread, very many blocks of a few words that live for a moment, and
 * a few hundred that live.
 *
 * The method: the expansion of sqrt(kN) into a continued fraction yields congruences
 * A^2 = (-1)^n Q mod N with Q below 2 sqrt(kN). Those whose Q falls apart into the primes of a
 * factor base are kept. When there are more of them than primes, some of them multiply to a
 * congruence of squares X^2 = Y^2 mod N, and gcd(X - Y, N) is often a proper factor.
 *
 * What differs: the numbers (bignum.h) have 32-bit limbs and checksums; each step of trial division
 * makes the quotient a new block, as generic big-number arithmetic does. Trial division gives up
 * early on a Q of which the small primes have taken little (C. Pomerance, 1982). There are no large
 * primes beyond the base, which keeps the live data small. Each factor is itself factored until all
 * are prime.
 *
 * Parameter: NUMBER, in decimal, at least 2, at most 50 digits; without one, a number of 30 digits
 * that takes a fraction of a second. The published one is
 * 17545186520507317056371138836327483792789528.
 *
 * Prints the closing line (harness.h) with factors=, in ascending order. ops counts the big numbers
 * allocated; the work is fixed, so `seconds` is the figure to compare. checksum is a digest of the
 * factors and of all congruences used. Each congruence is verified before it is used, and in the
 * end the factors are multiplied and compared with NUMBER. */
#include "stress/harness.h"

#include "stress/bignum.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	PRIMES = 6542, /* below 2^16 */
	MAX_DIGITS = 50,
	MAX_FACTORS = 168,    /* log2 of 10^50 and a little */
	MAX_BASE = 1024,      /* primes in a factor base */
	MAX_MULTIPLIER = 128, /* k of kN */
	MULTIPLIERS = 24,     /* tried before giving up */
	EARLY = 2,            /* points of trial division where it may give up */
	SPARE_RELATIONS = 16, /* beyond the number of primes: each fails once in two */
};

static uint16_t primes[PRIMES];

/* A digest of the whole computation. */
static uint64_t digest;

static void
digest_num(const struct num *a)
{
	for (uint32_t i = 0; i < a->len; i++)
		digest = mix64(digest + HARNESS_GOLDEN + a->limb[i]);
}

static void
primes_init(void)
{
	size_t count = 0;

	for (unsigned n = 2; count < PRIMES; n++) {
		size_t i = 0;

		while (i < count && primes[i] * (unsigned)primes[i] <= n && n % primes[i] != 0)
			i++;
		if (i == count || primes[i] * (unsigned)primes[i] > n)
			primes[count++] = (uint16_t)n;
	}
}

/* --- the continued fraction ------------------------------------------------------------------ */

/* The state before step n, in the names of the paper: g is the integer part of sqrt(kN), and
 * A[n-1]^2 = (-1)^n Q[n] mod N. */
struct expansion {
	const struct num *modulus; /* N */
	struct num *g_twice;
	struct num *g_plus_p; /* g + P[n] */
	struct num *q, *q_before;
	struct num *r_before;
	struct num *a, *a_before;
	bool negative; /* n is odd */
};

static void
expansion_start(struct expansion *e, const struct num *n, const struct num *kn)
{
	struct num *g = num_root(kn, 2);
	struct num *zero = num_from_u64(0);

	e->modulus = n;
	e->g_twice = num_add(g, g);
	e->g_plus_p = num_ref(g);
	e->r_before = g;
	e->q = num_from_u64(1);
	e->q_before = num_add(kn, zero);
	e->a = num_from_u64(1);
	e->a_before = zero;
	e->negative = false;
}

static void
expansion_end(struct expansion *e)
{
	num_release(e->g_twice);
	num_release(e->g_plus_p);
	num_release(e->r_before);
	num_release(e->q);
	num_release(e->q_before);
	num_release(e->a);
	num_release(e->a_before);
}

/* Q[n+1] = Q[n-1] + b (r - r_before), where the difference may be negative. */
static struct num *
next_q(const struct expansion *e, const struct num *b, const struct num *r)
{
	bool grows = num_cmp(r, e->r_before) >= 0;
	struct num *difference = grows ? num_sub(r, e->r_before) : num_sub(e->r_before, r);
	struct num *change = num_mul(b, difference);
	struct num *q = grows ? num_add(e->q_before, change) : num_sub(e->q_before, change);

	num_release(difference);
	num_release(change);
	return q;
}

static void
expansion_step(struct expansion *e)
{
	struct num *b, *r, *q, *a;

	num_divmod(e->g_plus_p, e->q, &b, &r);
	q = next_q(e, b, r);
	a = num_mul(b, e->a);
	num_set(&a, num_add(a, e->a_before));
	num_set(&a, num_mod(a, e->modulus));
	num_set(&e->g_plus_p, num_sub(e->g_twice, r));
	num_set(&e->r_before, r);
	num_set(&e->q_before, e->q);
	e->q = q;
	num_set(&e->a_before, e->a);
	e->a = a;
	e->negative = !e->negative;
	num_release(b);
}

/* --- factor base and relations --------------------------------------------------------------- */

struct base {
	const struct num *modulus; /* N */
	unsigned count;
	struct {
		unsigned after; /* that many primes ... */
		unsigned bits;  /* ... so many bits of Q must be gone */
	} early[EARLY];
	uint16_t prime[MAX_BASE];
};

/* A^2 = (-1)^exponent[count] times the product of prime[i]^exponent[i], mod N. */
struct relation {
	struct num *a;
	uint8_t exponent[];
};

static uint64_t
power_word(uint64_t base, uint32_t exponent, uint32_t m)
{
	uint64_t result = 1;

	for (; exponent > 0; exponent >>= 1) {
		if (exponent & 1)
			result = result * base % m;
		base = base * base % m;
	}
	return result;
}

static uint32_t
remainder_word(const struct num *a, uint32_t word)
{
	uint32_t rest;

	num_release(num_div_word(a, word, &rest));
	return rest;
}

/* Whether kN is a square modulo p (Euler's criterion): only such primes divide a Q. */
static bool
divides_some_q(uint32_t kn_mod_p, uint32_t p)
{
	return p == 2 || kn_mod_p == 0 || power_word(kn_mod_p, (p - 1) / 2, p) == 1;
}

static void
base_init(struct base *b, const struct num *n, const struct num *kn)
{
	unsigned bits = num_bits(n);
	/* All measured at 44 digits, where the optimum is flat. */
	unsigned wanted = 16 + bits * bits / 64;

	b->modulus = n;
	b->count = 0;
	b->early[0].after = wanted / 16;
	b->early[0].bits = bits > 64 ? bits / 10 : 0;
	b->early[1].after = wanted / 4;
	b->early[1].bits = bits > 64 ? bits / 5 : 0;
	for (unsigned i = 0; i < PRIMES && b->count < wanted && b->count < MAX_BASE; i++) {
		if (divides_some_q(remainder_word(kn, primes[i]), primes[i]))
			b->prime[b->count++] = primes[i];
	}
}

static void
relation_release(struct relation *r)
{
	num_release(r->a);
	free(r);
}

/* The product of prime[i]^(exponent[i] / divisor), mod N. */
static struct num *
base_product(const struct base *b, const uint16_t *exponent, unsigned divisor)
{
	struct num *product = num_from_u64(1);

	for (unsigned i = 0; i < b->count; i++) {
		struct num *prime = num_from_u64(b->prime[i]);
		struct num *times = num_from_u64(exponent[i] / divisor);

		num_set(&times, num_powmod(prime, times, b->modulus));
		num_set(&product, num_mulmod(product, times, b->modulus));
		num_release(times);
		num_release(prime);
	}
	return product;
}

/* Damaged numbers rarely form a true congruence. */
static void
relation_verify(const struct relation *r, const struct base *b)
{
	uint16_t exponent[MAX_BASE];
	struct num *right, *left = num_mulmod(r->a, r->a, b->modulus);

	for (unsigned i = 0; i < b->count; i++)
		exponent[i] = r->exponent[i];
	right = base_product(b, exponent, 1);
	if (r->exponent[b->count])
		num_set(&right, num_sub(b->modulus, right));
	if (num_cmp(left, right) != 0)
		harness_die(HARNESS_FAILED, "checksum failure: a congruence does not hold: "
					    "numbers were damaged in memory");
	digest_num(left);
	num_release(left);
	num_release(right);
}

/* Whether a Q of `bits` bits, of which `left` are left after prime i, is not worth going on. */
static bool
hopeless(const struct base *b, unsigned i, unsigned left, unsigned bits)
{
	for (unsigned k = 0; k < EARLY; k++) {
		if (i == b->early[k].after && left + b->early[k].bits > bits)
			return true;
	}
	return false;
}

/* The relation of the expansion's present A and Q, or NULL when the base does not factor Q. */
static struct relation *
relation_find(const struct expansion *e, const struct base *b)
{
	size_t size = sizeof(struct relation) + b->count + 1;
	struct relation *r = calloc(1, size);
	struct num *rest = num_ref(e->q);
	unsigned bits = num_bits(e->q);
	bool smooth;

	if (!r)
		block_exhausted(size);
	r->a = num_ref(e->a);
	r->exponent[b->count] = e->negative;
	for (unsigned i = 0; i < b->count && !num_is(rest, 1); i++) {
		uint32_t remainder;
		struct num *quotient = num_div_word(rest, b->prime[i], &remainder);

		while (remainder == 0) {
			r->exponent[i]++;
			num_set(&rest, quotient);
			quotient = num_div_word(rest, b->prime[i], &remainder);
		}
		num_release(quotient);
		if (hopeless(b, i, num_bits(rest), bits))
			break;
	}
	smooth = num_is(rest, 1);
	num_release(rest);
	if (r->a != e->a || r->exponent[b->count] != e->negative)
		block_damaged(r, size, (uintptr_t)e->a, (uintptr_t)r->a);
	if (!smooth) {
		relation_release(r);
		return NULL;
	}
	relation_verify(r, b);
	return r;
}

/* --- linear algebra modulo 2 ----------------------------------------------------------------- */

/* One row for each relation: `columns` parities of exponents, then the set of relations that were
 * added up to it. */
struct matrix {
	unsigned columns;
	unsigned rows;
	size_t words; /* of a row */
	uint64_t **row;
};

static bool
bit_get(const uint64_t *words, unsigned bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

static void
matrix_init(struct matrix *m, struct relation **relations, unsigned rows, unsigned columns)
{
	m->columns = columns;
	m->rows = rows;
	m->words = (columns + rows + 63) / 64;
	m->row = harness_array(rows, sizeof(*m->row));
	for (unsigned i = 0; i < rows; i++) {
		m->row[i] = harness_array(m->words, sizeof(uint64_t));
		for (unsigned k = 0; k < columns; k++)
			m->row[i][k / 64] |= (uint64_t)(relations[i]->exponent[k] & 1) << k % 64;
		m->row[i][(columns + i) / 64] |= UINT64_C(1) << (columns + i) % 64;
	}
}

/* Gaussian elimination. Returns the number of rows with a parity left, which come first; each of
 * the others is a set of relations whose product is a square. */
static unsigned
matrix_eliminate(struct matrix *m)
{
	unsigned rank = 0;

	for (unsigned column = 0; column < m->columns && rank < m->rows; column++) {
		unsigned pivot = rank;
		uint64_t *found;

		while (pivot < m->rows && !bit_get(m->row[pivot], column))
			pivot++;
		if (pivot == m->rows)
			continue;
		found = m->row[pivot];
		m->row[pivot] = m->row[rank];
		m->row[rank++] = found;
		for (unsigned i = rank; i < m->rows; i++) {
			if (!bit_get(m->row[i], column))
				continue;
			for (size_t w = 0; w < m->words; w++)
				m->row[i][w] ^= found[w];
		}
	}
	return rank;
}

static void
matrix_end(struct matrix *m)
{
	for (unsigned i = 0; i < m->rows; i++)
		free(m->row[i]);
	free(m->row);
}

/* gcd(X - Y, N), where X^2 = Y^2 mod N is the product of the row's relations. */
static struct num *
square_gcd(const struct base *b, struct relation **relations, const struct matrix *m,
	const uint64_t *row)
{
	uint16_t exponent[MAX_BASE] = {0};
	struct num *x = num_from_u64(1);
	struct num *y;

	for (unsigned i = 0; i < m->rows; i++) {
		if (!bit_get(row, m->columns + i))
			continue;
		num_set(&x, num_mulmod(x, relations[i]->a, b->modulus));
		for (unsigned k = 0; k < b->count; k++)
			exponent[k] = (uint16_t)(exponent[k] + relations[i]->exponent[k]);
	}
	y = base_product(b, exponent, 2);
	num_set(&x, num_cmp(x, y) >= 0 ? num_sub(x, y) : num_sub(y, x));
	num_set(&x, num_gcd(x, b->modulus));
	num_release(y);
	return x;
}

/* A proper factor of N, or NULL when all congruences of squares were trivial ones. */
static struct num *
combine(const struct base *b, struct relation **relations, unsigned count)
{
	struct matrix m;
	struct num *factor = NULL;
	unsigned i;

	matrix_init(&m, relations, count, b->count + 1);
	for (i = matrix_eliminate(&m); i < count && !factor; i++) {
		factor = square_gcd(b, relations, &m, m.row[i]);
		if (num_is(factor, 1) || num_cmp(factor, b->modulus) == 0) {
			num_release(factor);
			factor = NULL;
		}
	}
	matrix_end(&m);
	return factor;
}

/* --- factoring ------------------------------------------------------------------------------- */

/* A proper factor of N from the expansion of sqrt(kN), or NULL: its period, which ends with Q = 1,
 * may be too short. No Q is 0, because neither N nor kN is a square. */
static struct num *
split_with(const struct num *n, uint32_t k)
{
	struct num *multiplier = num_from_u64(k);
	struct num *kn = num_mul(n, multiplier);
	struct num *factor = NULL;
	struct relation **relations;
	struct expansion e;
	struct base b;
	unsigned count = 0;
	unsigned wanted;

	base_init(&b, n, kn);
	expansion_start(&e, n, kn);
	wanted = b.count + 1 + SPARE_RELATIONS;
	relations = harness_array(wanted, sizeof(struct relation *));
	do {
		expansion_step(&e);
		relations[count] = relation_find(&e, &b);
		if (relations[count])
			count++;
	} while (count < wanted && !num_is(e.q, 1));
	if (count > 0)
		factor = combine(&b, relations, count);
	while (count > 0)
		relation_release(relations[--count]);
	free(relations);
	expansion_end(&e);
	num_release(kn);
	num_release(multiplier);
	return factor;
}

/* 65536 times the binary logarithm of x > 0: in integers, so that it is the same everywhere. */
static int64_t
log2_fixed(uint32_t x)
{
	unsigned whole = 31 - (unsigned)__builtin_clz(x);
	uint64_t fraction = ((uint64_t)x << 31) >> whole; /* from 1 to 2, times 2^31 */
	int64_t log = whole;

	for (int bit = 0; bit < 16; bit++) {
		fraction = fraction * fraction >> 31;
		log = log * 2 + (int64_t)(fraction >> 32);
		fraction >>= fraction >> 32;
	}
	return log;
}

/* How many bits the base's primes are expected to take from a Q, less what k adds to its size
 * (Knuth, The Art of Computer Programming, volume 2, section 4.5.4), as log2_fixed. */
static int64_t
multiplier_score(const struct num *n, uint32_t k)
{
	uint32_t n_mod_8 = remainder_word(n, 8) * k % 8;
	int64_t score = -log2_fixed(k) / 2;

	score += log2_fixed(2) * (n_mod_8 == 1 ? 4 : n_mod_8 == 5 ? 2 : 1) / 2;
	for (unsigned i = 1; i < 300; i++) {
		uint32_t p = primes[i];
		uint32_t kn_mod_p = (uint32_t)((uint64_t)remainder_word(n, p) * k % p);

		if (kn_mod_p == 0)
			score += log2_fixed(p) / p;
		else if (divides_some_q(kn_mod_p, p))
			score += 2 * log2_fixed(p) / (p - 1);
	}
	return score;
}

static bool
has_square_divisor(uint32_t k)
{
	for (uint32_t d = 2; d * d <= k; d++) {
		if (k % (d * d) == 0)
			return true;
	}
	return false;
}

/* A proper factor of a composite number that is no power and has no factor below 2^16. The best
 * multipliers are tried in turn. */
static struct num *
split(const struct num *n)
{
	int64_t score[MAX_MULTIPLIER];
	struct num *factor = NULL;

	for (uint32_t k = 1; k < MAX_MULTIPLIER; k++)
		score[k] = has_square_divisor(k) ? INT64_MIN : multiplier_score(n, k);
	for (unsigned tries = 0; tries < MULTIPLIERS && !factor; tries++) {
		uint32_t best = 1;

		for (uint32_t k = 2; k < MAX_MULTIPLIER; k++) {
			if (score[k] > score[best])
				best = k;
		}
		score[best] = INT64_MIN;
		factor = split_with(n, best);
	}
	if (!factor) {
		char *text = num_to_decimal(n);

		harness_die(HARNESS_FAILED, "no factor of %s found: give another number", text);
	}
	return factor;
}

/* A root of n, if it is a perfect power of a number above 2^16; otherwise NULL. */
static struct num *
perfect_root(const struct num *n)
{
	for (unsigned i = 0; primes[i] * 16u < num_bits(n); i++) {
		struct num *root = num_root(n, primes[i]);
		struct num *power = num_pow(root, primes[i]);
		bool perfect = num_cmp(power, n) == 0;

		num_release(power);
		if (perfect)
			return root;
		num_release(root);
	}
	return NULL;
}

/* One round of the test of Miller and Rabin for odd n: whether n may be prime. */
static bool
passes(const struct num *n, uint32_t witness)
{
	struct num *one = num_from_u64(1);
	struct num *less = num_sub(n, one);
	struct num *x = num_from_u64(witness);
	struct num *odd = num_ref(less);
	unsigned twos = 0;
	bool passed;

	for (; (odd->limb[0] & 1) == 0; twos++) {
		uint32_t rest;

		num_set(&odd, num_div_word(odd, 2, &rest));
	}
	num_set(&x, num_powmod(x, odd, n));
	passed = num_is(x, 1) || num_cmp(x, less) == 0;
	while (!passed && twos-- > 1) {
		num_set(&x, num_mulmod(x, x, n));
		passed = num_cmp(x, less) == 0;
	}
	num_release(one);
	num_release(less);
	num_release(x);
	num_release(odd);
	return passed;
}

/* n has no factor below 2^16. Composites that pass are known not to exist below 2^81. */
static bool
is_prime(const struct num *n)
{
	for (unsigned i = 0; i < 16; i++) {
		if (!passes(n, primes[i]))
			return false;
	}
	return true;
}

struct factors {
	unsigned count;
	struct num *factor[MAX_FACTORS]; /* ascending */
};

static void
factors_add(struct factors *f, struct num *prime)
{
	unsigned i = f->count++;

	for (; i > 0 && num_cmp(f->factor[i - 1], prime) > 0; i--)
		f->factor[i] = f->factor[i - 1];
	f->factor[i] = prime;
}

/* Takes n over, which has no factor below 2^16. Each call's n is at most half as long. */
static void
factors_of_rough(struct factors *f, struct num *n)
{
	struct num *factor;

	if (is_prime(n)) {
		factors_add(f, n);
		return;
	}
	factor = perfect_root(n);
	if (!factor)
		factor = split(n);
	num_set(&n, num_div(n, factor));
	factors_of_rough(f, factor);
	factors_of_rough(f, n);
}

static void
factors_of(struct factors *f, const struct num *number)
{
	struct num *one = num_from_u64(1);
	struct num *rest = num_mul(number, one);

	f->count = 0;
	for (unsigned i = 0; i < PRIMES && !num_is(rest, 1); i++) {
		uint32_t remainder;
		struct num *quotient = num_div_word(rest, primes[i], &remainder);

		while (remainder == 0) {
			factors_add(f, num_from_u64(primes[i]));
			num_set(&rest, quotient);
			quotient = num_div_word(rest, primes[i], &remainder);
		}
		num_release(quotient);
	}
	if (num_is(rest, 1))
		num_release(rest);
	else
		factors_of_rough(f, rest);
	num_release(one);
}

/* The factors' product must be the number. Writes them to text, separated by commas. */
static void
factors_verify(const struct factors *f, const struct num *number, char *text)
{
	struct num *product = num_from_u64(1);

	for (unsigned i = 0; i < f->count; i++) {
		char *digits = num_to_decimal(f->factor[i]);

		text += sprintf(text, "%s%s", i ? "," : "", digits);
		free(digits);
		if (num_bits(f->factor[i]) < 2)
			harness_die(HARNESS_FAILED, "checksum failure: a factor is below 2");
		num_set(&product, num_mul(product, f->factor[i]));
		digest_num(f->factor[i]);
	}
	if (num_cmp(product, number) != 0)
		harness_die(HARNESS_FAILED,
			"checksum failure: the product of the factors is not the number");
	num_release(product);
}

static const char *
parse(int argc, char **argv)
{
	const char *digits = argc > 1 ? argv[1] : "853973422267389189268247728649";

	harness_help(argc, argv, "[NUMBER]");
	if (argc > 2)
		harness_die(
			HARNESS_USAGE, "'%s' is one parameter too many: give one number", argv[2]);
	if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
		harness_die(HARNESS_USAGE, "NUMBER is '%s': give decimal digits only", digits);
	digits += strspn(digits, "0");
	if (strlen(digits) > MAX_DIGITS)
		harness_die(HARNESS_USAGE,
			"NUMBER has %zu digits, which takes too long: give at most %d",
			strlen(digits), MAX_DIGITS);
	if (*digits == '\0' || strcmp(digits, "1") == 0)
		harness_die(HARNESS_USAGE, "NUMBER is below 2: give a larger one");
	return digits;
}

int
main(int argc, char **argv)
{
	const char *digits = parse(argc, argv);
	struct factors f;
	struct tally total = {0};
	struct num *number;
	char text[MAX_DIGITS + 2 * MAX_FACTORS];

	total.start_ns = harness_now_ns();
	primes_init();
	number = num_from_decimal(digits);
	factors_of(&f, number);
	factors_verify(&f, number, text);
	total.end_ns = harness_now_ns();
	total.ops = num_allocated();
	total.checksum = digest;
	for (unsigned i = 0; i < f.count; i++)
		num_release(f.factor[i]);
	num_release(number);
	report("cfrac", 1, &total, "number=%s factors=%s", digits, text);
	return EXIT_SUCCESS;
}
