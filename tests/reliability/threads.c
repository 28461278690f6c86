/* SPDX-License-Identifier: MIT
 * tests/reliability/threads.c - threads that come and go, and many of them.
 *
 * churn   up to 100,000 threads in waves of ten, blocks handed from thread to thread in a mailbox;
 *         the resident set must not grow between the first 5,000 of them and the end
 * stacks  threads on the smallest stacks the C library accepts go through every slow path
 * many    10,000 threads on such stacks alive at once, each holding blocks */
#include "case.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { WAVE = 10, WAVES = 10000, MAILBOX = 256, MANY = 10000 };
/* Where starting a thread takes long, fewer waves do. */
enum { WAVES_S = 3, EARLY_WAVES = 500, LEAST_WAVES = 1500 };

/* A block that says its own size, so that whoever receives it can check it. */
struct letter {
	size_t size;
	unsigned char text[];
};

static _Atomic(struct letter *) mailbox[MAILBOX];

static void
letter_open(struct letter *letter)
{
	if (!letter)
		return;
	CASE_REQUIRE(case_holds(letter->text, letter->size, (unsigned char)letter->size),
		"a block of %zu bytes handed to another thread lost its contents", letter->size);
	free(letter);
}

static void *
churn_thread(void *argument)
{
	uint64_t state = (uintptr_t)argument;

	for (unsigned i = 0; i < 16; i++) {
		size_t size = case_random_size(&state, 1, 16 << 10);
		struct letter *letter = malloc(sizeof(*letter) + size);

		CASE_REQUIRE(letter, "malloc failed in a thread");
		letter->size = size;
		case_fill(letter->text, size, (unsigned char)size);
		/* Release pairs with the acquire of the thread that takes the letter out. */
		letter_open(atomic_exchange_explicit(
			&mailbox[case_random(&state) % MAILBOX], letter, memory_order_acq_rel));
	}
	return NULL;
}

static void
run_churn(long number)
{
	size_t early = 0;
	size_t late;
	unsigned start_s = case_seconds();
	uintptr_t wave;

	(void)number;
	for (wave = 0; wave < WAVES; wave++) {
		pthread_t threads[WAVE];

		if (wave >= LEAST_WAVES && case_seconds() - start_s >= WAVES_S)
			break;

		for (uintptr_t i = 0; i < WAVE; i++)
			threads[i] = case_thread_start(churn_thread, (void *)(wave * WAVE + i));
		for (unsigned i = 0; i < WAVE; i++)
			case_thread_join(threads[i]);
		if (wave == EARLY_WAVES)
			early = case_rss_kib();
	}
	late = case_rss_kib();
	case_note("RSS %zu KiB after %d threads, %zu KiB after %zu", early, EARLY_WAVES * WAVE,
		late, (size_t)wave * WAVE);
	CASE_REQUIRE(late <= early + early / 4 + 4096,
		"RSS grew from %zu KiB after %d threads to %zu KiB after %zu", early,
		EARLY_WAVES * WAVE, late, (size_t)wave * WAVE);
	for (unsigned i = 0; i < MAILBOX; i++)
		letter_open(atomic_load_explicit(&mailbox[i], memory_order_acquire));
}

static void *
stack_thread(void *argument)
{
	case_load((uintptr_t)argument, 400, 2 << 20);
	return NULL;
}

static void
run_stacks(long number)
{
	(void)number;
	for (uintptr_t i = 0; i < 200; i++) {
		pthread_t threads[2];

		CASE_REQUIRE(
			case_thread_start_small(&threads[0], stack_thread, (void *)i) &&
				case_thread_start_small(&threads[1], stack_thread, (void *)(i + 7)),
			"no room for two threads");
		case_thread_join(threads[0]);
		case_thread_join(threads[1]);
	}
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static unsigned arrived;
static bool gate_open;

static void
gate_pass(void)
{
	pthread_mutex_lock(&gate);
	arrived++;
	while (!gate_open)
		pthread_cond_wait(&gate_changed, &gate);
	pthread_mutex_unlock(&gate);
}

static void *
many_thread(void *argument)
{
	static const size_t sizes[] = {64, 1000, 5000};
	unsigned char value = (unsigned char)(uintptr_t)argument;
	void *blocks[3];

	for (unsigned i = 0; i < 3; i++) {
		blocks[i] = malloc(sizes[i]);
		CASE_REQUIRE(blocks[i], "malloc failed in one of many threads");
		case_fill(blocks[i], sizes[i], value);
	}
	gate_pass();
	for (unsigned i = 0; i < 3; i++) {
		CASE_REQUIRE(case_holds(blocks[i], sizes[i], value),
			"one of many threads' blocks changed");
		free(blocks[i]);
	}
	return NULL;
}

static void
run_many(long number)
{
	static pthread_t threads[MANY];
	unsigned started = 0;

	(void)number;
	while (started < MANY &&
		case_thread_start_small(&threads[started], many_thread, (void *)(uintptr_t)started))
		started++;
	if (started < MANY)
		case_note("the system's limits allow %u threads only", started);
	if (started < 100)
		case_skip("too few threads for the case");
	pthread_mutex_lock(&gate);
	while (arrived < started) {
		/* Polling: a broadcast at each arrival would wake all who have arrived before. */
		pthread_mutex_unlock(&gate);
		case_sleep_us(1000);
		pthread_mutex_lock(&gate);
	}
	case_note("%u threads alive, RSS %zu KiB", started, case_rss_kib());
	gate_open = true;
	pthread_cond_broadcast(&gate_changed);
	pthread_mutex_unlock(&gate);
	for (unsigned i = 0; i < started; i++)
		case_thread_join(threads[i]);
	case_load(1, 1000, 1 << 20);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"churn", run_churn},
		{"stacks", run_stacks},
		{"many", run_many},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
