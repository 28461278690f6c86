/* SPDX-License-Identifier: MIT
 * arenas/select.h - the rule by which an arena is chosen, HAKMEM_SELECTOR.
 *
 * A selector is a function of what the slow path knows, and costs nothing on a hit: the entry
 * point's return address travels as an argument of the tail call. The number of active arenas is a
 * power of two. `site` is the rule; the others are there to compare it with. */
#ifndef HAK_ARENAS_SELECT_H
#define HAK_ARENAS_SELECT_H

#include "base/compiler.h"
#include "base/config.h"

/* The calling thread's number, counted from 0 in the order in which threads first ask. */
unsigned select_thread_number(void);
/* The index among `active` by the rules that do without the site. */
unsigned select_by_rule(enum config_selector rule, unsigned active);

/* The index, among `active`, of the arena for a call from the site. */
HAK_INLINE unsigned
select_arena(uintptr_t site, unsigned active)
{
	enum config_selector rule = (enum config_selector)CONFIG(selector);

	if (HAK_LIKELY(rule == SELECTOR_SITE))
		return (unsigned)mix64(site) & (active - 1);
	return select_by_rule(rule, active);
}

#endif
