/* SPDX-License-Identifier: MIT
 * tests/test_override.c - a program that calls malloc and its family under their usual names and is
 * linked with the library: every name has to mean hakmem's function, those that the C library calls
 * on the program's behalf (strdup, getline and so on) included. It says what is wrong; the exit
 * status tells. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include <hakmem/hakmem.h>

#include "xml.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MIB ((size_t)1 << 20)

/* C23's; the C library's headers may not have them yet. */
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);

static unsigned failures;
/* Not constants, so that the compiler cannot judge the calls. */
static volatile size_t hundred = 100, absurd = PTRDIFF_MAX;

static void
expect(bool ok, const char *what, const char *name)
{
	if (!ok) {
		fprintf(stderr, "test_override: %s: %s\n", name, what);
		failures++;
	}
}

/* --- where the names lead --------------------------------------------------------------------- */

static const char *const names[] = {"malloc", "calloc", "realloc", "reallocarray", "free",
	"free_sized", "free_aligned_sized", "aligned_alloc", "posix_memalign", "memalign", "valloc",
	"pvalloc", "malloc_usable_size", "malloc_trim", "malloc_stats", "mallinfo", "mallinfo2",
	"malloc_info", "mallopt",
	/* new and new[]: plain, nothrow, aligned, aligned nothrow */
	"_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t",
	"_ZnamSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t",
	"_ZnamSt11align_val_tRKSt9nothrow_t",
	/* delete and delete[]: plain, sized, nothrow, aligned, sized aligned, aligned nothrow */
	"_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm", "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t",
	"_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t", "_ZdlPvmSt11align_val_t",
	"_ZdaPvmSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
	"_ZdaPvSt11align_val_tRKSt9nothrow_t"};

/* Every name resolves to the object that hak_malloc is in. */
static void
test_names(void)
{
	Dl_info ours, theirs;
	void *own = dlsym(RTLD_DEFAULT, "hak_malloc");

	expect(own && dladdr(own, &ours), "hak_malloc cannot be found", "dlsym");
	for (size_t i = 0; own && i < LENGTH(names); i++) {
		void *p = dlsym(RTLD_DEFAULT, names[i]);

		if (!p || !dladdr(p, &theirs))
			expect(false, "cannot be found", names[i]);
		else
			expect(strcmp(ours.dli_fname, theirs.dli_fname) == 0,
				"is another library's", names[i]);
	}
}

/* --- blocks of every entry point -------------------------------------------------------------- */

static void *
by_calloc(size_t size)
{
	return calloc(size, 1);
}

static void *
by_realloc(size_t size)
{
	return realloc(NULL, size);
}

static void *
by_reallocarray(size_t size)
{
	return reallocarray(NULL, 1, size);
}

static void *
by_aligned_alloc(size_t size)
{
	return aligned_alloc(256, size);
}

static void *
by_posix_memalign(size_t size)
{
	void *p = NULL;
	int error = posix_memalign(&p, 256, size);

	if (error)
		errno = error;
	return p;
}

static void *
by_memalign(size_t size)
{
	return memalign(256, size);
}

static void *
by_valloc(size_t size)
{
	return valloc(size);
}

static void *
by_pvalloc(size_t size)
{
	return pvalloc(size);
}

static const struct {
	const char *name;
	void *(*alloc)(size_t size);
	size_t alignment;
} entries[] = {{"malloc", malloc, 16}, {"calloc", by_calloc, 16}, {"realloc", by_realloc, 16},
	{"reallocarray", by_reallocarray, 16}, {"aligned_alloc", by_aligned_alloc, 256},
	{"posix_memalign", by_posix_memalign, 256}, {"memalign", by_memalign, 256},
	{"valloc", by_valloc, 4096}, {"pvalloc", by_pvalloc, 4096}};

static void
test_entries(void)
{
	const size_t sizes[] = {0, 1, 16, 1000, 20000, 500000, 5 * MIB};

	for (size_t i = 0; i < LENGTH(entries); i++) {
		const char *name = entries[i].name;

		for (size_t j = 0; j < LENGTH(sizes); j++) {
			void *p = entries[i].alloc(sizes[j]);

			expect(p != NULL, "gave no block", name);
			expect(hak_is_in_heap(p), "did not come from hakmem", name);
			expect(sizes[j] < 16 || (uintptr_t)p % entries[i].alignment == 0,
				"is not aligned", name);
			expect(malloc_usable_size(p) >= sizes[j], "has too few bytes", name);
			expect(malloc_usable_size(p) == hak_malloc_usable_size(p),
				"has two usable sizes", name);
			memset(p, 1, sizes[j]);
			p = realloc(p, sizes[j] + 100);
			expect(p && hak_is_in_heap(p), "was not resized by hakmem", name);
			errno = 4321;
			free(p);
			expect(errno == 4321, "free changed errno", name);
		}
		errno = 0;
		expect(entries[i].alloc(absurd) == NULL, "gave a block of PTRDIFF_MAX", name);
		expect(errno == ENOMEM, "did not set ENOMEM", name);
	}
}

static void
test_frees(void)
{
	struct hak_stats before, after;

	hak_stats_get(&before);
	free(malloc(hundred));
	free_sized(malloc(hundred), hundred);
	free_aligned_sized(aligned_alloc(512, hundred), 512, hundred);
	/* The two sets of names are one heap. */
	hak_free(malloc(hundred));
	free(hak_malloc(hundred));
	free(NULL);
	free_sized(NULL, 1);
	free_aligned_sized(NULL, 16, 1);
	hak_stats_get(&after);
	expect(before.live_bytes == after.live_bytes, "a block was not freed", "free");
}

/* --- what the C library allocates ------------------------------------------------------------- */

static void
expect_ours(void *p, const char *name)
{
	expect(p != NULL && hak_is_in_heap(p), "did not come from hakmem", name);
	free(p);
}

static void
test_libc_allocations(void)
{
	char *text = NULL, *line = NULL;
	size_t size = 0;
	FILE *stream;

	expect_ours(strdup("a string"), "strdup");
	expect_ours(strndup("a string", 3), "strndup");
	expect_ours(wcsdup(L"wide"), "wcsdup");
	expect(asprintf(&text, "%0100d", 42) == 100, "wrong result", "asprintf");
	expect_ours(text, "asprintf");
	expect_ours(realpath("/", NULL), "realpath");
	expect_ours(getcwd(NULL, 0), "getcwd");

	stream = fmemopen((void *)(uintptr_t) "first line\nsecond\n", 18, "r");
	expect(stream && hak_is_in_heap(stream), "did not come from hakmem", "fmemopen");
	if (stream) {
		expect(getline(&line, &size, stream) == 11, "wrong result", "getline");
		expect_ours(line, "getline");
		fclose(stream);
	}
	stream = open_memstream(&text, &size);
	if (stream) {
		fprintf(stream, "%05000d", 1);
		fclose(stream);
	}
	expect(stream && size == 5000, "wrong result", "open_memstream");
	expect_ours(text, "open_memstream");
}

/* --- reporting and tuning --------------------------------------------------------------------- */

/* The figures move by what the program does, in all of mallinfo's forms. */
static void
check_mallinfo(size_t size, const char *name)
{
	struct mallinfo2 before = mallinfo2(), during, after;
	struct mallinfo small;
	void *p[10];

	for (size_t i = 0; i < LENGTH(p); i++) {
		p[i] = malloc(size);
		memset(p[i], 1, size);
	}
	during = mallinfo2();
	/* The old form, in whose ints these figures fit. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	small = mallinfo();
#pragma GCC diagnostic pop
	for (size_t i = 0; i < LENGTH(p); i++)
		free(p[i]);
	after = mallinfo2();
	expect(during.uordblks + during.hblkhd >= before.uordblks + before.hblkhd + 10 * size,
		"uordblks and hblkhd did not grow", name);
	expect(during.uordblks <= during.arena, "more in use than there is", name);
	expect(during.uordblks + during.fordblks <= during.arena, "the parts exceed arena", name);
	expect(after.uordblks == before.uordblks, "uordblks did not come back", name);
	expect(after.hblkhd == before.hblkhd, "hblkhd did not come back", name);
	expect((size_t)(unsigned)small.uordblks == (during.uordblks & 0xffffffffu),
		"mallinfo and mallinfo2 differ in uordblks", name);
	expect((size_t)(unsigned)small.hblkhd == (during.hblkhd & 0xffffffffu),
		"mallinfo and mallinfo2 differ in hblkhd", name);
	expect((size_t)(unsigned)small.hblks == (during.hblks & 0xffffffffu),
		"mallinfo and mallinfo2 differ in hblks", name);
}

static void
test_mallinfo(void)
{
	void *big;
	struct mallinfo2 before, during;

	check_mallinfo(100, "mallinfo2 of small blocks");
	check_mallinfo(10000, "mallinfo2 of L2 blocks");
	check_mallinfo(300000, "mallinfo2 of large blocks");
	check_mallinfo(4 * MIB, "mallinfo2 of Big blocks");
	before = mallinfo2();
	big = malloc(8 * MIB);
	during = mallinfo2();
	expect(during.hblks == before.hblks + 1, "hblks did not count a Big block", "mallinfo2");
	expect(during.hblkhd >= before.hblkhd + 8 * MIB, "hblkhd did not grow", "mallinfo2");
	free(big);
	/* jemalloc gives 8 MiB back at once. */
	free(malloc(MIB));
	expect(mallinfo2().fordblks > 0, "nothing is free after a free", "mallinfo2");
}

static void
test_malloc_info(void)
{
	char *text = NULL;
	size_t size = 0, offset, number;
	FILE *out = open_memstream(&text, &size);
	const char *error;

	expect(out && malloc_info(0, out) == 0, "failed", "malloc_info");
	if (!out)
		return;
	fclose(out);
	error = xml_error(text, &offset);
	expect(!error, error ? error : "", "malloc_info");
	expect(!error && xml_number(text, "system", "type", "current", "size", &number) &&
			number > 0,
		"has no system size", "malloc_info");
	free(text);
	errno = 0;
	expect(malloc_info(1, stdout) == -1 && errno == EINVAL, "took options", "malloc_info");
}

static void
test_tuning(void)
{
	void *p[64];

	for (size_t i = 0; i < LENGTH(p); i++) {
		p[i] = malloc(700000);
		memset(p[i], 1, 700000);
	}
	for (size_t i = 0; i < LENGTH(p); i++)
		free(p[i]);
	expect(malloc_trim(0) == 1, "gave nothing back", "malloc_trim");
	expect(mallopt(M_ARENA_MAX, 2) == 1, "refused M_ARENA_MAX", "mallopt");
	expect(mallopt(4711, 2) == 0, "took a parameter that does not exist", "mallopt");
	malloc_stats();
}

/* --- threads and fork ------------------------------------------------------------------------- */

static void *
thread_alloc(void *arg)
{
	for (size_t i = 0; i < 10000; i++)
		free(malloc(i % 3000));
	(void)arg;
	return strdup("from a thread");
}

static void
test_threads_and_fork(void)
{
	pthread_t threads[4];
	int status = -1;
	pid_t pid;

	for (size_t i = 0; i < LENGTH(threads); i++)
		expect(pthread_create(&threads[i], NULL, thread_alloc, NULL) == 0, "failed",
			"pthread_create");
	for (size_t i = 0; i < LENGTH(threads); i++) {
		void *result = NULL;

		pthread_join(threads[i], &result);
		expect_ours(result, "a thread's strdup");
	}
	pid = fork();
	if (pid == 0) {
		void *p = thread_alloc(NULL);

		_exit(hak_is_in_heap(p) ? 0 : 1);
	}
	expect(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "the child failed",
		"fork");
}

int
main(void)
{
	test_names();
	test_entries();
	test_frees();
	test_libc_allocations();
	test_mallinfo();
	test_malloc_info();
	test_tuning();
	test_threads_and_fork();
	hak_audit();
	printf("test_override: %s: %u failures\n", hak_variant(), failures);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
