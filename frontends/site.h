/* SPDX-License-Identifier: MIT
 * frontends/site.h - the call site of an allocation: as HAKMEM_SITE has it, and its further frames
 * for the profile.
 *
 * By default a site is the return address of the entry point. With HAKMEM_SITE=caller the return
 * address of the calling function is mixed in, so that the callers of an xmalloc are told apart.
 * That, and every further frame, needs functions that have a frame pointer. The one that is found
 * may be anything else, where they have none, and is therefore checked, and read by way of the
 * kernel.
 *
 * An entry point's slow path that is to know its frame notes the call for as long as it runs
 * (SITE_BEGIN, site_end), for this thread; site_walk goes on from there, if a sample is taken. One
 * load tells it to do so. It also tells that a signal has asked for a profile, which is then
 * written when the call has ended. */
#ifndef HAK_FRONTENDS_SITE_H
#define HAK_FRONTENDS_SITE_H

#include "base/compiler.h"

/* Frames are wanted, by HAKMEM_SITE or by the profile: set under the startup lock. A profile has
 * been asked for: set by a signal's handler. */
enum { SITE_FRAMES = 1, SITE_ASKED = 2 };
extern _Atomic unsigned hak_site_attention HAK_HIDDEN;

void site_init(void);

/* The site of a call that returns to `address`; `frame` is the frame of the function that was
 * called, whose first word is the caller's frame pointer. The address itself where that leads to no
 * frame. */
uintptr_t site_with_caller(uintptr_t address, const void *frame) HAK_HIDDEN HAK_COLD;

/* Notes the call for site_walk; the site, mixed with its caller where `mixes` and HAKMEM_SITE asks
 * for it. */
uintptr_t site_begin(uintptr_t address, const void *frame, bool mixes) HAK_HIDDEN HAK_COLD;
/* The call has ended: not between frontend_enter and frontend_leave. Writes a profile that was
 * asked for. Preserves errno. */
void site_end(void) HAK_HIDDEN;

/* The return addresses that led to the allocation from this site, innermost first, at most `most`
 * and HAKMEM_PROFILE_DEPTH of them; their number, at least 1. Where no call from the site has been
 * noted, that is the site itself. Anywhere below the entry point; async-signal-safe. */
unsigned site_walk(uintptr_t site, uintptr_t *frames, unsigned most);

/* Off the fast path only. */
HAK_INLINE bool
site_wants_attention(void)
{
	return HAK_UNLIKELY(RELAXED(hak_site_attention) != 0);
}

/* The site of the program's call, in a function to which only tail calls lead from the entry point.
 * It costs that function a frame pointer; so it has a function of its own, and others have none. */
#define SITE_BEGIN(mixes) site_begin(HAK_SITE(), __builtin_frame_address(0), mixes)

#endif
