/* SPDX-License-Identifier: MIT
 * tests/unit/test_cgroup.c - CPU quotas of control groups, read from trees made for the purpose. */
#include "backends/os_cgroup.h"

#include <limits.h>
#include <sched.h>

#include "backends/os.h"
#include "tests/unit/tree.h"
#include "tests/unit/unit.h"

static const struct tree {
	const char *what;
	unsigned cpus;
	struct tree_file files[6];
} trees[] = {
	{"nothing at all", UINT_MAX, {{0}}},
	{"no mounts", UINT_MAX, {{"/proc/self/cgroup", "0::/a\n"}}},
	{"no limit", UINT_MAX,
		{{"/proc/self/cgroup", "0::/a\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "max 100000\n"}}},
	{"one and a half", 2,
		{{"/proc/self/cgroup", "0::/a\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "150000 100000\n"}}},
	{"a small part of one", 1,
		{{"/proc/self/cgroup", "0::/a\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "1000 100000\n"}}},
	{"exactly three, another period", 3,
		{{"/proc/self/cgroup", "0::/a\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "150000 50000\n"}}},
	{"the parent has less", 2,
		{{"/proc/self/cgroup", "0::/a/b/c\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n"},
			{"/sys/fs/cgroup/a/cpu.max", "200000 100000\n"}}},
	{"the parent has more", 4,
		{{"/proc/self/cgroup", "0::/a/b\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n"},
			{"/sys/fs/cgroup/a/cpu.max", "900000 100000\n"}}},
	{"a namespace: its own group is the top", 5,
		{{"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/cpu.max", "500000 100000\n"}}},
	{"a part of the hierarchy is mounted", 6,
		{{"/proc/self/cgroup", "0::/box/7/inner\n"},
			{"/proc/self/mountinfo", "30 23 0:26 /box/7 /cg ro - cgroup2 cgroup2 rw\n"},
			{"/cg/inner/cpu.max", "600000 100000\n"},
			{"/cg/box/7/inner/cpu.max", "100000 100000\n"}}},
	{"outside of what is mounted", UINT_MAX,
		{{"/proc/self/cgroup", "0::/../x\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/x/cpu.max", "100000 100000\n"}}},
	{"version 1", 2,
		{{"/proc/self/cgroup", "5:cpuset:/z\n4:cpu,cpuacct:/a\n1:name=systemd:/b\n"},
			{"/proc/self/mountinfo", V1_MOUNT},
			{"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "110000\n"},
			{"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
			{"/sys/fs/cgroup/cpuset/z/cpu.cfs_quota_us", "1\n"}}},
	{"version 1 without a limit", UINT_MAX,
		{{"/proc/self/cgroup", "4:cpu,cpuacct:/a\n"}, {"/proc/self/mountinfo", V1_MOUNT},
			{"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n"},
			{"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}}},
	{"version 1, the parent's", 3,
		{{"/proc/self/cgroup", "4:cpu,cpuacct:/a/b\n"}, {"/proc/self/mountinfo", V1_MOUNT},
			{"/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n"},
			{"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "300000\n"},
			{"/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"}}},
	{"the less of both versions", 2,
		{{"/proc/self/cgroup", "4:cpu,cpuacct:/\n0::/a\n"},
			{"/proc/self/mountinfo", V1_MOUNT V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "700000 100000\n"},
			{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"},
			{"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}},
	{"garbage", UINT_MAX,
		{{"/proc/self/cgroup", "0:\n::\n0::x\n\n0::/a"},
			{"/proc/self/mountinfo",
				"\n - \n1 2 3 - cgroup2\n - cgroup2 a b\n" V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "much 100000\n"},
			{"/sys/fs/cgroup/cpu.max", "100000 0\n"}}},
	{"a quota without a period", UINT_MAX,
		{{"/proc/self/cgroup", "0::/a\n"}, {"/proc/self/mountinfo", V2_MOUNT},
			{"/sys/fs/cgroup/a/cpu.max", "100000"}}},
};

START_TEST(test_tree)
{
	const struct tree *t = &trees[_i];
	unsigned cpus;

	tree_begin();
	for (size_t i = 0; i < LENGTH(t->files) && t->files[i].path; i++)
		tree_file(&t->files[i]);
	errno = ERRNO_MARK;
	cpus = os_cgroup_cpus(tree_root);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_msg(cpus == t->cpus, "%s: %u, not %u", t->what, cpus, t->cpus);
	tree_end();
}
END_TEST

/* Longer than any buffer: nothing is overrun, and what fits counts. */
START_TEST(test_long)
{
	static char lines[20000], group[5000];
	struct tree_file files[] = {{"/proc/self/cgroup", group}, {"/proc/self/mountinfo", lines},
		{"/sys/fs/cgroup/cpu.max", "200000 100000\n"}};

	tree_begin();
	snprintf(group, sizeof(group), "0::/%04000d\n", 0);
	memset(lines, 'x', 10000);
	snprintf(lines + 10000, sizeof(lines) - 10000, "\n" V2_MOUNT);
	for (size_t i = 0; i < LENGTH(files); i++)
		tree_file(&files[i]);
	ck_assert_uint_eq(os_cgroup_cpus(tree_root), 2);
	tree_end();
}
END_TEST

START_TEST(test_this_system)
{
	cpu_set_t set;

	ck_assert_uint_ge(os_cgroup_cpus(""), 1);
	ck_assert_uint_ge(os_cpus(), 1);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	ck_assert_uint_le(os_cpus(), (unsigned)CPU_COUNT(&set));
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set)) {
			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			break;
		}
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	ck_assert_uint_eq(os_cpus(), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cgroup");
	TCase *tc = plain_tcase(suite, "cgroup", 30);

	unit_begin("test_cgroup");
	tcase_add_loop_test(tc, test_tree, 0, LENGTH(trees));
	tcase_add_test(tc, test_long);
	tcase_add_test(tc, test_this_system);
	return run_suite(suite);
}
