/* SPDX-License-Identifier: MIT
 * stress/larson.c - a server: blocks of random size live for a random time, and threads come and go
 * and leave their blocks to the next thread.
 *
 * Source: P. Larson, M. Krishnan, "Memory Allocation for Long-Running Server Applications",
 * ISMM 1998. The main thread allocates CHUNKS_PER_THREAD blocks of random size for each thread and
 * shuffles them. Each thread replaces random blocks of its share by new ones; after ROUNDS times
 * CHUNKS_PER_THREAD replacements it starts a successor, hands its share over and ends, so that
 * blocks are freed by other threads than allocated them, and the allocator meets thread after
 * thread.
 *
 * What differs: sizes are drawn from MIN to MAX inclusive; a successor joins its predecessor at the
 * end of its own run, so that at most two threads a share exist at any time; all blocks are checked
 * before they are freed; the random numbers are our own, one stream a share.
 *
 * Parameters: SECONDS MIN MAX CHUNKS_PER_THREAD ROUNDS SEED THREADS.
 *
 * Prints the closing line (harness.h), with generations=, the number of threads that ran, and the
 * latency of single replacements (latency.h). ops
 * counts replacements (a free and a malloc); the time is fixed, so ops_per_s is the figure to
 * compare. checksum adds up the words read back in the warm-up and in the first 4096 replacements
 * (or CHUNKS_PER_THREAD, if that is fewer) of each share. These are done even if the time is over
 * sooner, so that it depends on the parameters alone; the later ones are checked just the same. */
#include "stress/harness.h"
#include "stress/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { SECONDS, MIN, MAX, CHUNKS, ROUNDS, SEED, THREADS, PARAMS };

static struct param params[PARAMS] = {
	[SECONDS] = {"SECONDS", PARAM_SECONDS, 5000, 1, 86400000},
	[MIN] = {"MIN", PARAM_COUNT, 8, 1, UINT64_C(1) << 30},
	[MAX] = {"MAX", PARAM_COUNT, 1000, 1, UINT64_C(1) << 30},
	[CHUNKS] = {"CHUNKS_PER_THREAD", PARAM_COUNT, 5000, 1, 100000000},
	[ROUNDS] = {"ROUNDS", PARAM_COUNT, 100, 1, 1000000000},
	[SEED] = {"SEED", PARAM_COUNT, 4141, 0, UINT64_MAX},
	[THREADS] = {"THREADS", PARAM_COUNT, 4, 1, HARNESS_MAX_THREADS},
};

enum { FIXED_OPS = 4096 };

struct chunk {
	void *mem;
	uint32_t size;
	uint32_t tag; /* random; the block holds chunk_word() of it */
};

/* What a chain of threads works on. Touched by the thread whose turn it is. */
struct share {
	_Alignas(HARNESS_CACHE_LINE) struct tally tally;
	struct prng prng;
	struct chunk *chunks;
	uint64_t generations;
	pthread_t previous; /* the thread before this one; the last one once the chain has ended */
};

static atomic_bool stop;
static pthread_barrier_t ready;
static sem_t chain_ended;

static uint64_t
chunk_word(const struct chunk *c)
{
	return c->tag * HARNESS_GOLDEN;
}

static void
chunk_fill(struct chunk *c, struct prng *prng)
{
	uint64_t random = prng_next(prng);
	uint32_t span = (uint32_t)(params[MAX].value - params[MIN].value) + 1;

	c->size = (uint32_t)params[MIN].value + prng_scale(random, span);
	c->tag = (uint32_t)random;
	c->mem = block_new(c->size, chunk_word(c));
}

static uint64_t
chunk_empty(struct chunk *c)
{
	return block_delete(c->mem, c->size, chunk_word(c));
}

/* Replaces one block, of those in chunks[0..n-1]. Returns the word that the old one held. */
static uint64_t
replace(struct chunk *chunks, size_t n, struct prng *prng)
{
	struct chunk *victim = &chunks[prng_scale(prng_next(prng), (uint32_t)n)];
	uint64_t word = chunk_empty(victim);

	chunk_fill(victim, prng);
	return word;
}

/* One generation's replacements. False when the time is over. */
static bool
generation_run(struct share *s)
{
	size_t n = params[CHUNKS].value;
	uint64_t fixed = n < FIXED_OPS ? n : FIXED_OPS;
	uint64_t ops = s->tally.ops;
	uint64_t last = ops + n * params[ROUNDS].value;

	for (; ops < last; ops++) {
		uint64_t word;

		/* relaxed: it carries no data; the join is what orders main's reads. */
		if (ops >= fixed && atomic_load_explicit(&stop, memory_order_relaxed))
			break;
		uint64_t start_ns = latency_start(ops);

		word = replace(s->chunks, n, &s->prng);
		latency_end(start_ns);
		if (ops < fixed)
			s->tally.checksum += word;
	}
	s->tally.ops = ops;
	return ops == last;
}

static void *
generation_main(void *arg)
{
	struct share *s = arg;
	bool more;

	if (s->generations++ == 0) {
		barrier_wait(&ready);
		s->tally.start_ns = harness_now_ns();
		more = generation_run(s);
	} else {
		pthread_t previous = s->previous;

		more = generation_run(s);
		thread_join(previous);
	}
	s->previous = pthread_self();
	if (more) {
		pthread_t successor;

		/* From here on the share is the successor's. */
		thread_start(&successor, generation_main, s);
	} else {
		s->tally.end_ns = harness_now_ns();
		sem_post(&chain_ended);
	}
	return NULL;
}

/* The main thread's part: it fills all shares, shuffles the blocks, so that those of one share lie
 * apart, and replaces some, so that the heap is a used one. Returns the checksum. */
static uint64_t
warm_up(struct chunk *chunks, size_t n)
{
	struct prng prng = prng_init(params[SEED].value, HARNESS_MAX_THREADS);
	uint64_t checksum = 0;

	for (size_t i = 0; i < n; i++)
		chunk_fill(&chunks[i], &prng);
	for (size_t i = n - 1; i > 0; i--) {
		size_t other = prng_scale(prng_next(&prng), (uint32_t)i + 1);
		struct chunk swapped = chunks[i];

		chunks[i] = chunks[other];
		chunks[other] = swapped;
	}
	for (size_t i = 0; i < n; i++)
		checksum += replace(chunks, n, &prng);
	return checksum;
}

static void
run_chains(struct share *shares, unsigned threads)
{
	barrier_init(&ready, threads + 1);
	if (sem_init(&chain_ended, 0, 0) != 0)
		harness_die(HARNESS_FAILED, "cannot create a semaphore: %s", strerror(errno));
	for (unsigned i = 0; i < threads; i++) {
		pthread_t first;

		thread_start(&first, generation_main, &shares[i]);
	}
	barrier_wait(&ready);
	harness_sleep_ms(params[SECONDS].value);
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	for (unsigned i = 0; i < threads; i++) {
		while (sem_wait(&chain_ended) != 0 && errno == EINTR)
			continue;
	}
	for (unsigned i = 0; i < threads; i++)
		thread_join(shares[i].previous);
	sem_destroy(&chain_ended);
	pthread_barrier_destroy(&ready);
}

int
main(int argc, char **argv)
{
	unsigned threads;
	size_t n;
	struct share *shares;
	struct chunk *chunks;
	struct tally total = {0};
	uint64_t generations = 0;

	params_positional(params, PARAMS, argc, argv);
	if (params[MIN].value > params[MAX].value)
		harness_die(HARNESS_USAGE, "MIN is %" PRIu64 ", above MAX, %" PRIu64 ": swap them",
			params[MIN].value, params[MAX].value);
	threads = (unsigned)params[THREADS].value;
	n = params[CHUNKS].value;
	if (n * threads > UINT32_MAX)
		harness_die(HARNESS_USAGE,
			"CHUNKS_PER_THREAD times THREADS is %zu: give at most %" PRIu32,
			n * threads, UINT32_MAX);
	shares = harness_array(threads, sizeof(*shares));
	chunks = harness_array(n * threads, sizeof(*chunks));
	total.checksum = warm_up(chunks, n * threads);
	for (unsigned i = 0; i < threads; i++) {
		shares[i].chunks = chunks + i * n;
		shares[i].prng = prng_init(params[SEED].value, i);
	}
	run_chains(shares, threads);
	for (unsigned i = 0; i < threads; i++) {
		tally_add(&total, &shares[i].tally);
		generations += shares[i].generations;
	}
	for (size_t i = 0; i < n * threads; i++)
		chunk_empty(&chunks[i]);
	free(chunks);
	free(shares);
	report("larson", threads, &total,
		"min=%" PRIu64 " max=%" PRIu64 " chunks=%zu rounds=%" PRIu64 " seed=%" PRIu64
		" generations=%" PRIu64,
		params[MIN].value, params[MAX].value, n, params[ROUNDS].value, params[SEED].value,
		generations);
	return EXIT_SUCCESS;
}
