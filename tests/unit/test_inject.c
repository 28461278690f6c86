/* SPDX-License-Identifier: MIT
 * tests/unit/test_inject.c - at each injection point a thread spins, yields, sleeps, takes a signal
 * whose handler allocates, or moves to another CPU, while several threads run a load that checks
 * its blocks; and forks in their window, with a child that allocates. */
#include <sched.h>

#include "arenas/internal.h"
#include "backends/os.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/inject.h"
#include "base/lock.h"
#include "tests/unit/unit.h"

#define THREADS 4
#define STEPS (2400 / UNIT_SLOW)
#define GENERATIONS 3
#define SLOTS 24
#define MAILBOXES 16
/* The handler's own size: the load leaves its class alone, as the promise has it. */
#define HANDLER_SIZE 3000
#define FORKS (40 / UNIT_SLOW)

enum behaviour { SPIN, YIELD, SLEEP, SIGNAL, MIGRATE, BEHAVIOURS };

static enum inject_point armed_point;
static enum behaviour behaviour;
static _Atomic size_t hits, handled;
/* A hook inside what a hook's signal handler calls would never end. */
static _Thread_local bool in_hook;

/* --- what happens at a point ------------------------------------------------------------------ */

static void
spin(void)
{
	for (volatile int i = 0; i < 2000; i++)
		;
}

static void
on_signal(int number)
{
	int saved = errno;
	char *p = hak_malloc(HANDLER_SIZE), *q = hak_calloc(1, HANDLER_SIZE - 1);

	(void)number;
	if (p) {
		pattern_fill(p, (uintptr_t)p, 0, HANDLER_SIZE);
		HAK_CHECK(pattern_check(p, (uintptr_t)p, 0, HANDLER_SIZE) == HANDLER_SIZE);
	}
	HAK_CHECK(!q || bytes_check(q, 0, HANDLER_SIZE - 1) == HANDLER_SIZE - 1);
	hak_free(p);
	hak_free(q);
	atomic_fetch_add(&handled, 1);
	errno = saved;
}

/* To the next of the CPUs that the process may use. */
static void
migrate(void)
{
	static cpu_set_t allowed;
	static _Atomic int known;
	cpu_set_t one;
	int cpu = sched_getcpu();

	if (!atomic_load(&known)) {
		sched_getaffinity(0, sizeof(allowed), &allowed);
		atomic_store(&known, 1);
	}
	for (int i = 0; i < CPU_SETSIZE; i++) {
		cpu = (cpu + 1) % CPU_SETSIZE;
		if (CPU_ISSET(cpu, &allowed))
			break;
	}
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void
at_point(enum inject_point point)
{
	size_t n;

	if (point != armed_point || in_hook)
		return;
	in_hook = true;
	n = atomic_fetch_add(&hits, 1);
	switch (behaviour) {
	case SPIN:
		spin();
		break;
	case YIELD:
		sched_yield();
		break;
	case SLEEP:
		/* Each time would be all that the test does. */
		if (n % 16 == 0)
			sleep_us(200);
		break;
	case SIGNAL:
		raise(SIGUSR1);
		break;
	default:
		migrate();
	}
	in_hook = false;
}

static void
arm(enum inject_point point, enum behaviour what)
{
	struct sigaction action = {.sa_handler = on_signal};

	armed_point = point;
	behaviour = what;
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	inject_hook = at_point;
}

/* --- the load --------------------------------------------------------------------------------- */

struct block {
	char *p;
	size_t size;
	uint64_t id;
};

struct load {
	uint64_t rng;
	struct block blocks[SLOTS];
};

/* Blocks on their way to another thread: a header and then the pattern. */
static void *_Atomic mailboxes[MAILBOXES];

struct parcel {
	size_t size;
};

/* Larger blocks, and more of them, where pages are moved: that is the point. */
static size_t largest = 2 * MIB, large_percent = 2;

static size_t
random_size(uint64_t *rng)
{
	size_t kind = rng_below(rng, 100), size;

	size = kind < 60                    ? 1 + rng_below(rng, 1024)
	       : kind < 92                  ? 1 + rng_below(rng, 32768)
	       : kind < 100 - large_percent ? 1 + rng_below(rng, 200000)
					    : 1 + rng_below(rng, largest);
	/* Not the handler's class, nor its neighbours'. */
	return size > HANDLER_SIZE - 500 && size < HANDLER_SIZE + 500 ? size % 1000 + 1 : size;
}

static size_t
marked(size_t size)
{
	return size < 512 ? size : 512;
}

static void
check_block(const struct block *b)
{
	HAK_CHECK(pattern_check(b->p, b->id, 0, marked(b->size)) == marked(b->size));
}

static void
step(struct load *l)
{
	struct block *b = &l->blocks[rng_below(&l->rng, SLOTS)];
	size_t size = random_size(&l->rng);
	char *p;

	if (!b->p) {
		/* Which no pages are moved to, and which take long to look at. */
		bool zero = size <= 2 * MIB && rng_below(&l->rng, 4) == 0;

		p = zero ? hak_calloc(1, size) : hak_malloc(size);
		HAK_CHECK(p != NULL && (!zero || bytes_check(p, 0, size) == size));
		*b = (struct block){p, size, rng_next(&l->rng)};
	} else if (rng_below(&l->rng, 4)) {
		check_block(b);
		hak_free(b->p);
		b->p = NULL;
		return;
	} else {
		check_block(b);
		p = hak_realloc(b->p, size);
		HAK_CHECK(p != NULL);
		b->p = p;
		if (size < b->size)
			b->size = size;
		check_block(b);
		b->size = size;
	}
	pattern_fill(b->p, b->id, 0, marked(b->size));
}

static void
check_parcel(struct parcel *parcel)
{
	size_t n = marked(parcel->size) - sizeof(*parcel);

	HAK_CHECK(pattern_check(parcel + 1, parcel->size, 0, n) == n);
	hak_free(parcel);
}

/* Sends a block to whoever looks next, and frees the one that was there. */
static void
exchange(struct load *l)
{
	struct parcel *parcel;
	size_t size = 32 + random_size(&l->rng) % 2000;

	parcel = hak_malloc(size);
	HAK_CHECK(parcel != NULL);
	parcel->size = size;
	pattern_fill(parcel + 1, size, 0, marked(size) - sizeof(*parcel));
	parcel = atomic_exchange(&mailboxes[rng_below(&l->rng, MAILBOXES)], parcel);
	if (parcel)
		check_parcel(parcel);
}

static void *
run_load(void *arg)
{
	struct load *l = arg;

	for (int i = 0; i < STEPS; i++) {
		if (rng_below(&l->rng, 3) == 0)
			exchange(l);
		else
			step(l);
		if (rng_below(&l->rng, 300) == 0)
			hak_malloc_trim(0);
	}
	return NULL;
}

static void
empty_mailboxes(void)
{
	for (size_t i = 0; i < MAILBOXES; i++) {
		struct parcel *parcel = atomic_exchange(&mailboxes[i], NULL);

		if (parcel)
			check_parcel(parcel);
	}
}

static size_t
live_bytes(void)
{
	struct hak_stats stats;

	hak_stats_get(&stats);
	return stats.live_bytes;
}

/* --- the load with a point armed -------------------------------------------------------------- */

static _Atomic bool stop;

/* Makes sure that a lock is met held. */
static void *
contend(void *arg)
{
	(void)arg;
	/* It holds a lock that no program can hold when a signal comes. */
	in_hook = true;
	while (!atomic_load(&stop)) {
		struct arena *a = arena_at(0);

		if (a) {
			lock_acquire_wait(&a->lock);
			sleep_us(50);
			lock_release(&a->lock);
		}
		sleep_us(50);
	}
	return NULL;
}

START_TEST(test_point)
{
	static struct load loads[THREADS];
	size_t live_before = live_bytes();
	pthread_t contender;

	arm((enum inject_point)(_i / BEHAVIOURS), (enum behaviour)(_i % BEHAVIOURS));
	if (armed_point == INJECT_MOVE) {
		hak_config.giveback = 2 * MIB;
		hak_config.bigcache = 0;
		largest = 8 * MIB;
		large_percent = 5;
	}
	if (armed_point == INJECT_LOCK_HELD)
		ck_assert_int_eq(pthread_create(&contender, NULL, contend, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		loads[i].rng = unit_rng((uint64_t)_i * THREADS + i);
	/* The blocks outlive their threads. */
	for (int generation = 0; generation < GENERATIONS; generation++)
		run_threads(THREADS, run_load, loads, sizeof(loads[0]));
	atomic_store(&stop, true);
	if (armed_point == INJECT_LOCK_HELD)
		ck_assert_int_eq(pthread_join(contender, NULL), 0);
	empty_mailboxes();
	for (unsigned i = 0; i < THREADS; i++)
		for (size_t j = 0; j < SLOTS; j++)
			if (loads[i].blocks[j].p) {
				check_block(&loads[i].blocks[j]);
				hak_free(loads[i].blocks[j].p);
			}
	inject_hook = NULL;
	hak_malloc_trim(0);
	hak_audit();
	ck_assert_uint_eq(live_bytes(), live_before);
	/* The front-end without caches has neither magazines nor caches' ends. */
	if (strncmp(hak_variant(), "lock", 4) == 0 &&
		(armed_point == INJECT_DRAIN || armed_point == INJECT_CACHE_EXIT ||
			armed_point == INJECT_REFILL || armed_point == INJECT_TRANSFER))
		return;
	if (strstr(hak_variant(), "jemalloc") && armed_point == INJECT_MOVE)
		return;
	/* Caches of CPUs do not end with a thread. */
	if (strncmp(hak_variant(), "rseq", 4) == 0 && armed_point == INJECT_CACHE_EXIT)
		return;
	ck_assert_uint_gt(atomic_load(&hits), 0);
	if (behaviour == SIGNAL)
		ck_assert_uint_eq(atomic_load(&handled), atomic_load(&hits));
}
END_TEST

/* --- forks ------------------------------------------------------------------------------------ */

static void
child_allocates(void)
{
	uint64_t rng = unit_rng(77);

	for (int i = 0; i < 200; i++) {
		size_t size = random_size(&rng);
		char *p = hak_malloc(size);

		HAK_CHECK(p != NULL);
		memset(p, 1, marked(size));
		if (i % 3)
			hak_free(p);
	}
	_exit(0);
}

static void *
fork_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < FORKS; i++) {
		int status;
		pid_t pid = fork();

		HAK_CHECK(pid >= 0);
		if (pid == 0)
			child_allocates();
		HAK_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return NULL;
}

static void *
load_or_fork(void *arg)
{
	struct load *l = arg;

	return l->rng ? run_load(arg) : fork_often(arg);
}

START_TEST(test_fork)
{
	static struct load loads[THREADS];
	size_t live_before = live_bytes();

	arm(INJECT_FORK_WINDOW, (enum behaviour)_i);
	for (unsigned i = 1; i < THREADS; i++)
		loads[i].rng = unit_rng(500 + i);
	run_threads(THREADS, load_or_fork, loads, sizeof(loads[0]));
	ck_assert_uint_eq(atomic_load(&hits), FORKS);
	inject_hook = NULL;
	empty_mailboxes();
	for (unsigned i = 1; i < THREADS; i++)
		for (size_t j = 0; j < SLOTS; j++)
			if (loads[i].blocks[j].p) {
				check_block(&loads[i].blocks[j]);
				hak_free(loads[i].blocks[j].p);
			}
	hak_malloc_trim(0);
	hak_audit();
	ck_assert_uint_eq(live_bytes(), live_before);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("inject");
	TCase *points = audited_tcase(suite, "points", 120);
	TCase *forks = audited_tcase(suite, "forks", 120);

	unit_begin("test_inject");
	tcase_add_loop_test(points, test_point, 0, INJECT_FORK_WINDOW * BEHAVIOURS);
	tcase_add_loop_test(
		points, test_point, INJECT_CACHE_EXIT * BEHAVIOURS, INJECT_POINTS * BEHAVIOURS);
	tcase_add_loop_test(forks, test_fork, 0, BEHAVIOURS);
	return run_suite(suite);
}
