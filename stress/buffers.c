/* SPDX-License-Identifier: MIT
 * stress/buffers.c - large buffers from four call sites, each with sizes and lifetimes of its own:
 * what does it bring to know the site of a freed buffer when the next one is asked for?
 *
 * Source: hakmem's own, for docs/adr/0013-bigcache-key.md. D. Barrett and B. Zorn, "Using Lifetime
 * Predictors to Improve Memory Allocation Performance", PLDI 1993, found that blocks of a site are
 * alike; an allocator that reuses whole buffers may look for one of the same site first.
 *
 * `io` has buffers of 1 to 1.25 MiB, two alive; `frame` of 2 MiB, four, which end in the order in
 * which they came; `column` of 1 to 8 MiB, four; `table` one that doubles from 1 to 16 MiB and
 * starts again. Of 16 iterations 8 are io's, 4 frame's, 3 column's, 1 table's in the mean.
 *
 * Parameters: ITERATIONS MIX SEED. MIX 0 is the above; 1 gives all sites column's sizes, so that
 * the site tells nothing of the size; 2 changes io's size by a page in each iteration, as a buffer
 * does that is made for its contents.
 *
 * Each iteration frees a buffer of its site's and allocates one. One word in each page is written
 * and read. Prints the closing line (harness.h) with mix= and bytes=, the sum of the sizes; the
 * figures to compare are minor_faults and rss_peak_kb. */
#include "stress/harness.h"

#include <inttypes.h>

#define NOINLINE __attribute__((noinline))

enum { ITERATIONS, MIX, SEED, PARAMS };
enum { APART, ALIKE, GROWING };
enum { IO, FRAME, COLUMN, TABLE, SITES };

enum {
	MIB = 1 << 20,
	PAGE = 4096,
	MAX_LIVE = 4,
	TABLE_STEPS = 5, /* 1 MiB to 16 MiB */
	IO_STEPS = 64,   /* pages between the smallest and the largest */
};

static struct param params[PARAMS] = {
	[ITERATIONS] = {"ITERATIONS", PARAM_COUNT, 20000, 1, UINT64_C(1) << 40},
	[MIX] = {"MIX", PARAM_COUNT, APART, APART, GROWING},
	[SEED] = {"SEED", PARAM_COUNT, 4141, 0, UINT64_MAX},
};

/* Four functions, so that the calls are four sites; no tail calls. */

static NOINLINE char *
io_buffer(size_t size)
{
	char *p = malloc(size);

	return p ? p : (block_exhausted(size), NULL);
}

static NOINLINE char *
frame_buffer(size_t size)
{
	char *p = malloc(size);

	return p ? p : (block_exhausted(size), NULL);
}

static NOINLINE char *
column_buffer(size_t size)
{
	char *p = malloc(size);

	return p ? p : (block_exhausted(size), NULL);
}

static NOINLINE char *
table_buffer(size_t size)
{
	char *p = malloc(size);

	return p ? p : (block_exhausted(size), NULL);
}

static const struct site {
	char *(*buffer)(size_t size);
	unsigned live;
	unsigned weight; /* in 16 */
} sites[SITES] = {
	[IO] = {io_buffer, 2, 8},
	[FRAME] = {frame_buffer, 4, 4},
	[COLUMN] = {column_buffer, 4, 3},
	[TABLE] = {table_buffer, 1, 1},
};

/* The n-th buffer of the site. */
static uint32_t
size_of(unsigned site, uint64_t n, uint64_t random)
{
	if (params[MIX].value == ALIKE)
		site = COLUMN;
	switch (site) {
	case IO:
		return MIB + PAGE * (params[MIX].value == GROWING
						    ? (uint32_t)(n % IO_STEPS)
						    : prng_scale(random << 20, IO_STEPS));
	case FRAME:
		return 2 * MIB;
	case COLUMN:
		return prng_log_uniform(random << 8, 20, 3);
	default:
		return (uint32_t)MIB << n % TABLE_STEPS;
	}
}

/* As slot_fill, of a block that is there already. */
static void
fill(struct slot *s, char *mem, uint32_t size, uint32_t tag)
{
	uint64_t word = tag * HARNESS_GOLDEN;

	*s = (struct slot){mem, size, tag};
	for (size_t offset = 0; slot_has_word(s, offset); offset += HARNESS_TOUCH)
		memcpy(mem + offset, &word, sizeof(word));
	memcpy(mem + size - sizeof(word), &word, sizeof(word));
}

static unsigned
choose(uint64_t random)
{
	unsigned at = random % 16;
	unsigned site = 0;

	while (at >= sites[site].weight)
		at -= sites[site++].weight;
	return site;
}

/* Returns the sum of the sizes. */
static uint64_t
run(struct tally *t)
{
	struct slot slots[SITES][MAX_LIVE] = {{{0}}};
	uint64_t made[SITES] = {0}, bytes = 0;
	struct prng prng = prng_init(params[SEED].value, 0);

	t->start_ns = harness_now_ns();
	for (uint64_t i = 0; i < t->ops; i++) {
		uint64_t random = prng_next(&prng);
		unsigned at = choose(random);
		const struct site *site = &sites[at];
		uint64_t n = made[at]++;
		unsigned place =
			at == FRAME ? (unsigned)(n % site->live) : prng_scale(random, site->live);
		struct slot *s = &slots[at][place];
		uint32_t size = size_of(at, n, random);

		if (s->mem)
			t->checksum += slot_empty(s);
		fill(s, site->buffer(size), size, (uint32_t)i + 1);
		bytes += size;
	}
	t->end_ns = harness_now_ns();
	for (unsigned at = 0; at < SITES; at++)
		for (unsigned i = 0; i < MAX_LIVE; i++)
			if (slots[at][i].mem)
				t->checksum += slot_empty(&slots[at][i]);
	return bytes;
}

int
main(int argc, char **argv)
{
	harness_help(argc, argv, "[ITERATIONS [MIX [SEED]]]");
	params_positional(params, PARAMS, argc, argv);
	struct tally total = {.ops = params[ITERATIONS].value};
	uint64_t bytes = run(&total);

	report("buffers", 1, &total, "mix=%" PRIu64 " bytes=%" PRIu64, params[MIX].value, bytes);
	return EXIT_SUCCESS;
}
