/* SPDX-License-Identifier: MIT
 * backends/jemalloc/control.c - extent hooks on the page heap, and mallctl. */
#include "backends/jemalloc/control.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>

#include "backends/os.h"
#include "backends/pages.h"
#include "backends/sizeclass.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/inject.h"

/* jemalloc reads this symbol at its start. Its thread caches would come on top of the front-end's;
 * one arena is the least, for nobody uses it. With `retain` it takes for granted that an arena
 * never loses a part of what its hooks once got, and then joins extents of two arenas without the
 * lock of one; extents are kept all the same, where extent_dalloc says so. */
HAK_EXPORT const char *malloc_conf = "tcache:false,narenas:1,retain:false";

/* A name of mallctl's as numbers. */
struct mib {
	size_t numbers[5];
	size_t length;
	unsigned arena_at; /* which of them is the arena's */
};

/* Filled at start. */
static struct {
	struct mib decay, purge;
	struct mib dirty_ms, muzzy_ms;
	struct mib active, dirty, muzzy;
	struct mib small, large;
	size_t page; /* jemalloc's, bytes */
} control;

static _Atomic size_t purges, purged;

/* --- extent hooks ---------------------------------------------------------------------------- */

static void *
extent_alloc(extent_hooks_t *hooks, void *where, size_t size, size_t alignment, bool *zero,
	bool *commit, unsigned arena)
{
	(void)hooks;
	(void)arena;
	if (where)
		return NULL;
	size_t align_pages = alignment > PAGE_BYTES ? alignment / PAGE_BYTES : 1;
	struct slab *s = pages_alloc(size / PAGE_BYTES, align_pages, false);
	if (!s)
		return NULL;
	/* Records tell of blocks from here on; the page heap's mark on the last one has to go. */
	slab_set_kind(&s[s->npages - 1], SLAB_NONE);
	/* What comes back to the page heap has been given back to the system. */
	HAK_CHECK(s->zero);
	*zero = true;
	*commit = true;
	return s->base;
}

/* Gives a range back to the system; false when it may not. */
static bool
give_back(void *p, size_t size)
{
	HAK_INJECT(INJECT_PURGE);
	if (!os_purge(p, size))
		return false;
	atomic_fetch_add_explicit(&purges, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&purged, size, memory_order_relaxed);
	pagemap_forget(p, size / PAGE_BYTES);
	return true;
}

/* True means that it could not be done, here and below. jemalloc then gives the pages back and
 * keeps their addresses, as it does by itself on this system; where address space is limited
 * another arena, or a mapping of the program's, may need them, and where memory is they would count
 * as held. */
static bool
extent_dalloc(extent_hooks_t *hooks, void *base, size_t size, bool committed, unsigned arena)
{
	(void)hooks;
	(void)committed;
	(void)arena;
	return (!pagemap_is_limited() && !pages_is_limited()) || !give_back(base, size) ||
	       !pages_free(pagemap_run(base, size / PAGE_BYTES), true);
}

static bool
extent_purge_lazy(extent_hooks_t *hooks, void *base, size_t size, size_t offset, size_t length,
	unsigned arena)
{
	(void)hooks;
	(void)size;
	(void)arena;
	os_offer((char *)base + offset, length);
	return false;
}

static bool
extent_purge_forced(extent_hooks_t *hooks, void *base, size_t size, size_t offset, size_t length,
	unsigned arena)
{
	(void)hooks;
	(void)size;
	(void)arena;
	return !give_back((char *)base + offset, length);
}

static bool
extent_split(extent_hooks_t *hooks, void *base, size_t size, size_t a, size_t b, bool committed,
	unsigned arena)
{
	(void)hooks;
	(void)base;
	(void)size;
	(void)a;
	(void)b;
	(void)committed;
	(void)arena;
	return false;
}

static bool
extent_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed,
	unsigned arena)
{
	(void)hooks;
	(void)a;
	(void)size_a;
	(void)b;
	(void)size_b;
	(void)committed;
	(void)arena;
	return false;
}

static extent_hooks_t extent_hooks = {
	.alloc = extent_alloc,
	.dalloc = extent_dalloc,
	.purge_lazy = extent_purge_lazy,
	.purge_forced = extent_purge_forced,
	.split = extent_split,
	.merge = extent_merge,
};

/* --- mallctl --------------------------------------------------------------------------------- */

static struct mib
look_up(const char *name, unsigned arena_at)
{
	struct mib mib = {
		.length = sizeof(mib.numbers) / sizeof(mib.numbers[0]), .arena_at = arena_at};

	if (mallctlnametomib(name, mib.numbers, &mib.length) != 0)
		log_fatal("libjemalloc has no %s: version 5.3 or later, with statistics, is needed",
			name);
	return mib;
}

/* Calls the name for one arena: an action where there is no value to read. False when it fails. */
static bool
call(const struct mib *mib, unsigned arena, void *value, size_t size)
{
	struct mib named = *mib;

	named.numbers[named.arena_at] = arena;
	return mallctlbymib(named.numbers, named.length, value, value ? &size : NULL, NULL, 0) == 0;
}

/* Sets the name for one arena. */
static void
set_for_arena(const struct mib *mib, unsigned arena, ssize_t value)
{
	struct mib named = *mib;

	named.numbers[named.arena_at] = arena;
	mallctlbymib(named.numbers, named.length, NULL, NULL, &value, sizeof(value));
}

/* As of the last refresh. */
static size_t
statistic(const struct mib *mib, unsigned arena)
{
	size_t value = 0;

	return call(mib, arena, &value, sizeof(value)) ? value : 0;
}

/* Bytes in pages of all arenas but the first, which jemalloc has made for callers of its own. */
static size_t
page_statistic(const struct mib *mib)
{
	size_t all = statistic(mib, MALLCTL_ARENAS_ALL);
	size_t first = statistic(mib, 0);

	return all > first ? (all - first) * control.page : 0;
}

/* jemalloc's statistics are as of now. */
static void
refresh_statistics(void)
{
	uint64_t epoch = 1;

	mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
}

/* Arenas that are made from here on decay as the settings say. */
static void
set_decay(void)
{
	size_t warm_ms = CONFIG(warm);
	size_t cold_ms = CONFIG(cold);
	ssize_t dirty_ms = (ssize_t)(warm_ms < cold_ms ? warm_ms : cold_ms);
	ssize_t muzzy_ms = (ssize_t)cold_ms - dirty_ms;

	if (mallctl("arenas.dirty_decay_ms", NULL, NULL, &dirty_ms, sizeof(dirty_ms)) != 0 ||
		mallctl("arenas.muzzy_decay_ms", NULL, NULL, &muzzy_ms, sizeof(muzzy_ms)) != 0)
		log_fatal("libjemalloc takes no decay times: version 5.3 or later is needed");
}

/* The page map relies on the size classes. */
static void
check_classes(void)
{
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
		if (sizeclass_of(sizeclass_size(cls)) == cls &&
			nallocx(sizeclass_size(cls), 0) != sizeclass_size(cls))
			log_fatal("libjemalloc has no size class of %u bytes: a build with 16-byte "
				  "steps and 4 KiB pages is needed",
				(size_t)sizeclass_size(cls));
}

void
control_init(void)
{
	int saved = errno;
	size_t size = sizeof(control.page);

	control.decay = look_up("arena.0.decay", 1);
	control.purge = look_up("arena.0.purge", 1);
	control.dirty_ms = look_up("arena.0.dirty_decay_ms", 1);
	control.muzzy_ms = look_up("arena.0.muzzy_decay_ms", 1);
	control.active = look_up("stats.arenas.0.pactive", 2);
	control.dirty = look_up("stats.arenas.0.pdirty", 2);
	control.muzzy = look_up("stats.arenas.0.pmuzzy", 2);
	control.small = look_up("stats.arenas.0.small.allocated", 2);
	control.large = look_up("stats.arenas.0.large.allocated", 2);
	if (mallctl("arenas.page", &control.page, &size, NULL, 0) != 0)
		log_fatal("libjemalloc does not tell its page size");
	check_classes();
	set_decay();
	errno = saved;
}

bool
control_create(unsigned *number)
{
	extent_hooks_t *hooks = &extent_hooks;
	size_t size = sizeof(*number);

	if (mallctl("arenas.create", number, &size, &hooks, sizeof(hooks)) != 0)
		return false;
	if (pagemap_is_limited()) {
		/* What nobody uses goes back at once. */
		set_for_arena(&control.dirty_ms, *number, 0);
		set_for_arena(&control.muzzy_ms, *number, 0);
	}
	return true;
}

void
control_decay(unsigned number)
{
	call(&control.decay, number, NULL, 0);
}

void
control_purge(unsigned number)
{
	call(&control.purge, number, NULL, 0);
}

size_t
control_purges(void)
{
	return RELAXED(purges);
}

size_t
control_purged(void)
{
	return RELAXED(purged);
}

struct control_totals
control_totals(void)
{
	refresh_statistics();
	return (struct control_totals){
		.active = page_statistic(&control.active),
		.dirty = page_statistic(&control.dirty) + page_statistic(&control.muzzy),
	};
}

size_t
control_allocated(unsigned number)
{
	refresh_statistics();
	return statistic(&control.small, number) + statistic(&control.large, number);
}
