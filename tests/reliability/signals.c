/* SPDX-License-Identifier: MIT
 * tests/reliability/signals.c - a signal handler that allocates.
 *
 * POSIX lets no handler call malloc, programs do. What is asked here is less than safety: where the
 * handler's sizes are ones that the interrupted code doesn't use, no block is lost, handed out
 * twice or overwritten, and nothing hangs, though the interrupted code is mostly in the slow paths
 * of malloc and free. The handler may be refused memory, by NULL and ENOMEM, but not always.
 *
 * small-handler  the program uses 2,000 to 60,000 bytes, the handler 100 to 1,000
 * large-handler  the other way round
 * huge-handler   the program uses up to 60,000 bytes, the handler more than 1 MiB
 *
 * A second thread, which doesn't allocate, sends the signals for two seconds. */
#include "case.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { HELD = 16, BATCH = 400, SIGNALS = 500, SECONDS_LEAST = 1, SECONDS_MOST = 40 };

static size_t handler_min;
static size_t handler_max;
static atomic_bool stop;
static volatile sig_atomic_t handled;
static volatile sig_atomic_t refused;

/* A block is held from one signal to a later one, so that it spans the program's work. */
static struct {
	unsigned char *block;
	size_t size;
} held[HELD];
static uint64_t handler_state = 1;

static void
handler(int signal)
{
	unsigned slot = (unsigned)handled % HELD;
	int saved_errno = errno;

	(void)signal;
	CASE_REQUIRE(!held[slot].block ||
			     case_holds(held[slot].block, held[slot].size, (unsigned char)slot),
		"a block of the signal handler changed");
	free(held[slot].block);
	held[slot].size = case_random_size(&handler_state, handler_min, handler_max);
	held[slot].block = malloc(held[slot].size);
	CASE_REQUIRE(held[slot].block || errno == ENOMEM,
		"malloc gave NULL and errno %d in the signal handler", errno);
	if (held[slot].block)
		case_fill(held[slot].block, held[slot].size, (unsigned char)slot);
	else
		refused++;
	errno = saved_errno;
	handled++;
}

static void *
sender_thread(void *argument)
{
	const pthread_t *receiver = argument;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		pthread_kill(*receiver, SIGUSR1);
		case_sleep_us(30);
	}
	return NULL;
}

/* A batch is larger than a cache holds, so that most of it goes through the slow paths. */
static void
work(uint64_t *state, size_t min, size_t max)
{
	static unsigned char *blocks[BATCH];
	static size_t sizes[BATCH];

	for (unsigned i = 0; i < BATCH; i++) {
		sizes[i] = case_random_size(state, min, max);
		blocks[i] = malloc(sizes[i]);
		CASE_REQUIRE(blocks[i], "malloc failed");
		case_fill(blocks[i], sizes[i], (unsigned char)i);
	}
	for (unsigned i = 0; i < BATCH; i++) {
		CASE_REQUIRE(case_holds(blocks[i], sizes[i], (unsigned char)i),
			"a block of %zu bytes changed", sizes[i]);
		free(blocks[i]);
	}
}

static void
run_sizes(size_t min, size_t max)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t self = pthread_self();
	pthread_t sender;
	uint64_t state = 2;
	time_t start, passed;

	sigaction(SIGUSR1, &action, NULL);
	sender = case_thread_start(sender_thread, &self);
	/* On a slow machine so many signals take longer. */
	start = time(NULL);
	do {
		work(&state, min, max);
		passed = time(NULL) - start;
	} while (passed <= SECONDS_LEAST || (handled <= SIGNALS && passed < SECONDS_MOST));
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	case_thread_join(sender);
	case_note("%d signals handled, %d of them without memory", (int)handled, (int)refused);
	CASE_REQUIRE(handled > SIGNALS, "only %d signals arrived", (int)handled);
	CASE_REQUIRE(refused <= handled / 2, "the handler was refused memory %d times of %d",
		(int)refused, (int)handled);
}

static void
run_small_handler(long number)
{
	(void)number;
	handler_min = 100;
	handler_max = 1000;
	run_sizes(2000, 60000);
}

static void
run_large_handler(long number)
{
	(void)number;
	handler_min = 2000;
	handler_max = 60000;
	run_sizes(100, 1000);
}

static void
run_huge_handler(long number)
{
	(void)number;
	handler_min = (1 << 20) + 1;
	handler_max = 3 << 20;
	run_sizes(100, 60000);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"small-handler", run_small_handler},
		{"large-handler", run_large_handler},
		{"huge-handler", run_huge_handler},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
