/* SPDX-License-Identifier: MIT
 * arenas/purge.c - Hot, Warm, Cold: what becomes of idle memory, by time.
 *
 * Free memory is Hot and kept until it has been idle for HAKMEM_WARM ms; then it is Warm, offered
 * to the system, and after HAKMEM_COLD ms Cold, given back at once. Depots that have been idle for
 * as long go back to their slabs, which empties these. While memory is short (pressure.h) what
 * would be Warm is Cold. Time is looked at on slow paths, or by the background thread
 * (background.h). */
#include "arenas/background.h"
#include "arenas/internal.h"
#include "arenas/pressure.h"
#include "arenas/profile.h"
#include "arenas/transfer.h"
#include "arenas/tune.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "backends/seal.h"
#include "base/config.h"
#include "base/probe.h"

/* So many magazines are looked at together before they go back. */
#define FLUSH_LISTS 4
/* Above the soft limit all that is idle is given back at most this often. */
#define ROOM_MS 10

static _Atomic uint32_t last_tick_ms, last_room_ms;
/* When any thread was last on a slow path. */
static _Atomic uint32_t last_active_ms;

/* The magazines of a depot unused for cold_ms, as a stack; those that are sealed, of which a depot
 * has no others, as one magazine. Arena lock. */
static void *
idle_stack(struct arena *a, unsigned cls, uint32_t now_ms, uint32_t cold_ms)
{
	struct depot *d = &a->depots[cls];
	void *top = NULL, *list = NULL;
	uint32_t n = 0;

	if (!d->blocks || !idle_for(now_ms, d->used_ms, cold_ms))
		return NULL;
	for (struct magazine m; (m = arena_pop_sealed(a, cls)).head; n += m.count)
		list = seal_strip(m.head, list);
	if (list)
		depot_link((struct magazine){list, n}, NULL);
	for (struct magazine m; (m = depot_pop(d, now_ms)).head; top = m.head) {
		depot_link(m, top);
		a->depot_bytes -= m.count * sizeclass_size(cls);
	}
	return list ? list : top;
}

/* Brings the blocks of n lists into the cache, n misses at a time: a list alone is one miss after
 * another, and its blocks have been idle. */
static void
warm_lists(void *const heads[], unsigned n)
{
	const void *at[FLUSH_LISTS];
	bool more = true;

	for (unsigned i = 0; i < n; i++)
		at[i] = heads[i];
	while (more) {
		more = false;
		for (unsigned i = 0; i < n; i++) {
			/* What was written over ends here, and is found out later. */
			if (!pagemap_in_primary(at[i]))
				continue;
			at[i] = *(void *const *)at[i];
			more = true;
		}
	}
}

/* Takes a stack's magazines back into their slabs. */
static void
flush_stack(void *top)
{
	void *heads[FLUSH_LISTS];
	uint32_t count;

	while (top) {
		unsigned n = 0;
		for (; top && n < FLUSH_LISTS; n++) {
			heads[n] = top;
			top = depot_below(top, &count);
		}
		if (n > 1)
			warm_lists(heads, n);
		for (unsigned i = 0; i < n; i++)
			arena_flush(heads[i]);
	}
}

void
arena_age_depots(struct arena *a, uint32_t now_ms, uint32_t least_ms)
{
	unsigned cls = 1;

	if (!arena_lock(a))
		return;
	while (cls < BIN_CLASSES) {
		void *top = idle_stack(a, cls++, now_ms, least_ms);
		if (!top)
			continue;
		lock_release(&a->lock);
		flush_stack(top);
		if (!arena_lock(a))
			return;
	}
	lock_release(&a->lock);
}

void
arena_age_transfers(uint32_t now_ms, uint32_t least_ms)
{
	unsigned place = 0;

	for (void *top; (top = transfer_idle(&place, now_ms, least_ms));)
		flush_stack(top);
}

static void
age_arena(struct arena *a, uint32_t now_ms, uint32_t cold_ms)
{
	arena_age_depots(a, now_ms, cold_ms);
	if (!arena_lock(a))
		return;
	HAK_AUDIT(backend_audit(&a->backend));
	backend_arena_age(&a->backend, now_ms, cold_ms);
	lock_release(&a->lock);
}

void
arena_flush_deferred(void)
{
	void *list = emergency_take_deferred();
	unsigned cls;

	while (list) {
		void *p = list;
		if (lock_fork_is_open()) {
			emergency_defer(list);
			return;
		}
		list = *(void **)p;
		profile_note_free(p);
		if (backend_owner(p, &cls) != BACKEND_NO_ARENA)
			arena_give(p);
		else if (!backend_big_free(p))
			emergency_defer_one(p);
	}
}

static size_t
age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	size_t before = backend_purged();

	arena_flush_deferred();
	arena_age_transfers(now_ms, cold_ms);
	for (unsigned i = 0; i < arena_end(); i++) {
		struct arena *a = arena_at(i);
		if (a)
			age_arena(a, now_ms, cold_ms);
	}
	backend_age(now_ms, warm_ms, cold_ms, keep);
	size_t purged = backend_purged() - before;
	PROBE1(hakmem, purge, purged);
	return purged;
}

size_t
arena_age(uint32_t now_ms, uint32_t cold_ms)
{
	uint32_t warm_ms = (uint32_t)CONFIG(warm);

	if (pressure_is_on() && warm_ms < cold_ms)
		cold_ms = warm_ms;
	return age(now_ms, warm_ms, cold_ms, CONFIG(keep));
}

uint32_t
arena_last_active_ms(void)
{
	return RELAXED(last_active_ms);
}

/* True where it is this thread that has to do what is done so often. */
static bool
is_due(_Atomic uint32_t *last_ms, uint32_t now_ms, uint32_t interval_ms)
{
	uint32_t last = RELAXED(*last_ms);

	return now_ms - last >= interval_ms && !lock_fork_is_open() &&
	       atomic_compare_exchange_strong_explicit(
		       last_ms, &last, now_ms, memory_order_relaxed, memory_order_relaxed);
}

/* One thread's now and then; `active` is when any was last on a slow path before. */
static HAK_COLD void
tick_due(uint32_t now_ms, uint32_t active)
{
	uint32_t cold_ms = (uint32_t)CONFIG(cold);

	if (!is_due(&last_tick_ms, now_ms, ARENA_TICK_MS))
		return;
	tune_tick();
	if (background_ages(now_ms))
		return;
	/* After a pause of the whole program all that is free has been idle that long, also pages
	 * that only now come out of depots. */
	if (now_ms - active >= cold_ms)
		cold_ms = 0;
	struct tune_clock clock = tune_clock_start(true);
	arena_age(now_ms, cold_ms);
	tune_clock_stop(clock);
}

void
arena_tick(uint32_t now_ms)
{
	uint32_t active = RELAXED(last_active_ms);

	if (active != now_ms)
		RELAXED_SET(last_active_ms, now_ms);
	background_note();
	if (HAK_UNLIKELY(now_ms - RELAXED(last_tick_ms) >= ARENA_TICK_MS))
		tick_due(now_ms, active);
}

void
arena_make_room(void)
{
	uint32_t now_ms = os_now_ms();

	if (is_due(&last_room_ms, now_ms, ROOM_MS))
		age(now_ms, 0, 0, 0);
}

size_t
arena_trim(size_t keep)
{
	struct backend_totals t = backend_totals();

	if (t.resident + t.used <= keep)
		return 0;
	return age(os_now_ms(), 0, 0, keep);
}

void
arena_reclaim(void)
{
	age(os_now_ms(), 0, 0, 0);
	backend_reclaim();
}
