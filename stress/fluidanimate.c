/* SPDX-License-Identifier: MIT
 * stress/fluidanimate.c - a fluid of particles that are kept in the cells of a grid.
 *
 * Source: the program of that name in PARSEC 3.0 (C. Bienia, S. Kumar, J. Singh, K. Li, "The PARSEC
 * Benchmark Suite: Characterization and Architectural Implications", PACT 2008); the method is
 * smoothed particle hydrodynamics after M. Mueller, D. Charypar, M. Gross, "Particle-Based Fluid
 * Simulation for Interactive Applications", SCA 2003. A cell holds up to 16 particles (912 bytes
 * here, 896 there); one that is full gets another in front of it. Each frame all particles go into
 * a new grid, whose cells are taken as they are needed, while those of the old one are given back.
 * The published program takes cells from pools, one a thread, which allocate blocks of many cells
 * (here each twice as large as the last): it meets the allocator a few times only, and with large
 * blocks. POOL = 0 shows what the pools hide: each cell is a block that lives for a frame and is
 * often freed by another thread than allocated it.
 *
 * What differs: a block of water breaks loose in the tank, instead of a state from a file; it is a
 * lattice of whole distances, a little below PARTICLES. A grid holds pointers, so that the first
 * cell of a place is taken like the others. Each particle collects what its neighbours contribute,
 * where the published program adds to both of a pair under locks; sums are in fixed point, so that
 * their order has no influence. The time step follows from the speed of sound.
 *
 * Parameters: THREADS FRAMES PARTICLES POOL SEED. PARTICLES takes the place of the published INPUT
 * file; POOL is the number of cells in a pool's first block, 0 for none.
 *
 * Prints the closing line (harness.h). ops counts cells taken; the work is fixed, so `seconds` is
 * the figure to compare. checksum adds up a digest of each particle's position and velocity; it
 * does not depend on THREADS or POOL. Verified: in the end each particle is in the grid once, in
 * the cell of its position, and the densities of some equal sums over all particles, which use no
 * grid. */
#include "stress/harness.h"

#include "stress/science.h"

#include <inttypes.h>
#include <math.h>

enum { THREADS, FRAMES, PARTICLES, POOL, SEED, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS},
	[FRAMES] = {"FRAMES", PARAM_COUNT, 20, 1, 1000000},
	[PARTICLES] = {"PARTICLES", PARAM_COUNT, 35000, 100, 10000000},
	[POOL] = {"POOL", PARAM_COUNT, 1024, 0, 1000000},
	[SEED] = {"SEED", PARAM_COUNT, 1, 0, UINT64_MAX},
};

enum {
	CELL_PARTICLES = 16,
	LOCKS = 1024, /* a power of two */
	SAMPLES = 64,
};

#define PI 3.14159265358979323846
#define REST_DENSITY 1000.0 /* kg / m^3 */
#define STIFFNESS 3.0       /* pressure per density, m^2 / s^2: the square of the speed of sound */
#define VISCOSITY 0.4       /* Pa s */
#define GRAVITY 9.8
#define WALL_STIFFNESS 30000.0
#define WALL_DAMPING 128.0
#define REACH 1.695 /* of a particle, in lattice distances */

/* The tank, and the part of it that the water fills at first, in metres. */
static const double tank[3] = {0.13, 0.18, 0.13};
static const double water[3] = {0.13, 0.108, 0.065};

/* Fixed point: what one neighbour contributes to a density is 1 at most, to an acceleration far
 * less than the limit, in m / s^2. */
#define FIXED_DENSITY 0x1p40
#define FIXED_ACCELERATION 0x1p32
#define ACCELERATION_LIMIT 1e6

struct vector {
	float x[3];
};

struct cell {
	struct cell *next;
	uint32_t count;
	uint32_t id[CELL_PARTICLES];
	struct vector position[CELL_PARTICLES];
	struct vector velocity[CELL_PARTICLES];
	struct vector half_step[CELL_PARTICLES]; /* the velocity between two frames */
	struct vector acceleration[CELL_PARTICLES];
	float density[CELL_PARTICLES];
};

/* Cells that one thread takes and gives back; nobody else touches it. */
struct pool {
	_Alignas(HARNESS_CACHE_LINE) struct cell *free;
	struct pool_block *blocks;
	size_t grow; /* cells in the next block */
	uint64_t taken;
};

struct pool_block {
	struct pool_block *next;
	struct cell cells[];
};

static struct {
	/* Fixed at the start. */
	double reach;
	double mass;
	double time_step;
	uint32_t particles;
	int side[3]; /* of the grid, in cells */
	size_t cells;
	/* The old and the new grid take turns. Thread t owns a range of places; in the new grid all
	 * threads write while it is filled, under the place's lock. */
	struct cell **grid[2];
	pthread_mutex_t locks[LOCKS];
	pthread_barrier_t phase;
	struct pool *pools;
} sim;

/* --- cells ----------------------------------------------------------------------------------- */

static void
pool_extend(struct pool *p)
{
	struct pool_block *b = heap_new(sizeof(*b) + p->grow * sizeof(b->cells[0]));

	b->next = p->blocks;
	p->blocks = b;
	for (size_t i = p->grow; i-- > 0;) {
		b->cells[i].next = p->free;
		p->free = &b->cells[i];
	}
	p->grow *= 2;
}

static struct cell *
cell_take(struct pool *p)
{
	struct cell *c;

	p->taken++;
	if (params[POOL].value == 0) {
		c = heap_new(sizeof(*c));
	} else {
		if (!p->free)
			pool_extend(p);
		c = p->free;
		p->free = c->next;
	}
	c->next = NULL;
	c->count = 0;
	return c;
}

static void
cell_give(struct pool *p, struct cell *c)
{
	if (params[POOL].value == 0) {
		free(c);
		return;
	}
	c->next = p->free;
	p->free = c;
}

static void
pool_end(struct pool *p)
{
	while (p->blocks) {
		struct pool_block *b = p->blocks;

		p->blocks = b->next;
		free(b);
	}
}

/* --- the grid -------------------------------------------------------------------------------- */

/* The place of a position; what is outside of the tank counts for the nearest place. */
static size_t
place_of(const struct vector *at)
{
	size_t place = 0;

	for (int d = 2; d >= 0; d--) {
		double n = at->x[d] / sim.reach;
		int whole = n > 0 ? n < sim.side[d] ? (int)n : sim.side[d] - 1 : 0;

		place = place * (size_t)sim.side[d] + (size_t)whole;
	}
	return place;
}

static void
grid_add(struct cell **grid, struct pool *pool, const struct cell *from, uint32_t i)
{
	size_t place = place_of(&from->position[i]);
	pthread_mutex_t *lock = &sim.locks[place & (LOCKS - 1)];
	struct cell *c;

	pthread_mutex_lock(lock);
	c = grid[place];
	if (!c || c->count == CELL_PARTICLES) {
		c = cell_take(pool);
		c->next = grid[place];
		grid[place] = c;
	}
	c->id[c->count] = from->id[i];
	c->position[c->count] = from->position[i];
	c->velocity[c->count] = from->velocity[i];
	c->half_step[c->count] = from->half_step[i];
	c->count++;
	pthread_mutex_unlock(lock);
}

/* Moves all particles of places from..to-1 of the old grid into the new one. */
static void
rebuild(struct cell **old, struct cell **new, size_t from, size_t to, struct pool *pool)
{
	for (size_t place = from; place < to; place++) {
		while (old[place]) {
			struct cell *c = old[place];

			for (uint32_t i = 0; i < c->count; i++)
				grid_add(new, pool, c, i);
			old[place] = c->next;
			cell_give(pool, c);
		}
	}
}

/* The places around one, itself included. Returns their number, 27 at most. */
static unsigned
neighbours(size_t place, size_t *around)
{
	int at[3], low[3], high[3];
	unsigned count = 0;

	for (int d = 0; d < 3; d++) {
		at[d] = (int)(place % (size_t)sim.side[d]);
		place /= (size_t)sim.side[d];
		low[d] = at[d] > 0 ? at[d] - 1 : 0;
		high[d] = at[d] < sim.side[d] - 1 ? at[d] + 1 : at[d];
	}
	for (int z = low[2]; z <= high[2]; z++) {
		for (int y = low[1]; y <= high[1]; y++) {
			for (int x = low[0]; x <= high[0]; x++)
				around[count++] = (size_t)((z * sim.side[1] + y) * sim.side[0] + x);
		}
	}
	return count;
}

/* --- physics --------------------------------------------------------------------------------- */

static double
distance_squared(const struct vector *a, const struct vector *b, double *way)
{
	double square = 0;

	for (int d = 0; d < 3; d++) {
		way[d] = (double)a->x[d] - (double)b->x[d];
		square += way[d] * way[d];
	}
	return square;
}

/* Adds to *sum what the particles of a chain of cells contribute to the density at a place: the
 * "poly6" kernel of the paper, 1 where they are at that place. */
static void
gather_density(int64_t *sum, const struct vector *at, const struct cell *c)
{
	double reach = sim.reach * sim.reach;
	double way[3];

	for (; c; c = c->next) {
		for (uint32_t j = 0; j < c->count; j++) {
			double near = 1 - distance_squared(at, &c->position[j], way) / reach;

			if (near > 0)
				*sum += (int64_t)(near * near * near * FIXED_DENSITY);
		}
	}
}

static float
density_from(int64_t sum)
{
	double volume = sim.reach * sim.reach * sim.reach;

	return (float)((double)sum / FIXED_DENSITY * sim.mass * 315 / (64 * PI * volume));
}

static int64_t
fixed_acceleration(double a)
{
	/* A comparison with a NaN is false, too. */
	if (!(fabs(a) < ACCELERATION_LIMIT))
		harness_die(HARNESS_FAILED,
			"checksum failure: two particles push each other by %g m/s^2: they were "
			"damaged in memory",
			a);
	return (int64_t)(a * FIXED_ACCELERATION);
}

/* Adds to sum[] how the particles of a chain of cells accelerate particle i of cell a: by pressure
 * ("spiky" kernel) and by viscosity. */
static void
gather_acceleration(int64_t *sum, const struct cell *a, uint32_t i, const struct cell *c)
{
	double h = sim.reach;
	double kernel = 45 / (PI * h * h * h * h * h * h) * sim.mass;
	double way[3];

	for (; c; c = c->next) {
		for (uint32_t j = 0; j < c->count; j++) {
			double square = distance_squared(&a->position[i], &c->position[j], way);
			double r, push, drag, densities;

			if (square >= h * h || (c == a && i == j))
				continue;
			r = sqrt(fmax(square, 1e-12));
			densities = (double)a->density[i] * (double)c->density[j];
			push = STIFFNESS / 2 *
			       ((double)a->density[i] + (double)c->density[j] - 2 * REST_DENSITY);
			push *= kernel * (h - r) * (h - r) / (r * densities);
			drag = VISCOSITY * kernel * (h - r) / densities;
			for (int d = 0; d < 3; d++)
				sum[d] += fixed_acceleration(
					push * way[d] +
					drag * ((double)c->velocity[j].x[d] -
						       (double)a->velocity[i].x[d]));
		}
	}
}

static void
compute_densities(struct cell **grid, size_t from, size_t to)
{
	size_t around[27];

	for (size_t place = from; place < to; place++) {
		unsigned count = neighbours(place, around);

		for (struct cell *c = grid[place]; c; c = c->next) {
			for (uint32_t i = 0; i < c->count; i++) {
				int64_t sum = 0;

				for (unsigned n = 0; n < count; n++)
					gather_density(&sum, &c->position[i], grid[around[n]]);
				c->density[i] = density_from(sum);
			}
		}
	}
}

static void
compute_accelerations(struct cell **grid, size_t from, size_t to)
{
	size_t around[27];

	for (size_t place = from; place < to; place++) {
		unsigned count = neighbours(place, around);

		for (struct cell *c = grid[place]; c; c = c->next) {
			for (uint32_t i = 0; i < c->count; i++) {
				int64_t sum[3] = {0, (int64_t)(-GRAVITY * FIXED_ACCELERATION), 0};

				for (unsigned n = 0; n < count; n++)
					gather_acceleration(sum, c, i, grid[around[n]]);
				for (int d = 0; d < 3; d++)
					c->acceleration[i].x[d] =
						(float)((double)sum[d] / FIXED_ACCELERATION);
			}
		}
	}
}

/* How the walls push back a particle that is at x with that velocity, along one axis. */
static double
wall_push(double x, double velocity, double length)
{
	if (x < 0)
		return -WALL_STIFFNESS * x - WALL_DAMPING * velocity;
	if (x > length)
		return WALL_STIFFNESS * (length - x) - WALL_DAMPING * velocity;
	return 0;
}

static void
advance(struct cell **grid, size_t from, size_t to)
{
	for (size_t place = from; place < to; place++) {
		for (struct cell *c = grid[place]; c; c = c->next) {
			for (uint32_t i = 0; i < 3 * c->count; i++) {
				float *x = &c->position[i / 3].x[i % 3];
				float *v = &c->velocity[i / 3].x[i % 3];
				float *half = &c->half_step[i / 3].x[i % 3];
				double a = (double)c->acceleration[i / 3].x[i % 3] +
					   wall_push((double)*x, (double)*v, tank[i % 3]);
				double next = (double)*half + a * sim.time_step;

				*x = (float)((double)*x + next * sim.time_step);
				*v = (float)(((double)*half + next) / 2);
				*half = (float)next;
			}
		}
	}
}

static void
run(struct worker *w)
{
	struct pool *pool = &sim.pools[w->index];
	size_t from = sim.cells * w->index / params[THREADS].value;
	size_t to = sim.cells * (w->index + 1) / params[THREADS].value;

	for (uint64_t frame = 0;; frame++) {
		struct cell **grid = sim.grid[(frame + 1) % 2];

		rebuild(sim.grid[frame % 2], grid, from, to, pool);
		barrier_wait(&sim.phase);
		compute_densities(grid, from, to);
		if (frame == params[FRAMES].value)
			break;
		barrier_wait(&sim.phase);
		compute_accelerations(grid, from, to);
		barrier_wait(&sim.phase);
		advance(grid, from, to);
	}
	w->tally.ops = pool->taken;
}

/* --- start and end --------------------------------------------------------------------------- */

/* A lattice of particles, each shaken a little, in the first grid. */
static void
fill(struct cell **grid, const unsigned *lattice, double distance)
{
	struct prng g = prng_init(params[SEED].value, 0);
	struct cell *one = heap_new(sizeof(*one));

	memset(one, 0, sizeof(*one));
	for (unsigned n = 0; n < sim.particles; n++) {
		unsigned at[3] = {
			n % lattice[0], n / lattice[0] % lattice[1], n / lattice[0] / lattice[1]};

		one->id[0] = n;
		for (int d = 0; d < 3; d++)
			one->position[0].x[d] =
				(float)((at[d] + 0.45 + 0.1 * prng_unit(&g)) * distance);
		grid_add(grid, &sim.pools[0], one, 0);
	}
	free(one);
}

static void
simulation_open(void)
{
	unsigned lattice[3];
	/* Whole particles per metre, so that the rounding of cbrt has no influence. */
	double per_metre =
		round(cbrt((double)params[PARTICLES].value / (water[0] * water[1] * water[2])));

	sim.particles = 1;
	sim.cells = 1;
	sim.reach = REACH / per_metre;
	sim.mass = REST_DENSITY / (per_metre * per_metre * per_metre);
	sim.time_step = sim.reach / sqrt(STIFFNESS) / 4;
	for (int d = 0; d < 3; d++) {
		lattice[d] = (unsigned)(water[d] * per_metre);
		sim.particles *= lattice[d];
		sim.side[d] = (int)(tank[d] / sim.reach) + 1;
		sim.cells *= (size_t)sim.side[d];
	}
	for (int i = 0; i < 2; i++)
		sim.grid[i] = harness_array(sim.cells, sizeof(struct cell *));
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&sim.locks[i], NULL);
	barrier_init(&sim.phase, (unsigned)params[THREADS].value);
	sim.pools = harness_array(params[THREADS].value, sizeof(*sim.pools));
	for (uint64_t i = 0; i < params[THREADS].value; i++)
		sim.pools[i].grow = params[POOL].value;
	fill(sim.grid[0], lattice, 1 / per_metre);
}

static _Noreturn void
damaged(uint32_t id, const char *how)
{
	harness_die(HARNESS_FAILED,
		"checksum failure: particle %" PRIu32 " %s: cells were damaged in memory", id, how);
}

/* The density of particle i of a cell is that by all particles, near or not. */
static void
verify_density(struct cell **grid, const struct cell *c, uint32_t i)
{
	int64_t sum = 0;

	for (size_t place = 0; place < sim.cells; place++)
		gather_density(&sum, &c->position[i], grid[place]);
	if (density_from(sum) != c->density[i])
		damaged(c->id[i], "has a wrong density");
}

/* Returns the checksum. */
static uint64_t
verify(struct cell **grid)
{
	uint8_t *seen = harness_array(sim.particles, 1);
	uint32_t step = sim.particles / SAMPLES + 1;
	uint32_t found = 0;
	uint64_t digest = 0;

	for (size_t place = 0; place < sim.cells; place++) {
		for (const struct cell *c = grid[place]; c; c = c->next) {
			for (uint32_t i = 0; i < c->count; i++, found++) {
				uint32_t id = c->id[i];

				if (id >= sim.particles || seen[id]++)
					damaged(id, "is there twice or unknown");
				if (place_of(&c->position[i]) != place)
					damaged(id, "is in another cell than its own");
				if (id % step == 0)
					verify_density(grid, c, i);
				for (unsigned d = 0; d < 3; d++) {
					double x = (double)c->position[i].x[d];
					double v = (double)c->velocity[i].x[d];

					if (!(fabs(x) < 1))
						damaged(id, "has left the tank");
					digest += digest_word(8ull * id + d, double_bits(x));
					digest += digest_word(8ull * id + 4 + d, double_bits(v));
				}
			}
		}
	}
	if (found != sim.particles)
		damaged(found, "and others are missing");
	free(seen);
	return digest;
}

static void
simulation_close(void)
{
	for (int i = 0; i < 2; i++) {
		for (size_t place = 0; place < sim.cells; place++) {
			while (sim.grid[i][place]) {
				struct cell *c = sim.grid[i][place];

				sim.grid[i][place] = c->next;
				cell_give(&sim.pools[0], c);
			}
		}
		free(sim.grid[i]);
	}
	for (uint64_t i = 0; i < params[THREADS].value; i++)
		pool_end(&sim.pools[i]);
	free(sim.pools);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&sim.locks[i]);
	pthread_barrier_destroy(&sim.phase);
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;

	params_positional(params, PARAMS, argc, argv);
	simulation_open();
	team_start(&team, (unsigned)params[THREADS].value, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	total.checksum = verify(sim.grid[(params[FRAMES].value + 1) % 2]);
	simulation_close();
	report("fluidanimate", (unsigned)params[THREADS].value, &total,
		"frames=%" PRIu64 " particles=%" PRIu32 " cells=%zu pool=%" PRIu64 " seed=%" PRIu64,
		params[FRAMES].value, sim.particles, sim.cells, params[POOL].value,
		params[SEED].value);
	return EXIT_SUCCESS;
}
