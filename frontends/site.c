/* SPDX-License-Identifier: MIT
 * frontends/site.c - the next frame, where there is one. */
#include "frontends/site.h"

#include "arenas/sites.h"
#include "backends/os.h"

/* A frame pointer is aligned so, and the caller's frame is not larger than this. */
#define FRAME_ALIGN (2 * sizeof(void *))
#define FRAME_MOST ((uintptr_t)1 << 20)

/* What a frame pointer points at, on x86-64 and aarch64 alike. */
struct frame {
	uintptr_t up;
	uintptr_t returns_to;
};

static bool
is_near_above(uintptr_t up, uintptr_t here)
{
	return up % FRAME_ALIGN == 0 && up > here && up - here <= FRAME_MOST;
}

uintptr_t
site_with_caller(uintptr_t address, const void *frame)
{
	struct frame caller;
	uintptr_t up = *(const uintptr_t *)frame;

	/* The word that is read is the caller's register at the call, whatever was in it. */
	if (!is_near_above(up, (uintptr_t)frame) ||
		!os_read_own(&caller, (const void *)up, sizeof(caller)) || caller.returns_to == 0)
		return address;
	uintptr_t site = (uintptr_t)mix64(address ^ mix64(caller.returns_to));
	sites_describe(site, address, caller.returns_to);
	return site;
}
