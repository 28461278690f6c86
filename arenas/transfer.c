/* SPDX-License-Identifier: MIT
 * arenas/transfer.c - the transfer caches of the CPUs. */
#include "arenas/transfer.h"

#include "backends/os.h"
#include "backends/pages.h"
#include "backends/sizeclass.h"
#include "base/inject.h"
#include "base/lock.h"

/* What all of them hold together, about, and the bounds of one CPU's share; the lower one is also
 * what it holds of what is not wanted there. */
#define TRANSFER_TOTAL ((size_t)64 << 20)
#define TRANSFER_MOST ((size_t)16 << 20)
#define TRANSFER_LEAST ((size_t)1 << 20)

struct shelf {
	void *top;       /* a magazine, which leads to the next as in a depot */
	uint64_t handed; /* blocks that went out */
	uint32_t blocks;
	uint32_t used_ms;
	bool touched; /* since it was last looked at: nobody reads the clock before */
};

/* Synchronization: `lock`, but for bytes, which any thread may read. */
struct way {
	struct lock lock;
	_Atomic size_t bytes;
	size_t puts, takes, sent; /* numbers */
	struct shelf shelves[BIN_CLASSES];
} HAK_CACHE_ALIGNED;

/* Filled once each (release), never emptied. */
static struct way *_Atomic ways[TRANSFER_WAYS];
/* What one of them may hold of what is wanted, in bytes. */
static _Atomic size_t share = TRANSFER_MOST;
/* The forking thread's: bit i is way i, whose lock it holds; others may be made meanwhile. */
static uint64_t held_for_fork;

static struct way *
way_at(unsigned i)
{
	/* Acquire pairs with the release in way_create. */
	return atomic_load_explicit(&ways[i], memory_order_acquire);
}

/* There is one, at least. */
static void
set_share(void)
{
	size_t n = 0, bytes;

	for (unsigned i = 0; i < TRANSFER_WAYS; i++)
		n += way_at(i) != NULL;
	bytes = TRANSFER_TOTAL / n;
	bytes = bytes > TRANSFER_MOST ? TRANSFER_MOST : bytes;
	RELAXED_SET(share, bytes < TRANSFER_LEAST ? TRANSFER_LEAST : bytes);
}

/* NULL when memory is exhausted. */
static HAK_COLD struct way *
way_create(unsigned i)
{
	struct way *w = pages_meta_alloc(sizeof(*w)), *none = NULL;

	if (!w)
		return NULL;
	w->lock.rank = RANK_TRANSFER;
	/* Release pairs with the acquire in way_at. The loser's memory is lost: a page a CPU at
	 * most. */
	if (atomic_compare_exchange_strong_explicit(
		    &ways[i], &none, w, memory_order_acq_rel, memory_order_acquire)) {
		set_share();
		return w;
	}
	return none;
}

static unsigned
way_here(void)
{
	return os_cpu() % TRANSFER_WAYS;
}

/* The top magazine of the class; lock held. */
static struct magazine
pop(struct way *w, unsigned cls)
{
	struct shelf *s = &w->shelves[cls];
	struct magazine m = {s->top, 0};

	if (!m.head)
		return m;
	s->top = depot_below(m.head, &m.count);
	s->touched = true;
	s->blocks -= m.count;
	RELAXED_SET(w->bytes, RELAXED(w->bytes) - m.count * sizeclass_size(cls));
	return m;
}

bool
transfer_put(unsigned cls, struct magazine m, bool wanted)
{
	size_t limit = wanted ? RELAXED(share) : TRANSFER_LEAST;
	unsigned here = way_here();
	struct way *w = way_at(here);
	size_t bytes = m.count * sizeclass_size(cls);

	if (HAK_UNLIKELY(!w) && !(w = way_create(here)))
		return false;
	if (!lock_try(&w->lock))
		return false;
	bool fits = RELAXED(w->bytes) + bytes <= limit;
	if (fits) {
		depot_link(m, w->shelves[cls].top);
		w->shelves[cls].top = m.head;
		w->shelves[cls].touched = true;
		w->shelves[cls].blocks += m.count;
		RELAXED_SET(w->bytes, RELAXED(w->bytes) + bytes);
		w->puts++;
	}
	HAK_INJECT(INJECT_TRANSFER);
	lock_release(&w->lock);
	return fits;
}

struct magazine
transfer_take(unsigned cls)
{
	struct way *w = way_at(way_here());
	struct magazine m = {NULL, 0};

	if (!w || !lock_try(&w->lock))
		return m;
	m = pop(w, cls);
	w->takes += m.head != NULL;
	w->shelves[cls].handed += m.count;
	HAK_INJECT(INJECT_TRANSFER);
	lock_release(&w->lock);
	return m;
}

struct magazine
transfer_take_any(unsigned cls)
{
	struct magazine m = {NULL, 0};

	for (unsigned i = 0; i < TRANSFER_WAYS && !m.head; i++) {
		struct way *w = way_at(i);
		if (!w || !lock_try(&w->lock))
			continue;
		m = pop(w, cls);
		w->sent += m.head != NULL;
		w->shelves[cls].handed += m.count;
		lock_release(&w->lock);
	}
	return m;
}

/* All magazines of the class; lock held. */
static void *
empty_shelf(struct way *w, unsigned cls)
{
	struct shelf *s = &w->shelves[cls];
	void *top = s->top;

	RELAXED_SET(w->bytes, RELAXED(w->bytes) - s->blocks * sizeclass_size(cls));
	s->top = NULL;
	s->blocks = 0;
	return top;
}

/* The magazines of the class if nobody has touched them for least_ms; lock held. */
static void *
idle_shelf(struct way *w, unsigned cls, uint32_t now_ms, uint32_t least_ms)
{
	struct shelf *s = &w->shelves[cls];

	if (s->touched && least_ms > 0) {
		s->touched = false;
		s->used_ms = now_ms;
	}
	if (!s->top || (least_ms > 0 && !idle_for(now_ms, s->used_ms, least_ms)))
		return NULL;
	return empty_shelf(w, cls);
}

void *
transfer_idle(unsigned *place, uint32_t now_ms, uint32_t least_ms)
{
	void *top = NULL;

	while (*place < TRANSFER_WAYS * BIN_CLASSES && !top) {
		struct way *w = way_at(*place / BIN_CLASSES);
		if (!w || !lock_acquire(&w->lock)) {
			*place += BIN_CLASSES - *place % BIN_CLASSES;
			continue;
		}
		do {
			top = idle_shelf(w, *place % BIN_CLASSES, now_ms, least_ms);
		} while (++*place % BIN_CLASSES != 0 && !top);
		lock_release(&w->lock);
	}
	return top;
}

size_t
transfer_excess(void)
{
	size_t excess = 0;

	for (unsigned i = 0; i < TRANSFER_WAYS; i++) {
		struct way *w = way_at(i);
		size_t bytes = w ? RELAXED(w->bytes) : 0;
		excess += bytes > TRANSFER_LEAST ? bytes - TRANSFER_LEAST : 0;
	}
	return excess;
}

struct transfer_totals
transfer_totals(void)
{
	struct transfer_totals t = {0};

	for (unsigned i = 0; i < TRANSFER_WAYS; i++) {
		struct way *w = way_at(i);
		if (!w)
			continue;
		lock_acquire_wait(&w->lock);
		t.caches++;
		t.puts += w->puts;
		t.takes += w->takes;
		t.sent += w->sent;
		t.bytes += RELAXED(w->bytes);
		lock_release(&w->lock);
	}
	return t;
}

void
transfer_classes(struct transfer_class out[BIN_CLASSES])
{
	for (unsigned cls = 0; cls < BIN_CLASSES; cls++)
		out[cls] = (struct transfer_class){0, 0};
	for (unsigned i = 0; i < TRANSFER_WAYS; i++) {
		struct way *w = way_at(i);
		if (!w)
			continue;
		lock_acquire_wait(&w->lock);
		for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
			out[cls].handed += w->shelves[cls].handed;
			out[cls].blocks += w->shelves[cls].blocks;
		}
		lock_release(&w->lock);
	}
}

void
transfer_audit(void)
{
	for (unsigned i = 0; i < TRANSFER_WAYS; i++) {
		struct way *w = way_at(i);
		size_t bytes = 0;
		if (!w)
			continue;
		lock_acquire_wait(&w->lock);
		for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
			uint32_t blocks = depot_stack_audit(w->shelves[cls].top);
			HAK_CHECK(blocks == w->shelves[cls].blocks);
			bytes += blocks * sizeclass_size(cls);
		}
		HAK_CHECK(bytes == RELAXED(w->bytes));
		lock_release(&w->lock);
	}
}

void
transfer_fork_prepare(void)
{
	uint64_t held = 0;

	for (unsigned i = 0; i < TRANSFER_WAYS; i++)
		if (way_at(i)) {
			lock_acquire_wait(&way_at(i)->lock);
			held |= (uint64_t)1 << i;
		}
	held_for_fork = held;
}

void
transfer_fork_parent(void)
{
	for (unsigned i = 0; i < TRANSFER_WAYS; i++)
		if (held_for_fork >> i & 1)
			lock_release(&way_at(i)->lock);
}

void
transfer_fork_child(void)
{
	for (unsigned i = 0; i < TRANSFER_WAYS; i++)
		if (held_for_fork >> i & 1)
			lock_reset(&way_at(i)->lock);
		else
			/* Made meanwhile, and perhaps being changed as it was copied: lost, as are
			 * other threads' caches. */
			atomic_store_explicit(&ways[i], NULL, memory_order_relaxed);
}
