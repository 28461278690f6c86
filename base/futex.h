/* SPDX-License-Identifier: MIT
 * base/futex.h - sleeping on a word of this process's memory until another thread wakes. */
#ifndef HAK_BASE_FUTEX_H
#define HAK_BASE_FUTEX_H

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"

/* Sleeps as long as *word is `value`, at most `us` microseconds, 0 for ever. May return sooner. */
HAK_INLINE void
futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t us)
{
	struct timespec limit = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, (unsigned long)value, us ? &limit : NULL, NULL,
		0L);
	errno = saved;
}

/* Wakes up to n threads that sleep on it. */
HAK_INLINE void
futex_wake(_Atomic uint32_t *word, int n)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, (unsigned long)n, NULL, NULL, 0L);
	errno = saved;
}

#endif
