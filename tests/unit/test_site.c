/* SPDX-License-Identifier: MIT
 * tests/unit/test_site.c - frontends/site and frontends/modules: frames that are there, frames that
 * are garbage, and where addresses belong. */
#include "frontends/site.h"

#include <sys/mman.h>

#include "frontends/modules.h"
#include "tests/unit/unit.h"

#define ADDRESS ((uintptr_t)0x401234)
#define CALLER ((uintptr_t)0x405678)
#define PAGES 8

/* A stack of our own: readable pages, and one above them that is not. */
static uintptr_t *
make_stack(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, (PAGES + 1) * page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(mprotect(p + PAGES * page, page, PROT_NONE), 0);
	return (uintptr_t *)p;
}

static uintptr_t
site_at(uintptr_t *frame, uintptr_t up)
{
	uintptr_t site;

	*frame = up;
	errno = ERRNO_MARK;
	site = site_with_caller(ADDRESS, frame);
	ck_assert_int_eq(errno, ERRNO_MARK);
	return site;
}

START_TEST(test_next_frame)
{
	uintptr_t *stack = make_stack(), *up = stack + 20;
	uintptr_t site, other;

	up[1] = CALLER;
	site = site_at(stack, (uintptr_t)up);
	ck_assert_uint_ne(site, ADDRESS);
	ck_assert_uint_eq(site_at(stack, (uintptr_t)up), site);
	/* Another caller of the same function is another site, the same one of another is, too. */
	up[1] = CALLER + 5;
	other = site_at(stack, (uintptr_t)up);
	ck_assert_uint_ne(other, site);
	ck_assert_uint_ne(other, ADDRESS);
	up[1] = CALLER;
	ck_assert_uint_ne(site_with_caller(ADDRESS + 9, stack), site);
	up[1] = 0;
	ck_assert_uint_eq(site_at(stack, (uintptr_t)up), ADDRESS);
}
END_TEST

/* What the caller's register may hold when it is no frame pointer. */
START_TEST(test_garbage)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t *stack = make_stack(), base = (uintptr_t)stack;
	uintptr_t end = base + PAGES * page;
	uint64_t rng = unit_rng(1);

	/* None, itself, below, misaligned, far, or not to be read: across the end and behind it. */
	const uintptr_t bad[] = {0, 1, UINTPTR_MAX, UINTPTR_MAX & ~(uintptr_t)15, base + 64, base,
		base + 8 * 9, base + 64 + 13, base + 64 + ((uintptr_t)1 << 21), end, end + 16,
		end + 64, (uintptr_t)1 << 47, (uintptr_t)1 << 63};

	memset(stack, 0x41, PAGES * page);
	for (size_t i = 0; i < LENGTH(bad); i++)
		ck_assert_msg(site_at(stack + 8, bad[i]) == ADDRESS, "%zu", i);
	/* The last frame that fits is one. */
	ck_assert_uint_ne(site_at(stack + 8, end - 16), ADDRESS);
	for (int i = 0; i < 20000; i++)
		site_at(stack + 8, (uintptr_t)rng_next(&rng) >> rng_below(&rng, 64));
	for (int i = 0; i < 20000; i++)
		site_at(stack + 8, base + 16 * (uintptr_t)rng_below(&rng, 1 << 17));
}
END_TEST

static int in_data = 1;

START_TEST(test_modules)
{
	char self[1024];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct module m, again;
	int on_stack = 0;

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	errno = ERRNO_MARK;
	ck_assert(module_of((uintptr_t)make_stack, &m));
	ck_assert_str_eq(m.path, self);
	ck_assert(module_of((uintptr_t)&in_data, &again));
	ck_assert_str_eq(again.path, self);
	/* Both count from the same beginning. */
	ck_assert_uint_eq((uintptr_t)make_stack - m.offset, (uintptr_t)&in_data - again.offset);
	ck_assert(module_of((uintptr_t)printf, &m));
	ck_assert_msg(strstr(m.path, "libc") != NULL || strcmp(m.path, self) == 0, "%s", m.path);
	ck_assert(!module_of(0, &m));
	ck_assert(!module_of(UINTPTR_MAX, &m));
	ck_assert(!module_of((uintptr_t)&on_stack, &m));
	ck_assert(!module_of((uintptr_t)make_stack(), &m));
	ck_assert_int_eq(errno, ERRNO_MARK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("site");
	TCase *tc = plain_tcase(suite, "site", 60);

	unit_begin("test_site");
	tcase_add_test(tc, test_next_frame);
	tcase_add_test(tc, test_garbage);
	tcase_add_test(tc, test_modules);
	return run_suite(suite);
}
