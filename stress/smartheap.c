/* SPDX-License-Identifier: MIT
 * stress/smartheap.c - the two programs after SmartHeap's benchmarks. See smartheap.h. */
#include "stress/smartheap.h"

#include <inttypes.h>
#include <stdatomic.h>

enum { THREADS, CALLS, MIN, MAX, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 0, 1, HARNESS_MAX_THREADS},
	[CALLS] = {"CALLS", PARAM_COUNT, 0, 1, 1000000000},
	[MIN] = {"MIN", PARAM_COUNT, 1, 1, UINT64_C(1) << 24},
	[MAX] = {"MAX", PARAM_COUNT, 1000, 1, UINT64_C(1) << 24},
};

enum {
	KEPT = 32,        /* older thirds, for each thread */
	MAX_OF_SIZE = 16, /* blocks of one size in a batch */
};

/* A third of a batch that stays. Whoever takes it out of `kept` owns it. */
struct third {
	size_t n;
	struct slot slots[];
};

static _Atomic(struct third *) kept[HARNESS_MAX_THREADS * KEPT];
static bool exchange;

static size_t
next_size(size_t size)
{
	return size - (size > 6 ? size / 6 : 1);
}

static size_t
blocks_of_size(size_t size)
{
	size_t n = params[MAX].value / size;

	return n < MAX_OF_SIZE ? n : MAX_OF_SIZE;
}

static size_t
batch_count(void)
{
	size_t n = 0;

	for (size_t size = params[MAX].value; size >= params[MIN].value; size = next_size(size))
		n += blocks_of_size(size);
	return n;
}

/* Tags tell the blocks of one thread apart, for 2^26 of them; those of different threads too. */
static void
batch_fill(struct slot *batch, uint32_t tag)
{
	for (size_t size = params[MAX].value; size >= params[MIN].value; size = next_size(size)) {
		for (size_t i = blocks_of_size(size); i > 0; i--)
			slot_fill(batch++, (uint32_t)size, tag++);
	}
}

static uint64_t
third_free(struct third *t)
{
	uint64_t checksum = 0;

	for (size_t i = 0; i < t->n; i++)
		checksum += slot_empty(&t->slots[i]);
	free(t);
	return checksum;
}

static struct third *
third_keep(const struct slot *slots, size_t n)
{
	struct third *t = malloc(sizeof(*t) + n * sizeof(*slots));

	if (!t)
		block_exhausted(sizeof(*t) + n * sizeof(*slots));
	t->n = n;
	memcpy(t->slots, slots, n * sizeof(*slots));
	return t;
}

static void
run(struct worker *w)
{
	struct prng prng = prng_init(0, w->index);
	size_t n = batch_count();
	struct slot *batch = harness_array(n, sizeof(*batch));
	uint32_t tag = (uint32_t)w->index << 26;

	for (uint64_t call = 0; call < params[CALLS].value; call++) {
		struct third *older;
		size_t place = w->index * KEPT + call % KEPT;

		batch_fill(batch, tag + (uint32_t)(w->tally.ops % (1 << 26)));
		for (size_t i = n; i > n - n / 3; i--)
			w->tally.checksum += slot_empty(&batch[i - 1]);
		for (size_t i = n / 3; i < n - n / 3; i++)
			w->tally.checksum += slot_empty(&batch[i]);
		if (exchange)
			place = prng_scale(
				prng_next(&prng), (uint32_t)params[THREADS].value * KEPT);
		/* acq_rel: pairs with the same exchange in the thread that put or takes it. */
		older = atomic_exchange_explicit(
			&kept[place], third_keep(batch, n / 3), memory_order_acq_rel);
		if (older)
			w->tally.checksum += third_free(older);
		w->tally.ops += n;
	}
	free(batch);
}

int
smartheap_main(const struct smartheap *s, int argc, char **argv)
{
	struct tally total = {0};
	struct team team;

	params[THREADS].value = s->threads;
	params[CALLS].value = s->calls;
	params_positional(params, PARAMS, argc, argv);
	params_ordered(&params[MIN], &params[MAX]);
	exchange = s->exchange;
	team_start(&team, (unsigned)params[THREADS].value, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	for (size_t i = 0; i < params[THREADS].value * KEPT; i++) {
		/* relaxed: the threads were joined. */
		struct third *left = atomic_load_explicit(&kept[i], memory_order_relaxed);

		if (left)
			total.checksum += third_free(left);
	}
	report(s->workload, (unsigned)params[THREADS].value, &total,
		"calls=%" PRIu64 " min=%" PRIu64 " max=%" PRIu64, params[CALLS].value,
		params[MIN].value, params[MAX].value);
	return EXIT_SUCCESS;
}
