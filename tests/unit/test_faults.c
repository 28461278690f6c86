/* SPDX-License-Identifier: MIT
 * tests/unit/test_faults.c - each call to the system fails in turn, once or from then on, while a
 * script of allocations runs: a call that fails says ENOMEM and changes nothing, and when the
 * system gives again, so does the heap. */
#include "backends/emergency.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "base/config.h"
#include "base/lock.h"
#include "tests/unit/unit.h"

/* More calls than the script makes. */
#define CALLS_MAX 400
#define BLOCKS 96
/* Of a block one word in so many bytes is written. */
#define STRIDE 16384

struct block {
	char *p;
	size_t size;
	uint64_t id;
};

struct script {
	struct block blocks[BLOCKS];
	size_t n;
	unsigned failed; /* calls that returned NULL */
};

/* Inherited by the children that run the script. */
static long fail_at;
static bool sticky;

static size_t
live_bytes(void)
{
	struct hak_stats stats;

	hak_stats_get(&stats);
	return stats.live_bytes;
}

/* --- the script's calls ----------------------------------------------------------------------- */

/* The pattern at both ends and now and then between. */
static void
write_block(const struct block *b)
{
	for (size_t at = 0; at + 8 <= b->size; at += STRIDE)
		pattern_fill(b->p, b->id, at, at + 8);
	pattern_fill(b->p, b->id, (b->size - 1) / 8 * 8, b->size);
}

static void
check_block(const struct block *b, size_t upto)
{
	for (size_t at = 0; at + 8 <= upto; at += STRIDE)
		CHILD_REQUIRE(pattern_check(b->p, b->id, at, at + 8) == at + 8,
			"%p of %zu bytes at %zu", (void *)b->p, b->size, at);
	if (upto == b->size)
		CHILD_REQUIRE(pattern_check(b->p, b->id, (upto - 1) / 8 * 8, upto) == upto,
			"%p of %zu bytes, its end", (void *)b->p, b->size);
}

static void
check_failure(struct script *s, const char *what)
{
	CHILD_REQUIRE(errno == ENOMEM, "%s failed with errno %d", what, errno);
	s->failed++;
}

static void
hold(struct script *s, void *p, size_t size)
{
	struct block *b = &s->blocks[s->n];

	CHILD_REQUIRE(s->n < BLOCKS, "%zu", s->n);
	if (!p) {
		check_failure(s, "an allocation");
		return;
	}
	*b = (struct block){p, size, ++s->n};
	CHILD_REQUIRE(hak_malloc_usable_size(p) >= size, "%p", p);
	write_block(b);
}

static void
take(struct script *s, size_t size)
{
	errno = 0;
	hold(s, hak_malloc(size), size);
}

static void
take_zeroed(struct script *s, size_t size)
{
	char *p;

	errno = 0;
	p = hak_calloc(1, size);
	CHILD_REQUIRE(!p || bytes_check(p, 0, size) == size, "calloc of %zu", size);
	hold(s, p, size);
}

static void
take_aligned(struct script *s, size_t align, size_t size)
{
	void *p = NULL;
	int error;

	errno = 0;
	p = hak_aligned_alloc(align, size);
	CHILD_REQUIRE((uintptr_t)p % align == 0, "%p, %zu", p, align);
	hold(s, p, size);
	p = NULL;
	errno = ERRNO_MARK;
	error = hak_posix_memalign(&p, align, size);
	CHILD_REQUIRE(errno == ERRNO_MARK, "errno %d", errno);
	CHILD_REQUIRE(error ? error == ENOMEM && !p : p != NULL, "%d, %p", error, p);
	errno = error;
	hold(s, p, size);
}

/* On failure the block is as it was. */
static void
resize(struct script *s, size_t i, size_t size)
{
	struct block *b = &s->blocks[i];
	char *p;

	if (i >= s->n || !b->p)
		return;
	errno = 0;
	p = hak_realloc(b->p, size);
	if (!p) {
		check_failure(s, "realloc");
		check_block(b, b->size);
		return;
	}
	b->p = p;
	check_block(b, size < b->size ? size / STRIDE * STRIDE : b->size / STRIDE * STRIDE);
	b->size = size;
	write_block(b);
}

static void
give(struct script *s, size_t i)
{
	if (i >= s->n || !s->blocks[i].p)
		return;
	check_block(&s->blocks[i], s->blocks[i].size);
	errno = ERRNO_MARK;
	hak_free(s->blocks[i].p);
	CHILD_REQUIRE(errno == ERRNO_MARK, "free changed errno to %d", errno);
	s->blocks[i].p = NULL;
}

/* --- the script ------------------------------------------------------------------------------- */

/* A thread's first call may meet the fault. */
static void *
in_thread(void *arg)
{
	struct script *s = arg;

	take(s, 200);
	take(s, 3000);
	take(s, 200000);
	give(s, s->n ? s->n - 1 : 0);
	return NULL;
}

static const size_t sizes[] = {1, 16, 100, 1000, 1500, 5000, 30000, 32768, 40000, 100000, 300000,
	1000000, 1048576, 1100000, 3000000};

static void
run_script(struct script *s)
{
	pthread_t thread;

	for (size_t i = 0; i < LENGTH(sizes); i++)
		take(s, sizes[i]);
	for (size_t i = 0; i < LENGTH(sizes); i++)
		take_zeroed(s, sizes[i]);
	take_aligned(s, 64, 100);
	take_aligned(s, 4096, 5000);
	take_aligned(s, 65536, 65536);
	take_aligned(s, 1 << 20, 100);
	for (size_t i = 0; i < s->n; i += 3)
		give(s, i);
	hak_malloc_trim(0);
	for (size_t i = 1; i < s->n; i += 3)
		resize(s, i, s->blocks[i].size * 3);
	resize(s, 14, 20 * MIB);
	resize(s, 14, 70 * MIB);
	resize(s, 14, 2 * MIB);
	for (size_t i = 2; i < s->n; i += 9)
		resize(s, i, 1 + s->blocks[i].size / 5);
	take(s, 40 * MIB);
	give(s, s->n ? s->n - 1 : 0);
	take_zeroed(s, 40 * MIB);
	if (pthread_create(&thread, NULL, in_thread, s) == 0)
		pthread_join(thread, NULL);
	hak_malloc_trim(0);
	for (size_t i = 0; i < s->n; i += 4)
		give(s, i);
	hak_malloc_trim(0);
}

/* After the fault: all that is alive is whole, all can be had again, and nothing has leaked. */
static void
check_afterwards(struct script *s, size_t live_before)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->blocks[i].p)
			check_block(&s->blocks[i], s->blocks[i].size);
	hak_audit();
	for (size_t i = 0; i < s->n; i++)
		give(s, i);
	s->n = s->failed = 0;
	run_script(s);
	CHILD_REQUIRE(s->failed == 0, "%u calls failed with the system giving", s->failed);
	for (size_t i = 0; i < s->n; i++)
		give(s, i);
	hak_malloc_trim(0);
	hak_audit();
	CHILD_REQUIRE(live_bytes() == live_before, "%zu bytes live, %zu before", live_bytes(),
		live_before);
}

/* Whether the failure that was asked for has not come yet. One that was due once is met by the
 * calls from here on; where all fail from then on, the next call tells. */
static bool
fault_pending(void)
{
	size_t page = os_page_size();
	void *p;
	bool pending;

	if (sticky) {
		p = os_reserve(page, page);
		pending = p != NULL;
	} else {
		pending = false;
		p = os_reserve(page, page);
		for (int i = 0; i < CALLS_MAX && !pending; i++)
			pending = !p || !os_commit(p, page);
	}
	if (p)
		os_release(p, page);
	return pending;
}

/* Child status 0: the fault was met; 3: the script ended before it. */
static void
run_with_fault(void *arg)
{
	static struct script s;
	size_t live_before = live_bytes();
	bool pending;

	(void)arg;
	os_fail_after(fail_at, sticky);
	run_script(&s);
	pending = fault_pending();
	os_fail_after(-1, false);
	check_afterwards(&s, live_before);
	_exit(pending ? 3 : 0);
}

START_TEST(test_each_call)
{
	/* Each of the default variant's; of the others' one in three, others each time. libjemalloc
	 * makes more: one in five. */
	bool all = strcmp(hak_variant(), "tls-hakmem") == 0;
	long step = all ? 1 : strstr(hak_variant(), "jemalloc") ? 5 : 3, calls = 0;
	uint64_t rng = unit_rng((uint64_t)_i);
	char message[1024];
	int status;

	sticky = _i;
	/* Only time could make the calls differ from run to run. */
	hak_config.cold = hak_config.warm = 3600000;
	for (fail_at = (long)rng_below(&rng, (size_t)step);; fail_at += step) {
		ck_assert_int_lt(fail_at, CALLS_MAX);
		status = run_child(run_with_fault, NULL, message, sizeof(message));
		ck_assert_msg(
			WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3),
			"call %ld, %s: status 0x%x: %s", fail_at, sticky ? "sticky" : "once",
			(unsigned)status, message);
		ck_assert_str_eq(message, "");
		if (WEXITSTATUS(status) == 3)
			break;
		calls++;
	}
	/* Fewer would mean that the script is too tame. */
	ck_assert_int_ge(calls, 10);
	printf("%s: %ld calls to the system failed in turn, %s\n", hak_variant(), calls,
		sticky ? "with all after it" : "once each");
	fflush(stdout);
}
END_TEST

/* With nothing to be had from the very first call on: NULL, each time, and no harm. */
static void
starve(void *arg)
{
	static struct script s;
	size_t live_before = live_bytes();

	(void)arg;
	os_fail_after(0, true);
	for (int i = 0; i < 3; i++)
		for (size_t j = 0; j < LENGTH(sizes); j++) {
			errno = 0;
			CHILD_REQUIRE(!hak_malloc(sizes[j]) && errno == ENOMEM, "%zu", sizes[j]);
			errno = 0;
			CHILD_REQUIRE(!hak_calloc(1, sizes[j]) && errno == ENOMEM, "%zu", sizes[j]);
		}
	hak_audit();
	os_fail_after(-1, false);
	check_afterwards(&s, live_before);
}

START_TEST(test_starved)
{
	char message[1024];
	int status = run_child(starve, NULL, message, sizeof(message));

	ck_assert_msg(status == 0, "status 0x%x: %s", (unsigned)status, message);
}
END_TEST

/* --- a refusal of long ago -------------------------------------------------------------------- */

/* What magazines may hold in depots is half of it. */
#define LIMIT (16 * MIB)
#define FIRST ((size_t)512)
#define SECOND ((size_t)3000)

static struct lock held = LOCK_INITIALIZER(RANK_BIG);

/* A fork refused this thread a lock, and nothing came of it. Later memory is short, most of it in
 * caches: that is to be reclaimed, and nothing else is to serve. */
static void *
refused_thread(void *arg)
{
	static void *first[LIMIT / FIRST], *second[LIMIT / 8 * 5 / SECOND];
	size_t n = 0;

	(void)arg;
	hak_free(hak_malloc(1));
	pages_set_limits(SIZE_MAX, pages_totals().used + pages_totals().resident + LIMIT);
	while (n < LENGTH(first) && (first[n] = hak_malloc(FIRST)))
		n++;
	ck_assert_uint_ge(n, LENGTH(first) / 2);
	while (n > 0)
		hak_free(first[--n]);
	lock_fork_open();
	ck_assert(!lock_acquire(&held));
	lock_fork_close();
	for (n = 0; n < LENGTH(second); n++) {
		second[n] = hak_malloc(SECOND);
		REQUIRE_MSG(second[n], "no memory after %zu blocks", n);
		REQUIRE_MSG(!emergency_owns(second[n]),
			"from the emergency memory after %zu blocks", n);
	}
	while (n > 0)
		hak_free(second[--n]);
	return NULL;
}

START_TEST(test_old_refusal)
{
	ck_assert(lock_acquire(&held));
	run_threads(1, refused_thread, NULL, 0);
	lock_release(&held);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("faults");
	TCase *tc = audited_tcase(suite, "faults", 300);

	unit_begin("test_faults");
	tcase_add_test(tc, test_old_refusal);
	tcase_add_test(tc, test_starved);
	tcase_add_loop_test(tc, test_each_call, 0, 2);
	return run_suite(suite);
}
