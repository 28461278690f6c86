/* SPDX-License-Identifier: MIT
 * backends/os_linux.c - Linux behind os.h. */
#include "backends/os.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "backends/os_cgroup.h"
#include "backends/os_lines.h"
#include "base/assert.h"
#include "base/digits.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#ifdef HAK_TESTING
static _Atomic long fail_countdown = -1;
static _Atomic bool fail_sticky;

void
os_fail_after(long countdown, bool sticky)
{
	atomic_store_explicit(&fail_sticky, sticky, memory_order_relaxed);
	atomic_store_explicit(&fail_countdown, countdown, memory_order_relaxed);
}

static bool
injected_failure(void)
{
	long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

	if (left < 0)
		return false;
	if (left == 0) {
		if (!atomic_load_explicit(&fail_sticky, memory_order_relaxed))
			atomic_store_explicit(&fail_countdown, -1, memory_order_relaxed);
		return true;
	}
	atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed);
	return false;
}
#else
static bool
injected_failure(void)
{
	return false;
}
#endif

size_t
os_page_size(void)
{
	static _Atomic size_t cached;
	size_t size = atomic_load_explicit(&cached, memory_order_relaxed);

	if (size == 0) {
		size = getauxval(AT_PAGESZ);
		if (size == 0)
			size = 4096;
		atomic_store_explicit(&cached, size, memory_order_relaxed);
	}
	return size;
}

static void *
map_reserved(size_t size)
{
	int saved = errno;
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = saved;
	return p == MAP_FAILED ? NULL : p;
}

void *
os_reserve(size_t size, size_t align)
{
	if (injected_failure())
		return NULL;
	/* Whatever is too much on either side of the aligned part goes back. */
	char *p = map_reserved(size + align);
	if (!p)
		return NULL;
	char *start = (char *)round_up((size_t)p, align);
	if (start > p)
		os_release(p, (size_t)(start - p));
	size_t tail = (size_t)(p + align - start);
	if (tail > 0)
		os_release(start + size, tail);
	return start;
}

void
os_release(void *p, size_t size)
{
	int saved = errno;

	munmap(p, size);
	errno = saved;
}

bool
os_commit(void *p, size_t size)
{
	int saved = errno;
	bool ok = !injected_failure() && mprotect(p, size, PROT_READ | PROT_WRITE) == 0;

	errno = saved;
	return ok;
}

void *
os_map(size_t size)
{
	size = round_up(size, os_page_size());
	void *p = os_reserve(size, os_page_size());

	if (p && !os_commit(p, size)) {
		os_release(p, size);
		p = NULL;
	}
	return p;
}

void
os_unmap(void *p, size_t size)
{
	os_release(p, round_up(size, os_page_size()));
}

/* Counters for the statistics: relaxed. */
static struct {
	_Atomic size_t calls, bytes;
} purged, offered, made_huge;

#define COUNT_ADVICE(counter, size)                                                                \
	do {                                                                                       \
		atomic_fetch_add_explicit(&(counter).calls, 1, memory_order_relaxed);              \
		atomic_fetch_add_explicit(&(counter).bytes, size, memory_order_relaxed);           \
	} while (0)

struct os_advice
os_advice(void)
{
	return (struct os_advice){
		.purges = RELAXED(purged.calls),
		.purged_bytes = RELAXED(purged.bytes),
		.offers = RELAXED(offered.calls),
		.offered_bytes = RELAXED(offered.bytes),
		.huges = RELAXED(made_huge.calls),
		.huge_bytes = RELAXED(made_huge.bytes),
	};
}

bool
os_purge(void *p, size_t size)
{
	int saved = errno;
	bool ok = !injected_failure() && madvise(p, size, MADV_DONTNEED) == 0;

	/* Locked pages answer EINVAL, and the owner wants them kept. A filter's ENOSYS or EPERM
	 * gets a fresh mapping in the same place. */
	if (!ok && (errno == ENOSYS || errno == EPERM))
		ok = mmap(p, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			     -1, 0) == p;
	errno = saved;
	if (ok)
		COUNT_ADVICE(purged, size);
	return ok;
}

/* A descriptor of the calling thread that needs not be opened: PIDFD_SELF_THREAD of linux/pidfd.h,
 * which older headers don't have. */
#define OWN_PROCESS (-10000)

/* Fewer ranges are not worth a call that a filter may not know: some end the process for it. */
#define TOGETHER_LEAST 4

/* True once the kernel, or a filter, has refused the call for several ranges: for its number, or
 * for the own process. Relaxed. */
static _Atomic bool one_by_one;

/* Returns how many of the ranges, from the first on, the system has taken the advice for. */
static unsigned
advise_together(const struct iovec *ranges, unsigned n, int advice)
{
	int saved = errno;
	unsigned done = 0;

	if (n < TOGETHER_LEAST || RELAXED(one_by_one) || injected_failure())
		return 0;
	long bytes = syscall(SYS_process_madvise, OWN_PROCESS, ranges, n, advice, 0);
	if (bytes < 0 && (errno == EBADF || errno == ENOSYS || errno == EPERM))
		RELAXED_SET(one_by_one, true);
	for (; bytes > 0 && done < n && (size_t)bytes >= ranges[done].iov_len; done++)
		bytes -= (long)ranges[done].iov_len;
	errno = saved;
	return done;
}

uint64_t
os_purge_all(const struct iovec *ranges, unsigned n)
{
	uint64_t gone = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned done = advise_together(ranges + i, n - i, MADV_DONTNEED);
		for (unsigned end = i + done; i < end; i++) {
			gone |= (uint64_t)1 << i;
			COUNT_ADVICE(purged, ranges[i].iov_len);
		}
		if (i < n && os_purge(ranges[i].iov_base, ranges[i].iov_len))
			gone |= (uint64_t)1 << i;
	}
	return gone;
}

void
os_offer(void *p, size_t size)
{
	int saved = errno;

	if (madvise(p, size, MADV_FREE) == 0)
		COUNT_ADVICE(offered, size);
	errno = saved;
}

void
os_offer_all(const struct iovec *ranges, unsigned n)
{
	unsigned done = advise_together(ranges, n, MADV_FREE);

	for (unsigned i = 0; i < done; i++)
		COUNT_ADVICE(offered, ranges[i].iov_len);
	for (unsigned i = done; i < n; i++)
		os_offer(ranges[i].iov_base, ranges[i].iov_len);
}

void
os_huge(void *p, size_t size)
{
	int saved = errno;

	if (madvise(p, size, MADV_HUGEPAGE) == 0)
		COUNT_ADVICE(made_huge, size);
	errno = saved;
}

void
os_no_huge(void *p, size_t size)
{
	int saved = errno;

	madvise(p, size, MADV_NOHUGEPAGE);
	errno = saved;
}

size_t
os_touched(void *p, size_t size)
{
	enum { PAGES = 512 };
	unsigned char present[PAGES];
	size_t page = os_page_size(), step = PAGES * page, touched = 0;
	int saved = errno;

	for (size_t at = 0; at < size; at += step) {
		size_t bytes = size - at < step ? size - at : step;
		if (mincore((char *)p + at, bytes, present) != 0) {
			touched = size;
			break;
		}
		for (size_t i = 0; i * page < bytes; i++)
			touched += (present[i] & 1) * page;
	}
	errno = saved;
	return touched < size ? touched : size;
}

/* A call with a fixed target unmaps that first and may then refuse, because of a limit or, before
 * Linux 6.17, since the range is of several mappings, as one with moved pages is. So pages take two
 * steps: to where the kernel likes, which changes nothing if it fails, and from there, as one
 * mapping that is not kept, which adds to no limit. What is left is the number of mappings
 * (vm.max_map_count), which the kernel looks at before it unmaps. */
static bool
move_mapping(void *from, void *to, size_t size)
{
	void *between = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

	if (between == MAP_FAILED)
		return false;
	if (mremap(between, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
		return true;
	memcpy(from, between, size);
	os_unmap(between, size);
	/* It is still mapped. */
	HAK_CHECK(madvise(to, size, MADV_NORMAL) == 0 || errno != ENOMEM);
	return false;
}

/* True where the range is of one mapping. Asks for more room in place than there is, which is
 * refused in one way or the other. */
static bool
is_mapping(void *p, size_t size)
{
	return mremap(p, size, (size_t)1 << 46, 0) == MAP_FAILED && errno != EFAULT;
}

/* The part of the range, from its beginning, that is of one mapping: bytes, a multiple of pages. */
static size_t
first_mapping(char *p, size_t size)
{
	size_t page = os_page_size(), least = 1, most = size / page;

	if (is_mapping(p, size))
		return size;
	while (most - least > 1) {
		size_t middle = least + (most - least) / 2;
		if (is_mapping(p, middle * page))
			least = middle;
		else
			most = middle;
	}
	return least * page;
}

/* Moves pages, from the beginning on, until a mapping cannot be moved; returns the bytes that were.
 */
static size_t
move_pages(char *from, char *to, size_t size)
{
	bool moves = !injected_failure();
	size_t at = 0;

	while (moves && at < size) {
		size_t n = first_mapping(from + at, size - at);
		moves = move_mapping(from + at, to + at, n);
		at += moves ? n : 0;
	}
	return at;
}

bool
os_move(void *from, void *to, size_t size)
{
	int saved = errno;
	size_t at = move_pages(from, to, size);

	memcpy((char *)to + at, (char *)from + at, size - at);
	errno = saved;
	return at == size;
}

bool
os_take(void *from, void *to, size_t size)
{
	int saved = errno;
	bool all = move_pages(from, to, size) == size;

	errno = saved;
	return all;
}

uint32_t
os_now_ms(void)
{
	struct timespec now;
	int saved = errno;

	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0)
		now = (struct timespec){0, 0};
	errno = saved;
	return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

uint64_t
os_signal_mask(void)
{
	uint64_t mask = 0;
	int saved = errno;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	errno = saved;
	return mask;
}

bool
os_membarrier(int command)
{
	int saved = errno;
	bool ok = syscall(SYS_membarrier, command, 0, 0) == 0;

	errno = saved;
	return ok;
}

unsigned
os_cpu(void)
{
	int saved = errno;
	int cpu = sched_getcpu();

	errno = saved;
	return cpu < 0 ? 0 : (unsigned)cpu;
}

static unsigned
affinity_cpus(void)
{
	/* The raw call: sched_getaffinity's fixed cpu_set_t fails on hosts above 1024 CPUs. */
	unsigned long mask[64] = {0};
	int saved = errno;
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	unsigned n = 0;

	for (long i = 0; i < bytes / (long)sizeof(mask[0]); i++)
		n += (unsigned)__builtin_popcountl(mask[i]);
	errno = saved;
	return n ? n : 1;
}

unsigned
os_cpus(void)
{
	unsigned cpus = affinity_cpus();
	/* A quota cannot make one CPU fewer. */
	unsigned quota = cpus > 1 ? os_cgroup_cpus("") : cpus;

	return quota < cpus ? quota : cpus;
}

static uint64_t
read_ns(clockid_t clock)
{
	struct timespec now;
	int saved = errno;

	if (clock_gettime(clock, &now) != 0)
		now = (struct timespec){0, 0};
	errno = saved;
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t
os_unix_ms(void)
{
	return read_ns(CLOCK_REALTIME) / 1000000;
}

void
os_host_name(char *out, size_t size)
{
	struct utsname names;
	int saved = errno;
	size_t n = 0;

	if (syscall(SYS_uname, &names) == 0)
		for (; n + 1 < size && names.nodename[n]; n++)
			out[n] = names.nodename[n];
	out[n] = '\0';
	errno = saved;
}

uint64_t
os_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t
os_thread_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t
os_process_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

size_t
os_resident(void)
{
	char line[128];

	/* "size resident shared ...", in pages. */
	if (!os_first_line("/proc/self/statm", line, sizeof(line)))
		return 0;
	const char *c = line;
	digits_number(&c, 10);
	c += *c == ' ';
	return digits_number(&c, 10) * os_page_size();
}

bool
os_read_own(void *to, const void *from, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};
	int saved = errno;
	/* Words all: what the kernel takes as one must not have a stale upper half. */
	long n = syscall(SYS_process_vm_readv, (long)getpid(), &local, 1L, &remote, 1L, 0L);

	errno = saved;
	return n == (long)size;
}

uint64_t
os_random(void)
{
	uint64_t random = 0;
	int saved = errno;
	long n = syscall(SYS_getrandom, &random, sizeof(random), (unsigned long)GRND_NONBLOCK);

	errno = saved;
	return n == (long)sizeof(random) ? random : mix64(os_now_ns());
}

struct os_faults
os_faults(void)
{
	struct rusage usage;
	int saved = errno;
	bool known = getrusage(RUSAGE_SELF, &usage) == 0;

	errno = saved;
	return known ? (struct os_faults){(uint64_t)usage.ru_minflt, (uint64_t)usage.ru_majflt}
		     : (struct os_faults){0, 0};
}

size_t
os_address_space_limit(void)
{
	struct rlimit limit;
	int saved = errno;
	bool none = getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY;

	errno = saved;
	return none ? SIZE_MAX : limit.rlim_cur;
}
