/* SPDX-License-Identifier: MIT
 * tests/rules_program.c - a program whose functions test_rules.py's Site Rules name. Allocates
 * under malloc's own names; no line of the library is in it.
 *
 * small N           N blocks that stay live, each an event, from small_site
 * big N             N times a Big block from big_site, filled and freed; then how much is resident
 * both N            big, with the same from other_site in between
 * plugin PATH N     small in a shared object that is loaded after the first slow paths
 * fork N            small in a child, which is the first to use that site
 * threads N         small in eight threads at once
 * grow N            how many sizes a block has had that grew N times by 16 bytes
 * pages WAY SIZE ROUNDS THREADS N
 *                   N blocks of that size from placed_site in each round, with others' in between,
 *                   by that function (malloc, calloc, realloc, memalign, new); how many pages of 64
 *                   KiB have served both, and how many placed_site alone
 * twice N           frees a block of N bytes from placed_site twice, and another in between */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
/* A magazine of these is one block. */
#define SMALL_BYTES ((size_t)140000)
#define BIG_BYTES ((size_t)3 << 20)
#define THREADS 8

void *small_site(void);
void *big_site(void);
void *other_site(void);
void *placed_site(const char *way, size_t size);
void *common_site(const char *way, size_t size);

static void *volatile sink;

static void
fail(const char *what)
{
	fprintf(stderr, "rules_program: %s\n", what);
	exit(1);
}

static void *
filled(void *p, size_t size)
{
	if (!p)
		fail("out of memory");
	return memset(p, 1, size);
}

/* No tail calls: the return address is in the function. */
NOINLINE void *
small_site(void)
{
	void *p = malloc(SMALL_BYTES);

	return filled(p, SMALL_BYTES);
}

NOINLINE void *
big_site(void)
{
	void *p = malloc(BIG_BYTES);

	return filled(p, BIG_BYTES);
}

NOINLINE void *
other_site(void)
{
	void *p = malloc(BIG_BYTES);

	return filled(p, BIG_BYTES);
}

/* How many of the pages that were a block's are in memory. */
static unsigned
resident_pages(const char *p, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static unsigned char pages[BIG_BYTES >> 12];
	unsigned n = 0;

	if (mincore((void *)((size_t)p & ~(page - 1)), size, pages) != 0)
		fail("mincore");
	for (size_t i = 0; i < size / page; i++)
		n += pages[i] & 1;
	return n;
}

static void
big(int n, int with_other)
{
	char *p = NULL;

	for (int i = 0; i < n; i++) {
		if (with_other)
			free(other_site());
		p = big_site();
		free(p);
	}
	printf("resident %u\n", resident_pages(p, BIG_BYTES));
}

static void *
small(void *count)
{
	for (int i = *(int *)count; i > 0; i--)
		sink = small_site();
	return NULL;
}

static void
plugin(const char *path, int n)
{
	sink = malloc(SMALL_BYTES);
	void *object = dlopen(path, RTLD_NOW);
	void *(*site)(void) = object ? (void *(*)(void))dlsym(object, "plugin_site") : NULL;
	if (!site)
		fail("cannot load the plugin");
	while (n-- > 0)
		sink = site();
}

static void
in_child(int n)
{
	int status;

	sink = big_site();
	pid_t pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		small(&n);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("the child failed");
}

static void
in_threads(int n)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, small, &n) != 0)
			fail("cannot start a thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void
grow(int times)
{
	size_t usable = 0, sizes = 0;
	char *p = NULL;

	for (int i = 1; i <= times; i++) {
		p = filled(realloc(p, (size_t)i * 16), (size_t)i * 16);
		sizes += malloc_usable_size(p) != usable;
		usable = malloc_usable_size(p);
	}
	free(p);
	printf("%zu\n", sizes);
}

/* --- where blocks lie ------------------------------------------------------------------------- */

#define PAGE ((size_t)65536)
#define PAGES_MOST ((size_t)1 << 17)
#define BLOCKS_MOST 8192

enum { PLACED = 1, COMMON = 2 };

/* Who has been served from each page; open addressing. */
static struct {
	pthread_mutex_t lock;
	uintptr_t page[PAGES_MOST];
	unsigned char by[PAGES_MOST];
} served = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void
claim(const char *p, size_t size, unsigned char by)
{
	pthread_mutex_lock(&served.lock);
	for (uintptr_t page = (uintptr_t)p / PAGE; page <= ((uintptr_t)p + size - 1) / PAGE;
		page++) {
		size_t i = page % PAGES_MOST;
		while (served.page[i] && served.page[i] != page)
			i = (i + 1) % PAGES_MOST;
		served.page[i] = page;
		served.by[i] |= by;
	}
	pthread_mutex_unlock(&served.lock);
}

static void *(*operator_new)(size_t);

/* By the named function, in a function that the rules name. */
#define TAKE(way, size)                                                                            \
	(strcmp(way, "calloc") == 0            ? calloc(1, size)                                   \
		: strcmp(way, "realloc") == 0  ? realloc(malloc(16), size)                         \
		: strcmp(way, "memalign") == 0 ? memalign(4096, size)                              \
		: strcmp(way, "new") == 0      ? operator_new(size)                                \
					       : malloc(size))

NOINLINE void *
placed_site(const char *way, size_t size)
{
	void *p = TAKE(way, size);

	claim(p, size, PLACED);
	return filled(p, size);
}

NOINLINE void *
common_site(const char *way, size_t size)
{
	void *p = TAKE(way, size);

	claim(p, size, COMMON);
	return filled(p, size);
}

static struct {
	const char *way;
	size_t size;
	int rounds, n;
} task;

/* Each of placed_site's blocks finds one of the others' that was freed just now. From round to
 * round there are more of them and fewer others, whose pages are then free. */
static void *
work(void *unused)
{
	static __thread void *placed[BLOCKS_MOST], *common[BLOCKS_MOST];

	(void)unused;
	for (int round = 0; round < task.rounds; round++) {
		int most = task.n * (round + 1) / task.rounds;
		int others = task.n * (task.rounds - round) / task.rounds;
		for (int i = 0; i < most; i++) {
			common[i] = i < others ? common_site(task.way, task.size) : NULL;
			free(common_site(task.way, task.size));
			placed[i] = placed_site(task.way, task.size);
			if (task.rounds > 1 && i % 3 == 0) {
				free(placed[i]);
				placed[i] = NULL;
			}
		}
		/* Pages, and what waits in caches, go to whoever comes next. */
		for (int i = 0; task.rounds > 1 && i < most; i++) {
			free(placed[i]);
			free(common[i]);
		}
		malloc_trim(0);
	}
	return NULL;
}

static void
pages(char **arguments)
{
	pthread_t threads[THREADS];
	int n = atoi(arguments[3]), both = 0, alone = 0;

	task.way = arguments[0];
	task.size = (size_t)atol(arguments[1]);
	task.rounds = atoi(arguments[2]);
	task.n = atoi(arguments[4]);
	if (n > THREADS || task.n > BLOCKS_MOST)
		fail("too many");
	*(void **)&operator_new = dlsym(RTLD_DEFAULT, "_Znwm");
	for (int i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			fail("cannot start a thread");
	work(NULL);
	for (int i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < PAGES_MOST; i++) {
		both += served.by[i] == (PLACED | COMMON);
		alone += served.by[i] == PLACED;
	}
	printf("%d %d\n", both, alone);
}

static void
twice(size_t size)
{
	void *a = placed_site("malloc", size), *b = placed_site("malloc", size);

	/* One stays, and with it the slab. */
	sink = placed_site("malloc", size);
	free(a);
	free(b);
	free(a);
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[argc - 1]) : 0;

	if (strcmp(mode, "small") == 0)
		small(&n);
	else if (strcmp(mode, "big") == 0 || strcmp(mode, "both") == 0)
		big(n, mode[1] == 'o');
	else if (strcmp(mode, "plugin") == 0 && argc == 4)
		plugin(argv[2], n);
	else if (strcmp(mode, "fork") == 0)
		in_child(n);
	else if (strcmp(mode, "threads") == 0)
		in_threads(n);
	else if (strcmp(mode, "grow") == 0)
		grow(n);
	else if (strcmp(mode, "pages") == 0 && argc == 7)
		pages(argv + 2);
	else if (strcmp(mode, "twice") == 0)
		twice((size_t)n);
	else
		fail("usage: small|big|both|fork|threads|grow|twice N, plugin PATH N, or pages WAY "
		     "SIZE ROUNDS THREADS N");
	return 0;
}
