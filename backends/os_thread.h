/* SPDX-License-Identifier: MIT
 * backends/os_thread.h - what other threads of this process are doing.
 *
 * All functions are thread-safe, allocate nothing and preserve errno. */
#ifndef HAK_BACKENDS_OS_THREAD_H
#define HAK_BACKENDS_OS_THREAD_H

#include "base/compiler.h"

/* The calling thread's number. */
uint32_t os_thread_id(void);
/* Has every thread of the process pass a full memory barrier before it returns; false where the
 * kernel refuses. The first call takes milliseconds where there are other threads. */
bool os_thread_fence(void);
/* True where the thread was blocked in a system call at a moment during this call, and not in a
 * signal handler there, as far as its signal mask tells: empty, or `mask`. False also where the
 * kernel does not tell. Reads files. */
bool os_thread_is_blocked(uint32_t id, uint64_t mask);

#endif
