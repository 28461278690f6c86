/* SPDX-License-Identifier: MIT
 * backends/extents.c - free pages in bins by length: segregated fits with boundary tags (Knuth,
 * TAOCP vol. 1, 2.5), two-level bins after TLSF (Masmano et al., ECRTS 2004). */
#include "backends/extents.h"

#include "base/assert.h"

/* Lengths below EXACT have a bin each, above it each doubling has eight. */
#define EXACT 32
#define BINS (EXACT + 8 * 24)
#define BIN_WORDS ((BINS + 63) / 64)
/* How many extents of one bin are looked at for the best fit. */
#define FIT_TRIES 16

/* Synchronization: the page heap's lock, for all of it; `resident` is read by any thread. */
static struct {
	struct slab *oldest, *newest; /* resident extents */
	_Atomic size_t resident;      /* pages */
} free_pages;

/* Those of one group. Apart from the above, since what has no initial value takes no memory before
 * it is used. */
static struct extents {
	struct slab *bins[EXTENT_SETS][BINS];
	uint64_t nonempty[EXTENT_SETS][BIN_WORDS];
} extents[EXTENT_GROUPS];

/* Only the holder of the lock adds. */
static void
add_resident(size_t n)
{
	RELAXED_SET(free_pages.resident, RELAXED(free_pages.resident) + n);
}

static unsigned
bin_of(size_t npages)
{
	if (npages < EXACT)
		return (unsigned)npages;
	unsigned log = log2_floor(npages);
	return EXACT + (log - 5) * 8 + ((unsigned)(npages >> (log - 3)) & 7);
}

static enum extent_set
set_of(const struct slab *s)
{
	return s->idle.temperature == COLD ? CLEAN : RESIDENT;
}

void
extent_set_tag(struct slab *s)
{
	if (s->npages > 1) {
		slab_set_kind(&s[s->npages - 1], SLAB_INTERIOR);
		s[s->npages - 1].npages = s->npages - 1;
	}
}

void
extent_insert(struct slab *s)
{
	struct extents *group = &extents[s->group];
	enum extent_set set = set_of(s);
	unsigned bin = bin_of(s->npages);
	struct slab **head = &group->bins[set][bin];

	slab_set_kind(s, SLAB_FREE);
	s->zero = set == CLEAN;
	extent_set_tag(s);
	s->idle.prev = NULL;
	s->idle.next = *head;
	if (*head)
		(*head)->idle.prev = s;
	*head = s;
	group->nonempty[set][bin / 64] |= (uint64_t)1 << (bin % 64);
	if (set == CLEAN)
		return;
	s->idle.newer = NULL;
	s->idle.older = free_pages.newest;
	if (free_pages.newest)
		free_pages.newest->idle.newer = s;
	else
		free_pages.oldest = s;
	free_pages.newest = s;
	add_resident(s->npages);
}

void
extent_remove(struct slab *s)
{
	struct extents *group = &extents[s->group];
	enum extent_set set = set_of(s);
	unsigned bin = bin_of(s->npages);

	if (s->idle.prev)
		s->idle.prev->idle.next = s->idle.next;
	else
		group->bins[set][bin] = s->idle.next;
	if (s->idle.next)
		s->idle.next->idle.prev = s->idle.prev;
	if (!group->bins[set][bin])
		group->nonempty[set][bin / 64] &= ~((uint64_t)1 << (bin % 64));
	slab_set_kind(s, SLAB_NONE);
	if (set == CLEAN)
		return;
	*(s->idle.older ? &s->idle.older->idle.newer : &free_pages.oldest) = s->idle.newer;
	*(s->idle.newer ? &s->idle.newer->idle.older : &free_pages.newest) = s->idle.older;
	add_resident((size_t)0 - s->npages);
}

void
extent_join(struct slab *a, struct slab *b)
{
	int32_t difference = (int32_t)(b->since_ms - a->since_ms);
	int64_t total = (int64_t)a->npages + b->npages;

	a->since_ms += (uint32_t)(int32_t)((int64_t)difference * b->npages / total);
	if (b->idle.temperature < a->idle.temperature)
		a->idle.temperature = b->idle.temperature;
	a->npages += b->npages;
	slab_set_kind(b, SLAB_NONE);
}

/* True where s, which is free or not, and its neighbour, if there is one, are to be one extent. */
static bool
joins(const struct slab *s, const struct slab *neighbour)
{
	return neighbour && slab_kind(neighbour) == SLAB_FREE && set_of(neighbour) == set_of(s) &&
	       neighbour->group == s->group;
}

struct slab *
extent_release(struct slab *s)
{
	struct slab *before = pagemap_before(s);
	struct slab *after = pagemap_after(s);

	if (joins(s, before)) {
		extent_remove(before);
		extent_join(before, s);
		s = before;
	}
	if (joins(s, after)) {
		extent_remove(after);
		extent_join(s, after);
	}
	extent_insert(s);
	return s;
}

struct slab *
extent_cut(struct slab *s, size_t npages)
{
	struct slab *rest = s + npages;

	rest->base = s->base + npages * PAGE_BYTES;
	rest->npages = s->npages - (uint32_t)npages;
	rest->region = s->region;
	rest->group = s->group;
	rest->since_ms = s->since_ms;
	rest->idle.temperature = s->idle.temperature;
	s->npages = (uint32_t)npages;
	slab_set_kind(rest, SLAB_NONE);
	extent_set_tag(rest);
	extent_set_tag(s);
	return rest;
}

void
extent_split(struct slab *s, size_t npages)
{
	if (s->npages > npages)
		extent_insert(extent_cut(s, npages));
}

static struct slab *
find_in_bin(const struct extents *group, enum extent_set set, unsigned bin, size_t npages)
{
	struct slab *best = NULL;
	int tries = FIT_TRIES;

	for (struct slab *s = group->bins[set][bin]; s && tries > 0; s = s->idle.next, tries--)
		if (s->npages >= npages && (!best || s->npages < best->npages))
			best = s;
	return best;
}

struct slab *
extent_fit(unsigned index, enum extent_set set, size_t npages)
{
	const struct extents *group = &extents[index];
	unsigned bin = bin_of(npages);
	struct slab *s = find_in_bin(group, set, bin, npages);

	if (s)
		return s;
	/* Every extent of a later bin is long enough. */
	bin++;
	for (unsigned word = bin / 64; word < BIN_WORDS; word++) {
		uint64_t bits = group->nonempty[set][word];
		if (word == bin / 64)
			bits &= ~(uint64_t)0 << (bin % 64);
		if (bits)
			return find_in_bin(
				group, set, word * 64 + (unsigned)__builtin_ctzll(bits), npages);
	}
	return NULL;
}

struct slab *
extent_carve(struct slab *s, size_t npages, size_t align_pages)
{
	size_t align = align_pages * PAGE_BYTES;
	size_t skip = (round_up((size_t)s->base, align) - (size_t)s->base) / PAGE_BYTES;

	if (skip > 0) {
		struct slab *run = extent_cut(s, skip);
		extent_insert(s);
		s = run;
	}
	extent_split(s, npages);
	s->zero = s->idle.temperature == COLD;
	slab_set_kind(s, SLAB_NONE);
	extent_set_tag(s);
	return s;
}

struct slab *
extent_longest(unsigned group, size_t least)
{
	const struct extents *own = &extents[group];

	for (unsigned word = BIN_WORDS; word-- > 0;) {
		uint64_t bits = own->nonempty[RESIDENT][word];
		if (!bits)
			continue;
		struct slab *s = own->bins[RESIDENT][word * 64 + log2_floor(bits)];
		return s->npages >= least ? s : NULL;
	}
	return NULL;
}

struct slab *
extent_oldest(void)
{
	return free_pages.oldest;
}

size_t
extents_resident(void)
{
	return RELAXED(free_pages.resident);
}

void
extents_each_clean(unsigned group, void (*visit)(struct slab *s))
{
	for (unsigned bin = 1; bin < BINS; bin++) {
		struct slab *next;
		for (struct slab *s = extents[group].bins[CLEAN][bin]; s; s = next) {
			next = s->idle.next;
			visit(s);
		}
	}
}

/* The extents of one bin; returns their pages. */
static size_t
audit_bin(unsigned group, enum extent_set set, unsigned bin)
{
	const struct extents *own = &extents[group];
	bool marked = own->nonempty[set][bin / 64] >> (bin % 64) & 1;
	size_t pages = 0;

	HAK_CHECK(marked == (own->bins[set][bin] != NULL));
	for (struct slab *s = own->bins[set][bin]; s; s = s->idle.next) {
		struct slab *after = pagemap_after(s);
		HAK_CHECK(slab_kind(s) == SLAB_FREE && bin_of(s->npages) == bin);
		HAK_CHECK(set_of(s) == set && s->group == group);
		HAK_CHECK(!joins(s, after));
		HAK_CHECK(!after || pagemap_before(after) == s);
		pages += s->npages;
	}
	return pages;
}

size_t
extents_audit(void)
{
	size_t resident = 0, clean = 0;

	for (unsigned group = 0; group < EXTENT_GROUPS; group++)
		for (unsigned bin = 0; bin < BINS; bin++) {
			resident += audit_bin(group, RESIDENT, bin);
			clean += audit_bin(group, CLEAN, bin);
		}
	HAK_CHECK(resident == extents_resident());
	return resident + clean;
}
