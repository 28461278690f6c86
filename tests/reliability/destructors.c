/* SPDX-License-Identifier: MIT
 * tests/reliability/destructors.c - malloc and free while a thread is being taken down.
 *
 * An allocator gives up a thread's cache in some destructor; the program's own destructors may run
 * after it and allocate. The three moments at which that happens:
 *
 * keys    pthread-key destructors that allocate in every round, of keys created before the first
 *         constructor ran and of keys created late
 * thread  destructors as C++'s thread_local registers them, from before and after the thread's
 *         first malloc, and what the C library frees itself at a thread's very end
 * exit    atexit handlers and destructor functions of the program
 *
 * The first two also ask that the ended threads leave nothing behind in the resident set: what is
 * left grows with every stretch of threads, what caches keep doesn't. */
#include "case.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	STRETCH = 9000, /* threads */
	MAX_STRETCHES = 4,
	GROWTH_KIB = 1024, /* in a stretch: 116 bytes a thread */
	LATE_KEYS = 40,
	ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS,
};

/* What libstdc++ calls for a thread_local object with a destructor; C11 has no name for it. */
extern int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *library);
extern void *__dso_handle;

static pthread_key_t early_key;
static pthread_key_t late_keys[LATE_KEYS];
static atomic_uint rounds_seen;

/* The value of a key: the round it is in and its own key, so that the destructor can set it again.
 */
struct value {
	pthread_key_t key;
	unsigned round;
	size_t size;
	unsigned char text[];
};

static struct value *
value_new(pthread_key_t key, unsigned round)
{
	size_t size = 24 + 977 * round + key * 17;
	struct value *value = malloc(sizeof(*value) + size);

	CASE_REQUIRE(value, "malloc failed in a destructor");
	*value = (struct value){.key = key, .round = round, .size = size};
	case_fill(value->text, size, (unsigned char)round);
	return value;
}

static void
value_destroy(void *argument)
{
	struct value *value = argument;

	atomic_fetch_add_explicit(&rounds_seen, 1, memory_order_relaxed);
	CASE_REQUIRE(case_holds(value->text, value->size, (unsigned char)value->round),
		"a key's block changed before its destructor ran");
	case_load(value->round, 5, 40 << 10);
	/* The last round must leave no value behind: nobody would free it. */
	if (value->round + 1 < ROUNDS)
		pthread_setspecific(value->key, value_new(value->key, value->round + 1));
	free(value);
}

static void
create_early_key(void)
{
	if (pthread_key_create(&early_key, value_destroy) != 0)
		abort();
}

/* Functions of this section run before the constructors of every library, hence the key's index is
 * likely to be lower than that of any key the allocator creates in a constructor. */
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(
	void) = create_early_key;

static void *
key_thread(void *argument)
{
	unsigned first = (unsigned)(uintptr_t)argument % LATE_KEYS;

	pthread_setspecific(early_key, value_new(early_key, 0));
	for (unsigned i = 0; i < 4; i++) {
		pthread_key_t key = late_keys[(first + i * 7) % LATE_KEYS];

		pthread_setspecific(key, value_new(key, 0));
	}
	return NULL;
}

/* Runs threads one after the other until a stretch of them adds nothing to the resident set;
 * returns how many there were. */
static unsigned
run_threads(void *(*function)(void *))
{
	size_t before = 0, after = 0;
	unsigned threads = 0;

	for (unsigned stretch = 0; stretch <= MAX_STRETCHES; stretch++) {
		/* The first only fills caches. */
		unsigned end = threads + (stretch ? STRETCH : STRETCH / 4);
		for (; threads < end; threads++)
			case_thread_join(case_thread_start(function, (void *)(uintptr_t)threads));
		before = after;
		after = case_rss_kib();
		case_note("RSS %zu KiB after %u threads", after, threads);
		if (stretch && after <= before + GROWTH_KIB)
			return threads;
	}
	case_fail("ended threads leave memory: %u of them made %zu KiB of %zu", STRETCH, after,
		before);
}

static void
run_keys(long number)
{
	(void)number;
	for (unsigned i = 0; i < LATE_KEYS; i++)
		CASE_REQUIRE(pthread_key_create(&late_keys[i], value_destroy) == 0,
			"pthread_key_create failed");
	unsigned expected = 5 * ROUNDS * run_threads(key_thread);
	CASE_REQUIRE(
		rounds_seen == expected, "%u destructors ran instead of %u", rounds_seen, expected);
}

static void
object_destroy(void *argument)
{
	case_load((uintptr_t)argument, 20, 40 << 10);
	atomic_fetch_add_explicit(&rounds_seen, 1, memory_order_relaxed);
}

static void *
object_thread(void *argument)
{
	void *block;

	__cxa_thread_atexit_impl(object_destroy, (void *)1, &__dso_handle);
	block = malloc(100);
	CASE_REQUIRE(block, "malloc failed in a thread");
	__cxa_thread_atexit_impl(object_destroy, block, &__dso_handle);
	/* These keep per-thread buffers that the C library frees after all destructors. */
	CASE_REQUIRE(strerror(123456 + (int)((uintptr_t)argument % 8)) && strsignal(12345),
		"strerror or strsignal failed");
	free(block);
	return NULL;
}

static void
run_thread(long number)
{
	(void)number;
	unsigned expected = 2 * run_threads(object_thread);
	CASE_REQUIRE(
		rounds_seen == expected, "%u destructors ran instead of %u", rounds_seen, expected);
}

static bool at_exit;
static void *kept;

static void
exit_load(void)
{
	case_load(1, 500, 2 << 20);
}

__attribute__((destructor)) static void
last_load(void)
{
	if (!at_exit)
		return;
	free(kept);
	case_load(2, 500, 2 << 20);
}

static void *
exit_thread(void *argument)
{
	(void)argument;
	case_load(3, 500, 64 << 10);
	exit(0);
}

static void
run_exit(long number)
{
	at_exit = true;
	kept = malloc(300);
	CASE_REQUIRE(kept && atexit(exit_load) == 0, "atexit failed");
	/* exit may be called by a thread that isn't the first. */
	if (number)
		case_thread_join(case_thread_start(exit_thread, NULL));
	exit(0);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"keys", run_keys},
		{"thread", run_thread},
		{"exit", run_exit},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
