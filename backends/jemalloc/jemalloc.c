/* SPDX-License-Identifier: MIT
 * backends/jemalloc/jemalloc.c - the contract by mallocx and dallocx, and the records of pages. */
#include <jemalloc/jemalloc.h>

#include "backends/backend.h"
#include "backends/jemalloc/control.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/lock.h"

#define BEGIN_WORDS (PAGE_BYTES / TINY_STEP / 64)

_Static_assert(sizeof(((struct slab *)0)->blocks.begins) == BEGIN_WORDS * sizeof(uint64_t),
	"a page's record has a bit for each place where a block may begin");

/* Synchronization: `arena` by `lock`; the counters are read by any thread. */
static struct {
	struct lock lock;
	struct backend_arena arena;
	_Atomic size_t live, count;
} big = {.lock = LOCK_INITIALIZER(RANK_BIG), .arena = {.index = BACKEND_NO_ARENA}};

/* The totals when somebody last asked; written under the same lock, read by any thread. */
static struct {
	_Atomic size_t active, dirty, peak; /* bytes */
} seen;

void
backend_init(void)
{
	pagemap_init();
	control_init();
}

void
backend_arena_init(struct backend_arena *a, uint16_t index, unsigned group, unsigned bins)
{
	HAK_ASSERT(group == 0);
	(void)group;
	(void)bins;
	a->index = index;
}

void
backend_arena_apart(struct backend_arena *a)
{
	(void)a;
}

struct backend_class
backend_arena_class(const struct backend_arena *a, unsigned cls)
{
	(void)a;
	(void)cls;
	return (struct backend_class){0};
}

/* --- records: arena lock --------------------------------------------------------------------- */

/* True where the record says that block p, on its page, is out. */
static bool
is_out(const struct slab *page, const void *p)
{
	size_t place = (size_t)((uintptr_t)p % PAGE_BYTES);
	size_t i = place / TINY_STEP;

	return place % TINY_STEP == 0 && slab_kind(page) > SLAB_FREE &&
	       (RELAXED(page->blocks.begins[i / 64]) >> (i % 64) & 1);
}

static bool
page_is_empty(const struct slab *page)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < BEGIN_WORDS; i++)
		any |= RELAXED(page->blocks.begins[i]);
	return any == 0;
}

/* Changes the bit of block p. */
static void
flip(struct slab *page, const void *p)
{
	size_t i = (uintptr_t)p % PAGE_BYTES / TINY_STEP;
	uint64_t word = RELAXED(page->blocks.begins[i / 64]);

	RELAXED_SET(page->blocks.begins[i / 64], word ^ (uint64_t)1 << (i % 64));
}

/* Block p of class cls, 0 for Big, goes out. */
static struct slab *
note_out(const struct backend_arena *a, const void *p, unsigned cls)
{
	uint16_t *bin;
	struct slab *page = pagemap_page(p, &bin);
	enum slab_kind kind = cls == 0 ? SLAB_BIG : cls < CLASS_LARGE ? SLAB_MID : SLAB_LARGE;

	/* None of the page's blocks was out; the page heap may have left marks of its own. */
	if (slab_kind(page) <= SLAB_FREE) {
		for (unsigned i = 0; i < BEGIN_WORDS; i++)
			RELAXED_SET(page->blocks.begins[i], 0);
		page->cls = (uint8_t)cls;
		page->arena = a->index;
		page->sampled = false;
		*bin = (uint16_t)(cls * BIN_BYTES);
		slab_set_kind(page, kind);
	}
	/* One page, one class, one arena; and no block is out twice. */
	HAK_CHECK(page->cls == cls && page->arena == a->index && !is_out(page, p));
	flip(page, p);
	return page;
}

/* Block p is about to go back. */
static void
note_back(struct slab *page, const void *p, uint16_t *bin)
{
	flip(page, p);
	if (!page_is_empty(page))
		return;
	/* Where the last block began, plus 1, for the message when it is freed again. */
	page->state = (uint16_t)((uintptr_t)p % PAGE_BYTES + 1);
	slab_set_kind(page, SLAB_NONE);
	*bin = 0;
}

/* Says why p cannot be freed. */
static _Noreturn HAK_COLD void
bad_block(const void *p)
{
	uint16_t *bin;
	const struct slab *page = pagemap_page(p, &bin);
	size_t place = (uintptr_t)p % PAGE_BYTES;
	size_t size;

	if (!page || slab_kind(page) <= SLAB_FREE) {
		if (page && page->state == place + 1)
			log_fatal("double free of %p", p);
		log_fatal("free of %p: not a block of this heap", p);
	}
	if (slab_kind(page) == SLAB_BIG)
		log_fatal("free of %p: inside the block %p of %u bytes, not its start", p,
			(const char *)p - place, page->blocks.size);
	size = sizeclass_size(page->cls);
	/* A whole number of blocks away from one that is out, a block began. */
	for (size_t at = 0; at < PAGE_BYTES; at += TINY_STEP)
		if (is_out(page, (const char *)p - place + at) &&
			(at > place ? at - place : place - at) % size == 0)
			log_fatal("double free of %p", p);
	log_fatal("free of %p: not the start of a block (blocks of %u bytes)", p, size);
}

/* --- blocks: arena lock ---------------------------------------------------------------------- */

/* The flags of mallocx for an alignment of at least a page. To a large block without one jemalloc
 * would give an odd address, so that blocks do not meet in the cache; ours begin on a page's first
 * byte, which their classes promise. */
static int
page_flags(size_t align)
{
	return MALLOCX_LG_ALIGN((int)log2_floor(align > PAGE_BYTES ? align : PAGE_BYTES));
}

/* In a thread whose data jemalloc has destroyed, while later destructors of the thread still
 * allocate, mallocx takes every block from its first arena, which is not on our memory. rallocx
 * heeds the arena it is told, so a block that is too small for anything is made to move. */
static HAK_COLD void *
take_in_exit(size_t size, int flags)
{
	void *small = mallocx(TINY_STEP / 2, MALLOCX_TCACHE_NONE | MALLOCX_ZERO);
	void *p = small ? rallocx(small, size, flags) : NULL;

	if (!p && small)
		dallocx(small, MALLOCX_TCACHE_NONE);
	return p;
}

static void *
take(struct backend_arena *a, size_t size, int flags)
{
	if (HAK_UNLIKELY(!a->created)) {
		a->created = control_create(&a->number);
		if (!a->created)
			return NULL;
	}
	flags |= (int)MALLOCX_ARENA(a->number) | MALLOCX_TCACHE_NONE;
	void *p = mallocx(size, flags);
	if (HAK_LIKELY(pagemap_in_primary(p)) || !p || pagemap_contains(p))
		return p;
	dallocx(p, MALLOCX_TCACHE_NONE);
	return take_in_exit(size, flags);
}

static void *
take_block(struct backend_arena *a, unsigned cls, int flags)
{
	size_t size = sizeclass_size(cls);
	void *p = take(a, size, size % PAGE_BYTES ? flags : flags | page_flags(1));

	if (HAK_UNLIKELY(!p))
		return NULL;
	note_out(a, p, cls);
	a->out[cls]++;
	a->holes[cls] -= a->holes[cls] > 0;
	return p;
}

/* The class that jemalloc has of the blocks that begin on the page. */
static unsigned
jemalloc_class(const struct slab *page)
{
	return page->sampled ? (unsigned)page->blocks.size : page->cls;
}

uint32_t
backend_refill(struct backend_arena *a, unsigned cls, uint32_t want, uint32_t most, struct batch *b)
{
	(void)most;
	while (b->count < want && b->nblocks < BATCH_BLOCKS) {
		void *p = take_block(a, cls, 0);
		if (!p)
			break;
		b->blocks[b->nblocks++] = p;
		b->count++;
	}
	return b->count;
}

bool
backend_dry(const struct backend_arena *a, unsigned cls)
{
	return a->holes[cls] == 0;
}

void *
backend_return(struct backend_arena *a, void *list, uint32_t now_ms)
{
	void *others = NULL;
	uint16_t *bin;

	(void)now_ms;
	while (list) {
		void *p = list;
		struct slab *page = pagemap_page(p, &bin);
		if (HAK_UNLIKELY(!page))
			log_fatal("corrupt heap: %p on a free list is no block", p);
		if (HAK_UNLIKELY(!is_out(page, p) || slab_kind(page) == SLAB_BIG))
			bad_block(p);
		list = link_get(p);
		if (page->arena != a->index) {
			link_set(p, others);
			others = p;
			continue;
		}
		unsigned cls = jemalloc_class(page);
		a->out[cls]--;
		a->holes[cls]++;
		note_back(page, p, bin);
		dallocx(p, MALLOCX_TCACHE_NONE);
	}
	return others;
}

void *
backend_take(struct backend_arena *a, unsigned cls, bool *zeroed)
{
	return take_block(a, cls, *zeroed ? MALLOCX_ZERO : 0);
}

void *
backend_take_sampled(struct backend_arena *a, unsigned cls)
{
	uint16_t *bin;
	/* Alone on its pages. */
	unsigned whole = sizeclass_aligned(sizeclass_size(cls), PAGE_BYTES);
	void *p = take_block(a, whole, 0);

	if (p) {
		struct slab *page = pagemap_page(p, &bin);
		page->sampled = true;
		page->blocks.size = whole;
		/* What it is to the program. */
		page->cls = (uint8_t)cls;
		*bin = 0;
	}
	return p;
}

void
backend_big_sampled(void *p, bool sampled)
{
	uint16_t *bin;

	pagemap_page(p, &bin)->sampled = sampled;
}

bool
backend_is_sampled(const void *p)
{
	uint16_t *bin;
	const struct slab *page = pagemap_page(p, &bin);

	return page && slab_kind(page) > SLAB_FREE && page->sampled;
}

uint16_t
backend_owner(const void *p, unsigned *cls)
{
	uint16_t *bin;
	const struct slab *page = pagemap_page(p, &bin);

	if (HAK_UNLIKELY(!page || !is_out(page, p)))
		bad_block(p);
	*cls = page->cls;
	return page->arena;
}

bool
backend_resize(struct backend_arena *a, void *p, size_t size)
{
	uint16_t *bin;
	struct slab *page = pagemap_page(p, &bin);
	unsigned cls = size > MID_MAX && size <= LARGE_MAX ? sizeclass_of(size) : 0;

	if (cls == 0 || slab_kind(page) != SLAB_LARGE || page->sampled)
		return false;
	/* Either this, or what it was: both are sizes of jemalloc's. */
	if (xallocx(p, sizeclass_size(cls), 0, 0) != sizeclass_size(cls))
		return false;
	a->out[page->cls]--;
	a->out[cls]++;
	page->cls = (uint8_t)cls;
	*bin = (uint16_t)(cls * BIN_BYTES);
	return true;
}

size_t
backend_growing_size(size_t size)
{
	return size;
}

/* --- Big ------------------------------------------------------------------------------------- */

static void
count(_Atomic size_t *counter, size_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void *
backend_big_alloc_in(unsigned group, size_t size, size_t align, bool *zeroed)
{
	HAK_ASSERT(group == 0);
	(void)group;
	int flags = page_flags(align) | (*zeroed ? MALLOCX_ZERO : 0);

	if (!lock_acquire(&big.lock))
		return NULL;
	void *p = take(&big.arena, size, flags);
	if (p) {
		struct slab *page = note_out(&big.arena, p, 0);
		page->blocks.size = sallocx(p, 0);
		count(&big.live, page->blocks.size);
		count(&big.count, 1);
	}
	lock_release(&big.lock);
	return p;
}

void
backend_big_mark(void *p, enum backend_fate fate)
{
	/* jemalloc has a cache of its own for large blocks. */
	(void)p;
	(void)fate;
}

bool
backend_big_free(void *p)
{
	uint16_t *bin;
	struct slab *page = pagemap_page(p, &bin);

	if (!lock_acquire(&big.lock))
		return false;
	count(&big.live, (size_t)0 - page->blocks.size);
	count(&big.count, (size_t)0 - 1);
	note_back(page, p, bin);
	dallocx(p, MALLOCX_TCACHE_NONE);
	lock_release(&big.lock);
	return true;
}

void *
backend_big_resize(void *p, size_t size)
{
	uint16_t *bin;
	struct slab *page = pagemap_page(p, &bin);

	if (!lock_acquire(&big.lock))
		return NULL;
	size_t usable = xallocx(p, size, 0, 0);
	count(&big.live, usable - page->blocks.size);
	page->blocks.size = usable;
	lock_release(&big.lock);
	return usable >= size ? p : NULL;
}

/* --- questions ------------------------------------------------------------------------------- */

uint16_t
backend_bin(const void *p)
{
	uint16_t *bin;

	return pagemap_page(p, &bin) ? *bin : 0;
}

size_t
backend_usable(const void *p)
{
	uint16_t *bin;
	const struct slab *page = pagemap_page(p, &bin);

	if (HAK_UNLIKELY(!page || !is_out(page, p)))
		return 0;
	return slab_kind(page) == SLAB_BIG ? page->blocks.size : sizeclass_size(page->cls);
}

bool
backend_bigcache(unsigned class, struct backend_bigcache *out)
{
	(void)class;
	(void)out;
	return false;
}

size_t
backend_arena_live(const struct backend_arena *a)
{
	size_t bytes = 0;

	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
		bytes += a->out[cls] * (size_t)sizeclass_size(cls);
	return bytes;
}

void
backend_arena_tiers(const struct backend_arena *a, struct backend_tiers *out)
{
	/* Of free blocks jemalloc tells their pages alone, whatever their tier was. */
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
		out->of[tier_of_class(cls)].active += a->out[cls] * (size_t)sizeclass_size(cls);
}

size_t
backend_purged(void)
{
	return control_purged();
}

struct backend_totals
backend_totals(void)
{
	/* With the lock, so that a fork is not waited for with a lock of libc's held. */
	if (lock_acquire(&big.lock)) {
		struct control_totals t = control_totals();
		RELAXED_SET(seen.active, t.active);
		RELAXED_SET(seen.dirty, t.dirty);
		if (t.active > RELAXED(seen.peak))
			RELAXED_SET(seen.peak, t.active);
		lock_release(&big.lock);
	}
	return (struct backend_totals){
		.used = RELAXED(seen.active),
		.resident = RELAXED(seen.dirty),
		.committed = pagemap_committed(),
		.peak = RELAXED(seen.peak),
		.purges = control_purges(),
		.purged = control_purged(),
		.big = RELAXED(big.live),
		.big_count = RELAXED(big.count),
	};
}

void
backend_audit(struct backend_arena *a)
{
	HAK_CHECK((a->created ? control_allocated(a->number) : 0) == backend_arena_live(a));
}

/* --- ageing and forks ------------------------------------------------------------------------ */

void
backend_arena_age(struct backend_arena *a, uint32_t now_ms, uint32_t quiet_ms, uint32_t cold_ms)
{
	(void)now_ms;
	(void)quiet_ms;
	if (!a->created)
		return;
	if (cold_ms > 0 && !pagemap_is_limited())
		control_decay(a->number);
	else
		control_purge(a->number);
}

size_t
backend_age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	size_t before = control_purged();

	(void)warm_ms;
	(void)keep;
	if (!lock_acquire(&big.lock))
		return 0;
	backend_arena_age(&big.arena, now_ms, cold_ms, cold_ms);
	lock_release(&big.lock);
	return control_purged() - before;
}

void
backend_reclaim(void)
{
	backend_age(0, 0, 0, 0);
}

void
backend_fork_prepare(void)
{
	lock_acquire_wait(&big.lock);
	pages_fork_prepare();
}

void
backend_fork_parent(void)
{
	pages_fork_parent();
	lock_release(&big.lock);
}

void
backend_fork_child(void)
{
	pages_fork_child();
	lock_reset(&big.lock);
}
