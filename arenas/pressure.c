/* SPDX-License-Identifier: MIT
 * arenas/pressure.c - working out limits, and reading the kernel's signs of short memory. */
#include "arenas/pressure.h"

#include "backends/pages.h"
#include "base/config.h"

/* The kernel is asked this often, and every so many times where the group is. */
#define LOOK_MS 1000
#define FIND_LOOKS 10
/* Pressure begins where some task waited for memory this part of the time since the last look, or
 * where the group uses so much of its limit, and lasts this long beyond the last such look. */
#define STALL_PERCENT 10
#define FULL_PERCENT 90
#define LAST_MS 3000

#define MIB ((size_t)1 << 20)

static const char *root = "";

/* The background thread's, or that of the start. */
static struct {
	struct os_cgroup_group group;
	bool found;
	uint64_t stall_us; /* at the last look */
	uint32_t look_ms;  /* when that was */
	uint32_t seen_ms;  /* when there last was pressure */
} state;

/* Written by the same; read by any thread: relaxed, each stands for itself. */
static struct {
	_Atomic bool on, group;
	_Atomic unsigned stall; /* an enum os_stall_source */
	_Atomic size_t soft, hard;
	_Atomic uint64_t looks, episodes, limit, used;
} seen = {.soft = SIZE_MAX, .hard = SIZE_MAX, .limit = UINT64_MAX};

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
apply_limits(const struct os_cgroup_memory *group)
{
	size_t soft = CONFIG(limit_soft) ? CONFIG(limit_soft) * MIB : SIZE_MAX;
	size_t hard = CONFIG(limit_hard) ? CONFIG(limit_hard) * MIB : SIZE_MAX;

	if (group && group->high != UINT64_MAX)
		soft = least(soft, group->high);
	if (group && group->max != UINT64_MAX) {
		soft = least(soft, group->max / 4 * 3);
		hard = least(hard, group->max / 16 * 15);
	}
	RELAXED_SET(seen.soft, soft);
	RELAXED_SET(seen.hard, hard);
	pages_set_limits(soft, hard);
}

/* What the group grants; false where nothing can be read. */
static bool
read_group(struct os_cgroup_memory *m)
{
	if (RELAXED(seen.looks) % FIND_LOOKS == 0 || !state.found)
		state.found = os_cgroup_memory_find(root, &state.group);
	return state.found && os_cgroup_memory_read(&state.group, m);
}

void
pressure_init(void)
{
	struct os_cgroup_memory m;

	apply_limits(CONFIG(limit_cgroup) && read_group(&m) ? &m : NULL);
}

/* True where tasks waited too long since the last look. */
static bool
is_stalled(uint32_t now_ms)
{
	uint64_t total_us = 0;
	enum os_stall_source source =
		os_memory_stall(root, state.found ? &state.group : NULL, &total_us);
	bool comparable = RELAXED(seen.looks) > 0 && RELAXED(seen.stall) == source &&
			  total_us >= state.stall_us;
	uint64_t waited_us = total_us - state.stall_us;
	uint64_t passed_us = (uint64_t)(now_ms - state.look_ms) * 1000;

	RELAXED_SET(seen.stall, source);
	state.stall_us = total_us;
	return source != OS_STALL_UNREADABLE && comparable && waited_us > 0 &&
	       waited_us >= passed_us / 100 * STALL_PERCENT;
}

/* True where the group is nearly full. */
static bool
is_full(void)
{
	struct os_cgroup_memory m = {UINT64_MAX, UINT64_MAX, 0};
	bool readable = read_group(&m);
	uint64_t limit = least(m.high, m.max);

	RELAXED_SET(seen.group, readable);
	RELAXED_SET(seen.limit, limit);
	RELAXED_SET(seen.used, m.used);
	if (CONFIG(limit_cgroup))
		apply_limits(readable ? &m : NULL);
	return readable && limit != UINT64_MAX && m.used >= limit / 100 * FULL_PERCENT;
}

void
pressure_look(uint32_t now_ms)
{
	if (RELAXED(seen.looks) > 0 && now_ms - state.look_ms < LOOK_MS)
		return;
	bool full = is_full();
	bool stalled = is_stalled(now_ms);
	bool before = RELAXED(seen.on);

	if (full || stalled)
		state.seen_ms = now_ms;
	bool on = full || stalled || (before && now_ms - state.seen_ms < LAST_MS);
	if (on && !before)
		RELAXED_SET(seen.episodes, RELAXED(seen.episodes) + 1);
	RELAXED_SET(seen.on, on);
	RELAXED_SET(seen.looks, RELAXED(seen.looks) + 1);
	state.look_ms = now_ms;
}

bool
pressure_is_on(void)
{
	return RELAXED(seen.on) || pages_over_soft(0);
}

void
pressure_report(struct pressure_report *out)
{
	*out = (struct pressure_report){
		.soft = RELAXED(seen.soft),
		.hard = RELAXED(seen.hard),
		.looks = RELAXED(seen.looks),
		.stall = (enum os_stall_source)RELAXED(seen.stall),
		.group = RELAXED(seen.group),
		.group_limit = RELAXED(seen.limit),
		.group_used = RELAXED(seen.used),
		.on = pressure_is_on(),
		.episodes = RELAXED(seen.episodes),
	};
}

#ifdef HAK_TESTING
void
pressure_set_root(const char *directory)
{
	root = directory;
	state.found = false;
}
#endif
