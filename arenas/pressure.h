/* SPDX-License-Identifier: MIT
 * arenas/pressure.h - is memory short? The limits of the heap, and what the kernel says.
 *
 * The limits (HAKMEM_LIMIT_*) are the page heap's to keep (backends/pages.h); here they are worked
 * out. While the kernel tells of tasks that wait for memory, or the control group is nearly full,
 * there is pressure: what would be Warm counts as Cold (purge.c). The kernel's files are read by
 * the background thread alone, and once at start where HAKMEM_LIMIT_CGROUP asks for it. */
#ifndef HAK_ARENAS_PRESSURE_H
#define HAK_ARENAS_PRESSURE_H

#include "backends/os_cgroup.h"
#include "base/compiler.h"

struct pressure_report {
	size_t soft, hard; /* the limits in force in bytes, SIZE_MAX for none */
	uint64_t looks;    /* how often the kernel was asked; the rest is of the last time */
	enum os_stall_source stall; /* what told of waiting tasks */
	bool group;                 /* the control group's figures could be read */
	uint64_t group_limit;       /* bytes, UINT64_MAX for none */
	uint64_t group_used;
	bool on;
	uint64_t episodes; /* how often pressure began */
};

/* Puts the limits in force; under the startup lock. */
void pressure_init(void);
/* Asks the kernel, if it is time; the background thread, under its lock. */
void pressure_look(uint32_t now_ms);
/* True while memory is short. Any thread; two loads. */
bool pressure_is_on(void);
/* A snapshot; any thread, approximate. */
void pressure_report(struct pressure_report *out);
#ifdef HAK_TESTING
/* Where the kernel's files are looked for from now on ("" is the system itself). */
void pressure_set_root(const char *root);
#endif

#endif
