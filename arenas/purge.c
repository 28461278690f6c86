/* SPDX-License-Identifier: MIT
 * arenas/purge.c - Hot, Warm, Cold: what becomes of idle memory, by time.
 *
 * Free memory is Hot and kept until it has been idle for HAKMEM_WARM ms; then it is Warm, offered
 * to the system, and after HAKMEM_COLD ms Cold, given back at once. Magazines that have waited for
 * a quarter of that go back to their slabs, which empties these. While memory is short (pressure.h)
 * what would be Warm is Cold. Time is looked at on slow paths, or by the background thread
 * (background.h). */
#include <limits.h>

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

/* So many blocks of each magazine go back at a time. */
#define FLUSH_ROUNDS 16
/* Above the soft limit all that is idle is given back at most this often. */
#define ROOM_MS 10
/* Magazines go back when they have waited for this part of the time after which free memory is
 * cold, since their blocks keep slabs; and so long a slab has to be quiet, whose free blocks no
 * other class can use. */
#define QUIET_PART 4
/* This part of the shorter of the two times counts of a pause. */
#define PAUSE_PART 4

static _Atomic uint32_t last_tick_ms, last_room_ms;
/* When any thread was last on a slow path. */
static _Atomic uint32_t last_active_ms;
/* When the program last woke up. */
static _Atomic uint32_t woken_ms;
_Atomic uint32_t hak_discount_ms;

/* The magazines of a depot unused for cold_ms, as a stack; those that are sealed, of which a depot
 * has no others, as one magazine. Arena lock. */
static void *
idle_stack(struct arena *a, unsigned cls, uint32_t now_ms, uint32_t cold_ms)
{
	struct depot *d = &a->depots[cls];
	void *list = NULL;
	uint32_t n = 0;

	if (!d->blocks || !idle_for(now_ms, d->used_ms, cold_ms))
		return NULL;
	for (struct magazine m; (m = arena_pop_sealed(a, cls)).head; n += m.count)
		list = seal_strip(m.head, list);
	if (list)
		depot_link((struct magazine){list, n}, NULL);
	return list ? list : arena_pop_stack(a, cls, NULL, UINT_MAX, now_ms);
}

/* A few blocks of each of n lists, as one list. One list alone is a miss after another, since its
 * blocks have been idle; of several the misses overlap. What leaves the heap stays in its list. */
static void *
take_of_each(void *lists[], unsigned n)
{
	void *list = NULL;

	for (unsigned round = 0; round < FLUSH_ROUNDS; round++)
		for (unsigned i = 0; i < n; i++) {
			void *p = lists[i];
			if (!pagemap_in_primary(p))
				continue;
			lists[i] = link_get(p);
			link_set(p, list);
			list = p;
		}
	return list;
}

void
arena_flush_stack(void *top)
{
	void *lists[ARENA_FLUSH_TOGETHER], *list;

	while (top) {
		unsigned n = 0;
		for (uint32_t count; top && n < ARENA_FLUSH_TOGETHER; n++) {
			lists[n] = top;
			top = depot_below(top, &count);
		}
		while ((list = take_of_each(lists, n)))
			arena_flush(list);
		/* Of another region, or written over, which is found out there. */
		for (unsigned i = 0; i < n; i++)
			arena_flush(lists[i]);
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
		arena_flush_stack(top);
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
		arena_flush_stack(top);
}

static void
age_slabs(struct arena *a, uint32_t now_ms, uint32_t quiet_ms, uint32_t cold_ms)
{
	if (!arena_lock(a))
		return;
	HAK_AUDIT(backend_audit(&a->backend));
	backend_arena_age(&a->backend, now_ms, quiet_ms, cold_ms);
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

/* Magazines go back that have waited for wait_ms, all before slabs are looked at: a block that
 * waits keeps a slab, whose other pages would be given back one by one. */
static size_t
age(uint32_t now_ms, uint32_t wait_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	size_t before = backend_purged();

	arena_flush_deferred();
	arena_age_transfers(now_ms, wait_ms);
	for (unsigned i = 0; i < arena_end(); i++)
		if (arena_at(i))
			arena_age_depots(arena_at(i), now_ms, wait_ms);
	for (unsigned i = 0; i < arena_end(); i++)
		if (arena_at(i))
			age_slabs(arena_at(i), now_ms, wait_ms, cold_ms);
	backend_age(now_ms, warm_ms, cold_ms, keep);
	size_t purged = backend_purged() - before;
	PROBE1(hakmem, purge, purged);
	return purged;
}

/* Notes that the program wakes up after a pause, of which `most` counts, or has been awake for
 * cold_ms. */
static void
note_pause(uint32_t now_ms, uint32_t pause_ms, uint32_t most, uint32_t cold_ms)
{
	if (pause_ms > most && most > 0) {
		RELAXED_SET(woken_ms, now_ms);
		RELAXED_SET(hak_discount_ms, pause_ms < UINT32_MAX / 4 ? pause_ms - most : 0);
	} else if (now_ms - RELAXED(woken_ms) >= cold_ms) {
		RELAXED_SET(hak_discount_ms, 0);
	}
}

uint32_t
arena_after_pause(uint32_t now_ms, uint32_t ms)
{
	/* Later the program has been awake for as long without using it. */
	return now_ms - RELAXED(woken_ms) < ms ? ms + RELAXED(hak_discount_ms) : ms;
}

/* arena_age, by a thread that is on a slow path again after no thread was for pause_ms. */
static size_t
age_after(uint32_t now_ms, uint32_t cold_ms, uint32_t pause_ms)
{
	uint32_t warm_ms = (uint32_t)CONFIG(warm), least_ms = warm_ms < cold_ms ? warm_ms : cold_ms;
	uint32_t wait_ms;

	if (pressure_is_on()) {
		cold_ms = least_ms;
		/* After a pause all magazines: nobody has noted when they came. */
		wait_ms = pause_ms < cold_ms / QUIET_PART ? cold_ms / QUIET_PART : 0;
	} else {
		note_pause(now_ms, pause_ms, least_ms / PAUSE_PART, cold_ms);
		wait_ms = arena_after_pause(now_ms, cold_ms / QUIET_PART);
		warm_ms = arena_after_pause(now_ms, warm_ms);
		cold_ms = arena_after_pause(now_ms, cold_ms);
	}
	return age(now_ms, wait_ms, warm_ms, cold_ms, CONFIG(keep));
}

size_t
arena_age(uint32_t now_ms, uint32_t cold_ms)
{
	return age_after(now_ms, cold_ms, 0);
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
	if (!is_due(&last_tick_ms, now_ms, ARENA_TICK_MS))
		return;
	tune_tick();
	if (background_ages(now_ms))
		return;
	struct tune_clock clock = tune_clock_start(TUNE_LONG);
	age_after(now_ms, (uint32_t)CONFIG(cold), active ? now_ms - active : 0);
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
		age(now_ms, 0, 0, 0, 0);
}

size_t
arena_trim(size_t keep)
{
	struct backend_totals t = backend_totals();

	if (t.resident + t.used <= keep)
		return 0;
	return age(os_now_ms(), 0, 0, 0, keep);
}

void
arena_reclaim(void)
{
	age(os_now_ms(), 0, 0, 0, 0);
	backend_reclaim();
}
