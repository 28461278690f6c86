/* SPDX-License-Identifier: MIT
 * tests/unit/test_learn.c - base/maths, arenas/elo, and arenas/learn by simulation. */
#include "arenas/learn.h"

#include "arenas/elo.h"
#include "base/maths.h"
#include "tests/unit/learn_unit.h"

#define SEEDS 40
/* --- arithmetic ------------------------------------------------------------------------------ */

START_TEST(test_log2)
{
	uint64_t rng = unit_rng(1);

	for (int i = 0; i < 64; i++)
		ck_assert_double_eq(maths_log2((double)((uint64_t)1 << i)), i);
	for (int n = 1; n < 100000; n++)
		REQUIRE_MSG(fabs(maths_log2(n) - log2(n)) < 1e-14, "%d", n);
	for (int i = 0; i < 100000; i++) {
		double x = ldexp(1 + (double)rng_below(&rng, 1u << 30) / (1u << 30),
			(int)rng_below(&rng, 1000) - 500);
		REQUIRE_MSG(fabs(maths_log2(x) - log2(x)) <= 1e-15 * (1 + fabs(log2(x))), "%a", x);
	}
}
END_TEST

START_TEST(test_exp2)
{
	uint64_t rng = unit_rng(2);

	for (int i = -1000; i <= 1000; i++)
		ck_assert_double_eq(maths_exp2(i), ldexp(1, i));
	for (int i = 0; i < 100000; i++) {
		double x = (double)rng_below(&rng, 1u << 30) / (1 << 20) - 512;
		REQUIRE_MSG(fabs(maths_exp2(x) / exp2(x) - 1) < 1e-14, "%a", x);
	}
	ck_assert_double_eq(maths_exp2(1e9), ldexp(1, 1000));
	ck_assert_double_eq(maths_exp2(-1e9), ldexp(1, -1000));
}
END_TEST

/* Expected scores that are printed in every account of the system. */
START_TEST(test_elo)
{
	double a = 1613, b = 1609, before;

	ck_assert_double_eq(elo_expected(1500, 1500), 0.5);
	ck_assert_double_eq_tol(elo_expected(1900, 1500), 10.0 / 11, 1e-12);
	ck_assert_double_eq_tol(elo_expected(1500, 1900), 1.0 / 11, 1e-12);
	ck_assert_double_eq_tol(elo_expected(1613, 1477), 0.686, 0.0005);
	ck_assert_double_eq_tol(elo_expected(1613, 1388), 0.785, 0.0005);
	ck_assert_double_eq_tol(elo_expected(1613, 1720), 0.351, 0.0005);
	elo_update(&a, &b, ELO_LOSS);
	ck_assert_double_eq_tol(a, 1613 - 32 * 0.5057563, 1e-5);
	ck_assert_double_eq_tol(a + b, 1613 + 1609, 1e-9);
	a = b = ELO_FIRST;
	elo_update(&a, &b, ELO_WIN);
	ck_assert_double_eq(a, 1516);
	ck_assert_double_eq(b, 1484);
	before = a;
	elo_update(&a, &b, ELO_DRAW);
	ck_assert(a < before && a > 1500);
}
END_TEST

START_TEST(test_size_index)
{
	ck_assert_uint_eq(learn_size_index(1), 0);
	ck_assert_uint_eq(learn_size_index(16), 0);
	ck_assert_uint_eq(learn_size_index(17), 1);
	ck_assert_uint_eq(learn_size_index(32), 1);
	ck_assert_uint_eq(learn_size_index(MIB), 16);
	ck_assert_uint_eq(learn_size_index(MIB + 1), 17);
	ck_assert_uint_eq(learn_size_index((size_t)1 << 40), LEARN_SIZES - 1);
}
END_TEST

/* The weights, and that it is a cost per byte. */
START_TEST(test_cost)
{
	struct learn_window w = {.ns = 1000000000,
		.cpu_ns = 1000000000,
		.events = 1000,
		.slow_ns = 500000000,
		.faults = 1000000,
		.byte_ns = 1e18,
		.sizes = {[3] = GIB}};
	struct learn_window x = w;

	ck_assert_uint_eq(learn_volume(&w), GIB);
	x.slow_ns *= 2;
	ck_assert_double_eq_tol(learn_cost(&x) - learn_cost(&w), 0.4, 0.003);
	x = w;
	x.faults *= 2;
	ck_assert_double_eq_tol(learn_cost(&x) - learn_cost(&w), 0.3, 0.003);
	x = w;
	x.byte_ns *= 2;
	ck_assert_double_eq_tol(learn_cost(&x) - learn_cost(&w), 0.3, 0.003);
	/* Twice the work at twice the time and faults, and the same memory for twice as long. */
	x = w;
	x.slow_ns *= 2;
	x.cpu_ns *= 2;
	x.faults *= 2;
	x.ns *= 2;
	x.byte_ns *= 2;
	x.sizes[3] = 0;
	x.sizes[4] = 2 * GIB;
	ck_assert_double_eq_tol(learn_cost(&x), learn_cost(&w), 1e-12);
	/* Trifles are none. */
	w.slow_ns = 1000;
	w.faults = 1;
	x = w;
	x.slow_ns = 9000;
	x.faults = 9;
	ck_assert_double_eq_tol(learn_cost(&x), learn_cost(&w), 0.01);
}
END_TEST

/* --- simulation ------------------------------------------------------------------------------ */

static double
spread(const struct learner *l)
{
	double least = INFINITY, most = -INFINITY;

	for (unsigned i = 0; i < l->count; i++) {
		least = fmin(least, l->players[i].rating);
		most = fmax(most, l->players[i].rating);
	}
	return most - least;
}

/* From the worst policy to the best in 200 windows, 60 s, whatever the seed. 0.07 of noise in each
 * part of the cost are 4 % in their sum. */
START_TEST(test_finds_the_best)
{
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		unsigned best = seed % 6, worst = (seed / 6 + best + 1) % 6;
		struct world world = {.rng = unit_rng(seed), .noise = 0.07};
		struct learner l;

		if (worst == best)
			worst = (worst + 1) % 6;
		for (unsigned i = 0; i < 6; i++)
			world.cost[i] = 1.25 + 0.05 * i;
		world.cost[best] = 1;
		world.cost[worst] = 1.8;
		learn_begin(&l, 6, worst, unit_rng(1000 + seed), 0);
		unsigned n = play_until_frozen(&l, &world, 200);
		REQUIRE_MSG(l.state == LEARNER_FROZEN, "seed %u: still learning after %u", seed, n);
		REQUIRE_MSG(l.incumbent == best, "seed %u: %u and not %u", seed, l.incumbent, best);
		REQUIRE_MSG(spread(&l) >= 100, "seed %u: spread %.1f", seed, spread(&l));
		REQUIRE_MSG(l.players[best].rating - l.players[worst].rating >= 50,
			"seed %u: %.1f and %.1f", seed, l.players[best].rating,
			l.players[worst].rating);
	}
}
END_TEST

/* With noise as large as the differences it need not find the best, but nothing that is far from
 * it, in nine of ten cases. */
START_TEST(test_in_heavy_noise)
{
	unsigned bad = 0;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct world world = {.rng = unit_rng(seed),
			.noise = 0.5,
			.cost = {1.5, 1.2, 1.4, 1.0, 1.6, 2.0}};
		struct learner l;

		learn_begin(&l, 6, 5, unit_rng(2000 + seed), 0);
		play_until_frozen(&l, &world, LONG);
		ck_assert_int_eq(l.state, LEARNER_FROZEN);
		ck_assert_uint_ge(l.stretch, 2);
		bad += world.cost[l.incumbent] > 1.2;
	}
	ck_assert_msg(bad <= SEEDS / 10, "%u of %d", bad, SEEDS);
}
END_TEST

/* Policies that do not differ keep together, however long they play. */
START_TEST(test_equals)
{
	double sum = 0;
	unsigned apart = 0;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct world world = {
			.rng = unit_rng(seed), .noise = 0.05, .cost = {1, 1, 1, 1, 1, 1}};
		struct learner l;

		learn_begin(&l, 6, seed % 6, unit_rng(3000 + seed), 0);
		ck_assert_uint_lt(play_until_frozen(&l, &world, LONG), LONG);
		apart += spread(&l) >= 100;
		sum += spread(&l);
	}
	/* One in a hundred would be more than there are. */
	ck_assert_msg(apart <= SEEDS / 10, "%u of %d", apart, SEEDS);
	ck_assert_double_lt(sum / SEEDS, 50);
}
END_TEST

/* What does not differ at all is drawn, and stays where it was. */
START_TEST(test_no_noise_no_difference)
{
	struct world world = {.rng = 1, .cost = {1, 1, 1}};
	struct learner l;

	learn_begin(&l, 3, 2, 7, 0);
	play_until_frozen(&l, &world, LONG);
	ck_assert_double_eq(spread(&l), 0);
	ck_assert_uint_eq(l.incumbent, 2);
	ck_assert_uint_eq(l.players[0].drawn, LEARN_PLACEMENT);
	ck_assert_uint_eq(l.players[1].drawn, LEARN_PLACEMENT);
}
END_TEST

/* The same seeds and windows: the same decisions. */
START_TEST(test_deterministic)
{
	struct learner l[2];
	struct world world[2];

	for (int k = 0; k < 2; k++) {
		world[k] = (struct world){.rng = 5, .noise = 0.3, .cost = {1, 1.1, 1.2, 1.3}};
		learn_begin(&l[k], 4, 3, 6, 0);
	}
	for (int i = 0; i < LONG; i++) {
		struct learn_decision a = play_window(&l[0], &world[0]);
		struct learn_decision b = play_window(&l[1], &world[1]);
		ck_assert(a.reason == b.reason && a.play == b.play && a.result == b.result);
	}
	ck_assert_int_eq(memcmp(&l[0], &l[1], sizeof(l[0])), 0);
}
END_TEST

/* The incumbent and its challengers take turns. */
START_TEST(test_turns)
{
	struct world world = {.rng = 1, .noise = 0.05, .cost = {1, 1.5, 1.5, 1.5}};
	struct learner l;

	learn_begin(&l, 4, 0, 7, 0);
	for (int i = 0; i < 12; i++) {
		ck_assert(i % 2 ? l.playing != 0 : l.playing == 0);
		struct learn_decision d = play_window(&l, &world);
		ck_assert_int_eq(d.result, i % 2 == 0 && i > 0 ? LEARN_LOST : LEARN_NONE);
		ck_assert_int_eq(d.reason, i % 2 ? LEARN_TURN : LEARN_TRY);
	}
}
END_TEST

/* A window in which nothing happened changes nothing. */
START_TEST(test_idle)
{
	struct world world = {.rng = 1, .cost = {1, 2}};
	struct learn_window idle = {.ns = 2000000000,
		.events = LEARN_LEAST_EVENTS - 1,
		.byte_ns = 1e17,
		.sizes = {[2] = GIB}};
	struct learner l, before;

	learn_begin(&l, 2, 0, 7, 0);
	play_window(&l, &world);
	before = l;
	for (int i = 0; i < 2; i++) {
		struct learn_decision d = learn_step(&l, &idle, 100000);
		ck_assert_int_eq(d.reason, LEARN_IDLE);
		ck_assert_uint_eq(d.play, before.playing);
		before.windows++;
		ck_assert_int_eq(memcmp(&l, &before, sizeof(l)), 0);
		idle.events = 100000;
		idle.sizes[2] = LEARN_LEAST_BYTES - 1;
	}
}
END_TEST

/* Without rest it ends after 180 s, with the incumbent. */
START_TEST(test_time_is_up)
{
	struct world world = {.rng = 1, .now_ms = 1000, .cost = {1, 2}};
	struct learner l;

	learn_begin(&l, 2, 1, 7, 1000);
	for (int i = 0; i < 3; i++)
		play_window(&l, &world);
	ck_assert_int_eq(l.state, LEARNER_LEARNS);
	ck_assert_uint_eq(l.incumbent, 0);
	world.now_ms = 1000 + LEARN_MOST_MS;
	ck_assert_int_eq(play_window(&l, &world).reason, LEARN_TIMED_OUT);
	ck_assert_int_eq(l.state, LEARNER_FROZEN);
	ck_assert_uint_eq(l.playing, 0);
}
END_TEST

/* --- what has been chosen -------------------------------------------------------------------- */

/* A learner that has chosen policy 0 of a world in which it is best. */
static struct world
choose_first(struct learner *l, unsigned seed)
{
	struct world world = {
		.rng = unit_rng(seed), .noise = 0.03, .cost = {1, 1.2, 1.4, 1.6}, .size = 6};

	learn_begin(l, 4, 3, unit_rng(seed + 1), 0);
	play_until_frozen(l, &world, LONG);
	ck_assert_int_eq(l->state, LEARNER_FROZEN);
	ck_assert_uint_eq(l->incumbent, 0);
	return world;
}

/* Measured for three windows, then one window in twenty is the runner-up's. */
START_TEST(test_canary)
{
	struct learner l;
	struct world world = choose_first(&l, 11);

	for (int i = 0; i < LEARN_WINDOWS - 1; i++)
		ck_assert_int_eq(play_window(&l, &world).reason, LEARN_CHOSEN);
	ck_assert_int_eq(play_window(&l, &world).reason, LEARN_MEASURED);
	ck_assert_int_eq(l.state, LEARNER_CANARY);
	memset(world.played, 0, sizeof(world.played));
	for (int i = 0; i < 4000; i++)
		play_window(&l, &world);
	ck_assert_int_eq(l.state, LEARNER_CANARY);
	ck_assert_uint_eq(l.incumbent, 0);
	/* 4000 / 20 less those that cannot follow each other at once: 190, by 14. */
	unsigned others = 4000 - world.played[0];
	ck_assert_uint_ge(others, 120);
	ck_assert_uint_le(others, 270);
}
END_TEST

/* A runner-up that has become better takes over, without learning anew. */
START_TEST(test_canary_wins)
{
	struct learner l;
	struct world world = choose_first(&l, 13);
	unsigned n = 0;

	for (int i = 0; i < 20; i++)
		play_window(&l, &world);
	/* As much as does not count as having become worse. */
	for (unsigned i = 1; i < 4; i++)
		world.cost[i] = 0.6;
	while (l.incumbent == 0 && n++ < 4000) {
		play_window(&l, &world);
		ck_assert_int_ne(l.state, LEARNER_LEARNS);
	}
	ck_assert_uint_ne(l.incumbent, 0);
	ck_assert_int_eq(l.state, LEARNER_FROZEN);
}
END_TEST

/* The chosen one costs a fifth more: it learns again, and finds the new best. */
START_TEST(test_drift_of_cost)
{
	unsigned canaries = 0;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct learner l;
		struct world world = choose_first(&l, 100 + 2 * seed);
		struct learn_decision d = {.reason = LEARN_BEGIN};
		unsigned n = 0;

		for (int i = 0; i < 50; i++)
			play_window(&l, &world);
		REQUIRE_MSG(l.state == LEARNER_CANARY, "seed %u", seed);
		world.cost[0] = 1.5;
		world.cost[2] = 0.9;
		while (d.reason != LEARN_GOT_WORSE && d.reason != LEARN_PROMOTED && n++ < 20)
			d = play_window(&l, &world);
		/* A canary was there first, as good a way out. */
		canaries += d.reason == LEARN_PROMOTED;
		if (d.reason == LEARN_PROMOTED)
			continue;
		REQUIRE_MSG(n >= LEARN_WINDOWS && n <= 8, "seed %u: %u windows", seed, n);
		ck_assert_int_eq(l.state, LEARNER_LEARNS);
		play_until_frozen(&l, &world, 200);
		REQUIRE_MSG(l.incumbent == 2, "seed %u: %u", seed, l.incumbent);
	}
	ck_assert_uint_le(canaries, SEEDS / 8);
}
END_TEST

/* Ten per cent more, or a fifth for two windows, are no reason. */
START_TEST(test_no_drift)
{
	struct learner l;
	struct world world = choose_first(&l, 17);

	for (int i = 0; i < 200; i++) {
		world.cost[0] = i % 3 == 2 ? 1 : 1.3;
		if (i < 10)
			world.cost[0] = 1;
		/* A canary's window between would put the threes out of step. */
		while (l.playing != l.incumbent)
			play_window(&l, &world);
		play_window(&l, &world);
		ck_assert_int_ne(l.state, LEARNER_LEARNS);
	}
}
END_TEST

START_TEST(test_drift_of_sizes)
{
	struct learner l;
	struct world world = choose_first(&l, 19);
	struct learn_decision d = {.reason = LEARN_BEGIN};

	for (int i = 0; i < 50; i++)
		play_window(&l, &world);
	ck_assert_int_eq(l.state, LEARNER_CANARY);
	double best = l.players[0].rating;
	world.size = 9;
	for (unsigned n = 0; d.reason != LEARN_SIZES_CHANGED; n++) {
		ck_assert_uint_lt(n, 8);
		d = play_window(&l, &world);
	}
	ck_assert_int_eq(l.state, LEARNER_LEARNS);
	ck_assert_uint_eq(l.incumbent, 0);
	/* What was known counts for half. */
	ck_assert_double_lt(l.players[0].rating, best);
	ck_assert_double_gt(l.players[0].rating, ELO_FIRST);
	play_until_frozen(&l, &world, 200);
	ck_assert_int_eq(l.state, LEARNER_FROZEN);
	/* The new sizes are the known ones now. */
	for (int i = 0; i < 50; i++)
		play_window(&l, &world);
	ck_assert_int_ne(l.state, LEARNER_LEARNS);
}
END_TEST

/* HAKMEM_LEARN=frozen: whatever happens. */
START_TEST(test_held)
{
	struct world world = {.rng = 1, .cost = {1, 2}};
	struct learner l;

	learn_begin(&l, 2, 1, 7, 0);
	learn_freeze(&l, true);
	for (int i = 0; i < 1000; i++) {
		world.size = (unsigned)i / 10 % LEARN_SIZES;
		world.cost[1] = 1 + i;
		ck_assert_uint_eq(play_window(&l, &world).play, 1);
		ck_assert_int_eq(l.state, LEARNER_FROZEN);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("learn");
	TCase *tc = plain_tcase(suite, "arithmetic", 60);

	unit_begin("test_learn");
	tcase_add_test(tc, test_log2);
	tcase_add_test(tc, test_exp2);
	tcase_add_test(tc, test_elo);
	tcase_add_test(tc, test_size_index);
	tcase_add_test(tc, test_cost);
	tc = plain_tcase(suite, "simulation", 120);
	tcase_add_test(tc, test_finds_the_best);
	tcase_add_test(tc, test_in_heavy_noise);
	tcase_add_test(tc, test_equals);
	tcase_add_test(tc, test_no_noise_no_difference);
	tcase_add_test(tc, test_deterministic);
	tcase_add_test(tc, test_turns);
	tcase_add_test(tc, test_idle);
	tcase_add_test(tc, test_time_is_up);
	tcase_add_test(tc, test_canary);
	tcase_add_test(tc, test_canary_wins);
	tcase_add_test(tc, test_drift_of_cost);
	tcase_add_test(tc, test_no_drift);
	tcase_add_test(tc, test_drift_of_sizes);
	tcase_add_test(tc, test_held);
	return run_suite(suite);
}
