/* SPDX-License-Identifier: MIT
 * frontends/placement.c - the start of HAKMEM_PLACEMENT, and blocks that pass no cache. */
#include "frontends/placement.h"

#include "backends/os.h"
#include "base/assert.h"
#include "base/config.h"
#include "frontends/frontend.h"

_Static_assert(BACKEND_GROUPS == 0 || BACKEND_GROUPS == PLACEMENT_BUCKETS, "a bucket is a group");

struct placement hak_placement;

static void
learn_init(void)
{
	bool acts = CONFIG(placement) == PLACEMENT_LIFETIME;

	if (acts && !FRONTEND_SPLITS) {
		log_line("HAKMEM_PLACEMENT: lifetime is not available on the "
			 "front-end " FRONTEND_NAME "; running as lifetime-dry");
		CONFIG_SET(placement, PLACEMENT_LIFETIME_DRY);
		acts = false;
	}
	if (acts)
		arena_split();
	RELAXED_SET(hak_placement.on, acts);
}

void
placement_init(void)
{
	if (CONFIG(placement) == PLACEMENT_NONE)
		return;
	if (BACKEND_GROUPS == 0) {
		log_line("HAKMEM_PLACEMENT: not available on the back-end " BACKEND_NAME
			 "; running without");
		CONFIG_SET(placement, PLACEMENT_NONE);
		return;
	}
	/* Samples lie in slabs of all sites; and lifetimes are sampled by sites of another kind. */
	if (CONFIG(profile)) {
		log_line("HAKMEM_PROFILE: not with HAKMEM_PLACEMENT; taking no profile");
		CONFIG_SET(profile, 0);
	}
	if (lifetime_is_learned()) {
		learn_init();
		return;
	}
	seal_init();
	hak_placement.salt = os_random();
	hak_placement.factor = os_random() | 1;
	arena_isolate(1, FRONTEND_GROUP_BINS);
	RELAXED_SET(hak_placement.isolates, true);
	RELAXED_SET(hak_placement.on, true);
}

static void
put_back(unsigned cls, struct magazine m)
{
	if (!arena_drain_sealed(cls, m))
		arena_flush(seal_strip(m.head, NULL));
}

void *
placement_take(unsigned cls, uintptr_t site, bool *zeroed)
{
	unsigned group = placement_group(site);

	if (!placement_isolates())
		return arena_take_in(lifetime_group(site, cls), cls, site, zeroed);
	if (cls >= CLASS_LARGE)
		return arena_take_in(group, cls, site, zeroed);
	*zeroed = false;
	struct magazine m = arena_refill_in(group, cls, site, 1, 1);
	/* One that waited in a depot has more. */
	if (m.count > 1)
		put_back(cls, (struct magazine){seal_next(m.head), m.count - 1});
	return m.head ? placement_open(m.head) : NULL;
}

void
placement_note_free(void *p)
{
	const struct slab *s = pagemap_slab(p);

	if (!s || !s->group || s->cls == 0 || s->cls >= CLASS_LARGE || backend_usable(p) == 0)
		return;
	if (seal_is_on(p))
		log_fatal("double free of %p", p);
	seal_set(p, NULL);
}
