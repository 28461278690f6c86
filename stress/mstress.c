/* SPDX-License-Identifier: MIT
 * stress/mstress.c - threads that start, allocate and free at random, exchange blocks and end,
 * round after round.
 *
 * Source: the published description of mimalloc's own stress test (D. Leijen, test-stress, run as
 * mstress in the mimalloc-bench suite): every round starts a set of threads; each allocates blocks
 * of many sizes, keeps some, frees others, and swaps some with a table that all threads share; some
 * threads do more work than others; blocks outlive the thread that allocated them.
 *
 * What differs: sizes are 16 to 2047 bytes by a power law; the work is counted in blocks; what a
 * thread allocates depends on its own random numbers alone, so that the sum of all words is known
 * whatever the schedule.
 *
 * Parameters: THREADS SCALE ITERATIONS. In each of ITERATIONS rounds, THREADS threads start; the
 * i-th (from 0) allocates 100 * SCALE * (i % 4 + 1) blocks and holds them in a list that grows by
 * realloc. After each, in eighths: four times it frees a random one of the list, once it swaps a
 * random one with a random place of the table of 1024. At its end a thread frees what it holds;
 * between two rounds the main thread frees half of the table.
 *
 * Prints the closing line (harness.h), with the latency of single allocations, each with the
 * writing of the block's ends (latency.h). ops counts blocks allocated, all of which are freed;
 * their number is fixed, so `seconds` is the figure to compare. checksum adds up the words read
 * back from all blocks; it must equal what was written. */
#include "stress/harness.h"
#include "stress/latency.h"

#include <inttypes.h>
#include <stdatomic.h>

enum { THREADS, SCALE, ITERATIONS, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 4, 1, HARNESS_MAX_THREADS},
	[SCALE] = {"SCALE", PARAM_COUNT, 50, 1, 100000},
	[ITERATIONS] = {"ITERATIONS", PARAM_COUNT, 300, 1, 10000000},
};

enum {
	TABLE_PLACES = 1024,
	SIZE_FIRST = 4, /* 2^4 is the smallest size */
	SIZE_OCTAVES = 7,
};

/* Whoever takes a block out, by an exchange, owns it. */
static _Atomic(void *) table[TABLE_PLACES];

/* What a thread holds; places whose block went into an empty place of the table are NULL. */
struct list {
	void **blocks;
	uint32_t n;
	uint32_t capacity;
};

/* Sums of the words written and read by one thread, in one round. */
struct sums {
	uint64_t written;
	uint64_t read;
};

struct share {
	_Alignas(HARNESS_CACHE_LINE) struct sums sums;
};

static struct share shares[HARNESS_MAX_THREADS];
static uint64_t round_number; /* the main thread's; changes while no other thread runs */

/* A block's first word tells its size, so that it can be checked by whoever frees it. */
static size_t
size_of(uint64_t word)
{
	return prng_power_law(word, SIZE_FIRST, SIZE_OCTAVES);
}

static void *
block_allocate(uint64_t word, struct sums *s)
{
	s->written += word;
	return block_new(size_of(word), word);
}

static void
block_free(void *mem, struct sums *s)
{
	uint64_t word;

	if (!mem)
		return;
	memcpy(&word, mem, sizeof(word));
	s->read += block_delete(mem, size_of(word), word);
}

static void
list_append(struct list *l, void *mem)
{
	if (l->n == l->capacity) {
		uint32_t capacity = l->capacity ? 2 * l->capacity : 8;
		void **blocks = realloc(l->blocks, capacity * sizeof(*blocks));

		if (!blocks)
			block_exhausted(capacity * sizeof(*blocks));
		l->blocks = blocks;
		l->capacity = capacity;
	}
	l->blocks[l->n++] = mem;
}

static void
step(struct list *l, struct prng *prng, struct sums *s, uint64_t n)
{
	uint64_t random = prng_next(prng), start_ns = latency_start(n);
	void *mem = block_allocate(random, s);
	uint32_t victim;

	latency_end(start_ns);
	list_append(l, mem);
	random = prng_next(prng);
	victim = prng_scale(random, l->n);
	if (random % 8 < 4) {
		block_free(l->blocks[victim], s);
		l->blocks[victim] = l->blocks[--l->n];
	} else if (random % 8 == 4) {
		_Atomic(void *) *place = &table[random / 8 % TABLE_PLACES];

		/* acq_rel: pairs with itself in the other threads. */
		l->blocks[victim] =
			atomic_exchange_explicit(place, l->blocks[victim], memory_order_acq_rel);
	}
}

static void
run(struct worker *w)
{
	uint64_t ops = 100 * params[SCALE].value * (w->index % 4 + 1);
	struct prng prng = prng_init(round_number, w->index);
	struct list list = {0};
	struct sums sums = {0};

	for (uint64_t i = 0; i < ops; i++)
		step(&list, &prng, &sums, i);
	while (list.n > 0)
		block_free(list.blocks[--list.n], &sums);
	free(list.blocks);
	w->tally.ops = ops;
	shares[w->index].sums = sums;
}

/* Each place at even odds; all at the end. */
static void
table_free(struct prng *prng, bool all, struct sums *s)
{
	for (unsigned i = 0; i < TABLE_PLACES; i++) {
		if (!all && prng_next(prng) % 2 == 0)
			continue;
		/* relaxed: no other thread runs. */
		block_free(atomic_load_explicit(&table[i], memory_order_relaxed), s);
		atomic_store_explicit(&table[i], NULL, memory_order_relaxed);
	}
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct sums sums = {0};
	struct prng prng = prng_init(0, HARNESS_MAX_THREADS);

	params_positional(params, PARAMS, argc, argv);
	for (; round_number < params[ITERATIONS].value; round_number++) {
		struct team team;

		team_start(&team, (unsigned)params[THREADS].value, run, NULL);
		team_join(&team);
		for (unsigned i = 0; i < team.count; i++) {
			tally_add(&total, &team.workers[i].tally);
			sums.written += shares[i].sums.written;
			sums.read += shares[i].sums.read;
		}
		team_destroy(&team);
		table_free(&prng, false, &sums);
	}
	table_free(&prng, true, &sums);
	if (sums.written != sums.read)
		harness_die(HARNESS_FAILED,
			"checksum failure: the words read back add up to %#" PRIx64
			", those written to %#" PRIx64,
			sums.read, sums.written);
	total.checksum = sums.read;
	report("mstress", (unsigned)params[THREADS].value, &total,
		"scale=%" PRIu64 " iterations=%" PRIu64, params[SCALE].value,
		params[ITERATIONS].value);
	return EXIT_SUCCESS;
}
