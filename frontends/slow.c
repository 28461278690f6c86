/* SPDX-License-Identifier: MIT
 * frontends/slow.c - start, large blocks, and the ways out when there is no memory or no lock. */
#include "frontends/slow.h"

#include <errno.h>
#include <unistd.h>

#include "arenas/arena.h"
#include "arenas/profile.h"
#include "backends/emergency.h"
#include "backends/pagemap.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/lock.h"
#include "frontends/counts.h"
#include "frontends/frontend.h"
#include "frontends/site.h"

static struct lock startup_lock = LOCK_INITIALIZER(RANK_STARTUP);
static _Atomic bool ready;

static HAK_COLD void
startup(void)
{
	lock_acquire_wait(&startup_lock);
	if (!atomic_load_explicit(&ready, memory_order_relaxed)) {
		config_load(environ);
		backend_init();
		arena_init();
		profile_init();
		site_init();
		counts_init();
		frontend_init();
		/* Release pairs with the acquire in slow_startup. */
		atomic_store_explicit(&ready, true, memory_order_release);
	}
	lock_release(&startup_lock);
}

void
slow_startup(void)
{
	if (HAK_UNLIKELY(!atomic_load_explicit(&ready, memory_order_acquire)))
		startup();
}

bool
slow_past_bins(size_t size, size_t align, const bool *zeroed)
{
	if (size > (zeroed ? MID_MAX : LARGE_MAX))
		return true;
	/* Slabs begin at multiples of a page. */
	return align > PAGE_BYTES ||
	       (align > TINY_STEP && sizeclass_size(sizeclass_of(size)) % align != 0);
}

bool
slow_bin_takes(unsigned cls, const void *p)
{
	return cls > 0 && (cls < CLASS_LARGE || backend_usable(p) > 0);
}

void *
slow_alloc_emergency(unsigned cls)
{
	size_t size = sizeclass_size(cls);

	/* As aligned as a block of the class would be: the highest power of two that divides it. */
	return emergency_alloc(size, size & (0 - size));
}

bool
slow_reclaim(void)
{
	if (lock_was_refused())
		return false;
	arena_reclaim();
	lock_was_refused();
	return true;
}

/* `wanted`: zeroes would be welcome. */
static void *
try_large(size_t size, size_t align, uintptr_t site, bool wanted, bool *zeroed)
{
	unsigned cls = sizeclass_aligned(size, align);

	*zeroed = wanted;
	return cls ? arena_take(cls, site, zeroed) : backend_big_alloc(size, align, zeroed);
}

void *
slow_alloc_large(size_t size, size_t align, uintptr_t site, bool *asked)
{
	bool ignored;
	bool *zeroed = asked ? asked : &ignored;
	void *p;

	*zeroed = false;
	if (size > PTRDIFF_MAX)
		return NULL;
	p = try_large(size, align, site, asked != NULL, zeroed);
	if (HAK_LIKELY(p != NULL))
		return p;
	if (slow_reclaim()) {
		p = try_large(size, align, site, asked != NULL, zeroed);
		if (p || !lock_was_refused())
			return p;
	}
	*zeroed = false;
	return emergency_alloc(size, align);
}

void *
slow_alloc_one(unsigned cls, uintptr_t site)
{
	bool zeroed = false;
	void *p = arena_take(cls, site, &zeroed);

	if (HAK_LIKELY(p != NULL))
		return p;
	if (slow_reclaim()) {
		p = arena_take(cls, site, &zeroed);
		if (p || !lock_was_refused())
			return p;
	}
	return slow_alloc_emergency(cls);
}

struct magazine
slow_refill(unsigned cls, uintptr_t site, uint32_t n, void **instead)
{
	struct magazine m = arena_refill(cls, site, n, n);

	*instead = NULL;
	if (HAK_LIKELY(m.head != NULL))
		return m;
	bool tried = slow_reclaim();
	if (tried)
		m = arena_refill(cls, site, 1, 1);
	if (!m.head && (!tried || lock_was_refused()))
		*instead = slow_alloc_emergency(cls);
	return m;
}

void
slow_free(void *p)
{
	unsigned cls;

	if (!p)
		return;
	if (HAK_UNLIKELY(emergency_owns(p))) {
		emergency_free(p);
		return;
	}
	if (backend_owner(p, &cls) != BACKEND_NO_ARENA)
		arena_give(p);
	else if (!backend_big_free(p))
		emergency_defer_one(p);
}

void
slow_free_busy(void *p)
{
	if (emergency_owns(p))
		emergency_free(p);
	else
		emergency_defer_one(p);
}
