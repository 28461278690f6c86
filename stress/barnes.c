/* SPDX-License-Identifier: MIT
 * stress/barnes.c - n bodies under gravity, by an octree that is built anew in each step.
 *
 * Source: J. Barnes, P. Hut, "A Hierarchical O(N log N) Force-Calculation Algorithm", Nature 324,
 * 1986; as a threaded program S. Woo et al., "The SPLASH-2 Programs", ISCA 1995; as a test of
 * allocators E. Berger et al., "Hoard", ASPLOS 2000. Bodies are blocks that live for the whole run,
 * the tree's cells and leaves are blocks that live for one step: allocated all at once, read many
 * times, then all freed, often by another thread than allocated them. How they lie in memory
 * decides how fast the forces are computed.
 *
 * Blocks: 88 bytes a body, 96 a cell (mass, centre, eight children), 32 a leaf of up to 7 bodies.
 *
 * What differs: SPLASH-2 takes cells from arrays of its own, here each is a block. Threads do not
 * lock cells of one tree: they take octants of octants of the root cell in turn and build each
 * subtree alone, so that the tree, and with it every rounding, is the same for any number of
 * threads. Forces come from the cells' masses alone (no quadrupoles), positions from a leapfrog.
 * The bodies start out as a Plummer sphere (H. Plummer, 1911), the usual star cluster.
 *
 * Parameters: BODIES SEED STEPS THREADS, in the order of SPLASH-2's input file.
 *
 * Prints the closing line (harness.h) with nodes=, those of the last tree. ops counts nodes
 * allocated; the work is fixed, so `seconds` is the figure to compare. checksum adds up a digest of
 * each body's last position and velocity; it does not depend on THREADS. Verified: each tree holds
 * as many bodies as there are and all of the mass, and in the end the forces of some bodies agree
 * with their sums over all other bodies, which use no tree. */
#include "stress/harness.h"

#include "stress/science.h"

#include <inttypes.h>
#include <math.h>

enum { BODIES, SEED, STEPS, THREADS, PARAMS };

static struct param params[PARAMS] = {
	[BODIES] = {"BODIES", PARAM_COUNT, 16384, 2, 10000000},
	[SEED] = {"SEED", PARAM_COUNT, 123, 0, UINT64_MAX},
	[STEPS] = {"STEPS", PARAM_COUNT, 8, 1, 1000000},
	[THREADS] = {"THREADS", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS},
};

enum {
	LEAF_BODIES = 7,
	OCTANTS = 8,
	PARTS = OCTANTS * OCTANTS, /* subtrees that are built alone */
	FORCE_BATCH = 64,          /* bodies that a thread takes at a time */
	SAMPLES = 64,
};

#define TIME_STEP 0.025
#define SOFTENING 0.05
#define TOLERANCE 1.0 /* a cell whose side is less than that times its distance is one mass */
/* Bodies do not come as close as that, nor as far away. */
#define MIN_HALF 1e-12
#define MAX_HALF 1e9
/* What the mean error of the sampled forces may be at that tolerance: it is about 0.01. */
#define FORCE_ERROR 0.05

struct vector {
	double x[3];
};

struct body {
	size_t number;
	double mass;
	struct vector position;
	struct vector velocity;
	struct vector force;
};

/* A node is a cell or a leaf; a pointer to a leaf has its lowest bit set. 0 is no node. */
typedef uintptr_t node;

struct cell {
	double mass;
	struct vector centre;
	node child[OCTANTS];
};

struct leaf {
	uint32_t count;
	uint32_t body[LEAF_BODIES];
};

/* A cube of space. */
struct region {
	struct vector middle;
	double half; /* of its side */
};

static struct {
	struct body **body; /* a body is written by the thread that moves it */
	size_t count;
	pthread_barrier_t phase;
	/* Written by thread 0 between barriers. */
	struct region space;
	uint32_t *member;         /* the bodies' numbers, part by part */
	size_t first[PARTS + 1];  /* of each part, in `member` */
	node part[PARTS];         /* each written by the thread that built it */
	struct cell *root;        /* two levels deep; its grandchildren are the parts */
	atomic_size_t next_part;  /* phases end at a barrier; thread 0 resets it then */
	atomic_size_t next_batch; /* likewise */
	atomic_size_t next_freed; /* likewise */
	uint64_t nodes;           /* of the last tree */
} sim;

static struct leaf *
as_leaf(node n)
{
	return n & 1 ? (struct leaf *)(n - 1) : NULL;
}

/* --- the start ------------------------------------------------------------------------------- */

static struct vector
random_direction(struct prng *g, double length)
{
	struct vector v;
	double square;

	do {
		square = 0;
		for (int d = 0; d < 3; d++) {
			v.x[d] = 2 * prng_unit(g) - 1;
			square += v.x[d] * v.x[d];
		}
	} while (square > 1 || square < 1e-6);
	for (int d = 0; d < 3; d++)
		v.x[d] *= length / sqrt(square);
	return v;
}

/* By square roots alone, which are the same everywhere. The mass within radius r of a Plummer
 * sphere is u^3 with u = r / sqrt(1 + r^2), and the largest of three random numbers has a u^3
 * distribution. Speeds by von Neumann's rejection (S. Aarseth, M. Henon, R. Wielen, 1974). */
static struct body *
body_new(struct prng *g, size_t number, double mass)
{
	struct body *b = heap_new(sizeof(*b));
	double u = 0, r, speed, limit;

	b->number = number;
	b->mass = mass;
	for (int i = 0; i < 3; i++)
		u = fmax(u, prng_unit(g));
	u = fmin(u, 0.995);
	r = u / sqrt(1 - u * u);
	do {
		speed = prng_unit(g);
		limit = 1 - speed * speed;
	} while (0.1 * prng_unit(g) > speed * speed * limit * limit * limit * sqrt(limit));
	b->position = random_direction(g, r);
	b->velocity = random_direction(g, speed * sqrt(2) / sqrt(sqrt(1 + r * r)));
	b->force = (struct vector){{0}};
	return b;
}

/* --- the tree -------------------------------------------------------------------------------- */

static unsigned
octant_of(const struct vector *at, const struct vector *middle)
{
	unsigned octant = 0;

	for (unsigned d = 0; d < 3; d++)
		octant |= (unsigned)(at->x[d] >= middle->x[d]) << d;
	return octant;
}

static struct region
region_octant(const struct region *r, unsigned octant)
{
	struct region part = {r->middle, r->half / 2};

	for (unsigned d = 0; d < 3; d++)
		part.middle.x[d] += octant >> d & 1 ? part.half : -part.half;
	return part;
}

static struct cell *
cell_new(void)
{
	struct cell *c = calloc(1, sizeof(*c));

	if (!c)
		block_exhausted(sizeof(*c));
	return c;
}

static struct leaf *
leaf_new(void)
{
	struct leaf *l = heap_new(sizeof(*l));

	l->count = 0;
	return l;
}

/* Puts a body into the tree below *slot, whose region is given, and counts the nodes allocated. */
static void
insert(node *slot, struct region region, uint32_t index, uint64_t *made)
{
	const struct vector *at = &sim.body[index]->position;
	struct leaf *full;
	struct cell *c;

	while (*slot && !as_leaf(*slot)) {
		unsigned octant = octant_of(at, &region.middle);

		slot = &((struct cell *)*slot)->child[octant];
		region = region_octant(&region, octant);
	}
	if (!*slot) {
		*slot = (node)leaf_new() | 1;
		++*made;
	}
	full = as_leaf(*slot);
	if (full->count < LEAF_BODIES) {
		full->body[full->count++] = index;
		return;
	}
	if (region.half < MIN_HALF)
		harness_die(HARNESS_FAILED,
			"checksum failure: %d bodies fell together: they were damaged in memory",
			LEAF_BODIES + 1);
	c = cell_new();
	++*made;
	*slot = (node)c;
	for (uint32_t i = 0; i < full->count; i++)
		insert(slot, region, full->body[i], made);
	insert(slot, region, index, made);
	free(full);
}

/* Adds a mass at a place to the cell's sums; the centre is a sum until cell_finish. */
static void
cell_gather(struct cell *c, double mass, const struct vector *at)
{
	c->mass += mass;
	for (int d = 0; d < 3; d++)
		c->centre.x[d] += mass * at->x[d];
}

static void
cell_finish(struct cell *c)
{
	for (int d = 0; d < 3 && c->mass > 0; d++)
		c->centre.x[d] /= c->mass;
}

/* Computes mass and centre of all cells below, the children first. */
static void
summarise(struct cell *c)
{
	for (unsigned i = 0; i < OCTANTS; i++) {
		struct leaf *l = as_leaf(c->child[i]);
		struct cell *child = (struct cell *)c->child[i];

		if (!c->child[i])
			continue;
		if (!l) {
			summarise(child);
			cell_gather(c, child->mass, &child->centre);
		}
		for (uint32_t k = 0; l && k < l->count; k++)
			cell_gather(c, sim.body[l->body[k]]->mass, &sim.body[l->body[k]]->position);
	}
	cell_finish(c);
}

static void
tree_free(node n)
{
	struct leaf *l = as_leaf(n);
	struct cell *c = (struct cell *)n;

	if (!n)
		return;
	for (unsigned i = 0; !l && i < OCTANTS; i++)
		tree_free(c->child[i]);
	free(l ? (void *)l : (void *)c);
}

/* Nodes and bodies below n. */
static void
tree_count(node n, uint64_t *nodes, uint64_t *bodies)
{
	struct leaf *l = as_leaf(n);

	if (!n)
		return;
	++*nodes;
	if (l)
		*bodies += l->count;
	for (unsigned i = 0; !l && i < OCTANTS; i++)
		tree_count(((struct cell *)n)->child[i], nodes, bodies);
}

/* --- the phases of a step -------------------------------------------------------------------- */

static unsigned
part_of(const struct vector *at)
{
	unsigned octant = octant_of(at, &sim.space.middle);
	struct region inner = region_octant(&sim.space, octant);

	return octant * OCTANTS + octant_of(at, &inner.middle);
}

/* Thread 0: finds the space that all bodies are in and sorts them by part, each part's by number.
 */
static void
partition(void)
{
	size_t place[PARTS];

	sim.space = (struct region){{{0}}, 1};
	for (size_t i = 0; i < sim.count; i++) {
		for (int d = 0; d < 3; d++) {
			double distance = fabs(sim.body[i]->position.x[d]);

			if (!(distance < MAX_HALF))
				harness_die(HARNESS_FAILED,
					"checksum failure: body %zu is at %g: it was damaged in "
					"memory",
					i, sim.body[i]->position.x[d]);
			while (distance >= sim.space.half)
				sim.space.half *= 2;
		}
	}
	memset(sim.first, 0, sizeof(sim.first));
	for (size_t i = 0; i < sim.count; i++)
		sim.first[part_of(&sim.body[i]->position) + 1]++;
	for (unsigned p = 0; p < PARTS; p++) {
		sim.first[p + 1] += sim.first[p];
		place[p] = sim.first[p];
	}
	for (size_t i = 0; i < sim.count; i++)
		sim.member[place[part_of(&sim.body[i]->position)]++] = (uint32_t)i;
	atomic_store_explicit(&sim.next_part, 0, memory_order_relaxed);
}

static void
build_parts(uint64_t *made)
{
	size_t p;

	while ((p = claim_next(&sim.next_part)) < PARTS) {
		struct region octant = region_octant(&sim.space, (unsigned)p / OCTANTS);
		struct region region = region_octant(&octant, (unsigned)p % OCTANTS);

		sim.part[p] = 0;
		for (size_t i = sim.first[p]; i < sim.first[p + 1]; i++)
			insert(&sim.part[p], region, sim.member[i], made);
		if (sim.part[p] && !as_leaf(sim.part[p]))
			summarise((struct cell *)sim.part[p]);
	}
}

/* Thread 0: puts the parts together and checks that nothing is missing. */
static void
assemble(uint64_t *made)
{
	uint64_t nodes = 0, bodies = 0;

	sim.root = cell_new();
	for (unsigned i = 0; i < OCTANTS; i++) {
		struct cell *c = cell_new();

		sim.root->child[i] = (node)c;
		memcpy(c->child, &sim.part[i * OCTANTS], sizeof(c->child));
		for (unsigned k = 0; k < OCTANTS; k++) {
			struct cell *child = (struct cell *)c->child[k];
			struct leaf *l = as_leaf(c->child[k]);

			if (child && !l)
				cell_gather(c, child->mass, &child->centre);
			for (uint32_t n = 0; l && n < l->count; n++)
				cell_gather(c, sim.body[l->body[n]]->mass,
					&sim.body[l->body[n]]->position);
		}
		cell_finish(c);
		cell_gather(sim.root, c->mass, &c->centre);
	}
	cell_finish(sim.root);
	*made += 1 + OCTANTS;
	tree_count((node)sim.root, &nodes, &bodies);
	if (bodies != sim.count || fabs(sim.root->mass - 1) > 1e-9)
		harness_die(HARNESS_FAILED,
			"checksum failure: the tree holds %" PRIu64
			" bodies of %zu, mass %.12f of 1: "
			"nodes were damaged in memory",
			bodies, sim.count, sim.root->mass);
	sim.nodes = nodes;
	atomic_store_explicit(&sim.next_batch, 0, memory_order_relaxed);
	atomic_store_explicit(&sim.next_freed, 0, memory_order_relaxed);
}

/* Adds to *force the pull of a mass on a place: nothing on the mass's own, thanks to the softening.
 */
static void
pull(struct vector *force, const struct vector *from, double mass, const struct vector *at)
{
	double square = SOFTENING * SOFTENING;
	struct vector way;

	for (int d = 0; d < 3; d++) {
		way.x[d] = at->x[d] - from->x[d];
		square += way.x[d] * way.x[d];
	}
	for (int d = 0; d < 3; d++)
		force->x[d] += mass * way.x[d] / (square * sqrt(square));
}

/* The pull of all that is in cell c, whose side is given, on a place. */
static void
pull_of_cell(struct vector *force, const struct vector *from, const struct cell *c, double side)
{
	double square = 0;

	for (int d = 0; d < 3; d++) {
		double way = c->centre.x[d] - from->x[d];

		square += way * way;
	}
	if (side * side < TOLERANCE * TOLERANCE * square) {
		pull(force, from, c->mass, &c->centre);
		return;
	}
	for (unsigned i = 0; i < OCTANTS; i++) {
		struct leaf *l = as_leaf(c->child[i]);

		if (c->child[i] && !l)
			pull_of_cell(force, from, (struct cell *)c->child[i], side / 2);
		for (uint32_t k = 0; l && k < l->count; k++)
			pull(force, from, sim.body[l->body[k]]->mass,
				&sim.body[l->body[k]]->position);
	}
}

static void
compute_forces(void)
{
	size_t from;

	while ((from = claim_next(&sim.next_batch) * FORCE_BATCH) < sim.count) {
		for (size_t i = from; i < sim.count && i < from + FORCE_BATCH; i++) {
			/* In the order of the parts: neighbours walk the same nodes. */
			struct body *b = sim.body[sim.member[i]];

			b->force = (struct vector){{0}};
			pull_of_cell(&b->force, &b->position, sim.root, 2 * sim.space.half);
		}
	}
}

/* Frees the parts and moves the bodies, each thread its share. */
static void
finish_step(const struct worker *w)
{
	size_t threads = params[THREADS].value;
	size_t p;

	while ((p = claim_next(&sim.next_freed)) < PARTS)
		tree_free(sim.part[p]);
	for (size_t i = w->index; i < sim.count; i += threads) {
		struct body *b = sim.body[i];

		for (int d = 0; d < 3; d++) {
			b->velocity.x[d] += TIME_STEP * b->force.x[d];
			b->position.x[d] += TIME_STEP * b->velocity.x[d];
		}
	}
}

/* Thread 0, at the end: some bodies' forces, compared with the sums over all other bodies. */
static void
verify_forces(void)
{
	double errors = 0;
	size_t step = sim.count / SAMPLES + 1;
	unsigned samples = 0;

	for (size_t i = 0; i < sim.count; i += step, samples++) {
		const struct body *b = sim.body[i];
		struct vector exact = {{0}};
		double error = 0, size = 0;

		for (size_t k = 0; k < sim.count; k++)
			pull(&exact, &b->position, sim.body[k]->mass, &sim.body[k]->position);
		for (int d = 0; d < 3; d++) {
			error += (exact.x[d] - b->force.x[d]) * (exact.x[d] - b->force.x[d]);
			size += exact.x[d] * exact.x[d];
		}
		errors += sqrt(error) / (sqrt(size) + 1e-9);
	}
	/* A comparison with a NaN is false, too. */
	if (!(errors / samples < FORCE_ERROR))
		harness_die(HARNESS_FAILED,
			"checksum failure: the tree's forces are wrong by %g on average: nodes or "
			"bodies were damaged in memory",
			errors / samples);
}

static void
run(struct worker *w)
{
	uint64_t made = 0;

	for (uint64_t step = 0; step < params[STEPS].value; step++) {
		if (w->index == 0)
			partition();
		barrier_wait(&sim.phase);
		build_parts(&made);
		barrier_wait(&sim.phase);
		if (w->index == 0)
			assemble(&made);
		barrier_wait(&sim.phase);
		compute_forces();
		barrier_wait(&sim.phase);
		if (w->index == 0 && step + 1 == params[STEPS].value)
			verify_forces();
		if (w->index == 0) {
			for (unsigned i = 0; i < OCTANTS; i++)
				free((struct cell *)sim.root->child[i]);
			free(sim.root);
		}
		barrier_wait(&sim.phase);
		finish_step(w);
		barrier_wait(&sim.phase);
	}
	w->tally.ops = made;
}

static uint64_t
digest(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sim.count; i++) {
		if (sim.body[i]->number != i)
			block_damaged(sim.body[i], sizeof(*sim.body[i]), i, sim.body[i]->number);
		for (unsigned d = 0; d < 3; d++) {
			sum += digest_word(8 * i + d, double_bits(sim.body[i]->position.x[d]));
			sum += digest_word(8 * i + 4 + d, double_bits(sim.body[i]->velocity.x[d]));
		}
	}
	return sum;
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;
	struct prng prng;
	unsigned threads;

	params_positional(params, PARAMS, argc, argv);
	threads = (unsigned)params[THREADS].value;
	sim.count = params[BODIES].value;
	sim.body = harness_array(sim.count, sizeof(*sim.body));
	sim.member = harness_array(sim.count, sizeof(*sim.member));
	prng = prng_init(params[SEED].value, 0);
	for (size_t i = 0; i < sim.count; i++)
		sim.body[i] = body_new(&prng, i, 1.0 / (double)sim.count);
	barrier_init(&sim.phase, threads);
	team_start(&team, threads, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	pthread_barrier_destroy(&sim.phase);
	total.checksum = digest();
	for (size_t i = 0; i < sim.count; i++)
		free(sim.body[i]);
	free(sim.body);
	free(sim.member);
	report("barnes", threads, &total,
		"bodies=%" PRIu64 " seed=%" PRIu64 " steps=%" PRIu64 " nodes=%" PRIu64,
		params[BODIES].value, params[SEED].value, params[STEPS].value, sim.nodes);
	return EXIT_SUCCESS;
}
