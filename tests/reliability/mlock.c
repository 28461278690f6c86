/* SPDX-License-Identifier: MIT
 * tests/reliability/mlock.c - programs that lock their memory.
 *
 * early  mlockall for all present and future memory comes first, then allocation
 * late   it comes while much is allocated and some of that is free
 * limit  a program without privilege locks future memory and runs into RLIMIT_MEMLOCK
 *
 * What an allocator has reserved but not used must not become resident by it. (The kernel counts
 * reserved address space in VmLck all the same; that is no memory.) */
#include "case.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCKS = 1024, LIVE_MIB = 64, NOBODY = 65534 };

static void *blocks[BLOCKS];

/* Blocks of all tiers, of 64 KiB on average, 64 MiB together. */
static void
allocate_blocks(void)
{
	static const size_t sizes[] = {1 << 10, 24 << 10, 200 << 10, 31 << 10};

	for (unsigned i = 0; i < BLOCKS; i++) {
		size_t size = sizes[i % 4];

		blocks[i] = malloc(size);
		CASE_REQUIRE(blocks[i], "malloc failed with memory locked");
		case_fill(blocks[i], size, (unsigned char)i);
	}
}

static void
free_blocks(unsigned first, unsigned step)
{
	for (unsigned i = first; i < BLOCKS; i += step) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
}

static void
lock_memory(int flags)
{
	if (mlockall(flags) == 0)
		return;
	if (geteuid() == 0)
		case_fail("mlockall failed for root: %s", strerror(errno));
	case_skip("mlockall failed (%s): run as root, or with a higher RLIMIT_MEMLOCK",
		strerror(errno));
}

/* The loader's and the C library's pages become resident too, hence the constant. */
static void
check_resident(const char *moment, size_t live_mib)
{
	size_t rss = case_rss_kib() / 1024;

	case_note("%s: RSS %zu MiB, VmLck %zu MiB", moment, rss,
		case_proc_kib("/proc/self/status", "VmLck:") / 1024);
	CASE_REQUIRE(rss <= live_mib + live_mib / 4 + 32, "%s: RSS %zu MiB with %zu MiB live",
		moment, rss, live_mib);
}

static void
run_early(long number)
{
	(void)number;
	lock_memory(MCL_CURRENT | MCL_FUTURE);
	check_resident("locked", 0);
	allocate_blocks();
	check_resident("allocated", LIVE_MIB);
	free_blocks(0, 1);
	allocate_blocks();
	check_resident("allocated again", LIVE_MIB);
	free_blocks(0, 1);
	case_load(1, 2000, 4 << 20);
}

static void
run_late(long number)
{
	(void)number;
	allocate_blocks();
	free_blocks(0, 2);
	lock_memory(MCL_CURRENT | MCL_FUTURE);
	check_resident("locked", LIVE_MIB);
	free_blocks(1, 2);
	allocate_blocks();
	check_resident("allocated again", LIVE_MIB);
	free_blocks(0, 1);
	case_load(1, 2000, 4 << 20);
}

static void
run_limit(long number)
{
	struct rlimit limit;
	size_t got = 0;

	(void)number;
	CASE_REQUIRE(getrlimit(RLIMIT_MEMLOCK, &limit) == 0, "getrlimit failed");
	/* Not even root may always raise the hard limit. */
	if (limit.rlim_max > 64 * CASE_MIB)
		limit.rlim_max = 64 * CASE_MIB;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_cur < 4 * CASE_MIB)
		case_skip("RLIMIT_MEMLOCK is below 4 MiB");
	CASE_REQUIRE(setrlimit(RLIMIT_MEMLOCK, &limit) == 0, "setrlimit failed");
	if (geteuid() == 0)
		CASE_REQUIRE(setresuid(NOBODY, NOBODY, NOBODY) == 0, "setresuid failed");
	/* Only future memory: the kernel refuses the present unless all of it fits. */
	lock_memory(MCL_FUTURE);
	for (unsigned i = 0; i < BLOCKS; i++) {
		errno = 0;
		blocks[i] = malloc(256 << 10);
		CASE_REQUIRE(blocks[i] || errno == ENOMEM, "malloc failed with errno %d", errno);
		if (!blocks[i])
			break;
		case_fill(blocks[i], 256 << 10, (unsigned char)i);
		got += 256 << 10;
	}
	case_note("%zu MiB, with RLIMIT_MEMLOCK at %zu MiB", got / CASE_MIB,
		(size_t)limit.rlim_cur / CASE_MIB);
	CASE_REQUIRE(got >= limit.rlim_cur / 4, "only %zu KiB were to be had", got / 1024);
	free_blocks(0, 1);
	case_load(1, 1000, 32 << 10);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"early", run_early},
		{"late", run_late},
		{"limit", run_limit},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
