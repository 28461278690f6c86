/* SPDX-License-Identifier: MIT
 * arenas/select.c - the selectors that do without the site. */
#include "arenas/select.h"

#include "backends/os.h"

unsigned
select_thread_number(void)
{
	static _Atomic unsigned threads;
	static HAK_TLS unsigned number; /* and one, so that 0 is none yet */

	if (number == 0)
		/* Relaxed: the number stands for itself. */
		number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) + 1;
	return number - 1;
}

unsigned
select_by_rule(enum config_selector rule, unsigned active)
{
	switch (rule) {
	case SELECTOR_THREAD:
		return select_thread_number() & (active - 1);
	case SELECTOR_CPU:
		return os_cpu() & (active - 1);
	default:
		return 0;
	}
}
