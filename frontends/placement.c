/* SPDX-License-Identifier: MIT
 * frontends/placement.c - the start of HAKMEM_PLACEMENT and of the rules that place blocks, the
 * question to these, and blocks that pass no cache. */
#include "frontends/placement.h"

#include "backends/os.h"
#include "backends/pages.h"
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
	RELAXED_SET(hak_placement.seals, true);
	RELAXED_SET(hak_placement.on, true);
}

/* --- rules ----------------------------------------------------------------------------------- */

/* Why the rule's place cannot be had; NULL. `isolated`: so many rules have one of their own. */
static const char *
obstacle(enum rule_place place, unsigned isolated)
{
	if (BACKEND_GROUPS == 0)
		return "the back-end " BACKEND_NAME " cannot";
	if (place == PLACE_ISOLATED && isolated == PLACEMENT_RULES)
		return "too many rules isolate before it";
	if (placement_isolates())
		return place == PLACE_ISOLATED ? NULL : "not with HAKMEM_PLACEMENT=isolate";
	return FRONTEND_SPLITS ? NULL : "the front-end " FRONTEND_NAME " cannot";
}

/* From the start on every allocation of these classes asks. Those of a rule that names no sizes and
 * only has blocks last do when a site is met that it holds for: memory is not worth the time of all
 * classes. */
static void
split_classes(const struct rule *rule)
{
	unsigned end = rule->place == PLACE_ISOLATED ? BIN_CLASSES : CLASS_LARGE;

	if (rule->place == PLACE_LASTING && !(rule->conditions & RULE_SIZE))
		return;
	for (unsigned cls = CLASS_TINY; cls < end; cls++)
		if (sizeclass_size(cls) >= rule->least && sizeclass_size(cls) <= rule->most)
			lifetime_split(cls);
}

static void
place(struct rule *rule, unsigned *isolated)
{
	static const char *const names[] = {"short", "lasting", "isolate"};
	const char *reason = obstacle(rule->place, *isolated);

	if (reason) {
		log_line("%s:%u: \"%s\" is left out: %s", CONFIG_PATH(rules), (size_t)rule->line,
			names[rule->place], reason);
		rule->actions &= ~(unsigned)RULE_PLACE;
		return;
	}
	rule->group = rule->place == PLACE_LASTING ? LIFETIME_GROUP : 0;
	if (rule->place == PLACE_ISOLATED)
		rule->group = PLACEMENT_BUCKETS - (*isolated)++;
	if (rule->place != PLACE_SHORT && !placement_isolates())
		split_classes(rule);
	if (rule->place != PLACE_SHORT || placement_is_on())
		RELAXED_SET(hak_placement.ruled, true);
}

void
placement_rules(void)
{
	struct rules *r = RELAXED(hak_rules);
	unsigned isolated = 0;

	for (unsigned i = 0; r && i < r->count; i++)
		if (r->rules[i].actions & RULE_PLACE)
			place(&r->rules[i], &isolated);
	if (!placement_is_ruled())
		return;
	if (placement_isolates()) {
		hak_placement.buckets = PLACEMENT_BUCKETS + 1 - PLACEMENT_FIRST - isolated;
		hak_placement.ruled_factor = hak_placement.factor;
		hak_placement.factor = 0;
	} else if (isolated) {
		seal_init();
		arena_isolate(PLACEMENT_FIRST, 0);
		pages_part_fresh();
		RELAXED_SET(hak_placement.seals, true);
	}
	if (!placement_isolates())
		arena_split();
	RELAXED_SET(hak_placement.on, true);
}

/* Where no rule says. */
static unsigned
usual_group(uintptr_t site, size_t size)
{
	if (!placement_isolates())
		return placement_learned_group(site, size);
	uint64_t hash = placement_hash(site, hak_placement.ruled_factor);
	return PLACEMENT_FIRST + (unsigned)((hash >> 32) * hak_placement.buckets >> 32);
}

int
placement_ask(uintptr_t site, size_t size)
{
	int group = rules_group(site, size);

	return group == RULES_UNSAID ? (int)usual_group(site, size) : group;
}

unsigned
placement_ruled_group(uintptr_t site, size_t size)
{
	int group = rules_group(site, size);

	return group < 0 ? usual_group(site, size) : (unsigned)group;
}

void
placement_meet(uintptr_t site, unsigned cls)
{
	if (cls < CLASS_LARGE && rules_group(site, sizeclass_size(cls)) == LIFETIME_GROUP)
		lifetime_split(cls);
}

/* --- blocks that pass no cache ---------------------------------------------------------------- */

static void
put_back(unsigned cls, struct magazine m)
{
	if (!arena_drain_sealed(cls, m))
		arena_flush(seal_strip(m.head, NULL));
}

/* The group of a block that goes out now. */
static unsigned
group_noted(uintptr_t site, size_t size)
{
	if (placement_is_ruled())
		rules_note_placed(site, size);
	return placement_group(site, size);
}

void *
placement_take(unsigned cls, uintptr_t site, bool *zeroed)
{
	unsigned group = group_noted(site, sizeclass_size(cls));

	if (!placement_is_apart(group))
		return arena_take_in(group, cls, site, zeroed);
	if (cls >= CLASS_LARGE) {
		void *p = arena_take_in(group, cls, site, zeroed);
		if (p && !*zeroed)
			seal_forget(p);
		return p;
	}
	*zeroed = false;
	struct magazine m = arena_refill_in(group, cls, site, 1, 1);
	/* One that waited in a depot has more. */
	if (m.count > 1)
		put_back(cls, (struct magazine){seal_next(m.head), m.count - 1});
	return m.head ? placement_open(m.head) : NULL;
}

unsigned
placement_big(uintptr_t site, size_t size)
{
	return group_noted(site, round_up(size, PAGE_BYTES));
}

void
placement_note_free(void *p)
{
	const struct slab *s = pagemap_slab(p);

	if (!s || !s->group || s->cls == 0 || backend_usable(p) == 0)
		return;
	if (seal_is_on(p))
		log_fatal("double free of %p", p);
	seal_set(p, NULL);
}
