/* SPDX-License-Identifier: MIT
 * tests/unit/test_select.c - which arena serves: selectors and fixed numbers of arenas; and what is
 * counted of it. */
#include "arenas/select.h"

#include <limits.h>
#include <sched.h>

#include "base/assert.h"
#include "tests/unit/arena_unit.h"

/* --- HAKMEM_ARENAS ---------------------------------------------------------------------------- */

/* HAKMEM_ARENAS=N: there from the start, and no more of them. */
START_TEST(test_fixed)
{
	static const size_t numbers[][2] = {{1, 1}, {2, 2}, {3, 2}, {8, 8}, {63, 32}, {64, 64}};

	hak_config.arenas = numbers[_i][0];
	start(0);
	ck_assert_uint_eq(arena_totals().arenas, numbers[_i][1]);
	ck_assert_uint_eq(arena_limit(), numbers[_i][1]);
	first_arena();
	for (int i = 0; i < 8; i++)
		press();
	ck_assert_uint_eq(arena_totals().arenas, numbers[_i][1]);
	arena_audit();
}
END_TEST

/* Without the memory for all of them it starts with fewer, and grows later. */
START_TEST(test_fixed_without_memory)
{
	hak_config.arenas = 64;
	backend_init();
	ck_assert_ptr_nonnull(pages_meta_alloc(256 * KIB));
	os_fail_after(0, true);
	arena_init();
	ck_assert_uint_lt(arena_totals().arenas, 64);
	os_fail_after(-1, false);
	grow_to(64);
}
END_TEST

/* --- selectors -------------------------------------------------------------------------------- */

/* The refills of the arena at the index. */
static uint64_t
refills_of(unsigned index)
{
	struct backend_tiers tiers = {0};
	struct arena_report r;

	return arena_report(index, &r, &tiers) ? r.counts.refills : 0;
}

struct choice {
	uintptr_t site;
	unsigned cpu, chosen;
};

/* Which arena serves this thread's refill. */
static void *
choose(void *arg)
{
	struct choice *c = arg;
	uint64_t before[ARENAS];
	cpu_set_t set;

	if (c->cpu != UINT_MAX) {
		CPU_ZERO(&set);
		CPU_SET(c->cpu, &set);
		HAK_CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
	}
	for (unsigned i = 0; i < ARENAS; i++)
		before[i] = refills_of(i);
	arena_flush(arena_refill(8, c->site, 4, 4).head);
	c->chosen = ARENAS;
	for (unsigned i = 0; i < ARENAS; i++)
		if (refills_of(i) != before[i])
			c->chosen = i;
	return NULL;
}

/* In a thread of its own. */
static unsigned
chosen_for(uintptr_t site, unsigned cpu)
{
	struct choice c = {site, cpu, 0};

	run_threads(1, choose, &c, sizeof(c));
	ck_assert_uint_lt(c.chosen, ARENAS);
	return c.chosen;
}

static void
start_with(enum config_selector rule)
{
	hak_config.arenas = ARENAS;
	hak_config.selector = rule;
	start(0);
}

START_TEST(test_select_site)
{
	uint64_t used = 0;

	start_with(SELECTOR_SITE);
	for (uintptr_t site = 0x400000; site < 0x400000 + 64 * 5; site += 5) {
		ck_assert_uint_eq(chosen_for(site, UINT_MAX), mix64(site) % ARENAS);
		/* Whichever thread asks. */
		ck_assert_uint_eq(chosen_for(site, UINT_MAX), mix64(site) % ARENAS);
		used |= (uint64_t)1 << chosen_for(site, UINT_MAX);
	}
	ck_assert_uint_eq(used, (1 << ARENAS) - 1);
}
END_TEST

/* One after another, whatever the site; the same thread stays with its own. */
START_TEST(test_select_thread)
{
	struct choice c[3] = {{1, UINT_MAX, 0}, {2, UINT_MAX, 0}, {3, UINT_MAX, 0}};

	start_with(SELECTOR_THREAD);
	for (unsigned i = 0; i < 2 * ARENAS; i++)
		ck_assert_uint_eq(chosen_for(i, UINT_MAX), i % ARENAS);
	for (size_t i = 0; i < LENGTH(c); i++) {
		choose(&c[i]);
		ck_assert_uint_eq(c[i].chosen, 0);
	}
}
END_TEST

START_TEST(test_select_cpu)
{
	cpu_set_t mine;
	unsigned n = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	start_with(SELECTOR_CPU);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < 4; cpu++) {
		if (!CPU_ISSET(cpu, &mine))
			continue;
		n++;
		ck_assert_uint_eq(chosen_for(cpu * 7, cpu), cpu % ARENAS);
		ck_assert_uint_eq(chosen_for(cpu * 7 + 3, cpu), cpu % ARENAS);
	}
	ck_assert_uint_gt(n, 0);
}
END_TEST

/* One arena, and no more for all the contention. */
START_TEST(test_select_single)
{
	start_with(SELECTOR_SINGLE);
	ck_assert_uint_eq(arena_limit(), 1);
	for (uintptr_t site = 0; site < 32; site++)
		ck_assert_uint_eq(chosen_for(site, UINT_MAX), 0);
	for (int i = 0; i < 8; i++)
		press();
	arena_set_limit(ARENAS);
	for (int i = 0; i < 8; i++)
		press();
	ck_assert_uint_eq(arena_totals().arenas, 1);
}
END_TEST

/* --- counters --------------------------------------------------------------------------------- */

static struct arena_report
report_of(unsigned index)
{
	struct backend_tiers tiers = {0};
	struct arena_report r;

	ck_assert(arena_report(index, &r, &tiers));
	return r;
}

START_TEST(test_counts)
{
	struct arena_report r;
	struct magazine m;
	bool zeroed = false;

	pin_to(os_cpu());
	start(1);
	ck_assert(!arena_report(0, &r, &(struct backend_tiers){0}));
	ck_assert(!arena_report(MAX_ARENAS, &r, &(struct backend_tiers){0}));
	m = refill(8, 0, 10);
	r = report_of(0);
	ck_assert_uint_eq(r.counts.refills, 1);
	ck_assert_uint_eq(r.counts.blocks, m.count);
	/* Once for what there is, and once for what was mapped. */
	ck_assert_uint_eq(r.counts.acquisitions, 2);
	ck_assert(arena_drain(8, m));
	r = report_of(0);
	ck_assert_uint_eq(r.counts.drains, 1);
	ck_assert_uint_eq(r.counts.acquisitions, 3);
	ck_assert_uint_eq(r.depot_bytes, 10 * sizeclass_size(8));
	m = refill(8, 0, 10);
	arena_flush(m.head);
	arena_give(arena_take(8, 0, &zeroed));
	r = report_of(0);
	ck_assert_uint_eq(r.counts.blocks, 20);
	ck_assert_uint_eq(r.counts.singles, 1);
	ck_assert_uint_eq(r.counts.acquisitions, 7);
	/* All on one CPU, one arena, nobody else. */
	ck_assert_uint_eq(r.counts.remote_magazines, 0);
	ck_assert_uint_eq(r.counts.remote_blocks, 0);
	ck_assert_uint_eq(r.counts.wait_ns, 0);
	ck_assert_uint_eq(r.contended, 0);
}
END_TEST

/* What comes from another arena is remote, magazines and slabs' blocks alike. */
START_TEST(test_counts_lent)
{
	struct magazine m, rest;

	start(2);
	grow_to(2);
	m = refill(8, site_of(0, 2), 10);
	ck_assert(arena_drain(8, m));
	rest = refill(8, site_of(1, 2), 10);
	ck_assert_ptr_eq(rest.head, m.head);
	ck_assert_uint_eq(report_of(0).counts.borrowed, 1);
	ck_assert_uint_eq(report_of(0).counts.remote_magazines, 1);
	ck_assert_uint_eq(report_of(0).counts.remote_blocks, 10);
	ck_assert_uint_eq(report_of(1).counts.refills, 1);
	ck_assert_uint_eq(report_of(1).counts.blocks, 0);
	rest = refill(8, site_of(1, 2), 10);
	ck_assert_uint_eq(report_of(0).counts.borrowed, 2);
	ck_assert_uint_eq(report_of(0).counts.remote_magazines, 1);
	ck_assert_uint_eq(report_of(0).counts.remote_blocks, 10 + rest.count);
}
END_TEST

/* So is a magazine that was drained on another CPU, and that only. */
START_TEST(test_counts_other_cpu)
{
	struct arena_report before, after;
	struct magazine m;
	cpu_set_t mine;
	unsigned cpus[2], n = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(mine), &mine), 0);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &mine))
			cpus[n++] = cpu;
	if (n < 2 || cpus[0] % DEPOT_WAYS == cpus[1] % DEPOT_WAYS)
		return;
	start(1);
	/* A slab of its own, so that nothing is left beside the magazine. */
	m = refill(CLASS_LARGE - 1, 0, sizeclass_table[CLASS_LARGE - 1].capacity);
	ck_assert_uint_eq(m.count, sizeclass_table[CLASS_LARGE - 1].capacity);
	for (unsigned i = 0; i < 4; i++) {
		pin_to(cpus[i / 2]);
		ck_assert(arena_drain(CLASS_LARGE - 1, m));
		pin_to(cpus[i % 2]);
		before = report_of(0);
		m = refill(CLASS_LARGE - 1, 0, m.count);
		after = report_of(0);
		ck_assert_uint_eq(after.counts.remote_magazines - before.counts.remote_magazines,
			i / 2 != i % 2);
		ck_assert_uint_eq(after.counts.remote_blocks - before.counts.remote_blocks,
			i / 2 != i % 2 ? m.count : 0);
		ck_assert_uint_eq(after.counts.blocks - before.counts.blocks, m.count);
	}
	arena_flush(m.head);
}
END_TEST

/* Waits are timed where statistics are asked for. */
START_TEST(test_counts_waits)
{
	hak_config.stats = _i ? STATS_TEXT : STATS_NONE;
	start(1);
	first_arena();
	for (int i = 0; i < 2; i++) {
		pthread_t thread;

		atomic_store(&holding, 0);
		ck_assert_int_eq(pthread_create(&thread, NULL, hold_first_arena, NULL), 0);
		while (atomic_load(&holding) == 0)
			sleep_us(100);
		/* It lets go after half a millisecond from now at the soonest. */
		atomic_store(&holding, 2);
		if (arena_lock(arena_at(0)))
			lock_release(&arena_at(0)->lock);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		if (report_of(0).contended > 0)
			break;
	}
	if (_i == 0)
		ck_assert_uint_eq(report_of(0).counts.wait_ns, 0);
	else if (report_of(0).contended > 0)
		ck_assert_uint_gt(report_of(0).counts.wait_ns, 0);
}
END_TEST

/* The tiers' bytes are those of the blocks, wherever they are. */
START_TEST(test_tiers)
{
	static const unsigned classes[] = {8, CLASS_MID + 3, CLASS_LARGE + 1};

	start(1);
	for (unsigned t = 0; t < LENGTH(classes); t++) {
		size_t size = sizeclass_size(classes[t]);
		struct backend_tiers out = {0}, drained = {0}, back = {0};
		struct magazine m = refill(classes[t], 0, 4);
		struct arena_report r;

		ck_assert(arena_report(0, &r, &out));
		ck_assert_uint_eq(out.of[t].active, m.count * size);
		ck_assert_uint_eq(out.of[t].cached, 0);
		ck_assert(arena_drain(classes[t], m));
		ck_assert(arena_report(0, &r, &drained));
		ck_assert_uint_eq(drained.of[t].active, 0);
		ck_assert_uint_eq(drained.of[t].cached, m.count * size);
		/* One stays out, so that the slab lives with the others in it. */
		m = refill(classes[t], 0, 4);
		if (m.count > 1) {
			arena_flush(*(void **)m.head);
			link_set(m.head, NULL);
		}
		ck_assert(arena_report(0, &r, &back));
		ck_assert_uint_eq(back.of[t].active, size);
		ck_assert_uint_eq(back.of[t].cached, (m.count - 1) * size);
		ck_assert_uint_eq(back.of[t].purged, 0);
		backend_arena_age(&arena_at(0)->backend, os_now_ms(), 0, 0);
		back = (struct backend_tiers){0};
		ck_assert(arena_report(0, &r, &back));
		ck_assert_uint_eq(back.of[t].purged, t == TIER_TINY ? 0 : (m.count - 1) * size);
		arena_flush(m.head);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("select");
	TCase *tc = plain_tcase(suite, "select", 60);

	unit_begin("test_select");
	tcase_add_loop_test(tc, test_fixed, 0, 6);
	tcase_add_test(tc, test_fixed_without_memory);
	tcase_add_test(tc, test_select_site);
	tcase_add_test(tc, test_select_thread);
	tcase_add_test(tc, test_select_cpu);
	tcase_add_test(tc, test_select_single);
	tcase_add_test(tc, test_counts);
	tcase_add_test(tc, test_counts_lent);
	tcase_add_test(tc, test_counts_other_cpu);
	tcase_add_loop_test(tc, test_counts_waits, 0, 2);
	tcase_add_test(tc, test_tiers);
	return run_suite(suite);
}
