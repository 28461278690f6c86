/* SPDX-License-Identifier: MIT
 * tests/unit/test_resolve.c - frontends/elf and frontends/resolve: files, offsets and functions of
 * addresses, ids of sites, and rules that become a site's when it is first met, or later where the
 * process's maps cannot be read. */
#include "frontends/resolve.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/resource.h>

#include "backends/os.h"
#include "base/lock.h"
#include "frontends/elf.h"
#include "tests/unit/unit.h"

/* Visible in any symbol table. */
int resolve_test_function(int x);

__attribute__((noinline)) int
resolve_test_function(int x)
{
	return x * 3 + 1;
}

static void
note_name(void *context, const char *name)
{
	char *names = context;

	snprintf(names + strlen(names), 256 - strlen(names), "%s ", name);
}

/* What the dynamic linker says of a module, to compare with. */
struct expected {
	uintptr_t address, bias;
	bool found;
};

static int
look(struct dl_phdr_info *info, size_t size, void *context)
{
	struct expected *e = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || e->address - info->dlpi_addr - p->p_vaddr >= p->p_memsz)
			continue;
		e->bias = info->dlpi_addr;
		e->found = true;
	}
	return e->found;
}

/* libc's own function, whatever a sanitizer has put in its place. */
static uintptr_t
in_libc(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	ck_assert_ptr_nonnull(libc);
	return (uintptr_t)dlsym(libc, name);
}

static const struct {
	const char *function, *file;
} known[] = {
	{"resolve_test_function", "test_resolve_tls_hakmem"},
	{"qsort", "libc.so.6"},
	{"abort", "libc.so.6"},
};

START_TEST(test_place)
{
	uintptr_t own = (uintptr_t)resolve_test_function;
	uintptr_t address = (_i == 0 ? own : in_libc(known[_i].function)) + 1;
	struct expected e = {.address = address};
	struct module module;
	char names[256] = "";

	ck_assert_int_eq(dl_iterate_phdr(look, &e), 1);
	errno = ERRNO_MARK;
	ck_assert(module_of(address, &module));
	ck_assert(module.elf);
	ck_assert_uint_eq(module.bias, e.bias);
	ck_assert_ptr_nonnull(strstr(module_base_name(module.path), known[_i].file));
	elf_functions_at(&module, address, note_name, names);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_msg(strstr(names, known[_i].function) != NULL, "%s", names);
	ck_assert(address >= module.start && address < module.end);
}
END_TEST

START_TEST(test_no_place)
{
	struct module module;
	bool readable = false;
	int local;

	/* The stack is no file, nor is the page at 0. */
	ck_assert(!module_find((uintptr_t)&local, &module, &readable));
	ck_assert(readable);
	ck_assert(!module_find(16, &module, &readable));
	ck_assert(readable);
}
END_TEST

/* The id depends on each of its parts, and on nothing else. */
START_TEST(test_id)
{
	static const uint8_t build[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	uint64_t id = site_id_add(0, build, sizeof(build), 0x1234);
	struct module a = {.elf = true, .bias = 0x1000, .id_bytes = 9};
	struct module b = a;

	memcpy(a.build_id, build, sizeof(build));
	memcpy(b.build_id, build, sizeof(build));
	b.bias = 0x555000;
	ck_assert_uint_eq(module_site_id(0, &a, 0x2234), id);
	ck_assert_uint_eq(module_site_id(0, &b, 0x556234), id);
	ck_assert_uint_ne(module_site_id(0, &a, 0x2235), id);
	ck_assert_uint_ne(module_site_id(1, &a, 0x2234), id);
	ck_assert_uint_ne(site_id_add(0, build, 8, 0x1234), id);
	a.build_id[8]++;
	ck_assert_uint_ne(module_site_id(0, &a, 0x2234), id);
	/* Without a build id the base name counts, wherever the file is. */
	a.id_bytes = b.id_bytes = 0;
	b.bias = a.bias;
	strcpy(a.path, "/lib/libx.so");
	strcpy(b.path, "/opt/lib/libx.so");
	ck_assert_uint_eq(module_site_id(0, &a, 0x2234), module_site_id(0, &b, 0x2234));
	ck_assert_uint_eq(module_site_id(0, &a, 0x2234), site_id_add(0, "libx.so", 7, 0x1234));
	ck_assert_uint_eq(module_site_id(0, NULL, 0x2234), site_id_add(0, NULL, 0, 0x2234));
}
END_TEST

/* --- resolving -------------------------------------------------------------------------------- */

/* Rules without a file. */
static struct rules *
start(const char *first, const char *second)
{
	static struct rules rules;
	char line[RULES_LINE_BYTES];

	snprintf(line, sizeof(line), "%s", first);
	ck_assert(rules_take_line(&rules, line, "test", 1));
	snprintf(line, sizeof(line), "%s", second);
	ck_assert(rules_take_line(&rules, line, "test", 2));
	RELAXED_SET(hak_rules, &rules);
	return &rules;
}

START_TEST(test_resolve)
{
	uintptr_t own = (uintptr_t)resolve_test_function + 2, other = (uintptr_t)abort + 2;
	struct module module;
	char rule[256];

	ck_assert(module_of(other, &module));
	snprintf(rule, sizeof(rule), "module libc.so.6+0x%" PRIxPTR " -> arena 2",
		other - module.bias);
	start("symbol resolve_test_function -> arena 1", rule);
	errno = ERRNO_MARK;
	resolve_if_ruled(own);
	resolve_if_ruled(other);
	resolve_if_ruled(other + 1);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_int_eq(rules_arena(own, 8), 1);
	ck_assert_int_eq(rules_arena(other, 8), 2);
	ck_assert_int_eq(rules_arena(other + 1, 8), -1);
	ck_assert(rules_know(other + 1));
	/* The address is the call's, though the function ends there. */
	resolve_if_ruled((uintptr_t)resolve_test_function);
	ck_assert_int_eq(rules_arena((uintptr_t)resolve_test_function, 8), -1);
}
END_TEST

START_TEST(test_resolve_id)
{
	uintptr_t own = (uintptr_t)resolve_test_function + 2;
	uintptr_t pair[2] = {in_libc("abort") + 2, own};
	struct module modules[2];
	char one[256], two[256];

	ck_assert(module_of(pair[0], &modules[0]) && module_of(own, &modules[1]));
	snprintf(one, sizeof(one), "site %016" PRIx64 " -> arena 1",
		module_site_id(0, &modules[1], own));
	snprintf(two, sizeof(two), "site %016" PRIx64 " -> arena 2",
		module_site_id(module_site_id(0, &modules[0], pair[0]), &modules[1], own));
	start(one, two);
	resolve_if_ruled(own);
	resolve_frames(SITE_MIXED | 7, pair, 2);
	ck_assert_int_eq(rules_arena(own, 8), 1);
	ck_assert_int_eq(rules_arena(SITE_MIXED | 7, 8), 2);
	/* A mixed site tells nothing by itself. */
	resolve_if_ruled(SITE_MIXED | 8);
	ck_assert(!rules_know(SITE_MIXED | 8));
}
END_TEST

/* Without descriptors a site stays open, and is resolved when there are some again. */
START_TEST(test_no_descriptors)
{
	uintptr_t own = (uintptr_t)resolve_test_function + 2;
	struct rlimit before, none;

	start("symbol resolve_test_function -> arena 1", "size 0-1 -> arena 2");
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = ERRNO_MARK;
	resolve_if_ruled(own);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert(!rules_know(own));
	/* Not at once: it may be long until the maps can be read. */
	resolve_if_ruled(own);
	ck_assert(!rules_know(own));
	sleep_us(1100000);
	resolve_if_ruled(own);
	ck_assert_int_eq(rules_arena(own, 8), 1);
}
END_TEST

/* While one thread resolves, or a fork holds everything, others go on without. */
START_TEST(test_held)
{
	uintptr_t own = (uintptr_t)resolve_test_function + 2;
	int status;

	start("symbol resolve_test_function -> arena 1", "size 0-1 -> arena 2");
	resolve_fork_prepare();
	resolve_if_ruled(own);
	ck_assert(!rules_know(own));
	pid_t pid = fork();
	if (pid == 0) {
		resolve_fork_child();
		resolve_if_ruled(own);
		_exit(rules_arena(own, 8) == 1 ? 0 : 1);
	}
	resolve_fork_parent();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	resolve_if_ruled(own);
	ck_assert_int_eq(rules_arena(own, 8), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resolve");
	TCase *tc = plain_tcase(suite, "elf", 60);

	unit_begin("test_resolve");
	tcase_add_loop_test(tc, test_place, 0, (int)LENGTH(known));
	tcase_add_test(tc, test_no_place);
	tcase_add_test(tc, test_id);
	tc = plain_tcase(suite, "resolve", 60);
	tcase_add_test(tc, test_resolve);
	tcase_add_test(tc, test_resolve_id);
	tcase_add_test(tc, test_no_descriptors);
	tcase_add_test(tc, test_held);
	return run_suite(suite);
}
