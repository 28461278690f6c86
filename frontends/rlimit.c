/* SPDX-License-Identifier: MIT
 * frontends/rlimit.c - a limit on address space that the process sets for itself.
 *
 * The reservation counts as address space though it is no memory: with a limit below it the system
 * would refuse every mapping and thread stack from then on. So setrlimit and prlimit are replaced:
 * before a limit on address space is set, what is reserved and not needed goes back; then the call
 * is made as libc makes it. A limit that was there at start needs none of this. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/pages.h"
#include "frontends/frontend.h"

#ifdef HAK_OVERRIDE

static void
before_limit(int resource, const struct rlimit *limit)
{
	if (resource != RLIMIT_AS || !limit || limit->rlim_cur == RLIM_INFINITY ||
		!frontend_enter())
		return;
	pages_limit_address_space(limit->rlim_cur);
	frontend_leave();
}

HAK_EXPORT int
setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	before_limit((int)resource, limit);
	return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}

HAK_EXPORT int
prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit, struct rlimit *old)
{
	if (pid == 0 || pid == getpid())
		before_limit((int)resource, limit);
	return (int)syscall(SYS_prlimit64, pid, resource, limit, old);
}

/* struct rlimit64 is struct rlimit where long has 64 bits. */
HAK_EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
	__attribute__((alias("setrlimit")));
HAK_EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *limit,
	struct rlimit64 *old) __attribute__((alias("prlimit")));

#endif
