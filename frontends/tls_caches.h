/* SPDX-License-Identifier: MIT
 * frontends/tls_caches.h - the way into a thread's cache and out of it, off the fast path.
 *
 * To be called by the thread itself. */
#ifndef HAK_FRONTENDS_TLS_CACHES_H
#define HAK_FRONTENDS_TLS_CACHES_H

#include "arenas/arena.h"
#include "base/futex.h"
#include "frontends/frontend.h"

/* True while every live cache's malloc misses: nobody has been on a slow path since. */
extern _Atomic bool tls_all_disarmed HAK_HIDDEN;

/* Gives the thread a cache, and enters the slow path; NULL, and not entered, where the thread has
 * to do without. */
struct cache *tls_cache_born(void);
/* Empties bins that have not been used for a while, if it is time to. */
void tls_look(struct cache *c, uint32_t now_ms);

/* Until the background thread has done with the cache. */
HAK_INLINE void
wait_unclaimed(struct cache *c)
{
	/* Acquire pairs with the release in unclaim. */
	while (HAK_UNLIKELY(atomic_load_explicit(&c->claimed, memory_order_acquire)))
		futex_wait(&c->claimed, 1, 0);
}

HAK_INLINE void
enter(void)
{
	RELAXED_SET(hak_tls.busy, true);
	RELAXED_SET(hak_tls.alloc, hak_empty_bins);
	RELAXED_SET(hak_tls.free, hak_empty_bins);
	HAK_SIGNAL_FENCE();
	if (hak_tls.own)
		wait_unclaimed(hak_tls.own);
}

/* `armed`: the next malloc may hit; else it misses once, and looks at the clock. c is NULL where
 * the thread has no cache. */
HAK_INLINE void
leave(struct cache *c, bool armed)
{
	HAK_SIGNAL_FENCE();
	RELAXED_SET(hak_tls.free, c ? c->free_bins : hak_empty_bins);
	if (armed) {
		if (c)
			RELAXED_SET(hak_tls.alloc, c->alloc_bins);
		if (RELAXED(tls_all_disarmed))
			RELAXED_SET(tls_all_disarmed, false);
	}
	RELAXED_SET(hak_tls.busy, false);
}

/* This thread's cache, born now if need be; NULL where the thread has to do without. On success
 * the caller is in the slow path (enter). */
HAK_INLINE struct cache *
cache_enter(void)
{
	struct cache *c = hak_tls.own;

	if (HAK_UNLIKELY(!c))
		return tls_cache_born();
	enter();
	return c;
}

/* Looks at the clock. */
HAK_INLINE void
tick(struct cache *c, uint32_t now_ms)
{
	arena_tick(now_ms);
	if ((int32_t)(now_ms - c->look_ms) >= 0)
		tls_look(c, now_ms);
	RELAXED_SET(c->slow_ms, now_ms);
}

#endif
