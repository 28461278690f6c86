/* SPDX-License-Identifier: MIT
 * stress/false_sharing.c - the two programs on false sharing. See false_sharing.h. */
#include "stress/false_sharing.h"

#include <inttypes.h>
#include <stdatomic.h>

enum { THREADS, ITERATIONS, SIZE, REPETITIONS, CONCURRENCY, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 2, 1, HARNESS_MAX_THREADS},
	[ITERATIONS] = {"ITERATIONS", PARAM_COUNT, 1000, 1, 1000000000},
	[SIZE] = {"SIZE", PARAM_COUNT, 8, 1, UINT64_C(1) << 20},
	[REPETITIONS] = {"REPETITIONS", PARAM_COUNT, 150000, 0, UINT64_C(1) << 40},
	[CONCURRENCY] = {"CONCURRENCY", PARAM_COUNT, 0, 0, HARNESS_MAX_THREADS},
};

/* Of one thread; the others read `live` alone. */
struct share {
	_Alignas(HARNESS_CACHE_LINE) atomic_uintptr_t live; /* address of its block; 0: none */
	void *given;                                        /* by the main thread, or NULL */
	uint64_t shared_blocks;
};

static struct share shares[HARNESS_MAX_THREADS];

static uintptr_t
line_of(uintptr_t address)
{
	return address / HARNESS_CACHE_LINE;
}

/* Makes the block known and tells whether it has a line in common with another thread's. */
static bool
announce(unsigned self, const void *mem)
{
	uintptr_t first = (uintptr_t)mem;
	uintptr_t size = params[SIZE].value;
	bool shared = false;

	/* seq_cst: of two threads that announce at once, one at least sees the other. */
	atomic_store_explicit(&shares[self].live, first, memory_order_seq_cst);
	for (unsigned i = 0; i < params[THREADS].value; i++) {
		uintptr_t other = atomic_load_explicit(&shares[i].live, memory_order_seq_cst);

		if (i != self && other && line_of(other) <= line_of(first + size - 1) &&
			line_of(first) <= line_of(other + size - 1))
			shared = true;
	}
	return shared;
}

/* Writes to all bytes over and over, as no compiler may merge; each begins as `start`. Returns the
 * sum of the bytes, every one of which must have counted each write. */
static uint64_t
scribble(unsigned char *mem, unsigned char start, uint64_t repetitions)
{
	volatile unsigned char *bytes = mem;
	size_t size = params[SIZE].value;
	unsigned char expected = (unsigned char)(start + repetitions);
	uint64_t sum = 0;

	memset(mem, start, size);
	for (uint64_t i = 0; i < repetitions; i++) {
		for (size_t k = 0; k < size; k++)
			bytes[k] = (unsigned char)(bytes[k] + 1);
	}
	for (size_t k = 0; k < size; k++) {
		if (bytes[k] != expected)
			block_damaged(mem, size, expected, bytes[k]);
		sum += bytes[k];
	}
	return sum;
}

static void *
allocate(void)
{
	void *mem = malloc(params[SIZE].value);

	if (!mem)
		block_exhausted(params[SIZE].value);
	return mem;
}

static void
run(struct worker *w)
{
	struct share *s = &shares[w->index];
	uint64_t repetitions = params[REPETITIONS].value / params[CONCURRENCY].value;

	free(s->given);
	for (uint64_t i = 0; i < params[ITERATIONS].value; i++) {
		unsigned char *mem = allocate();

		s->shared_blocks += announce(w->index, mem);
		w->tally.checksum +=
			mix64(scribble(mem, (unsigned char)(i + w->index), repetitions) + i);
		/* release: a block that is handed out again must not be seen as this one. */
		atomic_store_explicit(&s->live, 0, memory_order_release);
		free(mem);
	}
	w->tally.ops = params[ITERATIONS].value;
}

int
false_sharing_main(const char *workload, enum false_sharing kind, int argc, char **argv)
{
	struct tally total = {0};
	struct team team;
	uint64_t shared_blocks = 0;
	unsigned threads;

	params_positional(params, PARAMS, argc, argv);
	threads = (unsigned)params[THREADS].value;
	if (params[CONCURRENCY].value == 0)
		params[CONCURRENCY].value = threads;
	for (unsigned i = 0; i < threads && kind == FALSE_SHARING_PASSIVE; i++)
		shares[i].given = allocate();
	team_start(&team, threads, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < threads; i++) {
		tally_add(&total, &team.workers[i].tally);
		shared_blocks += shares[i].shared_blocks;
	}
	team_destroy(&team);
	report(workload, threads, &total,
		"iterations=%" PRIu64 " size=%" PRIu64 " repetitions=%" PRIu64
		" concurrency=%" PRIu64 " shared_blocks=%" PRIu64,
		params[ITERATIONS].value, params[SIZE].value, params[REPETITIONS].value,
		params[CONCURRENCY].value, shared_blocks);
	return EXIT_SUCCESS;
}
