/* SPDX-License-Identifier: MIT
 * tests/test_api_stats.c - glibc's extensions that report and tune, and hakmem's own functions:
 * what they tell has to be true of what the test has just done. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_suite.h"
#include "base/config.h"
#include "xml.h"

/* --- hak_stats_get ---------------------------------------------------------------------------- */

START_TEST(test_live_bytes_follow_every_entry)
{
	const struct api_entry *entry = &api_entries[_i];

	for (size_t i = 0; i < api_tier_size_count; i++) {
		size_t size = api_tier_sizes[i], before = stats_now().live_bytes, usable = 0;
		void *p[5];

		for (size_t j = 0; j < LENGTH(p); j++) {
			p[j] = entry->alloc(size);
			ck_assert_ptr_nonnull(p[j]);
			usable += hak_malloc_usable_size(p[j]);
		}
		ck_assert_msg(stats_now().live_bytes - before >= LENGTH(p) * size,
			"five times %s of %zu moved live_bytes by %zu", entry->name, size,
			stats_now().live_bytes - before);
		ck_assert_uint_ge(stats_now().live_bytes - before, usable);
		for (size_t j = 0; j < LENGTH(p); j++)
			hak_free(p[j]);
		ck_assert_uint_eq(stats_now().live_bytes, before);
	}
}
END_TEST

START_TEST(test_live_bytes_follow_realloc)
{
	size_t before = stats_now().live_bytes;
	char *p = NULL;

	for (size_t size = 1; size < 32 * MIB; size = size * 2 + 1) {
		p = hak_realloc(p, size);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_ge(stats_now().live_bytes, before + size);
		ck_assert_uint_le(stats_now().live_bytes, before + size + size / 4 + 4096);
	}
	hak_free(p);
	ck_assert_uint_eq(stats_now().live_bytes, before);
}
END_TEST

START_TEST(test_stats_are_consistent)
{
	struct hak_stats s;
	void *blocks[60];

	for (size_t i = 0; i < LENGTH(blocks); i++) {
		size_t size = api_tier_sizes[i % api_tier_size_count];

		blocks[i] = hak_malloc(size);
		ck_assert_ptr_nonnull(blocks[i]);
	}
	for (size_t i = 0; i < LENGTH(blocks) / 2; i++)
		hak_free(blocks[i]);
	s = stats_now();
	ck_assert_uint_le(s.big_bytes, s.live_bytes);
	ck_assert_uint_le(s.big_cached_bytes, s.dirty_bytes);
	ck_assert_uint_le(s.slab_bytes, s.committed_bytes);
	ck_assert_uint_le(s.live_bytes, s.committed_bytes);
	ck_assert_uint_le(s.live_bytes - s.big_bytes + s.cached_bytes, s.slab_bytes);
	ck_assert_uint_le(s.slab_bytes + s.dirty_bytes, s.committed_bytes);
	ck_assert_uint_gt(s.peak_bytes, 0);
	ck_assert_uint_ge(s.arenas, 1);
	for (size_t i = LENGTH(blocks) / 2; i < LENGTH(blocks); i++)
		hak_free(blocks[i]);
}
END_TEST

START_TEST(test_stats_big_blocks)
{
	struct hak_stats before = stats_now(), during, after;
	char *p = hak_malloc(3 * MIB + 1), *q = hak_malloc(20 * MIB);

	during = stats_now();
	ck_assert_uint_eq(during.big_count, before.big_count + 2);
	ck_assert_uint_eq(during.big_bytes,
		before.big_bytes + hak_malloc_usable_size(p) + hak_malloc_usable_size(q));
	memset(p, 1, 3 * MIB);
	hak_free(p);
	after = stats_now();
	ck_assert_uint_eq(after.big_count, before.big_count + 1);
	ck_assert_uint_le(after.big_cached_bytes, after.dirty_bytes);
	hak_free(q);
	after = stats_now();
	ck_assert_uint_eq(after.big_count, before.big_count);
	ck_assert_uint_eq(after.big_bytes, before.big_bytes);
}
END_TEST

START_TEST(test_stats_peak)
{
	size_t peak;
	char *p[1000];

	for (size_t i = 0; i < LENGTH(p); i++)
		p[i] = hak_malloc(16000);
	peak = stats_now().peak_bytes;
	ck_assert_uint_ge(peak, LENGTH(p) * 16000 / 2);
	for (size_t i = 0; i < LENGTH(p); i++)
		hak_free(p[i]);
	ck_assert_uint_ge(stats_now().peak_bytes, peak);
}
END_TEST

START_TEST(test_stats_count_slow_paths)
{
	struct hak_stats before = stats_now(), after;
	enum { BLOCKS = 50000 };
	static void *p[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++)
		p[i] = hak_malloc(48);
	for (size_t i = 0; i < BLOCKS; i++)
		hak_free(p[i]);
	after = stats_now();
	ck_assert_uint_gt(after.slow_allocs, before.slow_allocs);
	ck_assert_uint_gt(after.slow_frees, before.slow_frees);
}
END_TEST

static size_t
slow_calls(void)
{
	struct hak_stats s = stats_now();

	return s.slow_allocs + s.slow_frees;
}

/* However many blocks a thread has, two that it frees and allocates again do not leave the caches
 * each time: there is no number at which one call overflows and the next one misses. */
START_TEST(test_stats_to_and_fro)
{
	enum { BLOCKS = 300, WARM_UP = 50, ROUNDS = 64, SIZE = 1024 };
	bool has_caches = strncmp(hak_variant(), "lock-", 5) != 0;
	static void *p[BLOCKS];

	for (int i = 0; i < WARM_UP; i++) {
		for (size_t n = 0; n < BLOCKS; n++)
			ck_assert_ptr_nonnull(p[n] = hak_malloc(SIZE));
		for (size_t n = 0; n < BLOCKS; n++)
			hak_free(p[n]);
	}
	for (size_t n = 0; n < BLOCKS; n++) {
		ck_assert_ptr_nonnull(p[n] = hak_malloc(SIZE));
		size_t before = slow_calls();
		for (int i = 0; n > 0 && i < ROUNDS; i++) {
			hak_free(p[n]);
			hak_free(p[n - 1]);
			p[n] = hak_malloc(SIZE);
			p[n - 1] = hak_malloc(SIZE);
		}
		if (has_caches)
			ck_assert_uint_le(slow_calls() - before, ROUNDS / 2);
	}
	for (size_t n = 0; n < BLOCKS; n++)
		hak_free(p[n]);
}
END_TEST

struct visitor {
	pthread_barrier_t arrived, leave;
};

static void *
visit(void *arg)
{
	struct visitor *v = arg;
	void *p = hak_malloc(100);

	pthread_barrier_wait(&v->arrived);
	pthread_barrier_wait(&v->leave);
	hak_free(p);
	return p;
}

/* A front-end with thread caches counts them, one without has none. Those of CPUs are not more by
 * more threads than there are CPUs. */
START_TEST(test_stats_count_caches)
{
	bool has_caches = strncmp(hak_variant(), "tls-", 4) == 0;
	bool by_cpu = strncmp(hak_variant(), "rseq-", 5) == 0;
	size_t cpus = (size_t)sysconf(_SC_NPROCESSORS_CONF);
	struct visitor v;
	pthread_t thread;
	size_t before;
	void *result;

	hak_free(hak_malloc(100));
	before = stats_now().caches;
	pthread_barrier_init(&v.arrived, NULL, 2);
	pthread_barrier_init(&v.leave, NULL, 2);
	ck_assert_int_eq(pthread_create(&thread, NULL, visit, &v), 0);
	pthread_barrier_wait(&v.arrived);
	if (by_cpu) {
		ck_assert_uint_ge(stats_now().caches, 1);
		ck_assert_uint_le(stats_now().caches, cpus);
	} else {
		ck_assert_uint_eq(stats_now().caches, before + (has_caches ? 1 : 0));
	}
	pthread_barrier_wait(&v.leave);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_nonnull(result);
	if (!by_cpu)
		ck_assert_uint_eq(stats_now().caches, before);
	pthread_barrier_destroy(&v.arrived);
	pthread_barrier_destroy(&v.leave);
}
END_TEST

/* --- malloc_trim ------------------------------------------------------------------------------ */

/* Touches and frees 48 MiB in blocks of all tiers. */
static void
make_garbage(void)
{
	static const size_t sizes[] = {64, 3000, 100000, 3 * MIB};
	enum { BYTES = 12 << 20 };
	static void *p[BYTES / 64];

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		size_t n = BYTES / sizes[i];

		for (size_t j = 0; j < n; j++) {
			p[j] = hak_malloc(sizes[i]);
			ck_assert_ptr_nonnull(p[j]);
			memset(p[j], 1, sizes[i]);
		}
		for (size_t j = 0; j < n; j++)
			hak_free(p[j]);
	}
}

START_TEST(test_malloc_trim)
{
	struct hak_stats before, after;

	make_garbage();
	before = stats_now();
	ck_assert_int_eq(hak_malloc_trim(0), 1);
	after = stats_now();
	ck_assert_uint_gt(after.purges, before.purges);
	ck_assert_uint_gt(after.purged_bytes, before.purged_bytes);
	ck_assert_uint_le(after.dirty_bytes, MIB);
	ck_assert_uint_eq(after.big_cached_bytes, 0);
	ck_assert_uint_eq(after.live_bytes, before.live_bytes);
	/* Nothing is left to give back. */
	ck_assert_int_eq(hak_malloc_trim(0), 0);
	/* The heap goes on working. */
	make_garbage();
}
END_TEST

START_TEST(test_malloc_trim_keeps_pad)
{
	make_garbage();
	ck_assert_int_eq(hak_malloc_trim(SIZE_MAX), 0);
	hak_malloc_trim(0);
}
END_TEST

/* A sanitizer's shadow memory is resident, too, and stays so. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHADOW_MEMORY
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHADOW_MEMORY
#endif

#ifndef SHADOW_MEMORY
static size_t
resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(statm);
	ck_assert_int_eq(fscanf(statm, "%*u %lu", &pages), 1);
	fclose(statm);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(test_malloc_trim_lowers_rss)
{
	size_t at_start = resident_bytes();

	make_garbage();
	hak_malloc_trim(0);
	ck_assert_uint_le(resident_bytes(), at_start + 4 * MIB);
}
END_TEST
#endif

/* --- mallopt ---------------------------------------------------------------------------------- */

START_TEST(test_mallopt)
{
	ck_assert_int_eq(hak_mallopt(M_ARENA_MAX, 1), 1);
	ck_assert_int_eq(hak_mallopt(M_ARENA_MAX, 4), 1);
	ck_assert_int_eq(hak_mallopt(M_TRIM_THRESHOLD, 1 << 20), 1);
	ck_assert_int_eq(hak_mallopt(M_TRIM_THRESHOLD, 0), 1);
	ck_assert_int_eq(hak_mallopt(M_TRIM_THRESHOLD, -1), 1); /* never: mallopt(3) */
	ck_assert_int_eq(hak_mallopt(M_MMAP_THRESHOLD, 2 << 20), 1);
	ck_assert_int_eq(hak_mallopt(M_ARENA_MAX, -1), 0);
	ck_assert_int_eq(hak_mallopt(M_ARENA_MAX, INT_MIN), 0);
	ck_assert_int_eq(hak_mallopt(M_MMAP_THRESHOLD, -1), 0);
	ck_assert_int_eq(hak_mallopt(M_MXFAST, 64), 0);
	ck_assert_int_eq(hak_mallopt(4711, 1), 0);
	ck_assert_int_eq(hak_mallopt(0, 0), 0);
	ck_assert_int_eq(hak_mallopt(INT_MIN, INT_MIN), 0);
	make_garbage();
}
END_TEST

/* --- malloc_stats and malloc_info ------------------------------------------------------------- */

static size_t
capture_malloc_stats(char *text, size_t size)
{
	int fds[2], saved = dup(STDERR_FILENO);
	size_t used = 0;
	ssize_t n;

	ck_assert_int_ge(saved, 0);
	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	hak_malloc_stats();
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((n = read(fds[0], text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	close(fds[0]);
	text[used] = '\0';
	return used;
}

START_TEST(test_malloc_stats)
{
	static char text[60000];
	char number[32];
	void *p = hak_malloc(123456);
	size_t n = capture_malloc_stats(text, sizeof(text));

	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(text[n - 1], '\n');
	snprintf(number, sizeof(number), "%zu", stats_now().live_bytes);
	ck_assert_msg(strstr(text, number) != NULL, "live_bytes, %s, is not in: %s", number, text);
	hak_free(p);
}
END_TEST

/* What parses is tests/test_report.py's matter; this is one line, true, and leaves errno alone. */
START_TEST(test_malloc_stats_json)
{
	static char text[60000];
	char member[64];
	void *p = hak_malloc(123456);
	size_t n;

	CONFIG_SET(stats, STATS_JSON);
	errno = ERRNO_MARK;
	n = capture_malloc_stats(text, sizeof(text));
	CONFIG_SET(stats, STATS_NONE);
	ck_assert_int_eq(strncmp(text, "{\"hakmem\":{", 11), 0);
	ck_assert_str_eq(text + n - 3, "}}\n");
	ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
	snprintf(member, sizeof(member), "\"live_bytes\":%zu,", stats_now().live_bytes);
	ck_assert_msg(strstr(text, member) != NULL, "no %s in: %s", member, text);
	snprintf(member, sizeof(member), "\"variant\":\"%s\",", hak_variant());
	ck_assert_msg(strstr(text, member) != NULL, "no %s in: %s", member, text);
	hak_free(p);
}
END_TEST

/* More caches than are listed: the rest is counted. */
START_TEST(test_malloc_stats_many_caches)
{
	enum { THREADS = 140, LISTED = 128 };
	static char text[60000];
	pthread_t threads[THREADS];
	struct visitor v;
	char line[64];
	size_t caches;

	pthread_barrier_init(&v.arrived, NULL, THREADS + 1);
	pthread_barrier_init(&v.leave, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, visit, &v), 0);
	pthread_barrier_wait(&v.arrived);
	caches = stats_now().caches;
	capture_malloc_stats(text, sizeof(text));
	pthread_barrier_wait(&v.leave);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	snprintf(line, sizeof(line), "\ncaches_omitted          %zu\n",
		caches > LISTED ? caches - LISTED : 0);
	ck_assert_msg(strstr(text, line) != NULL, "no '%s' in: %s", line, text);
	pthread_barrier_destroy(&v.arrived);
	pthread_barrier_destroy(&v.leave);
}
END_TEST

static char *
malloc_info_text(void)
{
	char *text = NULL;
	size_t size = 0, offset;
	FILE *out = open_memstream(&text, &size);
	const char *error;

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(hak_malloc_info(0, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	error = xml_error(text, &offset);
	ck_assert_msg(!error, "malloc_info: %s at byte %zu of: %s", error, offset, text);
	return text;
}

static void
check_total(const char *text, const char *name, const char *key, const char *value,
	const char *wanted, size_t expected)
{
	size_t number;

	ck_assert_msg(xml_number(text, name, key, value, wanted, &number),
		"no number '%s' in a <%s %s=\"%s\"> of: %s", wanted, name, key, value, text);
	ck_assert_msg(number == expected, "<%s %s=\"%s\">: %s is %zu, hak_stats_get says %zu", name,
		key, value, wanted, number, expected);
}

START_TEST(test_malloc_info)
{
	void *big = hak_malloc(3 * MIB), *small = hak_malloc(1000);
	char *text = malloc_info_text();
	struct hak_stats s = stats_now();

	ck_assert_msg(strstr(text, "<malloc version=\"") != NULL, "%s", text);
	check_total(text, "total", "type", "live", "size", s.live_bytes);
	check_total(text, "total", "type", "fast", "size", s.cached_bytes);
	check_total(text, "total", "type", "fast", "count", s.caches);
	check_total(text, "total", "type", "rest", "size", s.dirty_bytes);
	check_total(text, "total", "type", "mmap", "size", s.big_bytes);
	check_total(text, "total", "type", "mmap", "count", s.big_count);
	check_total(text, "system", "type", "current", "size", s.slab_bytes + s.dirty_bytes);
	check_total(text, "system", "type", "max", "size", s.peak_bytes);
	check_total(text, "aspace", "type", "total", "size", s.committed_bytes);
	free(text);
	hak_free(big);
	hak_free(small);
}
END_TEST

START_TEST(test_malloc_info_refuses_options)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	errno = 0;
	ck_assert_int_eq(hak_malloc_info(1, out), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(hak_malloc_info(-1, out), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_eq(size, 0);
	free(text);
}
END_TEST

/* --- hakmem's own ----------------------------------------------------------------------------- */

START_TEST(test_variant)
{
	ck_assert_str_eq(hak_variant(), TEST_VARIANT);
}
END_TEST

START_TEST(test_is_in_heap)
{
	const struct api_entry *entry = &api_entries[_i];

	for (size_t i = 0; i < api_tier_size_count; i++) {
		char *p = entry->alloc(api_tier_sizes[i]);

		ck_assert_ptr_nonnull(p);
		ck_assert_msg(hak_is_in_heap(p), "%s: %p", entry->name, (void *)p);
		ck_assert(hak_is_in_heap(p + hak_malloc_usable_size(p) - 1));
		hak_free(p);
	}
}
END_TEST

START_TEST(test_is_not_in_heap)
{
	static char in_static;
	char on_stack;
	void *from_libc = malloc(100);

	ck_assert_ptr_nonnull(from_libc);
	ck_assert(!hak_is_in_heap(NULL));
	ck_assert(!hak_is_in_heap(&on_stack));
	ck_assert(!hak_is_in_heap(&in_static));
	ck_assert(!hak_is_in_heap("text"));
	ck_assert(!hak_is_in_heap((void *)(uintptr_t)hak_is_in_heap));
	ck_assert(!hak_is_in_heap(from_libc));
	ck_assert(!hak_is_in_heap((void *)UINTPTR_MAX));
	free(from_libc);
}
END_TEST

void
api_add_stats(Suite *suite)
{
	TCase *stats = audited_tcase(suite, "stats", 60);
	TCase *trim = audited_tcase(suite, "trim", 60);
	TCase *own = audited_tcase(suite, "own", 60);

	tcase_add_loop_test(stats, test_live_bytes_follow_every_entry, 0, (int)api_entry_count);
	tcase_add_test(stats, test_live_bytes_follow_realloc);
	tcase_add_test(stats, test_stats_are_consistent);
	tcase_add_test(stats, test_stats_big_blocks);
	tcase_add_test(stats, test_stats_peak);
	tcase_add_test(stats, test_stats_count_slow_paths);
	tcase_add_test(stats, test_stats_to_and_fro);
	tcase_add_test(stats, test_stats_count_caches);
	tcase_add_test(stats, test_malloc_stats);
	tcase_add_test(stats, test_malloc_stats_json);
	tcase_add_test(stats, test_malloc_stats_many_caches);
	tcase_add_test(stats, test_malloc_info);
	tcase_add_test(stats, test_malloc_info_refuses_options);
	tcase_add_test(trim, test_malloc_trim);
	tcase_add_test(trim, test_malloc_trim_keeps_pad);
#ifndef SHADOW_MEMORY
	tcase_add_test(trim, test_malloc_trim_lowers_rss);
#endif
	tcase_add_test(trim, test_mallopt);
	tcase_add_test(own, test_variant);
	tcase_add_loop_test(own, test_is_in_heap, 0, (int)api_entry_count);
	tcase_add_test(own, test_is_not_in_heap);
}
