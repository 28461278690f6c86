/* SPDX-License-Identifier: MIT
 * tests/unit/test_pressure.c - arenas/pressure and what it reads (backends/os_cgroup), from trees
 * made for the purpose; the limits of the page heap; whether a thread is blocked. */
#include "arenas/pressure.h"

#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>

#include "arenas/arena.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "backends/os_thread.h"
#include "backends/pages.h"
#include "base/config.h"
#include "base/lock.h"
#include "tests/unit/tree.h"
#include "tests/unit/unit.h"

#define NONE UINT64_MAX
#define V1_MEMORY "34 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
#define IN_A                                                                                       \
	{"/proc/self/cgroup", "0::/a\n"},                                                          \
	{                                                                                          \
		"/proc/self/mountinfo", V2_MOUNT                                                   \
	}
#define IN_AB                                                                                      \
	{"/proc/self/cgroup", "0::/a/b\n"},                                                        \
	{                                                                                          \
		"/proc/self/mountinfo", V2_MOUNT                                                   \
	}
#define A "/sys/fs/cgroup/a"
#define STALLS(total) "some avg10=0.00 avg60=0.00 avg300=0.00 total=" #total "\nfull total=0\n"

/* --- what a group grants ---------------------------------------------------------------------- */

static const struct group {
	const char *what;
	bool found;
	struct os_cgroup_memory memory;
	struct tree_file files[9];
} groups[] = {
	{"nothing at all", false, {NONE, NONE, 0}, {{0}}},
	{"version 2 without the controller", false, {NONE, NONE, 0}, {IN_A}},
	{"no limit", true, {NONE, NONE, 5000},
		{IN_A, {A "/memory.max", "max\n"}, {A "/memory.high", "max\n"},
			{A "/memory.current", "5000\n"}}},
	{"high and max", true, {3000, 4000, 1500},
		{IN_A, {A "/memory.max", "4000\n"}, {A "/memory.high", "3000\n"},
			{A "/memory.current", "2500\n"},
			{A "/memory.stat", "anon 500\ninactive_file 1000\nactive_file 7\n"}}},
	{"the parent's is less", true, {NONE, 4000, 3900},
		{IN_AB, {A "/b/memory.max", "9000\n"}, {A "/b/memory.current", "2500\n"},
			{A "/memory.max", "4000\n"}, {A "/memory.current", "3900\n"}}},
	{"the parent's is more", true, {NONE, 4000, 2500},
		{IN_AB, {A "/b/memory.max", "4000\n"}, {A "/b/memory.current", "2500\n"},
			{A "/memory.max", "9000\n"}, {A "/memory.current", "8000\n"}}},
	{"the parent's high is less", true, {3000, 4000, 2900},
		{IN_AB, {A "/b/memory.max", "4000\n"}, {A "/b/memory.current", "2500\n"},
			{A "/memory.max", "9000\n"}, {A "/memory.high", "3000\n"},
			{A "/memory.current", "2900\n"}}},
	{"version 1 beside an empty version 2", true, {NONE, 4000, 1000},
		{{"/proc/self/cgroup", "4:memory:/a\n0::/\n"},
			{"/proc/self/mountinfo", V2_MOUNT V1_MEMORY},
			{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4000\n"},
			{"/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2500\n"},
			{"/sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file 1500\n"}}},
	{"version 1 without a limit", true, {NONE, NONE, 2500},
		{{"/proc/self/cgroup", "4:memory:/a\n"}, {"/proc/self/mountinfo", V1_MEMORY},
			{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"},
			{"/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2500\n"}}},
	{"more file pages than pages", true, {NONE, 4000, 0},
		{IN_A, {A "/memory.max", "4000\n"}, {A "/memory.current", "2500\n"},
			{A "/memory.stat", "inactive_file 3000\n"}}},
};

START_TEST(test_group)
{
	const struct group *g = &groups[_i];
	struct os_cgroup_memory m = {NONE, NONE, 0};
	struct os_cgroup_group group;

	tree_begin();
	for (size_t i = 0; i < LENGTH(g->files) && g->files[i].path; i++)
		tree_file(&g->files[i]);
	errno = ERRNO_MARK;
	bool found = os_cgroup_memory_find(tree_root, &group);
	ck_assert_msg(found == g->found, "%s: found %d", g->what, found);
	if (found)
		ck_assert(os_cgroup_memory_read(&group, &m));
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_msg(
		m.high == g->memory.high && m.max == g->memory.max && m.used == g->memory.used,
		"%s: high %" PRIu64 ", max %" PRIu64 ", used %" PRIu64, g->what, m.high, m.max,
		m.used);
	tree_end();
}
END_TEST

START_TEST(test_stall)
{
	const struct tree_file group_files[] = {
		IN_A, {A "/memory.max", "max\n"}, {A "/memory.current", "1\n"}};
	const struct tree_file system = {"/proc/pressure/memory", STALLS(777)};
	const struct tree_file own = {A "/memory.pressure", STALLS(55)};
	const struct tree_file garbage = {"/proc/pressure/memory", "some time\n"};
	struct os_cgroup_group group;
	uint64_t total = 0;

	tree_begin();
	ck_assert_int_eq(os_memory_stall(tree_root, NULL, &total), OS_STALL_UNREADABLE);
	tree_file(&garbage);
	ck_assert_int_eq(os_memory_stall(tree_root, NULL, &total), OS_STALL_UNREADABLE);
	tree_file(&system);
	ck_assert_int_eq(os_memory_stall(tree_root, NULL, &total), OS_STALL_SYSTEM);
	ck_assert_uint_eq(total, 777);
	for (size_t i = 0; i < LENGTH(group_files); i++)
		tree_file(&group_files[i]);
	ck_assert(os_cgroup_memory_find(tree_root, &group));
	ck_assert_int_eq(os_memory_stall(tree_root, &group, &total), OS_STALL_SYSTEM);
	tree_file(&own);
	ck_assert_int_eq(os_memory_stall(tree_root, &group, &total), OS_STALL_GROUP);
	ck_assert_uint_eq(total, 55);
	tree_end();
}
END_TEST

/* --- what is made of it ----------------------------------------------------------------------- */

static struct pressure_report
report(void)
{
	struct pressure_report r;

	pressure_report(&r);
	return r;
}

static void
write_tree(const char *path, const char *text)
{
	const struct tree_file f = {path, text};

	tree_file(&f);
}

START_TEST(test_episode)
{
	struct pressure_report r;

	tree_begin();
	pressure_set_root(tree_root);
	pressure_look(10000);
	r = report();
	ck_assert_uint_eq(r.looks, 1);
	ck_assert_int_eq(r.stall, OS_STALL_UNREADABLE);
	ck_assert(!r.group && !r.on);
	write_tree("/proc/pressure/memory", STALLS(5000000));
	/* Too soon, and then the first figure, which says nothing of a time. */
	pressure_look(10999);
	ck_assert_uint_eq(report().looks, 1);
	pressure_look(11000);
	ck_assert_int_eq(report().stall, OS_STALL_SYSTEM);
	ck_assert(!pressure_is_on());
	/* 9 and 11 per cent of a second. */
	write_tree("/proc/pressure/memory", STALLS(5090000));
	pressure_look(12000);
	ck_assert(!pressure_is_on());
	write_tree("/proc/pressure/memory", STALLS(5200000));
	pressure_look(13000);
	ck_assert(pressure_is_on());
	pressure_look(15000);
	ck_assert(pressure_is_on());
	pressure_look(16000);
	ck_assert(!pressure_is_on());
	ck_assert_uint_eq(report().episodes, 1);
	tree_end();
}
END_TEST

START_TEST(test_full)
{
	const struct tree_file files[] = {
		IN_A, {A "/memory.max", "1000000\n"}, {A "/memory.current", "890000\n"}};

	tree_begin();
	for (size_t i = 0; i < LENGTH(files); i++)
		tree_file(&files[i]);
	pressure_set_root(tree_root);
	pressure_look(1000);
	ck_assert(report().group && !pressure_is_on());
	ck_assert_uint_eq(report().group_limit, 1000000);
	ck_assert_uint_eq(report().group_used, 890000);
	write_tree(A "/memory.current", "910000\n");
	pressure_look(2000);
	ck_assert(pressure_is_on());
	/* Of which idle file pages are no sign. */
	write_tree(A "/memory.stat", "inactive_file 800000\n");
	pressure_look(3000);
	pressure_look(5000);
	ck_assert(!pressure_is_on());
	tree_end();
}
END_TEST

START_TEST(test_limits_of_group)
{
	const struct tree_file files[] = {
		IN_A, {A "/memory.max", "160000000\n"}, {A "/memory.current", "1\n"}};

	tree_begin();
	for (size_t i = 0; i < LENGTH(files); i++)
		tree_file(&files[i]);
	pressure_set_root(tree_root);
	pressure_init();
	ck_assert_uint_eq(report().soft, SIZE_MAX);
	ck_assert(!pages_is_limited());
	CONFIG_SET(limit_cgroup, 1);
	pressure_init();
	ck_assert_uint_eq(report().soft, 120000000);
	ck_assert_uint_eq(report().hard, 150000000);
	ck_assert(pages_is_limited());
	CONFIG_SET(limit_hard, 100);
	CONFIG_SET(limit_soft, 200);
	pressure_init();
	ck_assert_uint_eq(report().soft, 120000000);
	ck_assert_uint_eq(report().hard, 100 * MIB);
	/* The group's limits change. */
	write_tree(A "/memory.high", "50000000\n");
	pressure_look(1000);
	ck_assert_uint_eq(report().soft, 50000000);
	tree_end();
}
END_TEST

/* --- the page heap's limits ------------------------------------------------------------------- */

START_TEST(test_hard)
{
	struct slab *runs[8];

	pages_set_limits(SIZE_MAX, 8 * 16 * PAGE_BYTES);
	for (int i = 0; i < 8; i++) {
		runs[i] = pages_alloc(16, 1, false);
		ck_assert_ptr_nonnull(runs[i]);
		slab_set_kind(runs[i], SLAB_BIG);
	}
	ck_assert_ptr_null(pages_alloc(1, 1, false));
	ck_assert_uint_eq(pages_totals().refused, 1);
	ck_assert(!lock_was_refused());
	/* What is resident is held too, and handed out first. */
	slab_set_kind(runs[3], SLAB_NONE);
	ck_assert(pages_free(runs[3], false));
	ck_assert_ptr_null(pages_alloc(17, 1, false));
	runs[3] = pages_alloc(16, 1, false);
	ck_assert_ptr_nonnull(runs[3]);
	slab_set_kind(runs[3], SLAB_NONE);
	ck_assert(pages_free(runs[3], true));
	ck_assert_ptr_nonnull(pages_alloc(16, 1, false));
	/* The emergency memory has no part in it. */
	void *p = emergency_alloc(1000, 16);
	ck_assert_ptr_nonnull(p);
	emergency_free(p);
	pages_audit();
}
END_TEST

START_TEST(test_soft)
{
	struct slab *a, *b;
	bool zeroed = false;

	pages_set_limits(40 * PAGE_BYTES, SIZE_MAX);
	ck_assert(!pages_over_soft(40 * PAGE_BYTES));
	ck_assert(pages_over_soft(40 * PAGE_BYTES + 1));
	a = pages_alloc(30, 1, false);
	b = pages_alloc(8, 1, false);
	ck_assert(a && b);
	slab_set_kind(b, SLAB_BIG);
	slab_set_kind(a, SLAB_NONE);
	ck_assert(pages_free(a, false));
	ck_assert_uint_eq(pages_totals().resident, 30 * PAGE_BYTES);
	/* No fit among what is idle: that goes before more is held. */
	ck_assert_ptr_nonnull(pages_alloc(31, 1, false));
	ck_assert_uint_eq(pages_totals().resident, 0);
	ck_assert_uint_eq(pages_purged(), 30 * PAGE_BYTES);
	ck_assert(!pages_resize(b, 16, &zeroed));
	pages_audit();
}
END_TEST

/* --- threads ---------------------------------------------------------------------------------- */

static _Atomic uint32_t other;
static _Atomic bool go_on;
static sigset_t other_mask;

static void
stay_until_told(void)
{
	while (!go_on)
		continue;
}

static void *
spin(void *unused)
{
	other = os_thread_id();
	stay_until_told();
	return unused;
}

static int wake_up[2];

static void *
read_blocked(void *unused)
{
	char c;

	pthread_sigmask(SIG_SETMASK, &other_mask, NULL);
	other = os_thread_id();
	ck_assert_int_eq(read(wake_up[0], &c, 1), 1);
	return unused;
}

static void *
poll_with_mask(void *unused)
{
	struct pollfd fd = {wake_up[0], POLLIN, 0};
	sigset_t none;

	sigemptyset(&none);
	other = os_thread_id();
	ck_assert_int_eq(ppoll(&fd, 1, NULL, &none), 1);
	return unused;
}

/* Whether the thread was ever seen blocked in half a second. */
static bool
seen_blocked(void *(*body)(void *), uint64_t mask)
{
	pthread_t thread;
	bool seen = false;

	ck_assert_int_eq(pipe(wake_up), 0);
	other = 0;
	go_on = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, body, NULL), 0);
	while (!other)
		sleep_us(1000);
	errno = ERRNO_MARK;
	for (int i = 0; i < 50 && !seen; i++) {
		seen = os_thread_is_blocked(other, mask);
		ck_assert_int_eq(errno, ERRNO_MARK);
		sleep_us(10000);
	}
	go_on = true;
	ck_assert_int_eq(write(wake_up[1], "x", 1), 1);
	pthread_join(thread, NULL);
	return seen;
}

START_TEST(test_blocked)
{
	char line[64];
	FILE *f = fopen("/proc/self/syscall", "r");

	if (!f || !fgets(line, sizeof(line), f)) {
		printf("test_pressure: SKIPPED: the kernel does not tell of threads' calls\n");
		return;
	}
	fclose(f);
	ck_assert(os_thread_fence());
	ck_assert(!seen_blocked(spin, 0));
	ck_assert(seen_blocked(read_blocked, 0));
	ck_assert(!seen_blocked(poll_with_mask, 0));
	sigaddset(&other_mask, SIGUSR1);
	ck_assert(!seen_blocked(read_blocked, 0));
	ck_assert(seen_blocked(read_blocked, (uint64_t)1 << (SIGUSR1 - 1)));
	/* No such thread. */
	ck_assert(!os_thread_is_blocked(UINT32_MAX, 0));
}
END_TEST

static void
setup(void)
{
	backend_init();
}

int
main(void)
{
	Suite *suite = suite_create("pressure");
	TCase *tc = plain_tcase(suite, "pressure", 60);

	unit_begin("test_pressure");
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, test_group, 0, LENGTH(groups));
	tcase_add_test(tc, test_stall);
	tcase_add_test(tc, test_episode);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_limits_of_group);
	tcase_add_test(tc, test_hard);
	tcase_add_test(tc, test_soft);
	tcase_add_test(tc, test_blocked);
	return run_suite(suite);
}
