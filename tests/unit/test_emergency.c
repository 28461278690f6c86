/* SPDX-License-Identifier: MIT
 * tests/unit/test_emergency.c - backends/emergency: blocks without locks, and the list of what was
 * put aside. */
#include "backends/emergency.h"

#include "backends/os.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/lock.h"
#include "tests/unit/unit.h"

/* All that the segments hold; and the largest block that fits one. */
#define STOCK ((size_t)256 << 20)
#define LARGEST (512 * KIB)
#define BLOCKS_MAX 600
#define STEPS (40000 / UNIT_SLOW)

static char static_byte;

static void
check_alien(const void *p)
{
	ck_assert_msg(!emergency_owns(p), "%p", p);
}

static void
check_aliens(void)
{
	struct slab *s = pages_alloc(1, 1, false);
	char *allocated = malloc(10);

	check_alien(NULL);
	check_alien((void *)1);
	check_alien(&static_byte);
	check_alien(&s);
	check_alien(allocated);
	check_alien(s->base);
	check_alien(s->base + PAGE_BYTES - 1);
	check_alien((void *)UINTPTR_MAX);
	ck_assert(pages_free(s, false));
	free(allocated);
}

static char *
take(size_t size, size_t align)
{
	char *p = emergency_alloc(size, align);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq((uintptr_t)p % (align < 16 ? 16 : align), 0);
	ck_assert(emergency_owns(p));
	ck_assert_uint_ge(emergency_usable(p), size);
	ck_assert(!pagemap_contains(p));
	return p;
}

START_TEST(test_alignment)
{
	pagemap_init();
	check_aliens();
	for (size_t align = 1; align <= 256 * KIB; align *= 2)
		for (size_t size = 0; size <= LARGEST; size = size * 3 + 1) {
			char *p = take(size, align), *q = take(size, align);

			memset(p, 1, size);
			memset(q, 2, size);
			ck_assert_uint_eq(bytes_check(p, 1, size), size);
			emergency_free(p);
			emergency_free(q);
		}
	check_aliens();
}
END_TEST

/* --- exhaustion ------------------------------------------------------------------------------- */

static size_t
fill(char **blocks, size_t size)
{
	size_t n = 0;

	while (n < BLOCKS_MAX && (blocks[n] = emergency_alloc(size, 16)))
		n++;
	ck_assert_uint_lt(n, BLOCKS_MAX);
	return n;
}

START_TEST(test_exhaustion)
{
	static char *blocks[BLOCKS_MAX];
	size_t first = 0, n;

	pagemap_init();
	for (int round = 0; round < 3; round++) {
		n = fill(blocks, LARGEST);
		ck_assert_uint_ge(n, STOCK / LARGEST / 2);
		ck_assert_uint_le(n, STOCK / LARGEST);
		if (round == 0)
			first = n;
		/* All that was freed is there again. */
		ck_assert_uint_eq(n, first);
		for (size_t i = 0; i < n; i++)
			pattern_fill(blocks[i], i, 0, 64);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(pattern_check(blocks[i], i, 0, 64), 64);
		emergency_free(blocks[n / 2]);
		blocks[n / 2] = take(LARGEST, 16);
		for (size_t i = 0; i < n; i++)
			emergency_free(blocks[round % 2 ? i : n - 1 - i]);
	}
	check_aliens();
}
END_TEST

/* A segment starts over only when all its blocks are free. */
START_TEST(test_segment_reuse)
{
	char *blocks[8], *again;

	pagemap_init();
	for (size_t i = 0; i < LENGTH(blocks); i++) {
		blocks[i] = take(64 * KIB, 16);
		pattern_fill(blocks[i], i, 0, 64 * KIB);
	}
	for (size_t i = 1; i < LENGTH(blocks); i++)
		emergency_free(blocks[i]);
	for (int i = 0; i < 100; i++)
		emergency_free(memset(take(64 * KIB, 16), 0xff, 64 * KIB));
	ck_assert_uint_eq(pattern_check(blocks[0], 0, 0, 64 * KIB), 64 * KIB);
	emergency_free(blocks[0]);
	again = take(64 * KIB, 16);
	ck_assert_ptr_eq(again, blocks[0]);
}
END_TEST

START_TEST(test_no_memory)
{
	char *p;

	pagemap_init();
	for (long n = 0; n < 2; n++) {
		os_fail_after(n, true);
		ck_assert_ptr_null(emergency_alloc(64, 16));
		ck_assert_ptr_null(emergency_alloc(LARGEST, 4096));
	}
	os_fail_after(-1, false);
	p = take(64, 16);
	/* A segment that is there needs nobody. */
	os_fail_after(0, true);
	emergency_free(take(64, 16));
	emergency_free(p);
}
END_TEST

/* --- the window of a fork --------------------------------------------------------------------- */

START_TEST(test_window)
{
	static const size_t sizes[] = {600 * KIB, MIB, 16 * MIB, 256 * MIB};
	char *blocks[100];
	size_t n;

	pagemap_init();
	for (size_t i = 0; i < LENGTH(sizes); i++)
		ck_assert_ptr_null(emergency_alloc(sizes[i], 16));
	ck_assert_ptr_null(emergency_alloc(16, MIB));
	lock_fork_open();
	emergency_free(take(100, 16));
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		char *p = take(sizes[i], (size_t)16 << (i * 5));

		p[0] = 1;
		p[sizes[i] - 1] = 2;
		emergency_free(p);
		check_alien(p);
	}
	emergency_free(take(16, 16 * MIB));
	ck_assert_ptr_null(emergency_alloc(PTRDIFF_MAX, 16));
	ck_assert_ptr_null(emergency_alloc(SIZE_MAX, 16));
	for (int round = 0; round < 3; round++) {
		for (n = 0; n < LENGTH(blocks) && (blocks[n] = emergency_alloc(MIB, 16)); n++)
			blocks[n][n] = (char)n;
		ck_assert_uint_ge(n, 32);
		ck_assert_uint_lt(n, LENGTH(blocks));
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_eq(blocks[i][i], (char)i);
			emergency_free(blocks[i]);
		}
	}
	os_fail_after(0, false);
	ck_assert_ptr_null(emergency_alloc(MIB, 16));
	blocks[0] = take(MIB, 16);
	lock_fork_close();
	/* What was handed out in the window is freed after it. */
	emergency_free(blocks[0]);
	check_alien(blocks[0]);
	check_aliens();
}
END_TEST

/* --- several threads -------------------------------------------------------------------------- */

struct live {
	char *p;
	size_t size;
};

static void *
churn(void *arg)
{
	uint64_t rng = *(const uint64_t *)arg;
	struct live live[16] = {{0}};

	for (int i = 0; i < STEPS; i++) {
		struct live *l = &live[rng_below(&rng, LENGTH(live))];

		if (l->p) {
			HAK_CHECK(pattern_check(l->p, (uintptr_t)l->p, 0, l->size) == l->size);
			emergency_free(l->p);
			l->p = NULL;
			continue;
		}
		l->size = 1 + rng_below(&rng, rng_below(&rng, 16) ? 300 : 20000);
		l->p = emergency_alloc(l->size, (size_t)1 << rng_below(&rng, 12));
		HAK_CHECK(l->p && emergency_owns(l->p));
		pattern_fill(l->p, (uintptr_t)l->p, 0, l->size);
	}
	for (size_t i = 0; i < LENGTH(live); i++)
		if (live[i].p)
			emergency_free(live[i].p);
	return NULL;
}

START_TEST(test_threads)
{
	uint64_t seeds[4];
	char *first, *p;

	pagemap_init();
	first = take(16, 16);
	emergency_free(first);
	for (unsigned i = 0; i < LENGTH(seeds); i++)
		seeds[i] = unit_rng(i);
	run_threads(LENGTH(seeds), churn, seeds, sizeof(seeds[0]));
	/* With nothing alive the first segment starts over. */
	p = take(16, 16);
	ck_assert_ptr_eq(p, first);
}
END_TEST

/* --- put aside -------------------------------------------------------------------------------- */

#define DEFERRED (20000 / UNIT_SLOW)

struct item {
	struct item *next;
	_Atomic int taken;
};

static struct item items[3][DEFERRED];
static _Atomic unsigned pushing;

/* One by one, and lists of a few. */
static void *
push(void *arg)
{
	struct item *own = items[*(const uint64_t *)arg - 1];
	uint64_t rng = unit_rng(*(const uint64_t *)arg);

	for (size_t i = 0; i < DEFERRED;) {
		size_t n = 1 + rng_below(&rng, 5);

		if (i + n > DEFERRED || n == 1) {
			emergency_defer_one(&own[i++]);
			continue;
		}
		for (size_t j = 0; j < n; j++)
			own[i + j].next = j + 1 < n ? &own[i + j + 1] : NULL;
		emergency_defer(&own[i]);
		i += n;
	}
	emergency_defer(NULL);
	atomic_fetch_sub(&pushing, 1);
	return NULL;
}

static void *
push_or_take(void *arg)
{
	if (*(const uint64_t *)arg)
		return push(arg);
	for (bool last = false; !last;) {
		last = atomic_load(&pushing) == 0;
		for (struct item *p = emergency_take_deferred(), *next; p; p = next) {
			next = p->next;
			atomic_fetch_add(&p->taken, 1);
		}
	}
	return NULL;
}

START_TEST(test_deferred)
{
	uint64_t roles[5] = {1, 0, 2, 0, 3};

	ck_assert_ptr_null(emergency_take_deferred());
	atomic_store(&pushing, 3);
	run_threads(LENGTH(roles), push_or_take, roles, sizeof(roles[0]));
	ck_assert_ptr_null(emergency_take_deferred());
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < DEFERRED; j++)
			ck_assert_int_eq(atomic_load(&items[i][j].taken), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("emergency");
	TCase *tc = plain_tcase(suite, "emergency", 120);

	unit_begin("test_emergency");
	tcase_add_test(tc, test_alignment);
	tcase_add_test(tc, test_exhaustion);
	tcase_add_test(tc, test_segment_reuse);
	tcase_add_test(tc, test_no_memory);
	tcase_add_test(tc, test_window);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_deferred);
	return run_suite(suite);
}
