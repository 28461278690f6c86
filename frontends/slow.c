/* SPDX-License-Identifier: MIT
 * frontends/slow.c - start, large blocks, and the ways out when there is no memory or no lock. */
#include "frontends/slow.h"

#include <errno.h>
#include <unistd.h>

#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/profile.h"
#include "arenas/rules.h"
#include "arenas/sites.h"
#include "arenas/transfer.h"
#include "backends/emergency.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/lock.h"
#include "frontends/counts.h"
#include "frontends/frontend.h"
#include "frontends/placement.h"
#include "frontends/resolve.h"
#include "frontends/site.h"

static struct lock startup_lock = LOCK_INITIALIZER(RANK_STARTUP);
static _Atomic bool ready;

static HAK_COLD void
startup(void)
{
	lock_acquire_wait(&startup_lock);
	if (!atomic_load_explicit(&ready, memory_order_relaxed)) {
		config_load(environ);
		placement_init();
		backend_init();
		arena_init();
		placement_rules();
		profile_init();
		if (CONFIG_PATH(policy) && lifetime_is_learned())
			profile_name_sites(resolve_id);
		site_init();
		counts_init();
		frontend_init();
		background_init(frontend_drain_idle);
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
	       (align > TINY_STEP && (sizeclass_size(sizeclass_of(size)) & (align - 1)) != 0);
}

void *
slow_alloc_emergency(unsigned cls)
{
	size_t size = sizeclass_size(cls);

	/* As aligned as a block of the class would be: the highest power of two that divides it. */
	return emergency_alloc(size, size & (0 - size));
}

/* What was refused by a fork until now, to something that could do without, does not tell why there
 * is no memory later. */
static void
forget_refusal(void)
{
	lock_was_refused();
}

bool
slow_reclaim(void)
{
	if (lock_was_refused())
		return false;
	arena_reclaim();
	forget_refusal();
	return true;
}

/* --- samples --------------------------------------------------------------------------------- */

/* A thread's allocations that no bin serves: bytes until the next sample. */
struct sampler {
	uint64_t random;
	uint64_t left;
};

static HAK_TLS struct sampler sampler;

bool
slow_sample_due(size_t size)
{
	struct sampler *s = &sampler;

	if (HAK_LIKELY(!profile_is_on()))
		return false;
	if (HAK_UNLIKELY(s->random == 0)) {
		s->random = profile_seed();
		s->left = profile_draw(&s->random);
	}
	size_t step = profile_step(size);
	if (s->left > step) {
		s->left -= step;
		return false;
	}
	s->left = profile_draw(&s->random);
	return true;
}

/* `drawn`: it is there for others too; else a rule wants it. */
static void
record(void *p, size_t size, uintptr_t site, bool drawn)
{
	uintptr_t frames[PROFILE_FRAMES];
	unsigned n = site_walk(site, frames, PROFILE_FRAMES);

	if (drawn)
		profile_alloc(p, size, site, frames, n);
	else
		profile_alloc_extra(p, size, site, frames, n);
}

static bool
rule_samples(uintptr_t site, size_t size)
{
	if (HAK_LIKELY(!rules_any()) || !profile_is_on())
		return false;
	resolve_if_ruled(site);
	return rules_samples(site, size);
}

static bool
is_apart(uintptr_t site, size_t size)
{
	resolve_if_ruled(site);
	return placement_is_apart(placement_ruled_group(site, size));
}

void *
slow_alloc_sampled(unsigned cls, uintptr_t site, bool due)
{
	if (!due && !rule_samples(site, sizeclass_size(cls)))
		return NULL;
	/* Samples lie beside others'. */
	if (placement_is_ruled() && is_apart(site, sizeclass_size(cls)))
		return NULL;
	void *p = arena_take_sampled(cls, site);
	if (p)
		record(p, sizeclass_size(cls), site, due);
	return p;
}

void
slow_sample_big(void *p, uintptr_t site)
{
	if (HAK_LIKELY(!profile_is_on()))
		return;
	size_t size = backend_usable(p);
	bool due = slow_sample_due(size);
	if (!due && !rule_samples(site, size))
		return;
	backend_big_sampled(p, true);
	record(p, size, site, due);
}

void
slow_unsample_big(void *p)
{
	if (!profile_is_on() || !backend_is_sampled(p))
		return;
	profile_free(p);
	backend_big_sampled(p, false);
}

/* --- large blocks and single ones ------------------------------------------------------------ */

/* One block of the class, from where it is to be placed. */
static void *
take_one(unsigned cls, uintptr_t site, bool *zeroed)
{
	return placement_is_on() ? placement_take(cls, site, zeroed)
				 : arena_take(cls, site, zeroed);
}

/* What a rule says of the block's end, and the profile. */
static void
note_big(void *p, uintptr_t site)
{
	if (rules_any())
		backend_big_mark(p, rules_fate(site, backend_usable(p)));
	slow_sample_big(p, site);
}

/* `wanted`: zeroes would be welcome. */
static void *
try_large(size_t size, size_t align, uintptr_t site, bool wanted, bool *zeroed)
{
	unsigned cls = sizeclass_aligned(size, align);

	if (cls && HAK_UNLIKELY(profile_is_on())) {
		bool due = slow_sample_due(sizeclass_size(cls));
		void *sample = slow_alloc_sampled(cls, site, due);
		if (sample)
			return sample;
	}
	*zeroed = wanted;
	if (cls)
		return take_one(cls, site, zeroed);
	if (pages_over_soft(size))
		arena_make_room();
	unsigned group = placement_is_on() ? placement_big(site, size) : 0;
	void *p = backend_big_alloc_in(group, size, align, zeroed);
	if (p)
		note_big(p, site);
	return p;
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
	resolve_if_ruled(site);
	forget_refusal();
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

	resolve_if_ruled(site);
	forget_refusal();
	void *p = take_one(cls, site, &zeroed);
	if (HAK_LIKELY(p != NULL))
		return p;
	if (slow_reclaim()) {
		p = take_one(cls, site, &zeroed);
		if (p || !lock_was_refused())
			return p;
	}
	return slow_alloc_emergency(cls);
}

void *
slow_alloc_counting(unsigned cls, uintptr_t site)
{
	void *p = slow_alloc_sampled(cls, site, slow_sample_due(sizeclass_size(cls)));

	return p ? p : slow_alloc_one(cls, site);
}

static HAK_COLD void
note_refill(uintptr_t site, unsigned cls)
{
	resolve_if_ruled(site);
	if (placement_is_ruled())
		rules_note_placed(site, sizeclass_size(cls));
}

struct magazine
slow_refill(unsigned group, unsigned cls, uintptr_t site, uint32_t n, uint32_t most, void **instead)
{
	struct magazine m = {NULL, 0};

	*instead = NULL;
	if (HAK_UNLIKELY(rules_any()))
		note_refill(site, cls);
	else if (HAK_LIKELY(group == 0))
		m = transfer_take(cls);
	if (m.head) {
		sites_count(site);
		return m;
	}
	forget_refusal();
	m = arena_refill_in(group, cls, site, n, most);
	if (HAK_LIKELY(m.head != NULL))
		return m;
	bool tried = slow_reclaim();
	if (tried)
		m = arena_refill_in(group, cls, site, 1, 1);
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
	if (backend_owner(p, &cls) != BACKEND_NO_ARENA) {
		profile_note_free(p);
		if (placement_seals())
			placement_note_free(p);
		arena_give(p);
		return;
	}
	slow_unsample_big(p);
	if (!backend_big_free(p))
		emergency_defer_one(p);
}

void
slow_free_busy(void *p)
{
	if (emergency_owns(p)) {
		emergency_free(p);
		return;
	}
	if (placement_seals())
		placement_note_free(p);
	emergency_defer_one(p);
}
