/* SPDX-License-Identifier: MIT
 * backends/os.h - all that is asked of the operating system, in one place.
 *
 * Every function is thread-safe, allocates nothing and preserves errno. Addresses and sizes are
 * multiples of os_page_size() unless said otherwise. Each has a plain fallback where the kernel or
 * a seccomp filter refuses the call. */
#ifndef HAK_BACKENDS_OS_H
#define HAK_BACKENDS_OS_H

#include "base/compiler.h"

#include <sys/uio.h>

/* The system's page size in bytes (4, 16 or 64 KiB). */
size_t os_page_size(void);
/* Address space without access, aligned to `align` (a power of two); NULL when refused. */
void *os_reserve(size_t size, size_t align);
/* Gives address space back. */
void os_release(void *p, size_t size);
/* Makes reserved space readable and writable; fresh memory reads as zero. False when refused. */
bool os_commit(void *p, size_t size);
/* Zeroed memory, readable and writable, of any size; NULL when refused. os_unmap takes the same
 * size.
 */
void *os_map(size_t size);
void os_unmap(void *p, size_t size);
/* Gives the memory back now; it stays accessible and reads as zero. False when it may not. */
bool os_purge(void *p, size_t size);
/* The same of n ranges, up to 64, at once where the kernel can (process_madvise(2) on the own
 * process, Linux 6.15; from 6.16 on the processors are interrupted once for all ranges). Bit i of
 * the result: range i is given back. */
uint64_t os_purge_all(const struct iovec *ranges, unsigned n);
/* Offers the memory: the system takes it when it needs it; contents are lost or kept. */
void os_offer(void *p, size_t size);
/* The same of n ranges, at once where the kernel can. */
void os_offer_all(const struct iovec *ranges, unsigned n);
/* Asks for huge pages when the range is touched. May do nothing. */
void os_huge(void *p, size_t size);
/* Asks for none, whatever the system's setting, until os_huge does. May do nothing. */
void os_no_huge(void *p, size_t size);
/* Bytes of the range that are in memory; all of it where the kernel does not tell. */
size_t os_touched(void *p, size_t size);
/* Moves the pages of `from` to `to` without copying; `from` then reads as zero. Both stay mapped.
 * False where the kernel refuses some: these are copied, and `from` holds anything. */
bool os_move(void *from, void *to, size_t size);
/* The same for pages whose contents do not matter: what the kernel refuses stays where it is. */
bool os_take(void *from, void *to, size_t size);
/* Milliseconds of a monotonic clock, cheap and some milliseconds coarse; wraps after 49 days. */
uint32_t os_now_ms(void);
/* True where what has been idle since since_ms has been so for at least `least` ms at now_ms;
 * always for 0, whatever the clock says. */
HAK_INLINE bool
idle_for(uint32_t now_ms, uint32_t since_ms, uint32_t least)
{
	return least == 0 || (int32_t)(now_ms - since_ms) >= (int32_t)least;
}

/* The signals that this thread blocks, bit n - 1 for signal n. */
uint64_t os_signal_mask(void);
/* membarrier(2); false where the kernel refuses. */
bool os_membarrier(int command);
/* The CPU that this thread was on a moment ago; a hint. */
unsigned os_cpu(void);
/* CPUs that this process may use: those of its affinity mask, or fewer where the quota of a control
 * group grants less; at least 1. Reads files. */
unsigned os_cpus(void);
/* Nanoseconds of a monotonic clock, for intervals. */
uint64_t os_now_ns(void);
/* Milliseconds since 1970. */
uint64_t os_unix_ms(void);
/* The machine's name, cut at `size` bytes and terminated. */
void os_host_name(char *out, size_t size);
/* Nanoseconds of CPU time that this thread has used. A system call. */
uint64_t os_thread_ns(void);
/* The same of all threads of the process together. */
uint64_t os_process_ns(void);
/* Bytes of the process that are in memory; 0 where the kernel does not tell. Reads a file. */
size_t os_resident(void);
/* Copies from an address that may be none of this process's; false where it cannot be read, or
 * where the kernel refuses to tell. Any size and alignment. */
bool os_read_own(void *to, const void *from, size_t size);

/* 64 random bits of the system's, or where it has none to give, of the clock. */
uint64_t os_random(void);

struct os_faults {
	uint64_t minor; /* page faults served without input (numbers) */
	uint64_t major;
};
/* The page faults of this process so far. */
struct os_faults os_faults(void);

/* What has been asked of madvise by the functions above (os_purge, os_offer, os_huge). */
struct os_advice {
	size_t purges, purged_bytes;
	size_t offers, offered_bytes;
	size_t huges, huge_bytes;
};
struct os_advice os_advice(void);
/* The limit on address space in bytes, SIZE_MAX for none. */
size_t os_address_space_limit(void);
#ifdef HAK_TESTING
/* Fault injection: the call to the OS that is `countdown` calls away fails, and all after it when
 * `sticky`. Negative never fails. Reserve, commit, purge and move count as calls. */
void os_fail_after(long countdown, bool sticky);
#endif

#endif
