/* SPDX-License-Identifier: MIT
 * tests/unit/arena_unit.h - what the tests of the arenas share: a start, sites that lead to an
 * arena, a held lock, growth, and magazines that are checked. */
#ifndef TESTS_UNIT_ARENA_UNIT_H
#define TESTS_UNIT_ARENA_UNIT_H

#include "arenas/arena.h"
#include "arenas/internal.h"
#include "arenas/select.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "base/config.h"
#include "base/lock.h"
#include "tests/unit/unit.h"

#include <sched.h>

#define ARENAS 8

/* `limit` as arena_set_limit; 0 leaves what the settings say. */
static inline void
start(size_t limit)
{
	backend_init();
	arena_init();
	if (limit)
		arena_set_limit((unsigned)limit);
}

/* From now on the calling thread runs on this CPU only. */
static inline void
pin_to(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* A site that selects the arena. */
static inline uintptr_t
site_of(unsigned index, unsigned active)
{
	uintptr_t site = 1;

	while (select_arena(site, active) != index)
		site++;
	return site;
}

static _Atomic int holding;

static inline void *
hold_first_arena(void *arg)
{
	(void)arg;
	lock_acquire_wait(&arena_at(0)->lock);
	atomic_store(&holding, 1);
	while (atomic_load(&holding) == 1)
		sleep_us(500);
	lock_release(&arena_at(0)->lock);
	return NULL;
}

/* Enough contention in a short time for one doubling. */
static inline void
press(void)
{
	for (unsigned i = 0; i < 256; i++)
		arena_note_contention();
}

static inline void
first_arena(void)
{
	bool zeroed = false;

	arena_give(arena_take(1, 0, &zeroed));
}

static inline void
grow_to(unsigned n)
{
	first_arena();
	for (int i = 0; arena_totals().arenas < n; i++) {
		ck_assert_int_lt(i, 20);
		press();
	}
	ck_assert_uint_eq(arena_totals().arenas, n);
}

static inline uint32_t
length_of(void *head)
{
	uint32_t n = 0;

	for (void *p = head; p; p = *(void **)p)
		n++;
	return n;
}

static inline struct magazine
refill(unsigned cls, uintptr_t site, uint32_t n)
{
	struct magazine m = arena_refill(cls, site, n, n);

	ck_assert_ptr_nonnull(m.head);
	ck_assert_uint_eq(length_of(m.head), m.count);
	return m;
}

#endif
