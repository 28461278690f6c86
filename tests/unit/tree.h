/* SPDX-License-Identifier: MIT
 * tests/unit/tree.h - a directory with files as the kernel shows them, for what reads /proc and
 * control groups. */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT                                                                                   \
	"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"                               \
	"32 31 0:33 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset\n"               \
	"33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"

/* A file of the tree, and what is in it. */
struct tree_file {
	const char *path, *text;
};

static char tree_root[PATH_MAX];

/* An empty directory. */
static inline void
tree_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(tree_root, sizeof(tree_root), "%s/hakmem-tree-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(tree_root));
}

static inline int
tree_remove(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	(void)status;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void
tree_end(void)
{
	ck_assert_int_eq(nftw(tree_root, tree_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Writes the file, and the directories that it is in. */
static inline void
tree_file(const struct tree_file *f)
{
	char path[PATH_MAX + 256];
	FILE *out;

	snprintf(path, sizeof(path), "%s%s", tree_root, f->path);
	for (char *slash = path + strlen(tree_root) + 1; (slash = strchr(slash, '/'));
		*slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0700);
	}
	out = fopen(path, "w");
	ck_assert_msg(out != NULL, "%s: %s", path, strerror(errno));
	ck_assert_int_ge(fputs(f->text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
}

#endif
