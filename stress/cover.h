/* SPDX-License-Identifier: MIT
 * stress/cover.h - cubes and covers of two-level logic, each cube a heap block of its own.
 *
 * A cube is a product term in positional notation: two bits for each input (bit 2i: the cube has
 * points with input i = 0; bit 2i + 1: with input i = 1), then one bit for each output that it
 * belongs to. Cube a covers b when b's bits are among a's; their intersection is a AND b, empty
 * when an input has neither bit or no output is left. A cover is the union of its cubes.
 *
 * One shape (number of inputs and outputs) serves the whole program; shape_init comes first.
 * Nothing here is thread-safe. */
#ifndef STRESS_COVER_H
#define STRESS_COVER_H

#include "stress/harness.h"

enum {
	SHAPE_MAX_INPUTS = 256,
	SHAPE_MAX_OUTPUTS = 256,
	SHAPE_MAX_WORDS = (2 * SHAPE_MAX_INPUTS + SHAPE_MAX_OUTPUTS) / 64,
};

struct shape {
	unsigned inputs;
	unsigned outputs;
	unsigned bits;  /* 2 * inputs + outputs */
	unsigned words; /* of a cube */
	uint64_t full[SHAPE_MAX_WORDS];
	uint64_t pairs[SHAPE_MAX_WORDS];   /* the lower bit of each input's two */
	uint64_t results[SHAPE_MAX_WORDS]; /* the outputs' bits */
};

/* Written by shape_init only. */
extern struct shape shape;

struct cube {
	uint64_t order; /* scratch for cover_sort's callers */
	uint64_t bits[];
};

struct cover {
	struct cube **cube;
	unsigned count;
	unsigned room;
};

/* inputs and outputs are at least 1 and at most SHAPE_MAX_INPUTS and SHAPE_MAX_OUTPUTS. */
void shape_init(unsigned inputs, unsigned outputs);

/* The number of cubes allocated so far. */
uint64_t cubes_allocated(void);

struct cube *cube_full(void);
struct cube *cube_copy(const struct cube *c);
bool cube_is_full(const struct cube *c);
bool cube_covers(const struct cube *a, const struct cube *b);
bool cube_disjoint(const struct cube *a, const struct cube *b);
/* By content, for a total order that does not depend on addresses. */
int cube_compare(const struct cube *a, const struct cube *b);

static inline bool
cube_has(const struct cube *c, unsigned bit)
{
	return c->bits[bit / 64] >> bit % 64 & 1;
}

static inline void
cube_set(struct cube *c, unsigned bit)
{
	c->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static inline void
cube_unset(struct cube *c, unsigned bit)
{
	c->bits[bit / 64] &= ~(UINT64_C(1) << bit % 64);
}

/* The cover takes the cube over. A zeroed struct cover is an empty one. */
void cover_add(struct cover *f, struct cube *c);
void cover_add_copies(struct cover *f, const struct cover *from);
/* Frees the cube at that place and closes the gap, so that the order stays. */
void cover_drop(struct cover *f, unsigned at);
/* Frees all cubes; the cover is empty afterwards. */
void cover_clear(struct cover *f);
/* By ascending `order`, and by content where that is equal. */
void cover_sort(struct cover *f);
/* How many cubes have each bit; columns has shape.bits elements. */
void cover_columns(const struct cover *f, unsigned *columns);

/* Adds the cofactor of f with respect to p to `to`: the function of f inside p, spread over the
 * whole space. f's cube number `except` is left out; COVER_ALL for none. */
enum { COVER_ALL = -1 };
void cover_cofactor(struct cover *to, const struct cover *f, const struct cube *p, int except);

/* Whether f covers the whole space. */
bool cover_is_tautology(const struct cover *f);
/* Whether f (without its cube number `except`) and d together cover p. */
bool cover_contains(const struct cover *f, int except, const struct cover *d, const struct cube *p);
/* Adds cubes to `to` that cover exactly what f does not. */
void cover_complement(struct cover *to, const struct cover *f);

#endif
