/* SPDX-License-Identifier: MIT
 * backends/os_cgroup.h - what the control groups of this process grant it, and how short of memory
 * they are.
 *
 * All functions look below the directory `root` for /proc and for what is mounted: "" is the system
 * itself. They read files: not for allocation paths. Thread-safe; they allocate nothing and
 * preserve errno. */
#ifndef HAK_BACKENDS_OS_CGROUP_H
#define HAK_BACKENDS_OS_CGROUP_H

#include "base/compiler.h"

#define OS_CGROUP_PATH 512

struct os_cgroup_path {
	size_t length;
	char text[OS_CGROUP_PATH];
};

/* A group of the process's in one hierarchy. */
struct os_cgroup_group {
	struct os_cgroup_path path; /* the group's directory */
	size_t top;                 /* so much of it is the top of what is seen of the hierarchy */
	bool v2;
};

/* Bytes. */
struct os_cgroup_memory {
	uint64_t high, max; /* the least from the group up to the top; UINT64_MAX for none */
	uint64_t used;      /* by the group with the least of these, without idle file pages */
};

enum os_stall_source { OS_STALL_UNREADABLE, OS_STALL_GROUP, OS_STALL_SYSTEM };

/* The CPU quota of the process's control groups in CPUs, rounded up, at least 1; UINT_MAX where
 * there is none. */
unsigned os_cgroup_cpus(const char *root);
/* The group that limits the process's memory; false where there is none that can be read. */
bool os_cgroup_memory_find(const char *root, struct os_cgroup_group *out);
/* What it grants now; false where that cannot be read. */
bool os_cgroup_memory_read(const struct os_cgroup_group *group, struct os_cgroup_memory *out);
/* *total_us: for how many microseconds so far at least one task waited for memory, in the group
 * (NULL: there is none) or, where that does not say, in the whole system. */
enum os_stall_source os_memory_stall(
	const char *root, const struct os_cgroup_group *group, uint64_t *total_us);

#endif
