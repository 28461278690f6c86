/* SPDX-License-Identifier: MIT
 * stress/cover.c - cubes and covers of two-level logic. See cover.h. Tautology and complement
 * follow the unate recursive paradigm of Brayton, Hachtel, McMullen & Sangiovanni-Vincentelli,
 * "Logic Minimization Algorithms for VLSI Synthesis", Kluwer 1984, chapters 3 and 4: choose an
 * input on which the cover depends both ways, and treat the halves with that input 0 and 1. */
#include "stress/cover.h"
#include "stress/science.h"

#include <limits.h>

struct shape shape;

static uint64_t allocated;

void
shape_init(unsigned inputs, unsigned outputs)
{
	shape = (struct shape){.inputs = inputs, .outputs = outputs};
	shape.bits = 2 * inputs + outputs;
	shape.words = (shape.bits + 63) / 64;
	for (unsigned bit = 0; bit < shape.bits; bit++) {
		uint64_t mask = UINT64_C(1) << bit % 64;

		shape.full[bit / 64] |= mask;
		if (bit >= 2 * inputs)
			shape.results[bit / 64] |= mask;
		else if (bit % 2 == 0)
			shape.pairs[bit / 64] |= mask;
	}
}

/* --- cubes ----------------------------------------------------------------------------------- */

uint64_t
cubes_allocated(void)
{
	return allocated;
}

static struct cube *
cube_new(const uint64_t *bits)
{
	size_t size = shape.words * sizeof(uint64_t);
	struct cube *c = heap_new(sizeof(*c) + size);

	allocated++;
	c->order = 0;
	memcpy(c->bits, bits, size);
	return c;
}

struct cube *
cube_full(void)
{
	return cube_new(shape.full);
}

struct cube *
cube_copy(const struct cube *c)
{
	return cube_new(c->bits);
}

bool
cube_is_full(const struct cube *c)
{
	return memcmp(c->bits, shape.full, shape.words * sizeof(uint64_t)) == 0;
}

bool
cube_covers(const struct cube *a, const struct cube *b)
{
	for (unsigned w = 0; w < shape.words; w++) {
		if (b->bits[w] & ~a->bits[w])
			return false;
	}
	return true;
}

bool
cube_disjoint(const struct cube *a, const struct cube *b)
{
	uint64_t results = 0;

	for (unsigned w = 0; w < shape.words; w++) {
		uint64_t both = a->bits[w] & b->bits[w];

		if (~(both | both >> 1) & shape.pairs[w])
			return true;
		results |= both & shape.results[w];
	}
	return results == 0;
}

int
cube_compare(const struct cube *a, const struct cube *b)
{
	for (unsigned w = 0; w < shape.words; w++) {
		if (a->bits[w] != b->bits[w])
			return a->bits[w] < b->bits[w] ? -1 : 1;
	}
	return 0;
}

/* --- covers ---------------------------------------------------------------------------------- */

void
cover_add(struct cover *f, struct cube *c)
{
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 4;
		f->cube = heap_resize(f->cube, f->room * sizeof(struct cube *));
	}
	f->cube[f->count++] = c;
}

void
cover_add_copies(struct cover *f, const struct cover *from)
{
	for (unsigned i = 0; i < from->count; i++)
		cover_add(f, cube_copy(from->cube[i]));
}

void
cover_drop(struct cover *f, unsigned at)
{
	free(f->cube[at]);
	f->count--;
	memmove(&f->cube[at], &f->cube[at + 1], (f->count - at) * sizeof(struct cube *));
}

void
cover_clear(struct cover *f)
{
	for (unsigned i = 0; i < f->count; i++)
		free(f->cube[i]);
	free(f->cube);
	*f = (struct cover){0};
}

static int
compare_places(const void *a, const void *b)
{
	const struct cube *left = *(struct cube *const *)a;
	const struct cube *right = *(struct cube *const *)b;

	if (left->order != right->order)
		return left->order < right->order ? -1 : 1;
	return cube_compare(left, right);
}

void
cover_sort(struct cover *f)
{
	if (f->count > 1)
		qsort(f->cube, f->count, sizeof(struct cube *), compare_places);
}

void
cover_columns(const struct cover *f, unsigned *columns)
{
	memset(columns, 0, shape.bits * sizeof(*columns));
	for (unsigned i = 0; i < f->count; i++) {
		for (unsigned w = 0; w < shape.words; w++) {
			for (uint64_t rest = f->cube[i]->bits[w]; rest; rest &= rest - 1)
				columns[64 * w + (unsigned)__builtin_ctzll(rest)]++;
		}
	}
}

void
cover_cofactor(struct cover *to, const struct cover *f, const struct cube *p, int except)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct cube *c;

		if ((int)i == except || cube_disjoint(f->cube[i], p))
			continue;
		c = cube_copy(f->cube[i]);
		for (unsigned w = 0; w < shape.words; w++)
			c->bits[w] |= shape.full[w] & ~p->bits[w];
		cover_add(to, c);
	}
}

/* --- the unate recursive paradigm ------------------------------------------------------------ */

/* How a cover depends on its inputs. */
struct profile {
	unsigned columns[2 * SHAPE_MAX_INPUTS + SHAPE_MAX_OUTPUTS];
	bool has_full;  /* one cube covers everything */
	bool spans_all; /* no bit is missing from all cubes */
	int split;      /* the input to split on; -1 when the cover depends on none */
	bool binate;    /* it depends on that input both ways */
};

/* The cubes that need input i to be `value`. */
static unsigned
needing(const struct profile *p, const struct cover *f, unsigned i, unsigned value)
{
	return f->count - p->columns[2 * i + !value];
}

static void
profile_init(struct profile *p, const struct cover *f)
{
	unsigned best_active = 0;

	cover_columns(f, p->columns);
	p->has_full = false;
	for (unsigned i = 0; i < f->count && !p->has_full; i++)
		p->has_full = cube_is_full(f->cube[i]);
	p->spans_all = true;
	for (unsigned bit = 0; bit < shape.bits; bit++)
		p->spans_all = p->spans_all && p->columns[bit] > 0;
	p->split = -1;
	p->binate = false;
	for (unsigned i = 0; i < shape.inputs; i++) {
		unsigned zero = needing(p, f, i, 0);
		unsigned one = needing(p, f, i, 1);
		bool binate = zero > 0 && one > 0;

		/* An input of both kinds goes before all others, then the most frequent one. */
		if (zero + one == 0 || binate < p->binate ||
			(binate == p->binate && zero + one <= best_active))
			continue;
		p->split = (int)i;
		p->binate = binate;
		best_active = zero + one;
	}
}

static struct cube *
literal(unsigned input, unsigned value)
{
	struct cube *c = cube_full();

	cube_unset(c, 2 * input + !value);
	return c;
}

/* The subspace where each input that the cubes need one way only has the other value: a cover is a
 * tautology if it is one there, since there it is smallest. NULL when there is no such input. */
static struct cube *
unate_worst_case(const struct profile *p, const struct cover *f)
{
	struct cube *worst = NULL;

	for (unsigned i = 0; i < shape.inputs; i++) {
		bool zero = needing(p, f, i, 0) > 0;
		bool one = needing(p, f, i, 1) > 0;

		if (zero == one)
			continue;
		if (!worst)
			worst = cube_full();
		cube_unset(worst, 2 * i + one);
	}
	return worst;
}

static bool
tautology_within(const struct cover *f, struct cube *p)
{
	struct cover part = {0};
	bool result;

	cover_cofactor(&part, f, p, COVER_ALL);
	free(p);
	result = cover_is_tautology(&part);
	cover_clear(&part);
	return result;
}

bool
cover_is_tautology(const struct cover *f)
{
	struct profile p;
	struct cube *worst;

	profile_init(&p, f);
	if (p.has_full)
		return true;
	if (!p.spans_all)
		return false;
	/* With no input left, the cubes' outputs, which span all, decide. */
	if (p.split < 0)
		return true;
	worst = unate_worst_case(&p, f);
	if (worst)
		return tautology_within(f, worst);
	return tautology_within(f, literal((unsigned)p.split, 0)) &&
	       tautology_within(f, literal((unsigned)p.split, 1));
}

bool
cover_contains(const struct cover *f, int except, const struct cover *d, const struct cube *p)
{
	struct cover within = {0};
	bool result;

	cover_cofactor(&within, f, p, except);
	cover_cofactor(&within, d, p, COVER_ALL);
	result = cover_is_tautology(&within);
	cover_clear(&within);
	return result;
}

/* De Morgan: one cube for each input that c needs, and one for the outputs that it lacks. */
static void
complement_cube(struct cover *to, const struct cube *c)
{
	struct cube *rest = cube_full();
	bool lacks = false;

	for (unsigned i = 0; i < shape.inputs; i++) {
		for (unsigned value = 0; value < 2; value++) {
			if (!cube_has(c, 2 * i + value))
				cover_add(to, literal(i, value));
		}
	}
	for (unsigned w = 0; w < shape.words; w++) {
		rest->bits[w] &= ~(c->bits[w] & shape.results[w]);
		lacks = lacks || (rest->bits[w] & shape.results[w]);
	}
	if (lacks)
		cover_add(to, rest);
	else
		free(rest);
}

/* Puts the complements of both halves together: a cube found in both serves for the whole, another
 * only where the input has the value of its half. Takes the cubes of both. */
static void
merge_halves(struct cover *to, struct cover *half, unsigned input)
{
	unsigned i = 0, k = 0;

	cover_sort(&half[0]);
	cover_sort(&half[1]);
	while (i < half[0].count || k < half[1].count) {
		int order = i == half[0].count   ? 1
			    : k == half[1].count ? -1
						 : cube_compare(half[0].cube[i], half[1].cube[k]);

		if (order == 0) {
			free(half[1].cube[k++]);
			cover_add(to, half[0].cube[i++]);
		} else if (order < 0) {
			cube_unset(half[0].cube[i], 2 * input + 1);
			cover_add(to, half[0].cube[i++]);
		} else {
			cube_unset(half[1].cube[k], 2 * input);
			cover_add(to, half[1].cube[k++]);
		}
	}
	for (unsigned h = 0; h < 2; h++) {
		half[h].count = 0;
		cover_clear(&half[h]);
	}
}

static void
complement_within(struct cover *to, const struct cover *f, const struct cube *p)
{
	struct cover part = {0};

	cover_cofactor(&part, f, p, COVER_ALL);
	cover_complement(to, &part);
	cover_clear(&part);
}

void
cover_complement(struct cover *to, const struct cover *f)
{
	struct profile p;
	struct cover half[2] = {{0}};

	if (f->count == 0) {
		cover_add(to, cube_full());
		return;
	}
	profile_init(&p, f);
	if (p.has_full)
		return;
	if (f->count == 1) {
		complement_cube(to, f->cube[0]);
		return;
	}
	if (!p.spans_all) {
		/* All is inside the smallest cube s around f, so that the complement is that of s
		 * and that of f's cofactor in s. */
		struct cube *s = cube_full();

		for (unsigned bit = 0; bit < shape.bits; bit++) {
			if (p.columns[bit] == 0)
				cube_unset(s, bit);
		}
		complement_cube(to, s);
		complement_within(to, f, s);
		free(s);
		return;
	}
	if (p.split < 0)
		return;
	for (unsigned value = 0; value < 2; value++) {
		struct cube *side = literal((unsigned)p.split, value);

		complement_within(&half[value], f, side);
		free(side);
	}
	merge_halves(to, half, (unsigned)p.split);
}
