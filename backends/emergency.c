/* SPDX-License-Identifier: MIT
 * backends/emergency.c - lock-free segments and the list of blocks put aside. */
#include "backends/emergency.h"

#include "backends/os.h"
#include "backends/pages.h"

#define SEGMENT_PAGES 16
#define SEGMENT_BYTES (SEGMENT_PAGES * PAGE_BYTES)
#define SEGMENTS 8
#define MAPPINGS 16
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

/* Blocks with a mapping of their own. A slot is claimed by compare-and-swap, filled, and published by
 * its block's address; only the owner of the block looks at the rest. */
static struct {
	_Atomic uintptr_t block; /* 0 free, CLAIMED, or the address */
	char *base;
	size_t size;
} mappings[MAPPINGS];

#define CLAIMED 1

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

static void *
mapping_fill(unsigned i, size_t size, size_t align)
{
	size_t page = os_page_size();

	align = align > page ? align : page;
	size = round_up(size, page);
	char *base = os_reserve(size, align);
	if (!base)
		return NULL;
	if (!os_commit(base, size)) {
		os_release(base, size);
		return NULL;
	}
	mappings[i].base = base;
	mappings[i].size = size;
	return base;
}

static void *
mapping_create(size_t size, size_t align)
{
	if (size > PTRDIFF_MAX - PAGE_BYTES)
		return NULL;
	for (unsigned i = 0; i < MAPPINGS; i++) {
		uintptr_t none = 0;
		if (!atomic_compare_exchange_strong_explicit(&mappings[i].block, &none, CLAIMED,
			    memory_order_acquire, memory_order_relaxed))
			continue;
		void *p = mapping_fill(i, size, align);
		/* Release pairs with the acquire above: whoever claims the slot next. */
		atomic_store_explicit(&mappings[i].block, (uintptr_t)p, memory_order_release);
		return p;
	}
	return NULL;
}

/* The slot of block p; -1 when it is none. */
static int
mapping_of(const void *p)
{
	for (int i = 0; i < MAPPINGS; i++)
		if (atomic_load_explicit(&mappings[i].block, memory_order_relaxed) == (uintptr_t)p)
			return i;
	return -1;
}

void *
emergency_alloc(size_t size, size_t align)
{
	align = align < HEADER ? HEADER : align;
	if (size > SEGMENT_BYTES / 2 || align > SEGMENT_BYTES / 4)
		return mapping_create(size, align);
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
	const struct slab *s = pagemap_slab(p);

	return s ? slab_kind(s) == SLAB_EMERGENCY : p && mapping_of(p) >= 0;
}

size_t
emergency_usable(const void *p)
{
	int i = mapping_of(p);

	return i < 0 ? ((const struct header *)p - 1)->size : mappings[i].size;
}

static void
segment_release(unsigned i)
{
	uint64_t state = atomic_load_explicit(&segments[i].state, memory_order_relaxed);
	uint64_t after;

	/* Release pairs with the acquire in segment_cut, which hands the bytes out again. */
	do {
		after = STATE_LIVE(state) == 1 ? 0 : state - 1;
	} while (!atomic_compare_exchange_weak_explicit(&segments[i].state, &state, after,
		memory_order_release, memory_order_relaxed));
}

void
emergency_free(void *p)
{
	int i = mapping_of(p);

	if (i < 0) {
		segment_release(((struct header *)p - 1)->segment);
		return;
	}
	os_release(mappings[i].base, mappings[i].size);
	atomic_store_explicit(&mappings[i].block, 0, memory_order_release);
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
emergency_defer(void *list)
{
	void *head = atomic_load_explicit(&deferred, memory_order_relaxed);
	void *tail = list;

	if (!list)
		return;
	while (*(void **)tail)
		tail = *(void **)tail;
	/* Release pairs with the acquire in emergency_take_deferred. The list is only ever taken
	 * whole, so that no link is read that another thread may be changing. */
	do {
		*(void **)tail = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&deferred, &head, list, memory_order_release, memory_order_relaxed));
}

void
emergency_defer_one(void *p)
{
	*(void **)p = NULL;
	emergency_defer(p);
}

void *
emergency_take_deferred(void)
{
	if (!atomic_load_explicit(&deferred, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&deferred, NULL, memory_order_acquire);
}
