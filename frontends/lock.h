/* SPDX-License-Identifier: MIT
 * frontends/lock.h - the honest baseline: no cache; each call takes its arena's lock for a few
 * instructions. A handler that interrupts a call of its own thread is served from the emergency
 * memory. */
#ifndef HAK_FRONTENDS_LOCK_H
#define HAK_FRONTENDS_LOCK_H

#include "base/compiler.h"

#define FRONTEND_NAME "lock"
#define FRONTEND_GROUP_BINS 0
#define FRONTEND_SPLITS 1

void lock_frontend_free(void *p) HAK_HIDDEN;

HAK_INLINE void *
frontend_try_alloc(size_t bin)
{
	(void)bin;
	return NULL;
}

HAK_INLINE void
frontend_free(void *p)
{
	lock_frontend_free(p);
}

#endif
