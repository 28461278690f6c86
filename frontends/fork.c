/* SPDX-License-Identifier: MIT
 * frontends/fork.c - fork in a process with threads.
 *
 * Before a fork every lock of the library is taken in rank order, so that the child's copy of what
 * they protect is whole; parent and child release them. Nothing of libc that takes locks is called
 * meanwhile. libc takes its stdio locks after these handlers; a thread that holds one and needs
 * memory is served from the emergency memory (lock.h), or parent and thread would wait for each
 * other. The child may start threads at once. */
#include "frontends/fork.h"

#include <pthread.h>

#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/profile.h"
#include "backends/emergency.h"
#include "base/inject.h"
#include "base/lock.h"
#include "frontends/frontend.h"
#include "frontends/resolve.h"
#include "frontends/slow.h"

static bool entered;

static void
prepare(void)
{
	slow_startup();
	bool now_entered = frontend_enter();
	arena_flush_deferred();
	resolve_fork_prepare();
	background_fork_prepare();
	frontend_fork_prepare();
	profile_fork_prepare();
	arena_fork_prepare();
	/* Two threads may fork at once: this is written with every lock held. */
	entered = now_entered;
	lock_fork_open();
	HAK_INJECT(INJECT_FORK_WINDOW);
}

static void
parent(void)
{
	bool leave = entered;

	lock_fork_close();
	arena_fork_parent();
	profile_fork_parent();
	frontend_fork_parent();
	background_fork_parent();
	resolve_fork_parent();
	arena_flush_deferred();
	if (leave)
		frontend_leave();
}

static void
child(void)
{
	lock_fork_close();
	/* Another thread may have been adding to it while the pages were copied. */
	emergency_take_deferred();
	arena_fork_child();
	profile_fork_child();
	frontend_fork_child();
	resolve_fork_child();
	if (entered)
		frontend_leave();
	background_fork_child();
}

void
fork_register(void)
{
	pthread_atfork(prepare, parent, child);
}
