/* SPDX-License-Identifier: MIT
 * frontends/site.h - the call site of an allocation, as HAKMEM_SITE has it.
 *
 * By default a site is the return address of the entry point. With HAKMEM_SITE=caller the return
 * address of the calling function is mixed in, so that the callers of an xmalloc are told apart.
 * That needs the calling function to have a frame pointer. The one that is found may be anything
 * else, where it has none, and is therefore checked, and read by way of the kernel. */
#ifndef HAK_FRONTENDS_SITE_H
#define HAK_FRONTENDS_SITE_H

#include "base/compiler.h"
#include "base/config.h"

/* The site of a call that returns to `address`; `frame` is the frame of the function that was
 * called, whose first word is the caller's frame pointer. The address itself where that leads to no
 * frame. */
uintptr_t site_with_caller(uintptr_t address, const void *frame) HAK_HIDDEN HAK_COLD;

/* True where more than the return address is asked for. Off the fast path only. */
HAK_INLINE bool
site_wants_caller(void)
{
	return HAK_UNLIKELY(CONFIG(site) != SITE_RETURN);
}

/* The site of the program's call, in a function to which only tail calls lead from the entry point.
 * It costs that function a frame pointer; so it has a function of its own, and others have none. */
#define SITE_WITH_CALLER() site_with_caller(HAK_SITE(), __builtin_frame_address(0))

#endif
