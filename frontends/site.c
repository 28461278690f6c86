/* SPDX-License-Identifier: MIT
 * frontends/site.c - the next frames, where there are any. */
#include "frontends/site.h"

#include "arenas/sites.h"
#include "backends/os.h"
#include "base/config.h"
#include "frontends/profile_file.h"
#include "frontends/resolve.h"

/* A frame pointer is aligned so, and a frame is not larger than this. */
#define FRAME_ALIGN (2 * sizeof(void *))
#define FRAME_MOST ((uintptr_t)1 << 20)
/* Read at once: small frames lie close together. A power of two, and a page is a multiple of it. */
#define WINDOW 512

/* What a frame pointer points at, on x86-64 and aarch64 alike. */
struct frame {
	uintptr_t up;
	uintptr_t returns_to;
};

/* A copy of the part of the stack from `start` to `end`. */
struct window {
	uintptr_t start, end;
	struct frame copy[WINDOW / sizeof(struct frame)];
};

/* The call that this thread is in; no frame: none. */
static HAK_TLS struct {
	const void *frame;
	uintptr_t address, site;
} call;

_Atomic unsigned hak_site_attention;

void
site_init(void)
{
	bool frames = CONFIG(site) != SITE_RETURN || (CONFIG(profile) && CONFIG(profile_depth) > 1);

	RELAXED_SET(hak_site_attention, frames ? SITE_FRAMES : 0);
}

static bool
is_near_above(uintptr_t up, uintptr_t here)
{
	return up % FRAME_ALIGN == 0 && up > here && up - here <= FRAME_MOST;
}

/* The frame of the function that calls the one whose frame is at `here`; `up` is what that holds as
 * its caller's. A stack grows down, so callers' frames lie above. */
static bool
next_frame(struct window *w, uintptr_t here, uintptr_t up, struct frame *out)
{
	/* The word may be anything: the caller's register at the call. */
	if (!is_near_above(up, here))
		return false;
	if (up < w->start || up >= w->end) {
		/* Up to a boundary that a page has too: readable as a whole or not at all. */
		w->start = up;
		w->end = round_down(up, WINDOW) + WINDOW;
		if (!os_read_own(w->copy, (const void *)up, w->end - up)) {
			w->end = up;
			return false;
		}
	}
	*out = w->copy[(up - w->start) / sizeof(struct frame)];
	return out->returns_to != 0;
}

uintptr_t
site_with_caller(uintptr_t address, const void *frame)
{
	struct window w = {0, 0, {{0, 0}}};
	struct frame caller;

	if (!next_frame(&w, (uintptr_t)frame, *(const uintptr_t *)frame, &caller))
		return address;
	uintptr_t site = (uintptr_t)mix64(address ^ mix64(caller.returns_to)) | SITE_MIXED;
	sites_describe(site, address, caller.returns_to);
	if (rules_any())
		resolve_frames(site, (const uintptr_t[]){address, caller.returns_to}, 2);
	return site;
}

uintptr_t
site_begin(uintptr_t address, const void *frame, bool mixes)
{
	uintptr_t site =
		mixes && CONFIG(site) == SITE_CALLER ? site_with_caller(address, frame) : address;

	call.address = address;
	call.site = site;
	/* A signal handler that allocates here ends with no call noted: then the site has one
	 * frame, no wrong one. */
	HAK_SIGNAL_FENCE();
	call.frame = frame;
	return site;
}

void
site_end(void)
{
	call.frame = NULL;
	if (RELAXED(hak_site_attention) & SITE_ASKED)
		profile_file_requested();
}

unsigned
site_walk(uintptr_t site, uintptr_t *frames, unsigned most)
{
	unsigned depth = (unsigned)CONFIG(profile_depth), n = 1;
	struct window w;
	struct frame f;

	frames[0] = site;
	if (!call.frame || call.site != site)
		return n;
	frames[0] = call.address;
	w.start = w.end = 0;
	depth = depth < most ? depth : most;
	uintptr_t here = (uintptr_t)call.frame, up = *(const uintptr_t *)call.frame;
	while (n < depth && next_frame(&w, here, up, &f)) {
		frames[n++] = f.returns_to;
		here = up;
		up = f.up;
	}
	return n;
}
