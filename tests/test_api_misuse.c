/* SPDX-License-Identifier: MIT
 * tests/test_api_misuse.c - a wrong free stops the program with SIGABRT and one line on standard
 * error that names the address. Each case is one bug. */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api_suite.h"

struct misuse {
	const char *name;
	uintptr_t (*victim)(void); /* the address that is freed wrongly */
	void (*release)(void *p);
	const char *word; /* that the message contains */
};

/* --- addresses -------------------------------------------------------------------------------- */

/* The size is hidden from the compiler, which would warn of what the tests mean to do. */
static volatile size_t hidden;

static uintptr_t
address_of_freed(size_t size)
{
	void *p, *neighbour;

	hidden = size;
	p = hak_malloc(hidden);
	/* The neighbour keeps the slab from becoming empty. */
	neighbour = hak_malloc(hidden);
	ck_assert(p != NULL && neighbour != NULL);
	hak_free(p);
	return (uintptr_t)p;
}

static uintptr_t
freed_16(void)
{
	return address_of_freed(16);
}

static uintptr_t
freed_64(void)
{
	return address_of_freed(64);
}

static uintptr_t
freed_1024(void)
{
	return address_of_freed(1024);
}

static uintptr_t
freed_l2(void)
{
	return address_of_freed(5000);
}

static uintptr_t
freed_l2_largest(void)
{
	return address_of_freed(32768);
}

static uintptr_t
freed_large(void)
{
	return address_of_freed(100000);
}

static uintptr_t
freed_large_largest(void)
{
	return address_of_freed(1048576);
}

static uintptr_t
freed_big(void)
{
	return address_of_freed(5000000);
}

static uintptr_t
freed_huge(void)
{
	return address_of_freed(300 * MIB);
}

/* The only block of its slab. */
static uintptr_t
freed_alone(void)
{
	void *p = hak_malloc(704);

	ck_assert_ptr_nonnull(p);
	hak_free(p);
	return (uintptr_t)p;
}

static uintptr_t
on_stack(void)
{
	static char *volatile address;
	char buffer[64];

	address = buffer;
	return ((uintptr_t)address + 15) & ~(uintptr_t)15;
}

static uintptr_t
in_static(void)
{
	static char buffer[64] __attribute__((aligned(64)));

	return (uintptr_t)buffer;
}

static uintptr_t
in_text(void)
{
	return (uintptr_t)in_static & ~(uintptr_t)15;
}

static uintptr_t
not_canonical(void)
{
	return (uintptr_t)0xdead000000000010u;
}

static uintptr_t
low(void)
{
	return 16;
}

/* In the reserved range, where no block has been. */
static uintptr_t
never_handed_out(void)
{
	uintptr_t p = (uintptr_t)hak_malloc(100);

	ck_assert_uint_ne(p, 0);
	return p + GIB;
}

static uintptr_t
block_plus(size_t size, size_t offset)
{
	uintptr_t p = (uintptr_t)hak_malloc(size);

	ck_assert_uint_ne(p, 0);
	return p + offset;
}

static uintptr_t
inside_big(void)
{
	return block_plus(8 * MIB, 4 * MIB);
}

static uintptr_t
inside_big_first_page(void)
{
	return block_plus(8 * MIB, 16);
}

static uintptr_t
inside_big_last_page(void)
{
	return block_plus(8 * MIB, 8 * MIB - 16);
}

static uintptr_t
inside_large(void)
{
	return block_plus(300000, 65536);
}

static uintptr_t
inside_large_by_16(void)
{
	return block_plus(300000, 16);
}

static uintptr_t
inside_tiny(void)
{
	return block_plus(64, 16);
}

static uintptr_t
inside_tiny_unaligned(void)
{
	return block_plus(64, 1);
}

static uintptr_t
inside_l2(void)
{
	return block_plus(5000, 1024);
}

static uintptr_t
inside_l2_unaligned(void)
{
	return block_plus(5000, 7);
}

/* --- wrong calls ------------------------------------------------------------------------------ */

static void
release_free_sized(void *p)
{
	hak_free_sized(p, 64);
}

static void
release_free_aligned_sized(void *p)
{
	hak_free_aligned_sized(p, 64, 64);
}

/* A thread's cache takes a block by its page alone; it is looked at more closely when it leaves the
 * cache, for which the trim sees here. */
static void
release_free_and_trim(void *p)
{
	hak_free(p);
	hak_malloc_trim(0);
}

static void
release_realloc(void *p)
{
	hak_free(hak_realloc(p, 100000));
}

static void
release_realloc_to_zero(void *p)
{
	hak_realloc(p, 0);
}

static const struct misuse misuses[] = {
	{"double free of 16 bytes", freed_16, hak_free, "double free"},
	{"double free of 64 bytes", freed_64, hak_free, "double free"},
	{"double free of 1 KiB", freed_1024, hak_free, "double free"},
	{"double free of an L2 block", freed_l2, hak_free, "double free"},
	{"double free of the largest L2 block", freed_l2_largest, hak_free, "double free"},
	{"double free of a large block", freed_large, hak_free, "free"},
	{"double free of the largest large block", freed_large_largest, hak_free, "free"},
	{"double free of a Big block", freed_big, hak_free, "free"},
	{"double free of a huge block", freed_huge, hak_free, "free"},
	{"double free of a slab's only block", freed_alone, hak_free, "free"},
	{"double free by free_sized", freed_64, release_free_sized, "double free"},
	{"double free by free_aligned_sized", freed_64, release_free_aligned_sized, "double free"},
	{"double free by realloc to 0", freed_64, release_realloc_to_zero, "double free"},
	{"free of a stack address", on_stack, hak_free, "free"},
	{"free of a static", in_static, hak_free, "free"},
	{"free of code", in_text, hak_free, "free"},
	{"free of a non-canonical address", not_canonical, hak_free, "free"},
	{"free of a low address", low, hak_free, "free"},
	{"free of an address never handed out", never_handed_out, hak_free, "free"},
	{"free_sized of a static", in_static, release_free_sized, "free"},
	{"free_aligned_sized of a static", in_static, release_free_aligned_sized, "free"},
	{"realloc of a static", in_static, release_realloc, "realloc"},
	{"realloc of an address never handed out", never_handed_out, release_realloc, "realloc"},
	{"free of a Big block's middle", inside_big, hak_free, "free"},
	{"free of a Big block's first page", inside_big_first_page, hak_free, "free"},
	{"free of a Big block's last page", inside_big_last_page, hak_free, "free"},
	{"free of a large block's second page", inside_large, hak_free, "free"},
	{"free of a large block's interior", inside_large_by_16, release_free_and_trim, "free"},
	{"free of a Tiny block's interior", inside_tiny, release_free_and_trim, "free"},
	{"free of a Tiny block's second byte", inside_tiny_unaligned, release_free_and_trim,
		"free"},
	{"free of an L2 block's interior", inside_l2, release_free_and_trim, "free"},
	{"free of an L2 block's eighth byte", inside_l2_unaligned, release_free_and_trim, "free"},
};

/* --- the tests -------------------------------------------------------------------------------- */

static void
no_core_file(void)
{
	static const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
}

START_TEST(test_misuse_aborts)
{
	const struct misuse *m = &misuses[_i];

	no_core_file();
	m->release((void *)m->victim());
}
END_TEST

/* That a block was freed before is told by the cache of the CPU that it was freed on, which another
 * thread, such as a sanitizer's, may make the program leave. */
static void
stay_on_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* Runs the misuse in a child of its own; its standard error goes to `message`. Returns the child's
 * wait status. */
static int
run_misuse(const struct misuse *m, uintptr_t victim, char *message, size_t size)
{
	int fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		no_core_file();
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		m->release((void *)victim);
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], message + used, size - 1 - used)) > 0)
		used += (size_t)n;
	message[used] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(test_misuse_message)
{
	const struct misuse *m = &misuses[_i];
	char message[1000], address[32];
	uintptr_t victim = m->victim();
	int status = run_misuse(m, victim, message, sizeof(message));
	const char *newline = strchr(message, '\n');

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
		"%s of 0x%" PRIxPTR " went through (status 0x%x): %s", m->name, victim,
		(unsigned)status, message);
	snprintf(address, sizeof(address), "0x%" PRIxPTR, victim);
	ck_assert_msg(strncmp(message, "hakmem: ", 8) == 0, "%s: '%s'", m->name, message);
	ck_assert_msg(
		strstr(message, address) != NULL, "%s: no %s in '%s'", m->name, address, message);
	ck_assert_msg(
		strstr(message, m->word) != NULL, "%s: no '%s' in '%s'", m->name, m->word, message);
	ck_assert_msg(newline && newline[1] == '\0', "%s: not one line: '%s'", m->name, message);
}
END_TEST

void
api_add_misuse(Suite *suite)
{
	TCase *messages = audited_tcase(suite, "misuse", 30);
	TCase *signals = tcase_create("misuse_signal");

	tcase_add_checked_fixture(messages, stay_on_cpu, NULL);
	tcase_add_checked_fixture(signals, stay_on_cpu, NULL);
	tcase_add_loop_test(messages, test_misuse_message, 0, (int)LENGTH(misuses));
	tcase_add_loop_test_raise_signal(
		signals, test_misuse_aborts, SIGABRT, 0, (int)LENGTH(misuses));
	suite_add_tcase(suite, signals);
}
