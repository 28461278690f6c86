/* SPDX-License-Identifier: MIT
 * stress/alloc_test.c - blocks of very different size and life time in a large live set.
 *
 * Source: S. Ignatchenko, D. Ivanchykhin, M. Bracco, "Testing Memory Allocators: ptmalloc2 vs
 * tcmalloc vs hoard vs jemalloc While Trying to Simulate Real-World Loads", 2018, and their program
 * alloc-test. Sizes follow a power law, and so do life times: a random place of a large table is
 * chosen again and again, some places far more often than others; a block that is there is freed,
 * an empty place gets one.
 *
 * What differs: half of the places are filled before the clock starts; of a block only the
 * ends and a word in each page are written and read, so that the allocator's share of the time is
 * larger; the work is for each thread, not shared out; sizes and places come from our own random
 * numbers.
 *
 * Parameters: THREADS OPS PLACES SEED. Each thread has a table of PLACES and does OPS operations on
 * it, of which about half are a malloc and half a free. A place is found so: four times in five it
 * is among the first fifth of the table, of that again four in five among the first fifth, and so
 * on, five deep. Sizes are 16 B to 64 KiB, each doubling half as likely as the one below it, 144
 * bytes in the mean.
 *
 * Prints the closing line (harness.h) with live_bytes=, what the blocks at the end add up to. ops
 * counts a malloc or a free as one; their number is fixed, so `seconds` is the figure to compare.
 * checksum adds up all words read back. */
#include "stress/harness.h"

#include <inttypes.h>

enum { THREADS, OPS, PLACES, SEED, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS},
	[OPS] = {"OPS", PARAM_COUNT, 6000000, 1, UINT64_C(1) << 40},
	[PLACES] = {"PLACES", PARAM_COUNT, 1048576, 1, UINT32_MAX},
	[SEED] = {"SEED", PARAM_COUNT, 4141, 0, UINT64_MAX},
};

enum {
	SIZE_FIRST = 4, /* 2^4 is the smallest size */
	SIZE_OCTAVES = 12,
	PLACE_LEVELS = 5,
	PLACE_BITS = 6,
	PLACE_HOT = 51, /* of 64: four in five */
};

/* Of one thread, which alone touches it until it was joined. */
struct table {
	_Alignas(HARNESS_CACHE_LINE) struct slot *slots;
	struct prng prng;
	uint64_t live_bytes;
};

static struct table tables[HARNESS_MAX_THREADS];
static pthread_barrier_t filled;

static void
fill(struct table *t, struct slot *s)
{
	uint64_t random = prng_next(&t->prng);

	slot_fill(s, prng_power_law(random, SIZE_FIRST, SIZE_OCTAVES), (uint32_t)random);
	t->live_bytes += s->size;
}

static uint64_t
empty(struct table *t, struct slot *s)
{
	t->live_bytes -= s->size;
	return slot_empty(s);
}

static struct slot *
choose(struct table *t)
{
	uint64_t random = prng_next(&t->prng);
	uint32_t first = 0;
	uint32_t n = (uint32_t)params[PLACES].value;

	/* Six bits of the lower half decide each level, the upper half the place in the end. */
	for (unsigned level = 0; level < PLACE_LEVELS && n >= 5; level++) {
		uint32_t hot = n / 5;

		if ((random >> PLACE_BITS * level) % (1 << PLACE_BITS) >= PLACE_HOT) {
			first += hot;
			n -= hot;
			break;
		}
		n = hot;
	}
	return &t->slots[first + prng_scale(random, n)];
}

static void
run(struct worker *w)
{
	struct table *t = &tables[w->index];
	uint64_t checksum = 0;

	for (size_t i = 0; i < params[PLACES].value; i += 2)
		fill(t, &t->slots[i]);
	barrier_wait(&filled);
	w->tally.start_ns = harness_now_ns();
	for (uint64_t i = 0; i < params[OPS].value; i++) {
		struct slot *s = choose(t);

		if (s->mem)
			checksum += empty(t, s);
		else
			fill(t, s);
	}
	w->tally.ops = params[OPS].value;
	w->tally.checksum = checksum;
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;
	uint64_t live_bytes = 0;
	size_t places;
	unsigned threads;

	params_positional(params, PARAMS, argc, argv);
	threads = (unsigned)params[THREADS].value;
	places = params[PLACES].value;
	for (unsigned i = 0; i < threads; i++) {
		tables[i].slots = harness_table(places, sizeof(struct slot));
		tables[i].prng = prng_init(params[SEED].value, i);
	}
	barrier_init(&filled, threads);
	team_start(&team, threads, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < threads; i++) {
		tally_add(&total, &team.workers[i].tally);
		live_bytes += tables[i].live_bytes;
		for (size_t k = 0; k < places; k++) {
			if (tables[i].slots[k].mem)
				total.checksum += empty(&tables[i], &tables[i].slots[k]);
		}
		harness_table_free(tables[i].slots, places, sizeof(struct slot));
	}
	team_destroy(&team);
	pthread_barrier_destroy(&filled);
	report("alloc-test", threads, &total, "places=%zu seed=%" PRIu64 " live_bytes=%" PRIu64,
		places, params[SEED].value, live_bytes);
	return EXIT_SUCCESS;
}
