/* SPDX-License-Identifier: MIT
 * backends/os_cgroup.h - the CPUs that the control groups of this process pay for. */
#ifndef HAK_BACKENDS_OS_CGROUP_H
#define HAK_BACKENDS_OS_CGROUP_H

#include "base/compiler.h"

/* The CPU quota of the process's control groups in CPUs, rounded up, at least 1; UINT_MAX where
 * there is none. Looks below the directory `root` for /proc and for what is mounted: "" is the
 * system itself. Thread-safe; allocates nothing; preserves errno. */
unsigned os_cgroup_cpus(const char *root);

#endif
