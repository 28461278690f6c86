/* SPDX-License-Identifier: MIT
 * tests/unit/test_site.c - frontends/site and frontends/modules: frames that are there, frames that
 * are garbage, and where addresses belong. */
#include "frontends/site.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <sys/mman.h>

#include "base/config.h"
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

/* --- further frames --------------------------------------------------------------------------- */

#define MOST 8

static void
set_depth(size_t depth)
{
	CONFIG_SET(profile, 1);
	CONFIG_SET(profile_depth, depth);
	site_init();
	ck_assert(site_wants_attention() == (depth > 1));
}

/* A chain of n frames in our stack, `step` bytes apart, the last leading nowhere; the first is the
 * entry point's. */
static void
make_chain(uintptr_t *stack, unsigned n, size_t step)
{
	for (unsigned i = 0; i < n; i++) {
		uintptr_t *frame = stack + i * step / sizeof(*frame);
		frame[0] = i + 1 < n ? (uintptr_t)frame + step : 0;
		frame[1] = CALLER + i;
	}
}

static unsigned
walk_from(const uintptr_t *frame, uintptr_t *frames)
{
	unsigned n;

	errno = ERRNO_MARK;
	ck_assert_uint_eq(site_begin(ADDRESS, frame, true), ADDRESS);
	n = site_walk(ADDRESS, frames, MOST);
	site_end();
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_eq(frames[0], ADDRESS);
	return n;
}

START_TEST(test_walk)
{
	uintptr_t *stack = make_stack(), frames[MOST];

	for (size_t depth = 1; depth <= MOST; depth++)
		for (unsigned n = 1; n < 12; n++)
			for (size_t step = 16; step < 3000; step += 16) {
				unsigned expected = depth < n ? (unsigned)depth : n;
				set_depth(depth);
				make_chain(stack, n, step);
				ck_assert_uint_eq(walk_from(stack, frames), expected);
				for (unsigned i = 1; i < expected; i++)
					ck_assert_uint_eq(frames[i], CALLER + i);
			}
}
END_TEST

/* No call, another call, one that has ended, and fewer frames than there are. */
START_TEST(test_walk_without)
{
	uintptr_t *stack = make_stack(), frames[MOST];

	set_depth(MOST);
	make_chain(stack, 6, 64);
	ck_assert_uint_eq(site_walk(ADDRESS, frames, MOST), 1);
	ck_assert_uint_eq(frames[0], ADDRESS);
	site_begin(ADDRESS, stack, false);
	ck_assert_uint_eq(site_walk(ADDRESS + 1, frames, MOST), 1);
	ck_assert_uint_eq(frames[0], ADDRESS + 1);
	ck_assert_uint_eq(site_walk(ADDRESS, frames, 3), 3);
	ck_assert_uint_eq(site_walk(ADDRESS, frames, MOST), 6);
	site_end();
	ck_assert_uint_eq(site_walk(ADDRESS, frames, MOST), 1);
	/* A site that is a hash knows its address. */
	CONFIG_SET(site, SITE_CALLER);
	uintptr_t site = site_begin(ADDRESS, stack, true);
	ck_assert_uint_ne(site, ADDRESS);
	ck_assert_uint_eq(site_walk(site, frames, MOST), 6);
	ck_assert_uint_eq(frames[0], ADDRESS);
	ck_assert_uint_eq(frames[1], CALLER + 1);
	site_end();
	ck_assert_uint_eq(site_begin(ADDRESS, stack, false), ADDRESS);
	site_end();
}
END_TEST

START_TEST(test_walk_garbage)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t *stack = make_stack(), base = (uintptr_t)stack, frames[MOST];
	uint64_t rng = unit_rng(2);

	set_depth(MOST);
	/* A ring, and one that goes down. */
	make_chain(stack, 4, 64);
	stack[3 * 8] = base;
	ck_assert_uint_eq(walk_from(stack, frames), 4);
	stack[3 * 8] = base + 3 * 64;
	ck_assert_uint_eq(walk_from(stack, frames), 4);
	/* Into the page that cannot be read, and to its edge. */
	stack[3 * 8] = base + PAGES * page;
	ck_assert_uint_eq(walk_from(stack, frames), 4);
	stack[3 * 8] = base + PAGES * page - 16;
	stack[PAGES * page / 8 - 2] = base + PAGES * page;
	stack[PAGES * page / 8 - 1] = CALLER;
	ck_assert_uint_eq(walk_from(stack, frames), 5);
	for (int i = 0; i < 20000; i++) {
		for (size_t w = 0; w < 64; w++)
			stack[rng_below(&rng, PAGES * page / 8)] =
				base + 8 * rng_below(&rng, PAGES * page / 8 + 16);
		walk_from(stack + 2 * rng_below(&rng, 64), frames);
	}
}
END_TEST

/* Functions that have frame pointers, since they ask for their frame; each notes what it returns
 * to. */
static uintptr_t returns_to[4];
static unsigned walked;
static uintptr_t walked_frames[MOST];

#define LINK(n, callee)                                                                            \
	static __attribute__((noinline)) void link_##n(void)                                       \
	{                                                                                          \
		returns_to[n] = HAK_SITE();                                                        \
		ck_assert_ptr_nonnull(__builtin_frame_address(0));                                 \
		callee;                                                                            \
		__asm__ __volatile__("");                                                          \
	}

static __attribute__((noinline)) void
link_0(void)
{
	returns_to[0] = HAK_SITE();
	uintptr_t site = SITE_BEGIN(true);
	walked = site_walk(site, walked_frames, 4);
	site_end();
}

LINK(1, link_0())
LINK(2, link_1())
LINK(3, link_2())

START_TEST(test_walk_real)
{
	set_depth(MOST);
	link_3();
	ck_assert_uint_eq(walked, 4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(walked_frames[i], returns_to[i]);
}
END_TEST

/* --- modules ---------------------------------------------------------------------------------- */

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
	ck_assert_uint_eq(m.start, again.start);
	ck_assert_uint_eq(m.bias, again.bias);
	ck_assert(m.code);
	/* Of a function that no sanitizer has one of its own for. */
	ck_assert(module_of((uintptr_t)gnu_get_libc_version, &m));
	ck_assert_msg(strstr(m.path, "libc") != NULL || strcmp(m.path, self) == 0, "%s", m.path);
	ck_assert(!module_of(0, &m));
	ck_assert(!module_of(UINTPTR_MAX, &m));
	ck_assert(!module_of((uintptr_t)&on_stack, &m));
	/* A mapping too large to lie between two parts of a file. */
	char *apart = mmap(NULL, 64 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(apart, MAP_FAILED);
	ck_assert(!module_of((uintptr_t)apart, &m));
	ck_assert_int_eq(errno, ERRNO_MARK);
}
END_TEST

/* What the dynamic linker says of each file. */
static int
compare(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct module m;
	uintptr_t first = UINTPTR_MAX, end = 0;
	const uint8_t *id = NULL;
	unsigned id_bytes = 0;

	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr, to = at + p->p_memsz;
		if (p->p_type == PT_LOAD && at < first)
			first = at;
		if (p->p_type == PT_LOAD)
			end = to;
		while (p->p_type == PT_NOTE && at < to) {
			const ElfW(Nhdr) *note = (const void *)at;
			at += sizeof(*note) + ((note->n_namesz + 3) & ~3u);
			if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4) {
				id = (const uint8_t *)at;
				id_bytes = note->n_descsz;
			}
			at += (note->n_descsz + 3) & ~3u;
		}
	}
	/* The kernel's own has no file. */
	if (strstr(info->dlpi_name, "vdso"))
		return 0;
	ck_assert_msg(module_of(first, &m), "%s", info->dlpi_name);
	ck_assert_uint_eq(m.bias, info->dlpi_addr);
	ck_assert_uint_eq(m.start, first & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1));
	ck_assert_uint_le(m.end, (end + 0xffff) & ~(uintptr_t)0xffff);
	ck_assert(m.code);
	ck_assert_uint_eq(m.id_bytes, id_bytes);
	if (id)
		ck_assert_int_eq(memcmp(m.build_id, id, id_bytes), 0);
	return 0;
}

START_TEST(test_modules_all)
{
	struct modules walk;
	struct module m;
	uintptr_t last = 0;
	unsigned n = 0;

	dl_iterate_phdr(compare, NULL);
	ck_assert(modules_open(&walk));
	for (; modules_next(&walk, &m); n++) {
		ck_assert_uint_ge(m.start, last);
		ck_assert_uint_gt(m.end, m.start);
		ck_assert_int_eq(m.path[0], '/');
		last = m.end;
	}
	modules_close(&walk);
	ck_assert_uint_ge(n, 2);
}
END_TEST

/* A file that is mapped twice, side by side: two modules, where its header tells the end. */
START_TEST(test_modules_twice)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct module m;
	const ElfW(Ehdr) * file;
	char *at;

	ck_assert_int_ge(fd, 0);
	at = mmap(NULL, 512 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(at, MAP_FAILED);
	file = mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
	ck_assert_ptr_ne(file, MAP_FAILED);
	size_t span = 0;
	for (int i = 0; i < file->e_phnum; i++) {
		const ElfW(Phdr) *p = (const ElfW(Phdr) *)((const char *)file + file->e_phoff) + i;
		if (p->p_type == PT_LOAD)
			span = (p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);
	}
	ck_assert_uint_lt(span, 400 * page);
	char *second = mmap(at + span, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
	ck_assert_ptr_eq(second, at + span);
	close(fd);
	ck_assert(module_of((uintptr_t)at, &m));
	ck_assert_uint_eq(m.start, (uintptr_t)at);
	ck_assert_uint_eq(m.end, (uintptr_t)at + page);
	ck_assert(module_of((uintptr_t)second, &m));
	ck_assert_uint_eq(m.start, (uintptr_t)second);
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
	tcase_add_test(tc, test_walk);
	tcase_add_test(tc, test_walk_without);
	tcase_add_test(tc, test_walk_garbage);
	tcase_add_test(tc, test_walk_real);
	tcase_add_test(tc, test_modules);
	tcase_add_test(tc, test_modules_all);
	tcase_add_test(tc, test_modules_twice);
	return run_suite(suite);
}
