/* SPDX-License-Identifier: MIT
 * arenas/lifetime.c - the tallies' judgement, and the table. */
#include "arenas/lifetime.h"

/* Of the normal distribution: 95 % lie within so many standard deviations. */
#define Z 1.96

_Static_assert(LIFETIME_SLOTS == 1 << (64 - 52), "the key's highest bits are a slot");
_Static_assert(BIN_CLASSES <= 256, "a class fits below the site");

struct lifetime_table hak_lifetime;
struct lifetime_known hak_lifetime_known;

uint64_t
lifetime_threshold(uint64_t live_bytes)
{
	uint64_t part = live_bytes / LIFETIME_LIVE_PART;

	return part > LIFETIME_LEAST ? part : LIFETIME_LEAST;
}

/* Wilson's bound is where the score test turns: the share k / n is then as far above the bound as
 * chance brings it. So it need not be computed. */
bool
lifetime_surely(uint32_t k, uint32_t n, double share)
{
	double above = k - n * share;

	return above > 0 && above * above >= Z * Z * share * (1 - share) * n;
}

/* Halving waits for this, so that those that ended, which are known one by one, and those that
 * lasted, of which many are found at once, weigh the same. */
bool
lifetime_judge(struct lifetime_tally *t)
{
	bool was = t->lasting;

	while (t->lasted + t->ended > LIFETIME_MOST) {
		t->lasted /= 2;
		t->ended /= 2;
	}
	t->lasting = lifetime_surely(
		t->lasted, t->lasted + t->ended, was ? LIFETIME_LEAVE : LIFETIME_ENTER);
	return t->lasting != was;
}

void
lifetime_publish(uintptr_t site, unsigned cls, bool lasting)
{
	uintptr_t key = lifetime_key(site, cls);
	_Atomic uintptr_t *slot = lifetime_slot(key);
	uintptr_t there = RELAXED(*slot);

	if (cls == 0 || cls >= CLASS_LARGE || there != (lasting ? 0 : key))
		return;
	RELAXED_SET(*slot, lasting ? key : 0);
	atomic_fetch_add_explicit(
		&hak_lifetime.sites[cls], lasting ? 1 : -1u, memory_order_relaxed);
}

void
lifetime_split(unsigned cls)
{
	if (RELAXED(hak_lifetime.ruled[cls]) ||
		atomic_exchange_explicit(&hak_lifetime.ruled[cls], true, memory_order_relaxed))
		return;
	atomic_fetch_add_explicit(&hak_lifetime.sites[cls], 1, memory_order_relaxed);
}

struct lifetime_site *
lifetime_known(uint64_t id, unsigned cls)
{
	struct lifetime_known *known = &hak_lifetime_known;

	for (unsigned i = 0; i < known->count; i++)
		if (known->sites[i].id == id && known->sites[i].cls == cls)
			return &known->sites[i];
	return NULL;
}

bool
lifetime_know(uint64_t id, unsigned cls)
{
	struct lifetime_known *known = &hak_lifetime_known;

	if (lifetime_known(id, cls))
		return true;
	if (known->count == LIFETIME_KNOWN)
		return false;
	known->sites[known->count++] = (struct lifetime_site){id, cls, false};
	return true;
}
