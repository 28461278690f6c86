/* SPDX-License-Identifier: MIT
 * tests/reliability/enomem.c - every entry point's failing paths.
 *
 * absurd     sizes and products that no memory could hold
 * limit      a size above RLIMIT_AS, and requests when all memory is taken (NUMBER is RLIMIT_AS in
 *            MiB, set before the program starts)
 * alignment  alignments that are no power of two
 *
 * A failing call gives NULL and ENOMEM (posix_memalign returns the error and leaves both errno and
 * its argument alone, which glibc's doesn't promise), and realloc leaves the old block untouched.
 */
#include "case.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { HELD = 300 };

/* A block of the program's, which failing calls of realloc must not change. */
static char *held;

/* The entry points of one shape each: take a size, give a block. The compiler knows the real
 * functions and warns of absurd sizes; behind these pointers it doesn't see them. */
static void *
by_malloc(size_t size)
{
	return malloc(size);
}

static void *
by_calloc(size_t size)
{
	return calloc(1, size);
}

static void *
by_calloc_bytes(size_t size)
{
	return calloc(size, 1);
}

static void *
by_realloc(size_t size)
{
	return realloc(held, size);
}

static void *
by_realloc_null(size_t size)
{
	return realloc(NULL, size);
}

static void *
by_reallocarray(size_t size)
{
	return reallocarray(held, size, 1);
}

static void *
by_aligned_alloc(size_t size)
{
	return aligned_alloc(64, size);
}

static void *
by_aligned_alloc_large(size_t size)
{
	return aligned_alloc(1 << 20, size);
}

static void *
by_memalign(size_t size)
{
	return memalign(4096, size);
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

static const struct entry {
	const char *name;
	void *(*allocate)(size_t size);
} entries[] = {
	{"malloc", by_malloc},
	{"calloc(1, n)", by_calloc},
	{"calloc(n, 1)", by_calloc_bytes},
	{"realloc", by_realloc},
	{"realloc(NULL)", by_realloc_null},
	{"reallocarray", by_reallocarray},
	{"aligned_alloc(64)", by_aligned_alloc},
	{"aligned_alloc(1 MiB)", by_aligned_alloc_large},
	{"memalign", by_memalign},
	{"valloc", by_valloc},
	{"pvalloc", by_pvalloc},
};

static void
check_held(const char *name)
{
	CASE_REQUIRE(case_holds(held, HELD, 'h'), "a failing %s changed the block", name);
}

static void
check_posix_memalign(size_t size)
{
	void *untouched = held;
	int error;

	errno = 12345;
	error = posix_memalign(&untouched, 4096, size);
	CASE_REQUIRE(error == ENOMEM, "posix_memalign of %zu bytes gave %d", size, error);
	CASE_REQUIRE(errno == 12345 && untouched == held,
		"a failing posix_memalign changed errno or its argument");
}

/* C++'s nothrow forms are there only where the library defines them; the second argument is a
 * reference to an empty object. */
static void
check_nothrow_new(size_t size)
{
	static const char *const names[] = {"_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t"};
	static const char nothrow = 0;

	for (unsigned i = 0; i < 2; i++) {
		void *(*allocate)(size_t, const char *);
		void *symbol = dlsym(RTLD_DEFAULT, names[i]);

		if (!symbol)
			continue;
		memcpy(&allocate, &symbol, sizeof(allocate));
		CASE_REQUIRE(
			!allocate(size, &nothrow), "%s of %zu bytes gave a block", names[i], size);
	}
}

static void
check_all_fail(size_t size)
{
	for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		void *block;

		errno = 0;
		block = entries[i].allocate(size);
		CASE_REQUIRE(!block, "%s of %zu bytes gave %p", entries[i].name, size, block);
		CASE_REQUIRE(errno == ENOMEM, "%s of %zu bytes set errno to %d", entries[i].name,
			size, errno);
		check_held(entries[i].name);
	}
	check_posix_memalign(size);
	check_nothrow_new(size);
}

static void
hold_block(void)
{
	held = malloc(HELD);
	CASE_REQUIRE(held, "malloc failed");
	case_fill(held, HELD, 'h');
}

static void
check_products(size_t n, size_t size)
{
	void *(*volatile calloc_function)(size_t, size_t) = calloc;
	void *(*volatile reallocarray_function)(void *, size_t, size_t) = reallocarray;

	errno = 0;
	CASE_REQUIRE(!calloc_function(n, size) && errno == ENOMEM, "calloc(%zu, %zu), errno %d", n,
		size, errno);
	errno = 0;
	CASE_REQUIRE(!reallocarray_function(held, n, size) && errno == ENOMEM,
		"reallocarray(%zu, %zu), errno %d", n, size, errno);
	check_held("reallocarray");
}

static void
run_absurd(long number)
{
	static const size_t sizes[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX / 4 * 3, SIZE_MAX - 4096,
		SIZE_MAX - 4095, SIZE_MAX - 63, SIZE_MAX - 15, SIZE_MAX - 1, SIZE_MAX};

	(void)number;
	hold_block();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_all_fail(sizes[i]);
	/* No address space of 47 bits holds this one, though it is not above PTRDIFF_MAX. */
	check_all_fail((size_t)1 << 48);
	check_products(SIZE_MAX, SIZE_MAX);
	check_products(SIZE_MAX / 2 + 1, 2);
	check_products((size_t)1 << 32, (size_t)1 << 32);
	check_products(3, SIZE_MAX / 3 + 1);
	case_load(1, 200, 1 << 20);
}

static void
run_limit(long number)
{
	size_t limit = (size_t)number * CASE_MIB;
	const size_t size = 4 << 20;
	void **list = NULL;
	void **block;

	hold_block();
	check_all_fail(limit);
	check_all_fail(8 * limit);
	check_products(limit, 3);
	for (size_t total = 0; (block = malloc(size)) != NULL; total += size) {
		CASE_REQUIRE(total <= limit, "no exhaustion after %zu MiB", total / CASE_MIB);
		*block = list;
		list = block;
	}
	/* With no room for 4 MiB no entry point can find it; the whole limit for 5 MiB isn't asked
	 * for, so that this time it is memory and not the size that the call fails for. */
	check_all_fail(size + (1 << 20));
	while (list) {
		block = *list;
		errno = 12345;
		free(list);
		CASE_REQUIRE(errno == 12345, "free changed errno to %d", errno);
		list = (void **)block;
	}
	case_load(1, 200, 1 << 20);
}

static void
run_alignment(long number)
{
	static const size_t wrong[] = {0, 3, 24, 48, 4097, SIZE_MAX};
	void *(*volatile aligned_alloc_function)(size_t, size_t) = aligned_alloc;
	int (*volatile posix_memalign_function)(void **, size_t, size_t) = posix_memalign;

	(void)number;
	hold_block();
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		void *untouched = held;
		int error;

		errno = 0;
		CASE_REQUIRE(!aligned_alloc_function(wrong[i], 100) && errno == EINVAL,
			"aligned_alloc with alignment %zu, errno %d", wrong[i], errno);
		errno = 0;
		error = posix_memalign_function(&untouched, wrong[i], 100);
		CASE_REQUIRE(error == EINVAL && errno == 0 && untouched == held,
			"posix_memalign with alignment %zu gave %d, errno %d", wrong[i], error,
			errno);
	}
	/* POSIX: a power of two, but not a multiple of a pointer's size. */
	CASE_REQUIRE(posix_memalign_function((void **)&held, 4, 100) == EINVAL,
		"posix_memalign with alignment 4 succeeded");
	check_held("posix_memalign");
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"absurd", run_absurd},
		{"limit", run_limit},
		{"alignment", run_alignment},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
