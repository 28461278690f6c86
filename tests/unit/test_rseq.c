/* SPDX-License-Identifier: MIT
 * tests/unit/test_rseq.c - frontends/rseq: sequences that are interrupted at each of their points,
 * caches that are closed while threads use them, forks, the end of threads, and bounds.
 *
 * The load is a few threads that allocate, hand blocks to each other and free them, of few classes,
 * so that they meet in the bins. A block carries a mark while somebody owns it, which is set and
 * taken by an atomic exchange: one that is handed out twice shows at once, and a pattern around it
 * shows a link written into a live block. Afterwards every block has to be back in its slab.
 *
 * While it runs, the main thread drives: it moves the threads to other CPUs, signals them (their
 * handlers use the same classes), trims or forks. hak_rseq_delays makes the chosen point of the
 * sequences long, and the front-end counts those that had to start anew: none would mean that the
 * window was never hit. Where there is no rseq (a sanitizer, another architecture) the same load
 * runs over the caches under locks.
 *
 * The load's own checks are HAK_CHECKs, which may fail in any thread and in a handler. */
#include <sched.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/inject.h"
#include "frontends/frontend.h"
#include "tests/unit/unit.h"

#define WORKERS 3
#define SLOTS 40
#define HANDLER_SLOTS 6
#define MAILBOXES 16
/* How long a point takes where it is delayed: in the order of ten microseconds. */
#define LONG_DELAY 30000
/* A load goes on for as long as the first, and until so many sequences were restarted; at most as
 * long as the last. */
#define LOAD_US (UNIT_SLOW > 1 ? 160000 : 40000)
#define RESTARTS 10
#define LIMIT_US 15000000
/* Of one CPU, beyond the first size of all its magazines. */
#define CACHE_BUDGET ((size_t)4 << 20)
#define CACHE_AGE_MS 100

static const size_t sizes[] = {32, 48, 640, 3000};

static bool
have_sequences(void)
{
	return strncmp(hak_mechanism(), "rseq", 4) == 0;
}

/* Chooses what caches are found by: the kernel's mm_cid, or the CPU's number. No other thread. */
static void
index_by(bool cpu_id)
{
	if (have_sequences())
		hak_rseq.index_at = cpu_id || !os_rseq_has_mm_cid()
					    ? offsetof(struct os_rseq_area, cpu_id)
					    : offsetof(struct os_rseq_area, mm_cid);
}

static size_t
restarts(void)
{
	struct frontend_totals totals;

	frontend_totals(&totals);
	return totals.restarts;
}

static struct hak_stats
stats(void)
{
	struct hak_stats s;

	hak_stats_get(&s);
	return s;
}

/* --- CPUs ------------------------------------------------------------------------------------- */

static cpu_set_t allowed;

/* The next CPU after this one that the process may use; itself where there is no other. */
static int
next_cpu(int cpu)
{
	if (CPU_COUNT(&allowed) == 0)
		ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	do
		cpu = (cpu + 1) % CPU_SETSIZE;
	while (!CPU_ISSET(cpu, &allowed));
	return cpu;
}

static void
pin(pid_t thread, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	/* A thread may have ended. */
	sched_setaffinity(thread, sizeof(one), &one);
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* The mark has the place of its owner's, beyond the words that the library writes to while a block
 * is free. */
struct block {
	uint64_t links[2];
	_Atomic uint64_t mark;
	char rest[];
};

#define MARK_MAGIC ((uint64_t)0xb10c5 << 40)
#define MARKED_MOST 256

static size_t
size_of_mark(uint64_t mark)
{
	return sizes[mark >> 32 & 0xff];
}

static size_t
pattern_end(uint64_t mark)
{
	size_t size = size_of_mark(mark);

	return size < MARKED_MOST ? size : MARKED_MOST;
}

/* A block of its own `id`; NULL only where malloc may fail, in a handler. */
static struct block *
acquire(unsigned size_index, uint32_t id)
{
	uint64_t mark = MARK_MAGIC | (uint64_t)size_index << 32 | id;
	struct block *b = hak_malloc(sizes[size_index]);

	if (!b)
		return NULL;
	uint64_t old = atomic_exchange(&b->mark, mark);
	HAK_CHECK(old >> 40 != MARK_MAGIC >> 40); /* it has an owner already */
	pattern_fill(b, mark, 0, sizeof(b->links));
	pattern_fill(b, mark, sizeof(*b), pattern_end(mark));
	return b;
}

/* Frees a block, whoever acquired it; it may be NULL. */
static void
release(struct block *b)
{
	if (!b)
		return;
	uint64_t mark = atomic_exchange(&b->mark, 0);
	HAK_CHECK(mark >> 40 == MARK_MAGIC >> 40);
	size_t end = pattern_end(mark);
	HAK_CHECK(pattern_check(b, mark, 0, sizeof(b->links)) == sizeof(b->links));
	HAK_CHECK(pattern_check(b, mark, sizeof(*b), end) == end);
	hak_free(b);
}

/* --- the load --------------------------------------------------------------------------------- */

static struct block *_Atomic mailboxes[MAILBOXES];
static uint32_t long_delay = LONG_DELAY;

struct worker {
	pthread_t thread;
	_Atomic pid_t tid; /* 0 until it runs */
	uint64_t rng, handler_rng;
	uint32_t id;
	_Atomic size_t handled;
	size_t signalled;
	struct block *slots[SLOTS], *handler_slots[HANDLER_SLOTS];
};

static struct worker workers[WORKERS];
static _Thread_local struct worker *self;
static _Atomic bool stop, yielding;

/* One step of a thread or of its handler: takes, frees or posts the block of one slot. */
static void
step(struct worker *w, uint64_t *rng, struct block **slots, unsigned n)
{
	struct block **b = &slots[rng_below(rng, n)];
	struct block *old = *b;

	/* A handler may come between: what it sees in its own slots is its own. */
	*b = NULL;
	if (!old)
		*b = acquire(
			(unsigned)rng_below(rng, LENGTH(sizes)), w->id + (uint32_t)*rng % 65536);
	else if (rng_below(rng, 4) == 0)
		release(atomic_exchange(&mailboxes[rng_below(rng, MAILBOXES)], old));
	else
		release(old);
}

static void
on_signal(int number)
{
	struct worker *w = self;
	int saved = errno;

	(void)number;
	for (int i = 0; i < 4; i++)
		step(w, &w->handler_rng, w->handler_slots, HANDLER_SLOTS);
	atomic_fetch_add(&w->handled, 1);
	errno = saved;
}

static void *
work(void *arg)
{
	self = arg;
	atomic_store(&self->tid, gettid());
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		step(self, &self->rng, self->slots, SLOTS);
		if (atomic_load_explicit(&yielding, memory_order_relaxed))
			sched_yield();
	}
	return NULL;
}

static void
start_workers(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	atomic_store(&stop, false);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];
		memset(w, 0, sizeof(*w));
		w->rng = unit_rng(2 * i);
		w->handler_rng = unit_rng(2 * i + 1);
		w->id = i << 24;
		ck_assert_int_eq(pthread_create(&w->thread, NULL, work, w), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		while (atomic_load(&workers[i].tid) == 0)
			sleep_us(100);
}

static void
stop_workers(void)
{
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		for (unsigned s = 0; s < SLOTS; s++)
			release(workers[i].slots[s]);
		for (unsigned s = 0; s < HANDLER_SLOTS; s++)
			release(workers[i].handler_slots[s]);
	}
	for (unsigned i = 0; i < MAILBOXES; i++)
		release(atomic_exchange(&mailboxes[i], NULL));
}

static void
delay_at(unsigned point, uint32_t iterations)
{
	for (unsigned i = 0; i < RSEQ_DELAYS; i++)
		hak_rseq_delays[i] = i == point ? iterations : 0;
}

/* Runs the load while the main thread drives, with a delay at a point; all blocks come back. */
static void
run_load(void (*drive)(void), unsigned point, bool cpu_id)
{
	hak_free(hak_malloc(1));
	index_by(cpu_id);
	hak_malloc_trim(0);
	struct hak_stats before = stats();
	size_t needed = have_sequences() ? restarts() + RESTARTS : 0;
	uint64_t start = now_us();

	delay_at(point, long_delay);
	start_workers();
	do {
		drive();
		REQUIRE_MSG(now_us() - start < LIMIT_US,
			"no sequence was interrupted at point %u: %zu restarts", point, restarts());
	} while (now_us() - start < LOAD_US || restarts() < needed);
	stop_workers();
	delay_at(0, 0);
	/* What handlers put aside is freed and all caches are emptied, so that what counts as live
	 * is out of its slab. */
	hak_malloc_trim(0);
	struct hak_stats after = stats();
	REQUIRE_EQ(after.live_bytes, before.live_bytes);
	REQUIRE_EQ(after.cached_bytes, 0);
	hak_audit();
}

/* --- drivers ---------------------------------------------------------------------------------- */

/* Threads outnumber the CPUs: the scheduler preempts them. */
static void
drive_spin(void)
{
	sleep_us(1000);
}

static void
drive_yield(void)
{
	atomic_store(&yielding, true);
	sleep_us(1000);
}

static void
drive_migration(void)
{
	static int cpu;

	for (unsigned i = 0; i < WORKERS; i++)
		pin(atomic_load(&workers[i].tid), cpu = next_cpu(cpu));
	cpu = next_cpu(cpu);
	sleep_us(50);
}

/* The next signal is sent when the last was handled, or a thread would do nothing else. */
static void
drive_signals(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];
		if (atomic_load(&w->handled) == w->signalled &&
			pthread_kill(w->thread, SIGUSR1) == 0)
			w->signalled++;
	}
	sleep_us(50);
}

/* Closes all caches, fences and empties them. */
static void
drive_trim(void)
{
	hak_malloc_trim(0);
	sleep_us(100);
}

static void (*const drivers[])(void) = {drive_spin, drive_yield, drive_migration, drive_signals};

START_TEST(test_points)
{
	void (*drive)(void) = drivers[(unsigned)_i % LENGTH(drivers)];
	unsigned point = (unsigned)_i / LENGTH(drivers);

	run_load(drive, point, false);
	run_load(drive, point, true);
}
END_TEST

START_TEST(test_signals_arrive)
{
	enum { LOADS = 20 };
	size_t handled = 0;

	/* Where others use the CPUs too, a worker may get little of one load's time. */
	for (unsigned load = 0; load < LOADS && handled <= 5; load++) {
		run_load(drive_signals, 3, false);
		for (unsigned i = 0; i < WORKERS; i++)
			handled += atomic_load(&workers[i].handled);
	}
	ck_assert_uint_gt(handled, 5);
}
END_TEST

START_TEST(test_closing)
{
	run_load(drive_trim, (unsigned)_i, false);
	run_load(drive_trim, (unsigned)_i, true);
}
END_TEST

/* --- fork ------------------------------------------------------------------------------------- */

#define INHERITED 64
/* Longer than a delayed sequence takes. */
#define WINDOW_US 1000

static struct block *inherited[INHERITED];
static uintptr_t first_cache;

static void *
fill_and_free(void *arg)
{
	static _Thread_local struct block *blocks[300];

	(void)arg;
	for (unsigned size = 0; size < LENGTH(sizes); size++) {
		for (unsigned i = 0; i < LENGTH(blocks); i++)
			HAK_CHECK((blocks[i] = acquire(size, i)) != NULL);
		for (unsigned i = 0; i < LENGTH(blocks); i++)
			release(blocks[i]);
	}
	return NULL;
}

static void
be_child(void *arg)
{
	(void)arg;
	alarm(30);
	delay_at(0, 0);
	for (unsigned i = 0; i < INHERITED; i++)
		release(inherited[i]);
	fill_and_free(NULL);
	/* ThreadSanitizer lets no child of a process with threads start any. */
	if (UNIT_SLOW == 1)
		run_threads(2, fill_and_free, NULL, 0);
	hak_malloc_trim(0);
	hak_audit();
}

static void
drive_forks(void)
{
	char message[1024];

	for (unsigned i = 0; i < INHERITED; i++)
		HAK_CHECK((inherited[i] = acquire(i % LENGTH(sizes), i)) != NULL);
	int status = run_child(be_child, NULL, message, sizeof(message));
	ck_assert_msg(
		status == 0, "the child ended with status 0x%x: %s", (unsigned)status, message);
	for (unsigned i = 0; i < INHERITED; i++)
		release(inherited[i]);
}

/* The words of all active magazines, as they are now; the bins are what a cache begins with. */
static unsigned
read_words(uint64_t *words, unsigned most)
{
	unsigned n = 0, cpus = os_cpus_possible();

	for (unsigned i = 0; i < cpus; i++)
		for (unsigned cls = 1; cls < BIN_CLASSES && n < most; cls++)
			words[n++] = *(volatile uint64_t *)(first_cache +
							    ((uintptr_t)i << RSEQ_CACHE_SHIFT) +
							    cls * (uintptr_t)BIN_BYTES);
	return n;
}

/* While the pages are copied no cache changes, though threads were in the middle of sequences that
 * take long. */
static void
watch_window(enum inject_point point)
{
	static uint64_t before[8192], after[8192];

	if (point != INJECT_FORK_WINDOW || !have_sequences())
		return;
	unsigned n = read_words(before, LENGTH(before));
	for (uint64_t start = now_us(); now_us() - start < WINDOW_US;)
		;
	HAK_CHECK(read_words(after, LENGTH(after)) == n);
	for (unsigned i = 0; i < n; i++)
		HAK_CHECK(before[i] == after[i]);
}

START_TEST(test_fork)
{
	hak_free(hak_malloc(1));
	first_cache = RELAXED(hak_rseq.alloc_base);
	inject_hook = watch_window;
	/* So that what the handlers do before the window does not outlast it. */
	long_delay = 10 * LONG_DELAY;
	run_load(drive_forks, (unsigned)_i, false);
	run_load(drive_forks, (unsigned)_i, true);
	inject_hook = NULL;
	long_delay = LONG_DELAY;
}
END_TEST

/* --- threads come and go ---------------------------------------------------------------------- */

#define FEW 8

static void *
take_few(void *arg)
{
	void **blocks = arg;

	for (unsigned i = 0; i < FEW; i++)
		blocks[i] = hak_malloc(48);
	return NULL;
}

static void *
take_and_give_few(void *arg)
{
	void **blocks = take_few(arg);

	blocks = arg;
	for (unsigned i = 0; i < FEW; i++)
		hak_free(blocks[i]);
	return NULL;
}

/* What a thread leaves behind, the next one on its CPU gets: true where it did, all of it. */
static bool
leave_and_find(void)
{
	void *left[FEW], *found[FEW];
	unsigned same = 0;

	run_threads(1, take_and_give_few, left, sizeof(left));
	size_t slow = stats().slow_allocs;
	run_threads(1, take_few, found, sizeof(found));
	slow = stats().slow_allocs - slow;
	for (unsigned i = 0; i < FEW; i++)
		for (unsigned j = 0; j < FEW; j++)
			same += left[i] == found[j];
	for (unsigned i = 0; i < FEW; i++)
		hak_free(found[i]);
	/* The first call of a thread takes the slow path, and finds the blocks. */
	return same == FEW && (!have_sequences() || slow <= 1);
}

START_TEST(test_thread_exit)
{
	bool found = false;

	pin(0, next_cpu(0));
	hak_free(hak_malloc(1));
	index_by(true);
	/* Once is enough: a machine that stops for long lets the cache become idle meanwhile. */
	for (int i = 0; i < 10 && !found; i++)
		found = leave_and_find();
	ck_assert(found);
}
END_TEST

#define IDLE_THREADS (1000 / (UNIT_SLOW * UNIT_SLOW))
#define IDLE_BYTES 1024

struct idle {
	bool allocate;
	size_t resident, cached, slabs;
};

static pthread_barrier_t idle_ready, idle_over;

static void *
be_idle(void *arg)
{
	const struct idle *idle = arg;
	volatile char stack[8192];

	/* The same stack is touched either way. */
	for (size_t i = 0; i < sizeof(stack); i += 512)
		stack[i] = 1;
	for (unsigned round = 0; round < 3 && idle->allocate; round++) {
		void *blocks[LENGTH(sizes)];
		for (unsigned i = 0; i < LENGTH(sizes); i++)
			blocks[i] = memset(hak_malloc(sizes[i]), 1, sizes[i]);
		for (unsigned i = 0; i < LENGTH(sizes); i++)
			hak_free(blocks[i]);
	}
	pthread_barrier_wait(&idle_ready);
	pthread_barrier_wait(&idle_over);
	return NULL;
}

static size_t
resident_bytes(void)
{
	unsigned long size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	CHILD_REQUIRE(file && fscanf(file, "%lu %lu", &size, &pages) == 2, "no statm");
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void
hold_idle_threads(void *arg)
{
	struct idle *idle = arg;
	static pthread_t threads[IDLE_THREADS];
	pthread_attr_t attr;

	hak_free(hak_malloc(1));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, UNIT_SLOW * 64 * KIB);
	pthread_barrier_init(&idle_ready, NULL, IDLE_THREADS + 1);
	pthread_barrier_init(&idle_over, NULL, IDLE_THREADS + 1);
	size_t before = resident_bytes();
	for (unsigned i = 0; i < IDLE_THREADS; i++)
		CHILD_REQUIRE(
			pthread_create(&threads[i], &attr, be_idle, idle) == 0, "no thread %u", i);
	pthread_barrier_wait(&idle_ready);
	idle->resident = resident_bytes() - before;
	idle->cached = stats().cached_bytes;
	idle->slabs = stats().slab_bytes;
	pthread_barrier_wait(&idle_over);
	for (unsigned i = 0; i < IDLE_THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* In a child, so that neither finds what the other touched. */
static struct idle
measure_idle_threads(bool allocate)
{
	char message[1024];
	struct idle *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(shared, MAP_FAILED);
	shared->allocate = allocate;
	int status = run_child(hold_idle_threads, shared, message, sizeof(message));
	ck_assert_msg(status == 0, "status 0x%x: %s", (unsigned)status, message);
	struct idle result = *shared;
	munmap(shared, sizeof(*shared));
	return result;
}

START_TEST(test_idle_threads)
{
	struct idle without = measure_idle_threads(false), with = measure_idle_threads(true);
	/* However few threads there are. */
	size_t of_cpus = (size_t)sysconf(_SC_NPROCESSORS_ONLN) * 32 * KIB;

	printf("%d idle threads: %zu KiB resident with allocations, %zu without; %zu bytes "
	       "cached\n",
		IDLE_THREADS, with.resident / KIB, without.resident / KIB, with.cached);
	ck_assert_uint_gt(with.slabs, 0);
	ck_assert_uint_lt(with.cached, IDLE_THREADS * (size_t)IDLE_BYTES + of_cpus);
	/* A sanitizer's own memory follows what is touched. */
	if (UNIT_SLOW == 1)
		ck_assert_uint_lt(
			with.resident, without.resident + IDLE_THREADS * (size_t)IDLE_BYTES);
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

static size_t largest_cache;

static void
note_largest(void *context, unsigned id, size_t bytes)
{
	(void)context;
	(void)id;
	largest_cache = bytes > largest_cache ? bytes : largest_cache;
}

/* What every bin is granted: two magazines of 512 bytes, 16 blocks at most and one at least. */
static size_t
granted_bytes(void)
{
	size_t bytes = 0;

	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		size_t size = sizeclass_size(cls), n = 512 / size;
		bytes += 2 * size * (n < 1 ? 1 : n > 16 ? 16 : n);
	}
	return bytes;
}

START_TEST(test_bounded_cache)
{
	static void *blocks[600];

	pin(0, next_cpu(0));
	for (unsigned round = 0; round < 8; round++)
		for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
			size_t size = sizeclass_size(cls), n = 4 * 32768 / size + 4;
			n = n < LENGTH(blocks) ? n : LENGTH(blocks);
			for (size_t i = 0; i < n; i++)
				ck_assert_ptr_nonnull(blocks[i] = hak_malloc(size));
			for (size_t i = 0; i < n; i++)
				hak_free(blocks[i]);
			frontend_each_cache(note_largest, NULL);
		}
	printf("the largest cache: %zu KiB\n", largest_cache / KIB);
	ck_assert_uint_le(largest_cache, CACHE_BUDGET + granted_bytes());
	/* Else it shows nothing. */
	ck_assert_uint_gt(largest_cache, CACHE_BUDGET / 8);
}
END_TEST

static void *
fill_cache(void *arg)
{
	fill_and_free(NULL);
	return arg;
}

static void *
miss_once(void *arg)
{
	hak_free(hak_malloc(2 * MIB));
	return arg;
}

static size_t
cached_after_pause(void)
{
	struct frontend_totals totals;

	sleep_us((CACHE_AGE_MS + 50) * 1000L);
	run_threads(1, miss_once, NULL, 0);
	frontend_totals(&totals);
	return totals.cached_bytes;
}

/* Another thread's slow path gives back what has been idle in all caches: when the program wakes up
 * a second time, since little of a pause counts. */
START_TEST(test_idle_drain)
{
	struct frontend_totals filled;

	run_threads(2, fill_cache, NULL, 0);
	frontend_totals(&filled);
	ck_assert_uint_gt(filled.cached_bytes, 0);
	ck_assert_uint_gt(cached_after_pause(), 0);
	ck_assert_uint_eq(cached_after_pause(), 0);
}
END_TEST

/* --- a slow path that changes its CPU --------------------------------------------------------- */

static int move_to;

static void
move_after_refill(enum inject_point point)
{
	if (point == INJECT_REFILL)
		pin(0, move_to);
}

/* The rest of a magazine goes into the cache of a CPU on which nothing has happened yet; that cache
 * counts from then on. */
START_TEST(test_moved_refill)
{
	int cpu = next_cpu(0);

	move_to = next_cpu(cpu);
	if (move_to == cpu) {
		printf("SKIPPED: a second CPU is needed\n");
		return;
	}
	pin(0, cpu);
	hak_free(hak_malloc(2 * MIB));
	index_by(true);
	size_t live = stats().live_bytes;
	inject_hook = move_after_refill;
	void *p = hak_malloc(48);
	inject_hook = NULL;
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(sched_getcpu(), move_to);
	ck_assert_uint_eq(stats().live_bytes, live + 48);
	hak_free(p);
}
END_TEST

/* --- the suite -------------------------------------------------------------------------------- */

static void
setup(void)
{
	printf("mechanism: %s\n", hak_mechanism());
	fflush(stdout);
}

int
main(void)
{
	Suite *suite = suite_create("rseq");
	TCase *tc;

	unit_begin("test_rseq");
	setup();
	tc = audited_tcase(suite, "points", 60);
	tcase_add_loop_test(tc, test_points, 0, RSEQ_DELAYS * (int)LENGTH(drivers));
	tcase_add_test(tc, test_signals_arrive);
	tc = audited_tcase(suite, "closing", 60);
	tcase_add_loop_test(tc, test_closing, 0, RSEQ_DELAYS);
	tc = audited_tcase(suite, "fork", 60);
	tcase_add_loop_test(tc, test_fork, 2, RSEQ_DELAYS);
	tc = audited_tcase(suite, "threads", 60);
	tcase_add_test(tc, test_thread_exit);
	tcase_add_test(tc, test_idle_threads);
	tc = audited_tcase(suite, "bounds", 60);
	tcase_add_test(tc, test_bounded_cache);
	tcase_add_test(tc, test_idle_drain);
	tcase_add_test(tc, test_moved_refill);
	return run_suite(suite);
}
