/* SPDX-License-Identifier: MIT
 * tests/placement_program.c - what tests/test_placement.py runs with a preloaded library. Usage:
 * placement_program CASE [ARGUMENT]; exit status 0 where what the case is about holds. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SITES 16
#define RING 512
#define THREADS 4
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #cond);                          \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* --- call sites ------------------------------------------------------------------------------- */

#define SITE(n)                                                                                    \
	static __attribute__((noinline)) void *site_##n(size_t size)                               \
	{                                                                                          \
		void *volatile p = malloc(size);                                                   \
		return p;                                                                          \
	}
SITE(0)
SITE(1)
SITE(2)
SITE(3)
SITE(4)
SITE(5)
SITE(6)
SITE(7)
SITE(8)
SITE(9)
SITE(10)
SITE(11)
SITE(12)
SITE(13)
SITE(14)
SITE(15)

static void *(*const sites[SITES])(size_t) = {site_0, site_1, site_2, site_3, site_4, site_5,
	site_6, site_7, site_8, site_9, site_10, site_11, site_12, site_13, site_14, site_15};

/* True where the site gets the address p, freed just now, within `tries`; *first tells whether on
 * its first try. What it gets is kept for a while, and freed. */
static int
spray(void *(*site)(size_t), size_t size, const void *p, long tries, int *first)
{
	static void *ring[RING];
	size_t keep = size > 65536 ? 8 : RING;
	int hit = 0;

	*first = 0;
	for (long i = 0; i < tries && !hit; i++) {
		void **slot = &ring[(size_t)i % keep];
		free(*slot);
		*slot = site(size);
		REQUIRE(*slot != NULL);
		hit = *slot == p;
		*first = hit && i == 0;
	}
	for (size_t i = 0; i < keep; i++) {
		free(ring[i]);
		ring[i] = NULL;
	}
	return hit;
}

/* Frees a block and lets other sites try to get it. Those of its bucket do at once; no other ever
 * does, in `tries` tries of them all. */
static void
run_spray(size_t size, long tries)
{
	unsigned same = 0, other = 0;
	int first;

	for (unsigned i = 1; i < SITES; i++) {
		char *p = sites[0](size);
		REQUIRE(p != NULL);
		memset(p, 1, size);
		free(p);
		int hit = spray(sites[i], size, p, tries / SITES, &first);
		REQUIRE(!hit || first);
		same += hit != 0;
		other += hit == 0;
	}
	printf("%u %u\n", same, other);
	REQUIRE(other >= SITES / 4);
}

/* --- misuse ----------------------------------------------------------------------------------- */

static void
run_misuse(const char *kind)
{
	uint64_t *blocks[8];
	size_t size = strstr(kind, "-large") ? 100000 : strstr(kind, "-l2") ? 5000 : 64;

	for (int i = 0; i < 8; i++)
		REQUIRE((blocks[i] = site_0(size)) != NULL);
	uint64_t *a = blocks[2], *b = blocks[4];
	free(a);
	free(b);
	if (strncmp(kind, "twice", 5) == 0)
		free(a);
	else if (strncmp(kind, "inside", 6) == 0)
		free((char *)blocks[5] + 16);
	else if (strncmp(kind, "link", 4) == 0)
		b[0] = (uintptr_t)blocks[6];
	else if (strncmp(kind, "mark", 4) == 0)
		b[1] = 0;
	else
		memset(b, 0x41, 16);
	/* Whichever of them comes next. */
	for (int i = 0; i < 4; i++)
		site_0(size);
}

#define HELD 12

/* What malloc hands out tells nothing of the secrets, whether the block waited in a cache or in its
 * slab. */
static void
check_clean(size_t size)
{
	uint64_t *p[HELD];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < HELD; i++) {
			p[i] = site_0(size);
			REQUIRE(p[i] != NULL && (round == 0 || (p[i][0] == 0 && p[i][1] == 0)));
			p[i][0] = p[i][1] = 0;
		}
		for (int i = 0; i < HELD; i++)
			free(p[i]);
	}
}

static void
run_clean(void)
{
	for (size_t size = 16; size <= 4096; size += 16)
		check_clean(size);
	for (size_t size = 4608; size <= 1 << 20; size += size / 8)
		check_clean(size);
}

/* --- threads and forks ------------------------------------------------------------------------ */

static volatile int stop;

/* A random walk over blocks, each filled with its own byte. */
static void
churn(unsigned seed, long steps)
{
	struct {
		unsigned char *p;
		size_t size;
	} live[64] = {{NULL, 0}};

	for (long i = 0; i < steps && !stop; i++) {
		unsigned k = (unsigned)rand_r(&seed) % 64;
		if (live[k].p) {
			REQUIRE(live[k].p[0] == k && live[k].p[live[k].size - 1] == k);
			free(live[k].p);
			live[k].p = NULL;
			continue;
		}
		size_t most = rand_r(&seed) % 16 ? 600 : rand_r(&seed) % 8 ? 70000 : 1 << 20;
		live[k].size = 1 + (size_t)rand_r(&seed) % most;
		live[k].p = sites[k % SITES](live[k].size);
		REQUIRE(live[k].p != NULL);
		memset(live[k].p, (int)k, live[k].size < 8192 ? live[k].size : 8192);
		live[k].p[live[k].size - 1] = (unsigned char)k;
	}
	for (unsigned k = 0; k < 64; k++)
		free(live[k].p);
}

static void *
churn_thread(void *arg)
{
	churn((unsigned)(uintptr_t)arg, 1L << 40);
	return NULL;
}

static void
run_fork(long rounds)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, churn_thread, (void *)(i + 1)) == 0);
	for (long i = 0; i < rounds; i++) {
		int status;
		pid_t child = fork();
		REQUIRE(child >= 0);
		if (child == 0) {
			churn((unsigned)i + 100, 20000);
			_exit(0);
		}
		REQUIRE(waitpid(child, &status, 0) == child && status == 0);
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		REQUIRE(pthread_join(threads[i], NULL) == 0);
}

#define HANDED 2000

static void *
hand_over(void *arg)
{
	void **blocks = arg;

	churn((unsigned)(uintptr_t)arg, 5000);
	for (int i = 0; i < HANDED; i++)
		blocks[i] = sites[i % SITES](16 + (size_t)i % 2000);
	return NULL;
}

static void
run_exit(long rounds)
{
	static void *blocks[HANDED];
	pthread_t thread;

	for (long i = 0; i < rounds; i++) {
		REQUIRE(pthread_create(&thread, NULL, hand_over, blocks) == 0);
		REQUIRE(pthread_join(thread, NULL) == 0);
		for (int k = 0; k < HANDED; k++)
			free(blocks[k]);
	}
}

/* A destructor that runs after the thread's cache has gone: its blocks come one by one from where
 * whole magazines wait, and nothing may be lost of these. */
static void
late(void *unused)
{
	void *p[64];

	(void)unused;
	for (int i = 0; i < 64; i++)
		REQUIRE((p[i] = site_1(64)) != NULL);
	for (int i = 0; i < 64; i++)
		free(p[i]);
}

static void *
end_late(void *key)
{
	REQUIRE(pthread_setspecific(*(pthread_key_t *)key, key) == 0);
	free(site_1(64));
	return NULL;
}

static long
peak_kb(void)
{
	struct rusage usage;

	REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
	return usage.ru_maxrss;
}

static void
run_late(long rounds)
{
	static void *blocks[20000];
	long before = 0;
	pthread_key_t key;
	pthread_t thread;

	REQUIRE(pthread_key_create(&key, late) == 0);
	for (long round = 0; round < rounds; round++) {
		for (int i = 0; i < 20000; i++)
			REQUIRE((blocks[i] = site_1(64)) != NULL);
		for (int i = 0; i < 20000; i++)
			free(blocks[i]);
		REQUIRE(pthread_create(&thread, NULL, end_late, &key) == 0);
		REQUIRE(pthread_join(thread, NULL) == 0);
		before = round == 2 ? peak_kb() : before;
	}
	printf("%ld -> %ld kb\n", before, peak_kb());
	REQUIRE(peak_kb() < before + 2048);
}

/* --- signals ---------------------------------------------------------------------------------- */

static volatile long handled;

static void
on_alarm(int number)
{
	void *p[4];

	(void)number;
	for (unsigned i = 0; i < 4; i++) {
		p[i] = sites[i](40 + 100 * i);
		REQUIRE(p[i] != NULL);
		memset(p[i], 0x77, 40);
	}
	for (unsigned i = 0; i < 4; i++)
		free(p[i]);
	handled++;
}

static void
run_signal(long handlers)
{
	const struct itimerval often = {{0, 200}, {0, 200}};

	signal(SIGALRM, on_alarm);
	REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (unsigned seed = 1; handled < handlers; seed++)
		churn(seed, 2000);
	signal(SIGALRM, SIG_IGN);
}

/* --- lifetimes -------------------------------------------------------------------------------- */

#define BLOCK 256
#define LASTING 64 /* one block in so many lasts */
#define WINDOW 1024
#define BURST 98304 /* blocks, 24 MiB */
#define PAGE 65536

static long
resident_kb(void)
{
	long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	REQUIRE(f && fscanf(f, "%ld %ld", &pages, &resident) == 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Makes what site_1 and site_3 allocate last, in some classes of those that churn has. */
static void
teach(void)
{
	for (size_t size = 16; size <= 600; size += 48)
		for (size_t held = 0; held < 3 << 20; held += size)
			REQUIRE(site_1(size) != NULL && site_3(size) != NULL);
	for (int i = 0; i < 800000; i++)
		free(site_2(256));
	/* One that lies apart. */
	REQUIRE(site_1(256) != NULL);
}

/* site_0's blocks end soon, site_1's stay. After `learn` blocks in a window comes a burst, in which
 * site_0's all live at once. Prints how many of the burst's pages of 64 KiB held blocks of both
 * sites, and what is resident once site_0's are freed and free memory has become cold. */
static void
run_lifetime(long learn)
{
	static void *window[WINDOW], *burst[BURST];
	long mixed = 0;

	for (long i = 0; i < learn; i++) {
		void **slot = &window[i % WINDOW];
		free(*slot);
		REQUIRE((*slot = site_0(BLOCK)) != NULL);
		memset(*slot, 1, BLOCK);
		if (i % LASTING == 0)
			memset(site_1(BLOCK), 2, BLOCK);
	}
	for (long i = 0; i < BURST; i++) {
		int lasts = i % LASTING == 0;
		REQUIRE((burst[i] = lasts ? site_1(BLOCK) : site_0(BLOCK)) != NULL);
		memset(burst[i], 1 + lasts, BLOCK);
	}
	/* One in LASTING is 4 to a page where they are mixed, in whatever order pages come. */
	for (long i = 0; i < BURST; i += LASTING)
		for (long k = i > 300 ? i - 300 : 0; k < i + 300 && k < BURST; k++)
			if (k % LASTING &&
				(uintptr_t)burst[k] / PAGE == (uintptr_t)burst[i] / PAGE) {
				mixed++;
				break;
			}
	for (long i = 0; i < BURST; i++)
		if (i % LASTING)
			free(burst[i]);
	for (int i = 0; i < 40; i++) {
		usleep(50000);
		free(site_2(5000));
	}
	printf("mixed %ld of %d, %ld kb\n", mixed, BURST / LASTING, resident_kb());
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0;
	long m = argc > 3 ? atol(argv[3]) : 0;

	if (m != 0 && (strcmp(what, "fork") == 0 || strcmp(what, "exit") == 0))
		teach();
	if (strcmp(what, "spray") == 0)
		run_spray((size_t)n, m);
	else if (strcmp(what, "misuse") == 0 && argc > 2)
		run_misuse(argv[2]);
	else if (strcmp(what, "clean") == 0)
		run_clean();
	else if (strcmp(what, "fork") == 0)
		run_fork(n);
	else if (strcmp(what, "exit") == 0)
		run_exit(n);
	else if (strcmp(what, "late") == 0)
		run_late(n);
	else if (strcmp(what, "lifetime") == 0)
		run_lifetime(n);
	else if (strcmp(what, "signal") == 0)
		run_signal(n);
	else
		return 2;
	return 0;
}
