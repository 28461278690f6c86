/* SPDX-License-Identifier: MIT
 * frontends/lock.c - one block, one lock. */
#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/tune.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "base/inject.h"
#include "frontends/frontend.h"
#include "frontends/slow.h"

/* True while this thread is inside the allocator: seen by a signal handler that interrupts it. */
static HAK_TLS bool busy;

static _Atomic size_t allocs, frees;

bool
frontend_enter(void)
{
	if (busy)
		return false;
	slow_startup();
	busy = true;
	HAK_SIGNAL_FENCE();
	return true;
}

void
frontend_leave(void)
{
	HAK_SIGNAL_FENCE();
	busy = false;
}

void *
frontend_alloc_slow(size_t size, size_t align, uintptr_t site, bool *zeroed)
{
	void *p;

	if (zeroed)
		*zeroed = false;
	if (size == 0)
		size = 1;
	if (!frontend_enter())
		return emergency_alloc(size, align);
	HAK_INJECT(INJECT_SLOW_ALLOC);
	atomic_fetch_add_explicit(&allocs, 1, memory_order_relaxed);
	arena_tick(os_now_ms());
	struct tune_clock clock = tune_clock_start(size > LARGE_MAX ? TUNE_BIG : TUNE_SHORT);
	p = size > MID_MAX || align > TINY_STEP ? slow_alloc_large(size, align, site, zeroed)
						: slow_alloc_counted(sizeclass_of(size), site);
	tune_clock_stop(clock);
	frontend_leave();
	background_start(site);
	return p;
}

void
lock_frontend_free(void *p)
{
	if (!p)
		return;
	if (HAK_UNLIKELY(!frontend_enter())) {
		slow_free_busy(p);
		return;
	}
	HAK_INJECT(INJECT_SLOW_FREE);
	atomic_fetch_add_explicit(&frees, 1, memory_order_relaxed);
	struct tune_clock clock = tune_clock_start(TUNE_SHORT);
	slow_free(p);
	tune_clock_stop(clock);
	arena_tick(os_now_ms());
	frontend_leave();
}

void
frontend_init(void)
{
}

void
frontend_flush(void)
{
}

bool
frontend_drain_idle(uint32_t now_ms, uint32_t least_ms)
{
	(void)now_ms;
	(void)least_ms;
	return true;
}

void
frontend_totals(struct frontend_totals *out)
{
	*out = (struct frontend_totals){
		.slow_allocs = atomic_load_explicit(&allocs, memory_order_relaxed),
		.slow_frees = atomic_load_explicit(&frees, memory_order_relaxed),
	};
}

void
frontend_each_cache(void (*visit)(void *context, unsigned id, size_t bytes), void *context)
{
	(void)visit;
	(void)context;
}

void
frontend_audit(void)
{
}

const char *
frontend_mechanism(void)
{
	return "locks";
}

void
frontend_fork_prepare(void)
{
}

void
frontend_fork_parent(void)
{
}

void
frontend_fork_child(void)
{
}
