/* SPDX-License-Identifier: MIT
 * stress/canneal.c - places the elements of a netlist so that its wires are short, by simulated
 * annealing.
 *
 * Source: the program of that name in PARSEC (C. Bienia, S. Kumar, J. Singh, K. Li, "The PARSEC
 * Benchmark Suite: Characterization and Architectural Implications", PACT 2008); the method is P.
 * Banerjee, M. Jones, J. Sargent, "Parallel Simulated Annealing Algorithms for Cell Placement on
 * Hypercube Multiprocessors", IEEE TPDS 1, 1990. One thread reads the netlist: many small blocks
 * (strings that live for a moment, names, nodes of a map, lists that grow) that then live to the
 * end. The threads allocate nothing; they chase pointers through these blocks, so that the
 * allocator shows in how it laid them out, and in reading and tearing down.
 *
 * What differs: the netlist is text made line by line, not a file. In the published program threads
 * swap any two elements without locks and live with stale places, so that no two runs agree. Here
 * each temperature deals the elements out, by a permutation, to 64 groups; a group swaps only its
 * own, and sees those of other groups where they were when the temperature began.
 *
 * Parameters: THREADS SWAPS TEMPERATURE ELEMENTS STEPS SEED. SWAPS is the number for each of STEPS
 * temperatures, which fall by a factor of 1.5 from TEMPERATURE; ELEMENTS takes the place of the
 * published NETLIST file.
 *
 * Prints the closing line (harness.h) with the wires' length before and after. ops counts swaps
 * tried, `seconds` includes reading and tearing down; the work is fixed, so it is the figure to
 * compare. checksum is a digest of all places and of the final length; it does not depend on
 * THREADS. Verified: the names, the wires at both ends, and that no two elements share a place. */
#include "stress/harness.h"

#include "stress/netlist.h"
#include "stress/science.h"

#include <inttypes.h>
#include <math.h>

enum { THREADS, SWAPS, TEMPERATURE, ELEMENTS, STEPS, SEED, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS},
	[SWAPS] = {"SWAPS", PARAM_COUNT, 15000, 1, 1000000000},
	[TEMPERATURE] = {"TEMPERATURE", PARAM_COUNT, 2000, 1, 1000000000},
	[ELEMENTS] = {"ELEMENTS", PARAM_COUNT, 100000, 128, 100000000},
	[STEPS] = {"STEPS", PARAM_COUNT, 32, 1, 100000},
	[SEED] = {"SEED", PARAM_COUNT, 1, 0, UINT64_MAX},
};

enum { GROUPS = 64 };

#define COOLING 1.5

/* Who may touch an element: in the dealing phase the thread that deals its group, `before` and
 * `group` included; in the swapping phase `now` belongs to the thread that has its group, `before`
 * and `group` are read by all. */
static struct {
	struct netlist netlist;
	pthread_barrier_t phase;
	atomic_size_t next_dealt;   /* reset by thread 0 while nobody deals */
	atomic_size_t next_swapped; /* reset by thread 0 while nobody swaps */
} sim;

/* One temperature. Element number (factor * k + shift) mod n is the k-th of the permutation; group
 * g has a range of k. */
struct step {
	uint64_t number;
	double temperature;
	uint64_t factor;
	uint64_t shift;
};

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b > 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Each thread does it for itself, and they agree. */
static void
step_begin(struct step *s, uint64_t number, double temperature)
{
	uint64_t n = sim.netlist.count;
	struct prng g = prng_init(params[SEED].value, UINT64_MAX - number);

	s->number = number;
	s->temperature = temperature;
	s->shift = prng_next(&g) % n;
	do {
		s->factor = 1 + prng_next(&g) % n;
	} while (gcd(s->factor, n) != 1);
}

static size_t
group_start(size_t group)
{
	return sim.netlist.count * group / GROUPS;
}

static struct element *
element_of(const struct step *s, uint64_t k)
{
	return &sim.netlist.elements[(s->factor * k + s->shift) % sim.netlist.count];
}

static void
deal(const struct step *s, size_t group)
{
	for (size_t k = group_start(group); k < group_start(group + 1); k++) {
		struct element *e = element_of(s, k);

		e->before = e->now;
		e->group = group;
	}
}

/* The length of the wires to the elements of a fan, if the one that has it were at a place. */
static int64_t
fan_cost(const struct fan *f, const struct location *at, size_t group)
{
	int64_t cost = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct element *e = f->to[i];
		const struct location *other = e->group == group ? e->now : e->before;

		cost += labs((long)at->x - other->x) + labs((long)at->y - other->y);
	}
	return cost;
}

static int64_t
move_cost(const struct element *e, const struct location *to)
{
	return fan_cost(&e->in, to, e->group) + fan_cost(&e->out, to, e->group) -
	       fan_cost(&e->in, e->now, e->group) - fan_cost(&e->out, e->now, e->group);
}

/* Tries the group's swaps, whose number depends on nothing but SWAPS. Returns it. */
static uint64_t
swap_group(const struct step *s, size_t group)
{
	struct prng g = prng_init(params[SEED].value, mix64(s->number) + group);
	uint64_t tries = params[SWAPS].value / GROUPS + (group < params[SWAPS].value % GROUPS);
	size_t start = group_start(group);
	uint32_t size = (uint32_t)(group_start(group + 1) - start);

	for (uint64_t i = 0; i < tries; i++) {
		uint32_t first = prng_scale(prng_next(&g), size);
		uint32_t second = (first + 1 + prng_scale(prng_next(&g), size - 1)) % size;
		struct element *a = element_of(s, start + first);
		struct element *b = element_of(s, start + second);
		int64_t delta = move_cost(a, b->now) + move_cost(b, a->now);
		double chance = prng_unit(&g);

		if (delta < 0 || exp(-(double)delta / s->temperature) > chance) {
			const struct location *place = a->now;

			a->now = b->now;
			b->now = place;
		}
	}
	return tries;
}

static void
run(struct worker *w)
{
	double temperature = (double)params[TEMPERATURE].value;

	for (uint64_t number = 0; number < params[STEPS].value; number++) {
		struct step s;
		size_t group;

		temperature /= COOLING;
		step_begin(&s, number, temperature);
		while ((group = claim_next(&sim.next_dealt)) < GROUPS)
			deal(&s, group);
		/* relaxed: the barrier below is what orders it before the swaps. */
		if (w->index == 0)
			atomic_store_explicit(&sim.next_swapped, 0, memory_order_relaxed);
		barrier_wait(&sim.phase);
		while ((group = claim_next(&sim.next_swapped)) < GROUPS)
			w->tally.ops += swap_group(&s, group);
		/* relaxed: likewise, before the next dealing. */
		if (w->index == 0)
			atomic_store_explicit(&sim.next_dealt, 0, memory_order_relaxed);
		barrier_wait(&sim.phase);
	}
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;
	unsigned threads;
	uint64_t start, cost_before, cost;

	params_positional(params, PARAMS, argc, argv);
	threads = (unsigned)params[THREADS].value;
	start = harness_now_ns();
	netlist_read(&sim.netlist, params[ELEMENTS].value, params[SEED].value);
	cost_before = netlist_cost(&sim.netlist);
	barrier_init(&sim.phase, threads);
	team_start(&team, threads, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	pthread_barrier_destroy(&sim.phase);
	cost = netlist_cost(&sim.netlist);
	total.checksum = netlist_verify(&sim.netlist, params[SEED].value) + mix64(cost);
	netlist_free(&sim.netlist);
	total.start_ns = start;
	total.end_ns = harness_now_ns();
	report("canneal", threads, &total,
		"swaps=%" PRIu64 " temperature=%" PRIu64 " elements=%" PRIu64 " steps=%" PRIu64
		" seed=%" PRIu64 " cost_before=%" PRIu64 " cost_after=%" PRIu64,
		params[SWAPS].value, params[TEMPERATURE].value, params[ELEMENTS].value,
		params[STEPS].value, params[SEED].value, cost_before, cost);
	return EXIT_SUCCESS;
}
