/* SPDX-License-Identifier: MIT
 * backends/emergency.c - lock-free segments and the list of blocks put aside. */
#include "backends/emergency.h"

#include "backends/os.h"
#include "backends/pagemap.h"
#include "base/lock.h"

#define SEGMENT_BYTES ((size_t)1 << 20)
#define SEGMENTS 256
#define MAPPINGS 64
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

/* Synchronization: base is claimed by compare-and-swap and published once (release), slots in
 * order; state by compare-and-swap. */
static struct {
	_Atomic uintptr_t base; /* 0 free, CLAIMED while it is being mapped, or the address */
	_Atomic uint64_t state;
} segments[SEGMENTS];

#define CLAIMED 1

/* Blocks with a mapping of their own. A slot is claimed by compare-and-swap, filled, and published
 * by its block's address; only the owner of the block looks at the rest. */
static struct {
	_Atomic uintptr_t block; /* 0 free, CLAIMED, or the address */
	char *base;
	size_t size;
} mappings[MAPPINGS];

static void *_Atomic deferred;

/* Zeroed memory outside the regions. */
static void *
map_memory(size_t size, size_t align)
{
	void *p = os_reserve(size, align);

	if (p && !os_commit(p, size)) {
		os_release(p, size);
		return NULL;
	}
	return p;
}

/* Maps segment i if nobody has; false when there is no memory for it. */
static bool
segment_ready(unsigned i)
{
	uintptr_t base = atomic_load_explicit(&segments[i].base, memory_order_acquire);

	if (base > CLAIMED)
		return true;
	if (base == CLAIMED || !atomic_compare_exchange_strong_explicit(&segments[i].base, &base,
				       CLAIMED, memory_order_acquire, memory_order_relaxed))
		return false;
	base = (uintptr_t)map_memory(SEGMENT_BYTES, os_page_size());
	/* Release pairs with the acquire above. */
	atomic_store_explicit(&segments[i].base, base, memory_order_release);
	return base != 0;
}

static void *
segment_cut(unsigned i, size_t size, size_t align)
{
	uintptr_t base = atomic_load_explicit(&segments[i].base, memory_order_acquire);
	uint64_t state = atomic_load_explicit(&segments[i].state, memory_order_relaxed);
	size_t start, end;

	do {
		start = round_up(base + STATE_USED(state) + HEADER, align);
		end = start + size - base;
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

	mappings[i].size = round_up(size, page);
	mappings[i].base = map_memory(mappings[i].size, align > page ? align : page);
	return mappings[i].base;
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
	/* Only in the window of a fork, so that a signal handler's call stays short. */
	if (size > SEGMENT_BYTES / 2 || align > SEGMENT_BYTES / 4)
		return lock_fork_is_open() ? mapping_create(size, align) : NULL;
	size = round_up(size ? size : 1, HEADER);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		/* Another thread, or the interrupted code, is mapping it. */
		if (!segment_ready(i))
			continue;
		void *p = segment_cut(i, size, align);
		if (p)
			return p;
	}
	return NULL;
}

bool
emergency_owns(const void *p)
{
	if (pagemap_contains(p))
		return false;
	for (unsigned i = 0; i < SEGMENTS; i++) {
		uintptr_t base = atomic_load_explicit(&segments[i].base, memory_order_acquire);
		if (base == 0)
			break;
		if (base > CLAIMED && (uintptr_t)p - base < SEGMENT_BYTES)
			return true;
	}
	return p && mapping_of(p) >= 0;
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
	} while (!atomic_compare_exchange_weak_explicit(
		&segments[i].state, &state, after, memory_order_release, memory_order_relaxed));
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
	link_set(p, NULL);
	emergency_defer(p);
}

void *
emergency_take_deferred(void)
{
	if (!atomic_load_explicit(&deferred, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&deferred, NULL, memory_order_acquire);
}
