/* SPDX-License-Identifier: MIT
 * backends/os_rseq.h - restartable sequences, as far as the system has to be asked: registration,
 * the fence that interrupts them in all threads, and how CPUs are numbered.
 *
 * Functions are thread-safe, allocate nothing and preserve errno. */
#ifndef HAK_BACKENDS_OS_RSEQ_H
#define HAK_BACKENDS_OS_RSEQ_H

#include "base/compiler.h"

/* What kernel and thread share (Linux, include/uapi/linux/rseq.h). Only rseq_cs is ever written by
 * the thread. */
struct os_rseq_area {
	uint32_t cpu_id_start;
	_Atomic uint32_t cpu_id; /* as a signed number: below 0 where not registered */
	uint64_t rseq_cs;
	uint32_t flags;
	uint32_t node_id;
	_Atomic uint32_t mm_cid; /* a number below that of threads that run at once; Linux 6.3 */
	uint32_t reserved;
} __attribute__((aligned(32)));

_Static_assert(sizeof(struct os_rseq_area) == 32, "the size that the first kernels ask for");

/* The area that libc has registered for this thread; NULL where it has not. */
struct os_rseq_area *os_rseq_libc_area(void);
/* Registers an area of the calling thread, whose memory lives as long as the thread does. False
 * where the kernel has no rseq, a filter refuses it, or another area is registered. */
bool os_rseq_register(struct os_rseq_area *area);
/* Whether the kernel keeps mm_cid. */
bool os_rseq_has_mm_cid(void);
/* Makes os_rseq_fence possible; false where the kernel has no such fence. Once, before it. */
bool os_rseq_fence_init(void);
/* When it returns, every sequence of this process that had begun before has ended or will start
 * anew, and what the caller wrote before is seen by all that start. False when refused. */
bool os_rseq_fence(void);
/* One more than the highest number that a CPU of this machine can ever have. */
unsigned os_cpus_possible(void);

#endif
