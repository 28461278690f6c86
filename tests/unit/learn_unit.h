/* SPDX-License-Identifier: MIT
 * tests/unit/learn_unit.h - a simulated program for the tests of the learner: it has a cost of each
 * kind under each policy, and a window measures them with noise. The learner sees nothing but
 * windows. */
#ifndef TESTS_UNIT_LEARN_UNIT_H
#define TESTS_UNIT_LEARN_UNIT_H

#include <math.h>

#include "arenas/learn.h"
#include "tests/unit/unit.h"

#define WINDOW_MS 300
/* 8 * 60 s of such windows. */
#define LONG 1600

struct world {
	uint64_t rng;
	uint64_t now_ms;
	double noise;                /* the standard deviation of each measurement */
	double cost[LEARN_POLICIES]; /* times what costs 1 */
	unsigned size;               /* where the bytes go */
	unsigned played[LEARN_POLICIES];
};

/* About normal, by the sum of twelve; of mean 1. */
static inline double
noisy(struct world *world)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += (double)rng_below(&world->rng, 1u << 30) / (1u << 30);
	return exp(world->noise * sum);
}

static inline struct learn_decision
play_window(struct learner *l, struct world *world)
{
	double cost = world->cost[l->playing];
	struct learn_window w = {
		.ns = WINDOW_MS * 1000000, .cpu_ns = WINDOW_MS * 1000000, .events = 10000};

	w.slow_ns = (uint64_t)(30e6 * cost * noisy(world));
	w.faults = (uint64_t)(30000 * cost * noisy(world));
	w.byte_ns = 1e8 * (double)w.ns * cost * noisy(world);
	w.sizes[world->size] = 200 * MIB;
	w.sizes[0] = 20 * MIB;
	world->played[l->playing]++;
	world->now_ms += WINDOW_MS;
	return learn_step(l, &w, world->now_ms);
}

/* Plays until the learner is no longer learning, or for `most` windows; returns their number. */
static inline unsigned
play_until_frozen(struct learner *l, struct world *world, unsigned most)
{
	unsigned n = 0;

	while (n < most && l->state == LEARNER_LEARNS) {
		struct learn_decision d = play_window(l, world);
		ck_assert_uint_eq(d.play, l->playing);
		ck_assert_uint_lt(d.play, l->count);
		n++;
	}
	return n;
}

#endif
