/* SPDX-License-Identifier: MIT
 * frontends/resolve.h - which Site Rules a call site meets: its files and functions, on the site's
 * first slow path; and what it is called in every process.
 *
 * One thread resolves at a time, under RANK_RULES; who finds it held goes on without rules and asks
 * at the next slow path. No other lock is taken meanwhile, ours or libc's. */
#ifndef HAK_FRONTENDS_RESOLVE_H
#define HAK_FRONTENDS_RESOLVE_H

#include "arenas/lifetime.h"
#include "arenas/rules.h"
#include "base/compiler.h"

/* A site that is no return address has this bit, which no address of a program has. */
#define SITE_MIXED ((uintptr_t)1 << (8 * sizeof(uintptr_t) - 1))

/* Resolves a site that is a return address, if need be; a mixed one is resolved where it is made.
 * Where there are rules. */
void resolve_site(uintptr_t site) HAK_COLD;
/* Resolves a site of these return addresses, the innermost first, at most two. */
void resolve_frames(uintptr_t site, const uintptr_t *addresses, unsigned n) HAK_COLD;

/* The id of a site that is a return address, as profiles and Site Rules have it; LIFETIME_NAMELESS
 * for one that is not, or lies in no file; 0 where it cannot be told now. Takes no lock. */
uint64_t resolve_id(uintptr_t site) HAK_COLD;

void resolve_fork_prepare(void);
void resolve_fork_parent(void);
void resolve_fork_child(void);

/* Called on slow paths before the rules are asked; no lock held. */
HAK_INLINE void
resolve_if_ruled(uintptr_t site)
{
	if (rules_any())
		resolve_site(site);
}

#endif
