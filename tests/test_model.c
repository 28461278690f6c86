/* SPDX-License-Identifier: MIT
 * tests/test_model.c - random operations on the whole API, mirrored in a naive model (model.h).
 *
 * A run is several rounds. In each, new threads operate on the models that the threads of the
 * round before left behind, so that blocks outlive their threads; between rounds, with no thread
 * running, all blocks are compared with each other for overlap, and the heap audits itself.
 *
 * HAKMEM_TEST_SEED sets the seed, which is printed, and HAKMEM_TEST_OPS the number of operations.
 * With several threads a seed fixes what each thread asks for, not how the threads interleave. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "check_main.h"
#include "model.h"
#include "pattern.h"

#define THREADS_MAX 8
#define OPS_DEFAULT 160000
#define MIB ((size_t)1 << 20)

struct run {
	unsigned threads;
	unsigned rounds;
	unsigned share; /* of the operations, in per cent */
	struct model_limits limits;
};

static const struct run runs[] = {
	{1, 4, 15, {1024, 20000, 8 * MIB}},
	{1, 4, 15, {8 * MIB, 2000, 64 * MIB}},
	{4, 8, 45, {1024, 4000, 4 * MIB}},
	{4, 8, 15, {32768, 2000, 8 * MIB}},
	{4, 8, 10, {8 * MIB, 2000, 32 * MIB}},
};

static uint64_t seed;
static uint64_t total_ops = OPS_DEFAULT;

struct worker {
	pthread_t thread;
	struct model *model;
	uint64_t ops;
};

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0; i < w->ops; i++)
		if (!model_step(w->model))
			break;
	return NULL;
}

static void
run_round(const struct run *run, struct model *models, uint64_t ops)
{
	struct worker workers[THREADS_MAX];

	for (unsigned i = 0; i < run->threads; i++) {
		workers[i] = (struct worker){.model = &models[i], .ops = ops};
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < run->threads; i++)
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	for (unsigned i = 0; i < run->threads; i++)
		ck_assert_msg(!models[i].failure[0], "seed %" PRIu64 ", thread %u: %s", seed, i,
			models[i].failure);
}

static size_t
live_bytes(void)
{
	struct hak_stats stats;

	hak_stats_get(&stats);
	return stats.live_bytes;
}

static void
check_between_rounds(const struct run *run, struct model *models)
{
	size_t size = 0;

	ck_assert_msg(model_disjoint(models, run->threads), "seed %" PRIu64 ": %s", seed,
		models[0].failure);
	for (unsigned i = 0; i < run->threads; i++) {
		ck_assert_msg(model_check_all(&models[i]), "seed %" PRIu64 ", thread %u: %s", seed,
			i, models[i].failure);
		for (size_t j = 0; j < models[i].count; j++)
			size += models[i].blocks[j].asked;
	}
	ck_assert_uint_ge(live_bytes(), size);
	hak_audit();
}

START_TEST(test_random_operations)
{
	const struct run *run = &runs[_i];
	uint64_t ops = total_ops * run->share / 100 / run->threads / run->rounds + 1;
	struct mailbox box = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct model models[THREADS_MAX];
	size_t live_at_start = live_bytes();

	for (unsigned i = 0; i < run->threads; i++)
		ck_assert(model_init(
			&models[i], (unsigned)_i * THREADS_MAX + i, seed, &run->limits, &box));
	for (unsigned round = 0; round < run->rounds; round++) {
		run_round(run, models, ops);
		check_between_rounds(run, models);
	}
	for (unsigned i = 0; i < run->threads; i++) {
		ck_assert_msg(model_free_all(&models[i]), "seed %" PRIu64 ": %s", seed,
			models[i].failure);
		model_destroy(&models[i]);
	}
	hak_audit();
	ck_assert_uint_eq(live_bytes(), live_at_start);
}
END_TEST

/* The number in the environment variable, or `fallback` where there is none. */
static uint64_t
env_number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (!text || !*text)
		return fallback;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end || *text == '-') {
		fprintf(stderr, "test_model: %s=%s is no number; give one from 0 to 2^64-1\n", name,
			text);
		exit(2);
	}
	return value;
}

int
main(void)
{
	uint64_t mixed = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	Suite *suite = suite_create("model");
	TCase *tc;

	seed = env_number("HAKMEM_TEST_SEED", rng_next(&mixed));
	total_ops = env_number("HAKMEM_TEST_OPS", OPS_DEFAULT);
	printf("test_model: %s HAKMEM_TEST_SEED=%" PRIu64 " HAKMEM_TEST_OPS=%" PRIu64 "\n",
		hak_variant(), seed, total_ops);
	fflush(stdout);
	tc = audited_tcase(suite, "random", 120 + (double)total_ops / 1000);
	tcase_add_loop_test(tc, test_random_operations, 0, sizeof(runs) / sizeof(runs[0]));
	return run_suite(suite);
}
