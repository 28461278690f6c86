/* SPDX-License-Identifier: MIT
 * arenas/select.h - the rule site -> arena.
 *
 * A selector is a pure function of what the slow path knows, and costs nothing on a hit: the entry
 * point's return address travels as an argument of the tail call. The number of active arenas is a
 * power of two. */
#ifndef HAK_ARENAS_SELECT_H
#define HAK_ARENAS_SELECT_H

#include "base/compiler.h"

/* The index of the site's arena among `active`, a power of two. */
HAK_INLINE unsigned
select_arena(uintptr_t site, unsigned active)
{
	return (unsigned)mix64(site) & (active - 1);
}

#endif
