/* SPDX-License-Identifier: MIT
 * arenas/sites.c - the table of call sites, its entropy and its hottest entries. */
#include "arenas/sites.h"

#include <string.h>

#include "backends/pages.h"
#include "base/config.h"
#include "base/maths.h"

/* A site finds its place within so many slots or not at all. */
#define PROBES 64

struct sites {
	struct slot {
		_Atomic uintptr_t site; /* 0: empty; set once */
		_Atomic uintptr_t address, caller;
		_Atomic uint64_t events;
	} slots[SITES_SLOTS];
	_Atomic uint64_t overflow;
};

struct sites *_Atomic hak_sites;

void
sites_init(void)
{
	if (CONFIG(stats))
		RELAXED_SET(hak_sites, pages_meta_alloc(sizeof(struct sites)));
}

/* The site's slot, claimed now if need be; NULL when it finds none. */
static struct slot *
slot_of(struct sites *table, uintptr_t site)
{
	uint64_t hash = mix64(site);

	for (unsigned i = 0; i < PROBES; i++) {
		struct slot *s = &table->slots[(hash + i) % SITES_SLOTS];
		uintptr_t there = RELAXED(s->site);
		/* Relaxed: the slot's counters were zero before anybody saw the table. */
		if (there == 0 && atomic_compare_exchange_strong_explicit(&s->site, &there, site,
					  memory_order_relaxed, memory_order_relaxed))
			there = site;
		if (there == site)
			return s;
	}
	return NULL;
}

void
sites_add(struct sites *table, uintptr_t site)
{
	struct slot *s = slot_of(table, site ? site : 1);

	atomic_fetch_add_explicit(s ? &s->events : &table->overflow, 1, memory_order_relaxed);
}

void
sites_describe(uintptr_t site, uintptr_t address, uintptr_t caller)
{
	struct sites *table = RELAXED(hak_sites);
	struct slot *s = table ? slot_of(table, site ? site : 1) : NULL;

	if (!s || RELAXED(s->caller) == caller)
		return;
	RELAXED_SET(s->address, address);
	RELAXED_SET(s->caller, caller);
}

/* Puts the count in its place among the hottest, if it has one. */
static void
note_hot(struct sites_summary *out, const struct site_count *c)
{
	unsigned at = out->nhottest;

	while (at > 0 && out->hottest[at - 1].events < c->events)
		at--;
	if (at == SITES_HOTTEST)
		return;
	if (out->nhottest < SITES_HOTTEST)
		out->nhottest++;
	memmove(&out->hottest[at + 1], &out->hottest[at],
		(out->nhottest - at - 1) * sizeof(out->hottest[0]));
	out->hottest[at] = *c;
}

/* H = log2(N) - sum(n log2 n) / N. */
void
sites_summary(struct sites_summary *out)
{
	struct sites *table = RELAXED(hak_sites);
	double weighted = 0;

	memset(out, 0, sizeof(*out));
	if (!table)
		return;
	out->overflow = out->events = RELAXED(table->overflow);
	if (out->overflow)
		weighted = (double)out->overflow * maths_log2((double)out->overflow);
	for (unsigned i = 0; i < SITES_SLOTS; i++) {
		const struct slot *s = &table->slots[i];
		struct site_count c = {
			.site = RELAXED(s->site),
			.address = RELAXED(s->address),
			.caller = RELAXED(s->caller),
			.events = RELAXED(s->events),
		};
		if (c.events == 0)
			continue;
		if (c.address == 0)
			c.address = c.site;
		out->seen++;
		out->events += c.events;
		weighted += (double)c.events * maths_log2((double)c.events);
		note_hot(out, &c);
	}
	if (out->events) {
		out->entropy = maths_log2((double)out->events) - weighted / (double)out->events;
		/* The rounding of a sum that is 0. */
		if (out->entropy < 0)
			out->entropy = 0;
	}
}
