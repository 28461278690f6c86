/* SPDX-License-Identifier: MIT
 * stress/threadtest.c - threads that allocate and free many small blocks, each its own.
 *
 * Source: E. Berger, K. McKinley, R. Blumofe, P. Wilson, "Hoard: A Scalable Memory Allocator for
 * Multithreaded Applications", ASPLOS 2000, section 5: t threads do nothing but allocate and then
 * free 100,000/t blocks of 8 bytes, again and again. A perfect allocator scales with the
 * processors, since no block is ever shared.
 *
 * What differs: SIZE is in bytes (the published program counts objects of 8 bytes; its 1 is our
 * 8); the first THREADS threads share the remainder of OBJECTS / THREADS; all blocks are checked
 * before they are freed.
 *
 * Parameters: THREADS ITERATIONS OBJECTS WORK SIZE. OBJECTS are shared out over THREADS; each
 * thread allocates its share and then frees it in the same order, ITERATIONS times. After each
 * malloc and each free it spins WORK rounds of arithmetic.
 *
 * Prints the closing line (harness.h). ops counts pairs of malloc and free; the work is fixed, so
 * `seconds` is the figure to compare. checksum adds up all words read back from the blocks. */
#include "stress/harness.h"

#include <inttypes.h>

enum { THREADS, ITERATIONS, OBJECTS, WORK, SIZE, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS},
	[ITERATIONS] = {"ITERATIONS", PARAM_COUNT, 50, 1, 1000000000},
	[OBJECTS] = {"OBJECTS", PARAM_COUNT, 30000, 1, 100000000},
	[WORK] = {"WORK", PARAM_COUNT, 0, 0, 1000000000},
	[SIZE] = {"SIZE", PARAM_COUNT, 8, 1, UINT64_C(1) << 30},
};

static void
spin(uint64_t rounds)
{
	volatile unsigned x = 1;

	for (uint64_t i = 0; i < rounds; i++)
		x = x * x + 1;
}

static void
run(struct worker *w)
{
	uint64_t threads = params[THREADS].value;
	size_t size = params[SIZE].value;
	uint64_t work = params[WORK].value;
	size_t share = params[OBJECTS].value / threads;
	/* No two blocks of a run carry the same word. */
	uint64_t id = (uint64_t)w->index << 56;
	void **objects;

	if (w->index < params[OBJECTS].value % threads)
		share++;
	objects = harness_array(share + 1, sizeof(*objects));
	for (uint64_t i = 0; i < params[ITERATIONS].value; i++) {
		for (size_t k = 0; k < share; k++) {
			objects[k] = block_new(size, (id + k) * HARNESS_GOLDEN);
			spin(work);
		}
		for (size_t k = 0; k < share; k++) {
			w->tally.checksum +=
				block_delete(objects[k], size, (id + k) * HARNESS_GOLDEN);
			spin(work);
		}
		id += share;
		w->tally.ops += share;
	}
	free(objects);
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;

	params_positional(params, PARAMS, argc, argv);
	team_start(&team, (unsigned)params[THREADS].value, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	report("threadtest", (unsigned)params[THREADS].value, &total,
		"iterations=%" PRIu64 " objects=%" PRIu64 " work=%" PRIu64 " size=%" PRIu64,
		params[ITERATIONS].value, params[OBJECTS].value, params[WORK].value,
		params[SIZE].value);
	return EXIT_SUCCESS;
}
