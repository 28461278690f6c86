/* SPDX-License-Identifier: MIT
 * tests/reliability/limits.c - little address space, and none left.
 *
 * The NUMBER of exhaust, threads, threads-after and first is RLIMIT_AS in MiB, which whoever starts
 * the program has set before; that of within and within-threads the program sets for itself.
 *
 * exhaust         allocate until NULL with ENOMEM, size after size; after freeing it goes on
 * threads         threads start and allocate from the beginning
 * threads-after   threads start and allocate after large blocks took all memory and were freed
 * within          the limit comes while the program runs, and is felt
 * within-threads  threads still start after such a limit has come
 * first           threads whose very first malloc meets exhausted memory
 * overcommit      a request above what strict overcommit grants fails, all else works */
#include "case.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct node {
	struct node *next;
};

static const size_t sizes[] = {4 << 20, 200 << 10, 20 << 10, 1024, 64};
enum { NSIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* Allocates blocks of a size until none is left; gives the bytes that were had. More than the
 * bound is a failure: the limit is not felt, and the machine is next. */
static size_t
exhaust(struct node **list, size_t size, size_t bound)
{
	size_t total = 0;

	for (;;) {
		struct node *node;

		errno = 0;
		node = malloc(size);
		if (!node)
			break;
		node->next = *list;
		*list = node;
		total += size;
		CASE_REQUIRE(total <= bound, "no exhaustion after %zu MiB of %zu-byte blocks",
			total / CASE_MIB, size);
	}
	CASE_REQUIRE(errno == ENOMEM, "exhausted, but errno is %d", errno);
	return total;
}

static void
free_all(struct node **list)
{
	while (*list) {
		struct node *node = *list;

		*list = node->next;
		free(node);
	}
}

/* Half of the limit must be usable from the start, and a quarter after blocks of another size have
 * filled the memory and gone: free memory of one size must serve the others. jemalloc adds a page
 * to each block of whole pages, so that of two 4 MiB blocks an 8 MiB region holds one. Much memory
 * takes long, and is filled once with each size. */
static void
exhaust_each_size(size_t limit)
{
	struct node *list = NULL;
	unsigned passes = limit > 128 * CASE_MIB ? 1 : 2;

	for (unsigned i = 0; i < passes * NSIZES; i++) {
		size_t size = sizes[i % NSIZES];
		size_t share = i == 0 ? limit / 2 : limit / 4;
		share = case_library_has("jemalloc") ? share * 3 / 4 : share;
		size_t got = exhaust(&list, size, limit);

		free_all(&list);
		CASE_REQUIRE(got >= share, "only %zu KiB of %zu MiB as %zu-byte blocks in pass %u",
			got / 1024, limit / CASE_MIB, size, i / NSIZES);
	}
	case_load(1, 500, 1 << 20);
}

static void
check_limit(size_t limit)
{
	struct rlimit now;

	CASE_REQUIRE(getrlimit(RLIMIT_AS, &now) == 0 && now.rlim_cur == limit,
		"RLIMIT_AS must be set to %zu MiB before the program starts", limit / CASE_MIB);
}

static void
set_limit(size_t limit)
{
	struct rlimit now;

	CASE_REQUIRE(getrlimit(RLIMIT_AS, &now) == 0, "getrlimit failed");
	now.rlim_cur = limit;
	CASE_REQUIRE(setrlimit(RLIMIT_AS, &now) == 0, "setrlimit failed");
}

static void
run_exhaust(long number)
{
	check_limit((size_t)number * CASE_MIB);
	exhaust_each_size((size_t)number * CASE_MIB);
}

static void *
limited_thread(void *argument)
{
	case_load((uintptr_t)argument, 300, 32 << 10);
	return NULL;
}

/* Two threads at once, with the stacks that any program's threads have. */
static void
start_two_threads(void)
{
	pthread_t first = case_thread_start(limited_thread, (void *)1);
	pthread_t second = case_thread_start(limited_thread, (void *)2);

	case_thread_join(first);
	case_thread_join(second);
}

static void
run_threads(long number)
{
	check_limit((size_t)number * CASE_MIB);
	start_two_threads();
}

static void
run_threads_after(long number)
{
	struct node *list = NULL;
	size_t limit = (size_t)number * CASE_MIB;

	check_limit(limit);
	/* Large blocks go back to the system as they are freed, or the stacks have no room. */
	exhaust(&list, 4 << 20, limit);
	free_all(&list);
	start_two_threads();
}

static void
run_within(long number)
{
	size_t limit = (size_t)number * CASE_MIB;
	struct node *list = NULL;

	case_load(1, 500, 1 << 20);
	set_limit(limit);
	for (unsigned i = 0; i < NSIZES; i++) {
		/* Memory mapped before the limit came may be used; twice the limit is too much. */
		size_t got = exhaust(&list, sizes[i], 2 * limit);

		free_all(&list);
		CASE_REQUIRE(got >= limit / 4, "only %zu KiB of %zu MiB as %zu-byte blocks",
			got / 1024, limit / CASE_MIB, sizes[i]);
	}
	case_load(1, 500, 1 << 20);
}

static void
run_within_threads(long number)
{
	case_load(1, 500, 1 << 20);
	set_limit((size_t)number * CASE_MIB);
	start_two_threads();
}

enum { WAITERS = 8 };

static atomic_int stage;
static atomic_int done;
static atomic_int refused;

static void
wait_for(atomic_int *counter, int value)
{
	while (atomic_load_explicit(counter, memory_order_acquire) < value)
		case_sleep_us(100);
}

static void *
allocate_one_way(unsigned way)
{
	switch (way) {
	case 0:
		return calloc(3, 100);
	case 1:
		return realloc(NULL, 64);
	case 2:
		return aligned_alloc(64, 200);
	default:
		return malloc((size_t[]){1024, 20 << 10, 200 << 10, 4 << 20, 16}[way % 5]);
	}
}

static void *
first_thread(void *argument)
{
	unsigned way = (unsigned)(uintptr_t)argument;
	void *block;

	wait_for(&stage, 1);
	errno = 0;
	block = allocate_one_way(way);
	if (!block) {
		CASE_REQUIRE(errno == ENOMEM, "the first allocation gave NULL, errno %d", errno);
		atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
	}
	free(block);
	atomic_fetch_add_explicit(&done, 1, memory_order_release);
	wait_for(&stage, 2);
	block = allocate_one_way(way);
	CASE_REQUIRE(block, "way %u of allocating fails though memory was freed", way);
	free(block);
	case_load(way, 100, 64 << 10);
	return NULL;
}

static void
run_first(long number)
{
	size_t limit = (size_t)number * CASE_MIB;
	struct node *list = NULL;
	pthread_t threads[WAITERS];
	pthread_attr_t attributes;

	check_limit(limit);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 10);
	for (uintptr_t i = 0; i < WAITERS; i++)
		CASE_REQUIRE(!pthread_create(&threads[i], &attributes, first_thread, (void *)i),
			"pthread_create failed");
	/* Large blocks first, then whatever is left between them, down to the smallest. */
	for (size_t size = 16 << 20; size >= 16; size = size > 512 ? size / 2 : size - 16)
		exhaust(&list, size, limit);
	atomic_store_explicit(&stage, 1, memory_order_release);
	wait_for(&done, WAITERS);
	free_all(&list);
	case_note("%d of %d threads met exhausted memory", refused, WAITERS);
	CASE_REQUIRE(refused > 0, "no thread met exhausted memory");
	atomic_store_explicit(&stage, 2, memory_order_release);
	for (unsigned i = 0; i < WAITERS; i++)
		case_thread_join(threads[i]);
}

static void
run_overcommit(long number)
{
	size_t size = case_proc_kib("/proc/meminfo", "CommitLimit:") * 1024 + 1024 * CASE_MIB;
	void *block;

	(void)number;
	errno = 0;
	/* Its size is more than the commit limit, which is the machine's: nothing is taken away
	 * from the other programs in order to see a refusal. */
	block = malloc(size);
	CASE_REQUIRE(!block && errno == ENOMEM,
		"malloc of %zu MiB gave %p and errno %d under strict overcommit", size / CASE_MIB,
		block, errno);
	case_load(1, 2000, 4 << 20);
	start_two_threads();
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"exhaust", run_exhaust},
		{"threads", run_threads},
		{"threads-after", run_threads_after},
		{"within", run_within},
		{"within-threads", run_within_threads},
		{"first", run_first},
		{"overcommit", run_overcommit},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
