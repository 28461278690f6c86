/* SPDX-License-Identifier: MIT
 * backends/hakmem/hakmem.c - routes each operation of the contract to its tier. */
#include "backends/backend.h"
#include "backends/hakmem/big.h"
#include "backends/hakmem/large.h"
#include "backends/hakmem/mid.h"
#include "backends/hakmem/tiny.h"
#include "backends/hakmem/tiny_pages.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "base/assert.h"

/* That takes this part of the time at most, under the lock: giving a page back takes a microsecond,
 * or a hundred where another processor has to be interrupted for it. */
#define LOOK_PART 32
/* So many blocks ahead of the one that is returned their slabs' records are asked for. */
#define RETURN_AHEAD 12

void
backend_init(void)
{
	pagemap_init();
}

void
backend_arena_init(struct backend_arena *a, uint16_t index, unsigned group, unsigned bins)
{
	a->index = index;
	if (group == 0)
		return;
	a->group = (uint8_t)group;
	for (unsigned cls = 0; cls < CLASS_END; cls++) {
		a->lists[cls].group = a->group;
		a->lists[cls].bins = (uint16_t)(group * bins);
	}
}

void
backend_arena_apart(struct backend_arena *a)
{
	for (unsigned cls = 0; cls < CLASS_END; cls++)
		a->lists[cls].apart = true;
}

/* The arena's list of slabs of the class, those of samples or the others. */
static struct slab_list *
list_of(struct backend_arena *a, unsigned cls, bool sampled)
{
	return sampled ? &a->sampled[cls] : &a->lists[cls];
}

/* Bytes that slabs which live on have given back; any thread, relaxed. */
static _Atomic size_t slabs_purged;

static void
note_purged(size_t bytes)
{
	if (bytes > 0)
		atomic_fetch_add_explicit(&slabs_purged, bytes, memory_order_relaxed);
}

/* The pages of free blocks in slabs that have been quiet. */
static void
purge_slabs(struct backend_arena *a, uint32_t now_ms, uint32_t quiet_ms, struct purge *p)
{
	for (int sampled = 0; sampled <= (a->sampled != NULL); sampled++)
		for (unsigned cls = CLASS_TINY; cls < CLASS_LARGE; cls++) {
			struct slab_list *list = list_of(a, cls, sampled);
			if (cls < CLASS_MID)
				tiny_age(list, now_ms, quiet_ms, p);
			else
				mid_age(list, now_ms, quiet_ms, p);
		}
}

static uint32_t
refill(struct backend_arena *a, struct slab_list *list, unsigned cls, uint32_t want, uint32_t most,
	struct batch *b)
{
	if (cls < CLASS_MID && HAK_UNLIKELY(list->group))
		return tiny_sealed_refill(list, cls, a->index, want, b);
	if (cls < CLASS_MID)
		return tiny_refill(list, cls, a->index, want, most, b);
	return mid_refill(list, cls, a->index, want, b);
}

uint32_t
backend_refill(struct backend_arena *a, unsigned cls, uint32_t want, uint32_t most, struct batch *b)
{
	return refill(a, &a->lists[cls], cls, want, most, b);
}

bool
backend_dry(const struct backend_arena *a, unsigned cls)
{
	return a->lists[cls].head == NULL;
}

/* The slab of a block on a free list, and its kind; lists that the program has written into end
 * here. */
HAK_INLINE struct slab *
slab_of_free(const void *p, enum slab_kind *kind)
{
	struct slab *s = pagemap_slab(p);

	*kind = s ? slab_kind(s) : SLAB_NONE;
	if (HAK_UNLIKELY(*kind < SLAB_TINY || *kind > SLAB_LARGE))
		log_fatal("corrupt heap: %p on a free list is no block", p);
	return s;
}

/* Asks for the record of the slab of a block on a list, and is the next block; NULL at the end, or
 * where the list leaves the heap, which is found out when it comes to that. */
static const void *
foresee(const void *block)
{
	if (!pagemap_prefetch(block))
		return NULL;
	return link_get(block);
}

/* Records are cold where the heap is large, and a miss after another takes longer than the rest. */
void *
backend_return(struct backend_arena *a, void *list, uint32_t now_ms)
{
	const void *ahead = link_get(list);
	void *others = NULL;

	for (unsigned i = 0; i < RETURN_AHEAD && ahead; i++)
		ahead = foresee(ahead);
	while (list) {
		void *p = list;
		if (ahead)
			ahead = foresee(ahead);
		enum slab_kind kind;
		struct slab *s = slab_of_free(p, &kind);
		list = link_get(p);
		if (s->arena != a->index) {
			link_set(p, others);
			others = p;
			continue;
		}
		struct slab_list *slabs = list_of(a, s->cls, s->sampled);
		if (kind != SLAB_TINY)
			mid_return(slabs, s, p, now_ms);
		else if (HAK_UNLIKELY(s->group))
			tiny_sealed_return(slabs, s, p);
		else
			tiny_return(slabs, s, p, now_ms);
	}
	return others;
}

static void *
take(struct backend_arena *a, struct slab_list *list, unsigned cls, bool *zeroed)
{
	struct batch b;

	if (cls >= CLASS_LARGE)
		return large_take(list, cls, a->index, zeroed);
	*zeroed = false;
	b.nchains = b.nblocks = b.nfresh = b.count = 0;
	b.lessee = 0;
	if (refill(a, list, cls, 1, 1, &b) == 0)
		return NULL;
	return b.nfresh ? b.fresh : b.nblocks ? b.blocks[0] : b.chains[0].head;
}

void *
backend_take(struct backend_arena *a, unsigned cls, bool *zeroed)
{
	return take(a, &a->lists[cls], cls, zeroed);
}

void *
backend_take_sampled(struct backend_arena *a, unsigned cls)
{
	bool zeroed = false;

	if (HAK_UNLIKELY(!a->sampled)) {
		struct slab_list *lists = pages_meta_alloc(CLASS_END * sizeof(*lists));
		if (!lists)
			return NULL;
		for (unsigned i = 0; i < CLASS_END; i++) {
			lists[i].sampled = true;
			lists[i].group = a->group;
		}
		a->sampled = lists;
	}
	return take(a, &a->sampled[cls], cls, &zeroed);
}

void
backend_big_sampled(void *p, bool sampled)
{
	pagemap_slab(p)->sampled = sampled;
}

bool
backend_is_sampled(const void *p)
{
	const struct slab *s = pagemap_slab(p);

	return s && s->sampled;
}

uint16_t
backend_owner(const void *p, unsigned *cls)
{
	const struct slab *s = pagemap_slab(p);

	*cls = 0;
	if (!s)
		log_fatal("free of %p: not a block of this heap", p);
	switch (slab_kind(s)) {
	case SLAB_TINY:
	case SLAB_MID:
	case SLAB_LARGE:
		*cls = s->cls;
		return s->arena;
	case SLAB_BIG:
		if (p != s->base)
			log_fatal("free of %p: inside the block %p of %u bytes, not its start", p,
				(void *)s->base, s->npages * PAGE_BYTES);
		return BACKEND_NO_ARENA;
	default:
		log_fatal("double free of %p", p);
	}
}

void *
backend_big_alloc_in(unsigned group, size_t size, size_t align, bool *zeroed)
{
	return big_alloc(group, size, align, zeroed);
}

void
backend_big_mark(void *p, enum backend_fate fate)
{
	pagemap_slab(p)->state = (uint16_t)fate;
}

bool
backend_big_free(void *p)
{
	return big_free(pagemap_slab(p));
}

void *
backend_big_resize(void *p, size_t size)
{
	return big_resize(pagemap_slab(p), size);
}

bool
backend_resize(struct backend_arena *a, void *p, size_t size)
{
	struct slab *s = pagemap_slab(p);

	return slab_kind(s) == SLAB_LARGE && large_resize(a->lists, s, size);
}

size_t
backend_growing_size(size_t size)
{
	return sizeclass_size(large_whole_class(size));
}

uint16_t
backend_bin(const void *p)
{
	const struct slab *s = pagemap_slab(p);

	if (HAK_UNLIKELY(s && s->group)) {
		uint16_t *bin;
		return pagemap_page(p, &bin) ? *bin : 0;
	}
	/* A Big block's class is 0. */
	return s && !s->sampled && !s->apart ? (uint16_t)(s->cls * BIN_BYTES) : 0;
}

static HAK_NOINLINE size_t
usable_by_record(const void *p)
{
	const struct slab *s = pagemap_slab(p);

	if (HAK_UNLIKELY(!s))
		return 0;
	size_t offset = (size_t)((const char *)p - s->base);
	if (slab_kind(s) == SLAB_BIG)
		return offset == 0 ? s->npages * PAGE_BYTES : 0;
	size_t size = sizeclass_size(s->cls);
	return sizeclass_divide(s->cls, offset) * size == offset ? size : 0;
}

/* Some programs ask for each block that they allocate, and for each that they free. A Tiny block's
 * bin tells its class, and its slab is a page: that needs no record. */
size_t
backend_usable(const void *p)
{
	uint16_t bin;

	if (HAK_UNLIKELY(!pagemap_bin(p, &bin)))
		return usable_by_record(p);
	unsigned cls = bin / BIN_BYTES;
	if (HAK_UNLIKELY(cls - CLASS_TINY >= CLASS_MID - CLASS_TINY))
		return usable_by_record(p);
	size_t offset = (uintptr_t)p % PAGE_BYTES, size = sizeclass_size(cls);
	return sizeclass_divide(cls, offset) * size == offset ? size : 0;
}

void
backend_arena_age(struct backend_arena *a, uint32_t now_ms, uint32_t quiet_ms, uint32_t cold_ms)
{
	/* There may be many slabs, and nothing is known to have changed in them. */
	bool look = idle_for(now_ms, a->aged_ms, quiet_ms);
	struct purge p;

	purge_begin(&p, UINT64_MAX);
	if (look) {
		uint32_t past_ms = now_ms - a->aged_ms < cold_ms ? now_ms - a->aged_ms : cold_ms;
		a->aged_ms = now_ms;
		if (cold_ms)
			p.until_ns = os_now_ns() + past_ms * UINT64_C(1000000) / LOOK_PART;
		purge_slabs(a, now_ms, quiet_ms, &p);
		p.until_ns = UINT64_MAX;
	}
	for (int sampled = 0; sampled <= (a->sampled != NULL); sampled++)
		for (unsigned cls = CLASS_LARGE; cls < CLASS_END; cls++)
			mid_age(list_of(a, cls, sampled), now_ms, cold_ms, &p);
	note_purged(purge_end(&p));
}

size_t
backend_age(uint32_t now_ms, uint32_t warm_ms, uint32_t cold_ms, size_t keep)
{
	big_age(now_ms, cold_ms, BIG_KEEP_MS);
	return pages_age(now_ms, warm_ms, cold_ms, keep);
}

void
backend_reclaim(void)
{
	big_age(os_now_ms(), 0, 0);
	pages_reclaim();
}

size_t
backend_purged(void)
{
	return pages_purged() + RELAXED(slabs_purged);
}

struct backend_totals
backend_totals(void)
{
	struct pages_totals pages = pages_totals();
	struct big_totals big = big_totals();

	return (struct backend_totals){
		.used = pages.used - big.cached,
		.resident = pages.resident + big.cached,
		.committed = pagemap_committed(),
		.peak = pages.peak,
		.purges = pages.purges,
		.purged = pages.purged + RELAXED(slabs_purged),
		.big = big.live,
		.big_count = big.count,
		.big_cached = big.cached,
		.big_allocs = big.allocs,
		.big_alloc_bytes = big.alloc_bytes,
	};
}

bool
backend_bigcache(unsigned class, struct backend_bigcache *out)
{
	return big_cache_counts(class, out);
}

/* Blocks that the list's slabs have handed out, full ones included. */
static size_t
list_blocks(const struct slab_list *list, unsigned cls)
{
	size_t blocks = (size_t)list->count * sizeclass_table[cls].capacity;

	for (const struct slab *s = list->head; s; s = s->cut.next)
		blocks -= slab_capacity(s) - s->cut.fresh + s->cut.nfree;
	return blocks;
}

static size_t
lists_live(const struct slab_list *lists)
{
	size_t bytes = 0;

	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
		bytes += list_blocks(&lists[cls], cls) * sizeclass_size(cls);
	return bytes;
}

struct backend_class
backend_arena_class(const struct backend_arena *a, unsigned cls)
{
	return (struct backend_class){
		.slabs = a->lists[cls].count,
		.slab_pages = sizeclass_table[cls].npages,
		.slab_blocks = sizeclass_table[cls].capacity,
		.blocks = list_blocks(&a->lists[cls], cls),
	};
}

size_t
backend_arena_live(const struct backend_arena *a)
{
	return lists_live(a->lists) + (a->sampled ? lists_live(a->sampled) : 0);
}

static size_t
purged_blocks(const struct slab *s)
{
	return slab_kind(s) == SLAB_TINY ? tiny_purged(s)
					 : (size_t)__builtin_popcountll(s->cut.purged);
}

static void
lists_tiers(const struct slab_list *lists, struct backend_tiers *out)
{
	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++) {
		enum tier tier = tier_of_class(cls);
		size_t size = sizeclass_size(cls);
		size_t active = (size_t)lists[cls].count * sizeclass_table[cls].capacity;
		/* A full slab is in no list, and has neither free nor fresh blocks. */
		for (const struct slab *s = lists[cls].head; s; s = s->cut.next) {
			size_t purged = purged_blocks(s);
			active -= slab_capacity(s) - s->cut.fresh + s->cut.nfree;
			out->of[tier].cached += (s->cut.nfree - purged) * size;
			out->of[tier].purged += purged * size;
		}
		out->of[tier].active += active * size;
	}
}

void
backend_arena_tiers(const struct backend_arena *a, struct backend_tiers *out)
{
	lists_tiers(a->lists, out);
	if (a->sampled)
		lists_tiers(a->sampled, out);
}

void
backend_audit(struct backend_arena *a)
{
	for (int sampled = 0; sampled <= (a->sampled != NULL); sampled++)
		for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++)
			slab_audit(list_of(a, cls, sampled), cls < CLASS_MID     ? SLAB_TINY
							     : cls < CLASS_LARGE ? SLAB_MID
										 : SLAB_LARGE);
}

void
backend_fork_prepare(void)
{
	big_fork_prepare();
	pages_fork_prepare();
}

void
backend_fork_parent(void)
{
	pages_fork_parent();
	big_fork_parent();
}

void
backend_fork_child(void)
{
	pages_fork_child();
	big_fork_child();
}
