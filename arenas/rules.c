/* SPDX-License-Identifier: MIT
 * arenas/rules.c - the table of settled sites, and the rules that act. */
#include "arenas/rules.h"

#include <string.h>

/* A site finds its place within so many slots or not at all. */
#define PROBES 64

struct rules *_Atomic hak_rules;

static bool
set_has(const struct rule_set *set, unsigned i)
{
	return set->words[i / 64] >> (i % 64) & 1;
}

static void
set_add(struct rule_set *set, unsigned i)
{
	set->words[i / 64] |= (uint64_t)1 << (i % 64);
}

/* The site's slot, or an empty one where it could be, or NULL: there is no room. */
static struct settled_site *
slot_of(struct rules *r, uintptr_t site)
{
	uint64_t hash = mix64(site);

	for (unsigned i = 0; i < PROBES; i++) {
		struct settled_site *s = &r->sites[(hash + i) % RULES_SITES];
		/* Acquire pairs with the release in rules_settle. */
		uintptr_t there = atomic_load_explicit(&s->site, memory_order_acquire);
		if (there == 0 || there == site)
			return s;
	}
	return NULL;
}

/* True where the slot is the site's, and its set may be read: it may have been settled since
 * slot_of. */
static bool
is_settled(const struct settled_site *s, uintptr_t site)
{
	return atomic_load_explicit(&s->site, memory_order_acquire) == site;
}

bool
rules_know(uintptr_t site)
{
	struct rules *r = RELAXED(hak_rules);
	struct settled_site *s = slot_of(r, site);

	if (!s)
		atomic_fetch_add_explicit(&r->overflows, 1, memory_order_relaxed);
	return !s || is_settled(s, site);
}

bool
rules_need_functions(void)
{
	return RELAXED(hak_rules)->by_symbol;
}

/* The compiler names the parts and clones of a function after it, with a dot between; a default
 * version follows an @. */
static bool
is_called(const char *function, const char *name)
{
	size_t n = strlen(name);

	return strncmp(function, name, n) == 0 &&
	       (function[n] == '\0' || function[n] == '.' || function[n] == '@');
}

void
rules_note_function(struct rules_frame *frame, const char *name)
{
	const struct rules *r = RELAXED(hak_rules);

	for (unsigned i = 0; i < r->count; i++)
		if ((r->rules[i].conditions & RULE_SYMBOL) && is_called(name, r->rules[i].symbol))
			set_add(&frame->symbols, i);
}

static bool
module_holds(const struct rule *rule, const struct rules_frame *f)
{
	if (!f->path || strcmp(rule->module, strchr(rule->module, '/') ? f->path : f->name) != 0)
		return false;
	return !(rule->conditions & RULE_OFFSET) ||
	       (f->exact && f->offset >= rule->low && f->offset <= rule->high);
}

/* Whether the i-th rule holds for the frame, whatever the size. */
static bool
holds(const struct rules *r, unsigned i, const struct rules_frame *f)
{
	const struct rule *rule = &r->rules[i];

	return (!(rule->conditions & RULE_SYMBOL) || set_has(&f->symbols, i)) &&
	       (!(rule->conditions & RULE_MODULE) || module_holds(rule, f)) &&
	       (!(rule->conditions & RULE_SITE) || (f->exact && f->id == rule->id));
}

void
rules_settle(uintptr_t site, const struct rules_frame *frames, unsigned n)
{
	struct rules *r = RELAXED(hak_rules);
	struct settled_site *s = slot_of(r, site);

	if (!s || is_settled(s, site))
		return;
	for (unsigned i = 0; i < r->count; i++) {
		bool any = false;
		for (unsigned f = 0; f < n && !any; f++)
			any = holds(r, i, &frames[f]);
		if (!any)
			continue;
		set_add(&s->set, i);
		s->placed |= (r->rules[i].actions & RULE_PLACE) != 0;
		atomic_fetch_add_explicit(&r->rules[i].sites, 1, memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&r->settled, 1, memory_order_relaxed);
	/* Release: the set is there before the site; pairs with the acquire in slot_of. */
	atomic_store_explicit(&s->site, site, memory_order_release);
}

static bool
says(const struct rule *rule, size_t size, unsigned action)
{
	if (!(rule->actions & action) || size < rule->least || size > rule->most)
		return false;
	/* Larger blocks have no slabs worth keeping apart. */
	return action != RULE_PLACE || rule->place != PLACE_LASTING || size <= MID_MAX;
}

/* The first rule of the set that says something of that kind for the size. */
static struct rule *
first_of(struct rules *r, const struct rule_set *set, size_t size, unsigned action)
{
	for (unsigned word = 0; word < RULES_MOST / 64; word++)
		for (uint64_t bits = set->words[word]; bits; bits &= bits - 1) {
			struct rule *rule = &r->rules[word * 64 + (unsigned)__builtin_ctzll(bits)];
			if (says(rule, size, action))
				return rule;
		}
	return NULL;
}

/* The same of the site's rules; it acts now. */
static const struct rule *
find(uintptr_t site, size_t size, unsigned action)
{
	struct rules *r = RELAXED(hak_rules);
	const struct settled_site *s = slot_of(r, site);

	if (!s || !is_settled(s, site))
		return NULL;
	struct rule *rule = first_of(r, &s->set, size, action);
	if (rule)
		atomic_fetch_add_explicit(&rule->acted, 1, memory_order_relaxed);
	return rule;
}

int
rules_arena(uintptr_t site, size_t size)
{
	const struct rule *rule = find(site, size, RULE_ARENA);

	return rule ? (int)rule->arena : -1;
}

enum backend_fate
rules_fate(uintptr_t site, size_t size)
{
	const struct rule *rule = find(site, size, RULE_FATE);

	return rule ? rule->fate : FATE_USUAL;
}

bool
rules_samples(uintptr_t site, size_t size)
{
	return rules_any() && find(site, size, RULE_SAMPLE) != NULL;
}

int
rules_group(uintptr_t site, size_t size)
{
	struct rules *r = RELAXED(hak_rules);
	const struct settled_site *s = slot_of(r, site);

	if (HAK_UNLIKELY(!s))
		return RULES_UNSAID;
	if (HAK_UNLIKELY(!is_settled(s, site)))
		return RULES_UNSETTLED;
	if (HAK_LIKELY(!s->placed))
		return RULES_UNSAID;
	const struct rule *rule = first_of(r, &s->set, size, RULE_PLACE);
	return rule ? (int)rule->group : RULES_UNSAID;
}

void
rules_note_placed(uintptr_t site, size_t size)
{
	find(site, size, RULE_PLACE);
}
