/* SPDX-License-Identifier: MIT
 * tests/reliability/purge.c - memory that a program has freed goes back to the system.
 *
 * size:N   a peak of 256 MiB made of blocks of N bytes
 * mixed    one made of blocks of all sizes from 16 bytes to 4 MiB
 * threads  one made by four threads, which have ended by then
 *
 * Everything is freed; in ten seconds of two mallocs and frees a second, the resident set must
 * come within 2 MiB and 1 % of the peak of what it was at the start. */
#include "case.h"

#include <stdlib.h>

enum { THREADS = 4, TICK_MS = 500, MAX_TICKS = 20 };
#define PEAK ((size_t)256 << 20)

struct node {
	struct node *next;
};

/* Two lists, freed one after the other, leave every other block free for a while. */
struct heap {
	struct node *lists[2];
};

static void
heap_fill(struct heap *heap, uint64_t seed, size_t bytes, size_t min, size_t max)
{
	uint64_t state = seed;
	unsigned count = 0;

	for (size_t total = 0; total < bytes;) {
		size_t size = min == max ? min : case_random_size(&state, min, max);
		struct node *node = malloc(size);

		CASE_REQUIRE(node, "malloc failed");
		case_fill(node, size, 1);
		node->next = heap->lists[count % 2];
		heap->lists[count++ % 2] = node;
		total += size;
	}
}

static void
heap_free(struct heap *heap)
{
	for (unsigned i = 0; i < 2; i++) {
		while (heap->lists[i]) {
			struct node *node = heap->lists[i];

			heap->lists[i] = node->next;
			free(node);
		}
	}
}

static size_t
start_kib(void)
{
	free(malloc(100));
	return case_rss_kib();
}

static void
check_fallen(size_t start, size_t peak)
{
	/* jemalloc keeps 128 bytes for each slab, of which small ones have one page. */
	size_t bound = 2048 + (peak - start) / (case_library_has("jemalloc") ? 24 : 100);
	size_t end;
	unsigned ticks = 0;

	CASE_REQUIRE(peak - start > PEAK / 1024 * 9 / 10, "the peak is only %zu KiB", peak - start);
	/* Memory ages when malloc is called, and giving it back may only take a part of the time.
	 */
	do {
		case_sleep_us(TICK_MS * 1000);
		free(malloc(100));
		end = case_rss_kib();
	} while (++ticks < MAX_TICKS && end > start + bound);
	case_note("RSS %zu KiB at start, %zu at the peak, %zu after %u ms", start, peak, end,
		ticks * TICK_MS);
	CASE_REQUIRE(end <= start + bound, "RSS is %zu KiB above the start, %zu are allowed",
		end - start, bound);
}

static void
run_range(size_t min, size_t max)
{
	struct heap heap = {{NULL, NULL}};
	size_t start = start_kib();
	size_t peak;

	heap_fill(&heap, 1, PEAK, min, max);
	peak = case_rss_kib();
	heap_free(&heap);
	check_fallen(start, peak);
}

static void
run_size(long number)
{
	run_range((size_t)number, (size_t)number);
}

static void
run_mixed(long number)
{
	(void)number;
	run_range(16, 4 << 20);
}

static pthread_barrier_t at_peak;
static pthread_barrier_t measured;

static void *
peak_thread(void *argument)
{
	struct heap heap = {{NULL, NULL}};

	heap_fill(&heap, (uintptr_t)argument, PEAK / THREADS, 16, 256 << 10);
	pthread_barrier_wait(&at_peak);
	pthread_barrier_wait(&measured);
	heap_free(&heap);
	return NULL;
}

static void *
idle_thread(void *argument)
{
	return argument;
}

static void
run_threads(long number)
{
	pthread_t threads[THREADS];
	size_t start;
	size_t peak;

	(void)number;
	/* The C library keeps the stacks of ended threads: they belong to the start. */
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = case_thread_start(idle_thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		case_thread_join(threads[i]);
	pthread_barrier_init(&at_peak, NULL, THREADS + 1);
	pthread_barrier_init(&measured, NULL, THREADS + 1);
	start = start_kib();
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = case_thread_start(peak_thread, (void *)i);
	pthread_barrier_wait(&at_peak);
	peak = case_rss_kib();
	pthread_barrier_wait(&measured);
	for (unsigned i = 0; i < THREADS; i++)
		case_thread_join(threads[i]);
	check_fallen(start, peak);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"size", run_size},
		{"mixed", run_mixed},
		{"threads", run_threads},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
