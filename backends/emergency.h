/* SPDX-License-Identifier: MIT
 * backends/emergency.h - a little memory for when no lock may be waited for.
 *
 * Two callers need it: a signal handler that interrupted its own thread inside the allocator, and a
 * thread that needs memory while another's fork holds every lock (it may hold a lock of libc that
 * the fork waits for). Blocks are cut off segments by one compare-and-swap, with a header of 16
 * bytes; a segment starts over when all its blocks have been freed. What is too large for a segment
 * gets a mapping of its own. Segments lie outside the regions, are mapped when first needed and
 * then kept. All functions are lock-free and async-signal-safe. */
#ifndef HAK_BACKENDS_EMERGENCY_H
#define HAK_BACKENDS_EMERGENCY_H

#include "base/compiler.h"

/* A block aligned to `align` (a power of two), not zeroed; NULL when the stock is used up. */
void *emergency_alloc(size_t size, size_t align);
/* True where p is such a block. */
bool emergency_owns(const void *p);
void emergency_free(void *p);
size_t emergency_usable(const void *p);
/* Blocks whose owner's lock could not be had are put aside: one, or a list linked through the first
 * words. */
void emergency_defer_one(void *p);
void emergency_defer(void *list);
/* All blocks put aside so far, linked through their first words. */
void *emergency_take_deferred(void);

#endif
