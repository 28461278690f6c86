/* SPDX-License-Identifier: MIT
 * backends/os_rseq.c - rseq(2) and membarrier(2) behind os_rseq.h. */
#include "backends/os_rseq.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/os.h"
#include "backends/os_lines.h"

/* Older headers lack these. */
#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif
#ifndef SYS_rseq
#define SYS_rseq __NR_rseq
#endif

/* The word before an abort handler, which the kernel compares (librseq's choice for x86-64, which
 * libc uses too: one process has one). */
#define RSEQ_SIGNATURE 0x53053053

/* The most CPUs that Linux can be built for. */
#define MOST_CPUS 8192

/* glibc from 2.35 on. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

struct os_rseq_area *
os_rseq_libc_area(void)
{
	if (!&__rseq_size || __rseq_size == 0)
		return NULL;
	struct os_rseq_area *area =
		(struct os_rseq_area *)((char *)__builtin_thread_pointer() + __rseq_offset);
	return (int32_t)RELAXED(area->cpu_id) >= 0 ? area : NULL;
}

bool
os_rseq_register(struct os_rseq_area *area)
{
	int saved = errno;
	bool ok = syscall(SYS_rseq, area, sizeof(*area), 0, RSEQ_SIGNATURE) == 0;

	errno = saved;
	return ok;
}

bool
os_rseq_has_mm_cid(void)
{
	int saved = errno;
	size_t bytes = getauxval(AT_RSEQ_FEATURE_SIZE);

	errno = saved;
	return bytes >= offsetof(struct os_rseq_area, mm_cid) + sizeof(uint32_t);
}

bool
os_rseq_fence_init(void)
{
	return os_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);
}

bool
os_rseq_fence(void)
{
	return os_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
}

unsigned
os_cpus_possible(void)
{
	/* The raw call returns the size of the kernel's own masks. */
	unsigned long mask[MOST_CPUS / 8 / sizeof(unsigned long)];
	char text[256];
	unsigned number = 0, highest = 0;
	int saved = errno;
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	unsigned most = bytes > 0 ? (unsigned)bytes * 8 : MOST_CPUS;

	errno = saved;
	/* Ranges in ascending order: the last number is the highest, unless the line was cut. */
	if (!os_first_line("/sys/devices/system/cpu/possible", text, sizeof(text)) ||
		strlen(text) == sizeof(text) - 1)
		return most;
	for (size_t i = 0; text[i]; i++) {
		if (text[i] < '0' || text[i] > '9') {
			number = 0;
			continue;
		}
		number = number * 10 + (unsigned)(text[i] - '0');
		highest = number;
	}
	return highest < most ? highest + 1 : most;
}
