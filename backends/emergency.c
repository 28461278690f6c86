/* SPDX-License-Identifier: MIT
 * backends/emergency.c - lock-free segments and the list of blocks put aside. */
#include "backends/emergency.h"

#include "backends/pages.h"

#define SEGMENT_PAGES 16
#define SEGMENT_BYTES (SEGMENT_PAGES * PAGE_BYTES)
#define SEGMENTS 8
#define HEADER 16

/* A segment's state: bytes used in the upper half, live blocks in the lower. */
#define STATE(used, live) ((uint64_t)(used) << 32 | (live))
#define STATE_USED(state) ((size_t)((state) >> 32))
#define STATE_LIVE(state) ((uint32_t)(state))

struct header {
	uint32_t segment; /* index */
	uint32_t pad;
	size_t size; /* usable bytes */
};

_Static_assert(sizeof(struct header) == HEADER, "the header keeps blocks aligned");

/* Synchronization: base is published once (release); state by compare-and-swap. Relaxed is enough
 * for state: blocks are handed from thread to thread by the program, which orders them. */
static struct {
	char *_Atomic base;
	_Atomic uint64_t state;
} segments[SEGMENTS];

static void *_Atomic deferred;

static void *
segment_cut(unsigned i, size_t size, size_t align)
{
	char *base = atomic_load_explicit(&segments[i].base, memory_order_acquire);
	uint64_t state = atomic_load_explicit(&segments[i].state, memory_order_relaxed);
	size_t start, end;

	if (!base)
		return NULL;
	do {
		start = round_up((size_t)base + STATE_USED(state) + HEADER, align);
		end = start + size - (size_t)base;
		if (end > SEGMENT_BYTES)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(&segments[i].state, &state,
		STATE(end, STATE_LIVE(state) + 1), memory_order_acquire, memory_order_relaxed));
	struct header *h = (struct header *)start - 1;
	h->segment = i;
	h->size = size;
	return (void *)start;
}

void *
emergency_alloc(size_t size, size_t align)
{
	align = align < HEADER ? HEADER : align;
	if (size > SEGMENT_BYTES / 2 || align > SEGMENT_BYTES / 4)
		return NULL;
	size = round_up(size ? size : 1, HEADER);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		void *p = segment_cut(i, size, align);
		if (p)
			return p;
	}
	return NULL;
}

bool
emergency_owns(const void *p)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		char *base = atomic_load_explicit(&segments[i].base, memory_order_acquire);
		if (base && (size_t)((const char *)p - base) < SEGMENT_BYTES)
			return true;
	}
	return false;
}

size_t
emergency_usable(const void *p)
{
	return ((const struct header *)p - 1)->size;
}

void
emergency_free(void *p)
{
	unsigned i = ((struct header *)p - 1)->segment;
	uint64_t state = atomic_load_explicit(&segments[i].state, memory_order_relaxed);
	uint64_t after;

	/* Release pairs with the acquire in segment_cut, which hands the bytes out again. */
	do {
		after = STATE_LIVE(state) == 1 ? 0 : state - 1;
	} while (!atomic_compare_exchange_weak_explicit(&segments[i].state, &state, after,
		memory_order_release, memory_order_relaxed));
}

void
emergency_refill(void)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		uint64_t state = atomic_load_explicit(&segments[i].state, memory_order_relaxed);
		if (atomic_load_explicit(&segments[i].base, memory_order_relaxed)) {
			if (STATE_USED(state) < SEGMENT_BYTES / 2)
				return;
			continue;
		}
		struct slab *s = pages_alloc(SEGMENT_PAGES, 1);
		if (!s)
			return;
		slab_set_kind(s, SLAB_EMERGENCY);
		pagemap_mark_interior(s);
		atomic_store_explicit(&segments[i].base, s->base, memory_order_release);
		return;
	}
}

void
emergency_defer(void *p)
{
	void *head = atomic_load_explicit(&deferred, memory_order_relaxed);

	/* Release pairs with the acquire in emergency_take_deferred. The list is only ever taken
	 * whole, so that no link is read that another thread may be changing. */
	do {
		*(void **)p = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&deferred, &head, p, memory_order_release, memory_order_relaxed));
}

void *
emergency_take_deferred(void)
{
	if (!atomic_load_explicit(&deferred, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&deferred, NULL, memory_order_acquire);
}
