/* SPDX-License-Identifier: MIT
 * tests/unit/test_backend.c - the tiers' slabs through backends/backend.h: random refills and
 * returns against a list of blocks, wrong frees, exhausted memory. */
#include "backends/backend.h"

#include <sys/mman.h>

#include "backends/os.h"
#include "backends/pages.h"
#include "base/config.h"
#include "tests/unit/samples_unit.h"
#include "tests/unit/unit.h"

#define BLOCKS_MAX 20000
#define STEPS (2400 / UNIT_SLOW)
#define ARENA 5
/* Of a large block every page gets a word, of a smaller one all is filled. */
#define STRIDE 4096

struct block {
	unsigned char *p;
	unsigned cls;
	uint64_t id;
};

static struct backend_arena arena;
static struct block blocks[BLOCKS_MAX];
static size_t block_count, live_bytes;
static uint64_t rng, next_id;

static void
start(void)
{
	backend_init();
	backend_arena_init(&arena, ARENA, 0, 0);
}

/* --- the model -------------------------------------------------------------------------------- */

static size_t
stride(const struct block *b)
{
	return b->cls < CLASS_LARGE ? 8 : STRIDE;
}

static void
hold(void *p, unsigned cls)
{
	struct block *b = &blocks[block_count++];
	unsigned found = 0;

	*b = (struct block){p, cls, ++next_id};
	REQUIRE_MSG(p != NULL, "class %u: no block", cls);
	REQUIRE_EQ((uintptr_t)p % TINY_STEP, (size_t)0);
	REQUIRE_EQ(backend_owner(p, &found), ARENA);
	REQUIRE_EQ(found, cls);
	REQUIRE_EQ(backend_usable(p), sizeclass_size(cls));
	REQUIRE_EQ(backend_bin(p), cls < BIN_CLASSES ? cls * BIN_BYTES : 0u);
	for (size_t at = 0; at + 8 <= sizeclass_size(cls); at += stride(b))
		pattern_fill(b->p, b->id, at, at + 8);
	live_bytes += sizeclass_size(cls);
}

static void
check_block(const struct block *b)
{
	for (size_t at = 0; at + 8 <= sizeclass_size(b->cls); at += stride(b))
		REQUIRE_MSG(pattern_check(b->p, b->id, at, at + 8) == at + 8,
			"seed %" PRIu64 ": block %p of class %u was written to at %zu", unit_seed,
			(void *)b->p, b->cls, at);
}

static void
check_all(void)
{
	for (size_t i = 0; i < block_count; i++)
		check_block(&blocks[i]);
	ck_assert_uint_eq(backend_arena_live(&arena), live_bytes);
	backend_audit(&arena);
	pages_audit();
}

/* Takes a block out of the model and puts it at the head of a list to be returned. */
static void *
unhold(size_t i, void *list)
{
	void *p = blocks[i].p;

	check_block(&blocks[i]);
	live_bytes -= sizeclass_size(blocks[i].cls);
	blocks[i] = blocks[--block_count];
	link_set(p, list);
	return p;
}

/* --- operations ------------------------------------------------------------------------------- */

/* Few classes at a time, so that slabs fill and empty. */
static unsigned
random_class(unsigned from, unsigned to)
{
	return from + (unsigned)rng_below(&rng, 5) * ((to - from) / 5);
}

static void
step_refill(void)
{
	unsigned cls = random_class(CLASS_TINY, BIN_CLASSES);
	uint32_t want = 1 + (uint32_t)rng_below(&rng, 100);
	uint32_t most = want + (uint32_t)rng_below(&rng, 100);
	struct batch b = {.lessee = (uint16_t)rng_below(&rng, 8)};
	uint32_t n, held = 0;

	if (block_count + most > BLOCKS_MAX || live_bytes > 64 * MIB)
		return;
	n = backend_refill(&arena, cls, want, most, &b);
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, most);
	ck_assert_uint_eq(n, b.count);
	for (uint32_t c = 0; c < b.nchains; c++) {
		void *p = b.chains[c].head;

		for (uint32_t i = 0; i < b.chains[c].count; i++, held++) {
			void *next = *(void **)p;

			hold(p, cls);
			p = next;
		}
		ck_assert_ptr_null(p);
	}
	for (uint32_t i = 0; i < b.nblocks; i++, held++)
		hold(b.blocks[i], cls);
	for (uint32_t i = 0; i < b.nfresh; i++, held++)
		hold(b.fresh + i * sizeclass_size(cls), cls);
	ck_assert_uint_eq(held, n);
}

static void
step_take(void)
{
	unsigned cls = rng_below(&rng, 4) ? random_class(CLASS_LARGE, CLASS_END)
					  : random_class(CLASS_TINY, CLASS_END);
	bool zeroed = true;
	void *p;

	if (block_count == BLOCKS_MAX || (cls >= CLASS_LARGE && live_bytes > 64 * MIB))
		return;
	p = backend_take(&arena, cls, &zeroed);
	ck_assert_ptr_nonnull(p);
	if (zeroed)
		ck_assert_msg(bytes_check(p, 0, sizeclass_size(cls)) == sizeclass_size(cls),
			"seed %" PRIu64 ": block %p of class %u is not zero", unit_seed, p, cls);
	hold(p, cls);
}

static void
step_return(void)
{
	size_t n = 1 + rng_below(&rng, block_count);
	void *list = NULL;

	for (n = n > 200 ? 200 : n; n > 0; n--)
		list = unhold(rng_below(&rng, block_count), list);
	ck_assert_ptr_null(backend_return(&arena, list, os_now_ms()));
}

/* A block of L2.5 grows or shrinks where it is, or nothing happens. */
static void
step_resize(void)
{
	struct block *b = &blocks[rng_below(&rng, block_count)];
	size_t size = 1 + rng_below(&rng, LARGE_MAX), old = sizeclass_size(b->cls);
	unsigned cls = 0;

	check_block(b);
	if (!backend_resize(&arena, b->p, size)) {
		ck_assert_uint_eq(backend_usable(b->p), old);
		return;
	}
	ck_assert_uint_ge(b->cls, CLASS_LARGE);
	ck_assert_uint_eq(backend_owner(b->p, &cls), ARENA);
	REQUIRE_EQ(sizeclass_size(cls), backend_growing_size(size));
	for (size_t at = 0; at + 8 <= old && at + 8 <= size; at += STRIDE)
		REQUIRE_EQ(pattern_check(b->p, b->id, at, at + 8), at + 8);
	live_bytes -= old;
	block_count--;
	struct block last = blocks[block_count];
	hold(b->p, cls);
	struct block resized = blocks[--block_count];
	blocks[block_count++] = last;
	*b = resized;
}

static void
step_age(void)
{
	uint32_t now_ms = os_now_ms() + (uint32_t)rng_below(&rng, 200);
	uint32_t cold_ms = (uint32_t)rng_below(&rng, 2) * 100;

	backend_arena_age(&arena, now_ms, cold_ms / 4, cold_ms);
	if (rng_below(&rng, 2))
		backend_age(now_ms, 0, 0, 0);
}

START_TEST(test_random)
{
	start();
	rng = unit_rng(0);
	for (int i = 0; i < STEPS; i++) {
		size_t kind = rng_below(&rng, 100);

		if (kind < 30)
			step_refill();
		else if (kind < 60)
			step_take();
		else if (kind < 92 && block_count)
			step_return();
		else if (kind < 97 && block_count)
			step_resize();
		else
			step_age();
		if (i % 100 == 0)
			check_all();
	}
	while (block_count)
		ck_assert_ptr_null(
			backend_return(&arena, unhold(block_count - 1, NULL), os_now_ms()));
	check_all();
	/* Empty slabs die; nothing of them is left in use. */
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

/* Every class alone: full slabs, in both orders back. */
START_TEST(test_each_class)
{
	size_t per_slab = sizeclass_table[_i].capacity;
	bool zeroed = false;

	start();
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < 2 * per_slab; i++)
			hold(backend_take(&arena, (unsigned)_i, &zeroed), (unsigned)_i);
		check_all();
		ck_assert_uint_eq(
			backend_totals().used, 2 * sizeclass_table[_i].npages * PAGE_BYTES);
		ck_assert(backend_dry(&arena, (unsigned)_i));
		while (block_count)
			backend_return(&arena, unhold(round % 2 ? 0 : block_count - 1, NULL), 0);
		check_all();
		ck_assert_uint_eq(backend_totals().used, 0);
	}
}
END_TEST

/* From a page to a Big block and back, as far as there is room; the pages behind it serve others.
 */
START_TEST(test_resize)
{
	unsigned cls = sizeclass_of(PAGE_BYTES), found;
	bool zeroed = false;
	unsigned char *p, *neighbour;

	start();
	p = backend_take(&arena, cls, &zeroed);
	pattern_fill(p, 1, 0, PAGE_BYTES);
	for (size_t size = PAGE_BYTES; size <= LARGE_MAX; size += 10000) {
		ck_assert(backend_resize(&arena, p, size));
		cls = sizeclass_of(backend_growing_size(size));
		ck_assert_uint_ge(sizeclass_size(cls), size);
		ck_assert_uint_eq(backend_owner(p, &found), ARENA);
		ck_assert_uint_eq(found, cls);
		ck_assert_uint_eq(backend_bin(p), cls * BIN_BYTES);
		ck_assert_uint_eq(backend_usable(p), sizeclass_size(cls));
		ck_assert_uint_eq(backend_arena_live(&arena), sizeclass_size(cls));
		ck_assert_uint_eq(backend_totals().used, sizeclass_size(cls));
		ck_assert_uint_eq(pattern_check(p, 1, 0, PAGE_BYTES), PAGE_BYTES);
		memset(p + PAGE_BYTES, 2, sizeclass_size(cls) - PAGE_BYTES);
	}
	/* Too small for L2.5: somewhere else. */
	ck_assert(!backend_resize(&arena, p, MID_MAX));
	ck_assert(backend_resize(&arena, p, 3 * PAGE_BYTES));
	ck_assert_uint_eq(backend_totals().used, 3 * PAGE_BYTES);
	neighbour = backend_take(&arena, sizeclass_of(PAGE_BYTES), &zeroed);
	ck_assert_ptr_eq(neighbour, p + 3 * PAGE_BYTES);
	ck_assert(!zeroed);
	ck_assert(!backend_resize(&arena, p, 4 * PAGE_BYTES));
	ck_assert_uint_eq(backend_usable(p), 3 * PAGE_BYTES);
	link_set(neighbour, NULL);
	ck_assert_ptr_null(backend_return(&arena, neighbour, 0));
	ck_assert(backend_resize(&arena, p, LARGE_MAX + 1));
	ck_assert_uint_eq(backend_owner(p, &found), BACKEND_NO_ARENA);
	ck_assert_uint_eq(backend_bin(p), 0);
	ck_assert_uint_eq(backend_usable(p), LARGE_MAX + PAGE_BYTES);
	ck_assert_uint_eq(backend_totals().big, LARGE_MAX + PAGE_BYTES);
	ck_assert_uint_eq(backend_totals().big_count, 1);
	ck_assert_uint_eq(backend_arena_live(&arena), 0);
	ck_assert_uint_eq(pattern_check(p, 1, 0, PAGE_BYTES), PAGE_BYTES);
	ck_assert(backend_big_free(p));
	backend_reclaim();
	ck_assert_uint_eq(backend_totals().used, 0);
	pages_audit();
}
END_TEST

/* Blocks that share a slab, samples, and those of groups stay as they are. */
START_TEST(test_resize_refused)
{
	static struct backend_arena grouped, apart;
	bool zeroed = false;
	void *p;

	start();
	p = backend_take(&arena, sizeclass_of(40960), &zeroed);
	ck_assert(!backend_resize(&arena, p, PAGE_BYTES));
	p = backend_take(&arena, sizeclass_of(MID_MAX), &zeroed);
	ck_assert(!backend_resize(&arena, p, PAGE_BYTES));
	p = backend_take(&arena, 1, &zeroed);
	ck_assert(!backend_resize(&arena, p, PAGE_BYTES));
	p = backend_take_sampled(&arena, sizeclass_of(PAGE_BYTES));
	ck_assert(!backend_resize(&arena, p, 2 * PAGE_BYTES));
	backend_arena_init(&grouped, ARENA + 1, 1, BIN_CLASSES);
	p = backend_take(&grouped, sizeclass_of(PAGE_BYTES), &zeroed);
	ck_assert(!backend_resize(&grouped, p, 2 * PAGE_BYTES));
	backend_arena_init(&apart, ARENA + 2, 0, 0);
	backend_arena_apart(&apart);
	p = backend_take(&apart, sizeclass_of(PAGE_BYTES), &zeroed);
	ck_assert(!backend_resize(&apart, p, 2 * PAGE_BYTES));
	p = backend_take(&arena, sizeclass_of(PAGE_BYTES), &zeroed);
	ck_assert(backend_resize(&arena, p, 2 * PAGE_BYTES));
}
END_TEST

/* --- leases ----------------------------------------------------------------------------------- */

/* Some fresh blocks for the cache of that number; the first of them. */
static char *
lease(unsigned cls, uint16_t lessee, uint32_t want)
{
	struct batch b = {.lessee = lessee};

	ck_assert_uint_ge(backend_refill(&arena, cls, want, want, &b), want);
	ck_assert_uint_eq(b.nfresh, want);
	return b.fresh;
}

static size_t
page_of(const char *p)
{
	return (uintptr_t)p / PAGE_BYTES;
}

/* p is in the slab of one of the four. */
static void
expect_shared(char *const first[4], const char *p)
{
	unsigned i = 0;

	while (i < 4 && page_of(p) != page_of(first[i]))
		i++;
	ck_assert_uint_lt(i, 4);
}

/* Each cache gets its fresh blocks from a slab of its own, as long as there are few. */
START_TEST(test_leases)
{
	unsigned small = sizeclass_of(64), large = sizeclass_of(512);
	char *first[4], *p;

	start();
	for (uint16_t i = 0; i < 4; i++) {
		first[i] = lease(small, i + 1, 8);
		for (uint16_t j = 0; j < i; j++)
			ck_assert_uint_ne(page_of(first[i]), page_of(first[j]));
	}
	for (uint16_t i = 0; i < 4; i++)
		ck_assert_ptr_eq(lease(small, i + 1, 8), first[i] + (size_t)8 * 64);
	/* A fifth one is content with another's, and has it from then on. */
	p = lease(small, 5, 8);
	expect_shared(first, p);
	ck_assert_ptr_eq(lease(small, 5, 8), p + (size_t)8 * 64);
	/* Who is no cache takes what there is. */
	expect_shared(first, lease(small, 0, 8));
	/* Large ones share. */
	p = lease(large, 1, 2);
	ck_assert_ptr_eq(lease(large, 2, 2), p + (size_t)2 * 512);
	backend_audit(&arena);
}
END_TEST

/* Blocks that were freed serve before fresh memory is touched, whosever slab they are in. */
START_TEST(test_freed_before_fresh)
{
	unsigned cls = sizeclass_of(64);
	struct batch b = {.lessee = 2};
	void *list = NULL;
	char *mine, *other;

	start();
	other = lease(cls, 1, 16);
	mine = lease(cls, 2, 16);
	for (size_t i = 0; i < 16; i++) {
		link_set(other + i * 64, list);
		list = i < 15 ? other + i * 64 : list;
	}
	ck_assert_ptr_null(backend_return(&arena, list, 0));
	ck_assert_uint_eq(backend_refill(&arena, cls, 15, 16, &b), 15);
	ck_assert_uint_eq(b.nfresh, 0);
	ck_assert_uint_eq(page_of(b.chains[0].head), page_of(other));
	/* And then this cache's own. */
	ck_assert_ptr_eq(lease(cls, 2, 8), mine + (size_t)16 * 64);
	backend_audit(&arena);
}
END_TEST

/* The blocks of other arenas are left. */
START_TEST(test_other_arena)
{
	static struct backend_arena other;
	void *a, *b, *c;
	unsigned cls;
	bool zeroed = false;

	start();
	backend_arena_init(&other, ARENA + 1, 0, 0);
	a = backend_take(&arena, 4, &zeroed);
	b = backend_take(&other, 4, &zeroed);
	c = backend_take(&arena, 4, &zeroed);
	link_set(c, NULL);
	link_set(b, c);
	link_set(a, b);
	ck_assert_ptr_eq(backend_return(&arena, a, 0), b);
	ck_assert_ptr_null(link_get(b));
	ck_assert_uint_eq(backend_owner(b, &cls), ARENA + 1);
	ck_assert_uint_eq(backend_arena_live(&arena), 0);
	ck_assert_ptr_null(backend_return(&other, b, 0));
	ck_assert_uint_eq(backend_totals().used, 0);
}
END_TEST

/* --- wrong frees ------------------------------------------------------------------------------ */

static const size_t tier_sizes[] = {16, 64, 112, 1024, 1152, 5120, 32768, 65536, 131072, 1048576};

struct misuse {
	unsigned cls;
	size_t offset;
	bool twice;
};

/* Returns a block's address plus an offset; neighbours keep its slab alive. */
static void
misuse(void *arg)
{
	const struct misuse *m = arg;
	char *p[3];
	bool zeroed = false;

	start();
	for (int i = 0; i < 3; i++)
		p[i] = backend_take(&arena, m->cls, &zeroed);
	for (int i = 0; i < 1 + m->twice; i++) {
		if (!m->offset)
			link_set(p[1], NULL);
		backend_return(&arena, p[1] + m->offset, 0);
	}
}

START_TEST(test_misuse)
{
	struct misuse m = {sizeclass_of(tier_sizes[_i]), 0, true};
	static const size_t offsets[] = {1, 8, 16, 24, 512};
	char message[512];

	/* At least two blocks to a slab, or it is gone by then, and with it its page's kind. */
	expect_abort(misuse, &m, sizeclass_table[m.cls].capacity > 1 ? "double free" : "no block");
	m.twice = false;
	for (size_t i = 0; i < LENGTH(offsets); i++) {
		m.offset = offsets[i];
		if (m.offset < sizeclass_size(m.cls))
			expect_abort(misuse, &m, "not the start of a block");
	}
	m.offset = 0;
	ck_assert_int_eq(run_child(misuse, &m, message, sizeof(message)), 0);
}
END_TEST

/* Beyond what was ever handed out of the slab. */
static void
return_never_handed_out(void *arg)
{
	char *p;
	bool zeroed = false;

	start();
	p = backend_take(&arena, *(unsigned *)arg, &zeroed);
	p += sizeclass_size(*(unsigned *)arg);
	backend_return(&arena, p, 0);
}

static void
owner_of(void *arg)
{
	unsigned cls;

	backend_owner(arg, &cls);
}

START_TEST(test_never_a_block)
{
	unsigned cls;
	bool zeroed = false;
	char *p;

	for (size_t i = 0; i < LENGTH(tier_sizes); i++) {
		cls = sizeclass_of(tier_sizes[i]);
		if (sizeclass_table[cls].capacity > 1)
			expect_abort(return_never_handed_out, &cls, "not the start of a block");
	}
	start();
	expect_abort(owner_of, NULL, "not a block of this heap");
	expect_abort(owner_of, &arena, "not a block of this heap");
	p = backend_take(&arena, 4, &zeroed);
	link_set(p, NULL);
	backend_return(&arena, p, 0);
	expect_abort(owner_of, p, "not a block of this heap");
	ck_assert_uint_eq(backend_usable(&arena), 0);
	ck_assert_uint_eq(backend_bin(&arena), 0);
	p = backend_big_alloc(3 * MIB, 1, &zeroed);
	ck_assert_uint_eq(backend_owner(p, &cls), BACKEND_NO_ARENA);
	expect_abort(owner_of, p + 16, "not its start");
	ck_assert(backend_big_free(p));
	expect_abort(owner_of, p, "double free");
}
END_TEST

/* A program that writes into a block it has freed: the link is looked at before it is followed. */
static void
follow_bad_link(void *arg)
{
	void *p[4];
	bool zeroed = false;

	start();
	for (int i = 0; i < 4; i++)
		p[i] = backend_take(&arena, 4, &zeroed);
	for (int i = 0; i < 2; i++) {
		link_set(p[i], NULL);
		backend_return(&arena, p[i], 0);
	}
	link_set(p[1], arg);
	backend_take(&arena, 4, &zeroed);
}

START_TEST(test_overwritten_link)
{
	expect_abort(follow_bad_link, &rng, "after it was freed");
	expect_abort(follow_bad_link, (void *)0x4141414141414141u, "after it was freed");
}
END_TEST

/* --- exhausted memory ------------------------------------------------------------------------- */

START_TEST(test_exhausted)
{
	struct batch b = {0};
	bool zeroed = true;

	start();
	os_fail_after(0, true);
	for (unsigned cls = 1; cls < CLASS_END; cls++) {
		if (cls < BIN_CLASSES)
			ck_assert_uint_eq(backend_refill(&arena, cls, 10, 20, &b), 0);
		ck_assert_ptr_null(backend_take(&arena, cls, &zeroed));
		ck_assert(backend_dry(&arena, cls));
	}
	ck_assert_ptr_null(backend_big_alloc(2 * MIB, 1, &zeroed));
	ck_assert_ptr_null(backend_big_alloc(1, MIB, &zeroed));
	check_all();
	os_fail_after(-1, false);
	for (unsigned cls = 1; cls < CLASS_END; cls++)
		hold(backend_take(&arena, cls, &zeroed), cls);
	/* What is committed already is handed out without the system's help. */
	os_fail_after(0, true);
	for (unsigned cls = 1; cls < CLASS_END; cls++)
		if (sizeclass_table[cls].capacity > 1)
			hold(backend_take(&arena, cls, &zeroed), cls);
	check_all();
}
END_TEST

/* Pages that hold memory among those of the n bytes at p. */
static size_t
resident_pages(const char *p, size_t n)
{
	size_t page = os_page_size(), count = 0;
	unsigned char flags[256];

	n = round_up(n, page);
	REQUIRE_MSG(n / page <= sizeof(flags), "%zu bytes", n);
	REQUIRE_EQ(mincore((void *)(uintptr_t)p, n, flags), 0);
	for (size_t i = 0; i < n / page; i++)
		count += flags[i] & 1;
	return count;
}

/* A byte for each block, so that two that overlap are told. */
static void
mark_block(char *p, size_t i, size_t size)
{
	memset(p, (int)(0x11 + i % 199), size);
}

static void
check_mark(const char *p, size_t i, size_t size)
{
	for (size_t at = 0; at < size; at++)
		REQUIRE_EQ(p[at], (char)(0x11 + i % 199));
}

/* The first, the fifth and the last block stay. */
static bool
is_kept(size_t i, size_t n)
{
	return i == 0 || i == 4 || i + 1 == n;
}

/* A class of L2 whose blocks are no whole number of pages; Tiny ones that end at pages and not. */
static const size_t quiet_sizes[] = {6000, 16, 48, 80, 512, 1008, 1024};

/* Of a quiet slab the pages of its free blocks go, and nothing of those that stay; they are handed
 * out again, each once. */
START_TEST(test_quiet_slab)
{
	unsigned cls = sizeclass_of(quiet_sizes[_i]);
	size_t size = sizeclass_size(cls), n = sizeclass_table[cls].capacity;
	static char *held[PAGE_BYTES / TINY_STEP];
	bool zeroed = false;

	start();
	for (size_t i = 0; i < n; i++)
		mark_block(held[i] = backend_take(&arena, cls, &zeroed), i, size);
	size_t before = resident_pages(held[0], n * size);
	for (size_t i = 0; i < n; i++)
		if (!is_kept(i, n)) {
			link_set(held[i], NULL);
			backend_return(&arena, held[i], 1000);
		}
	backend_arena_age(&arena, 1010, 200, 800);
	REQUIRE_EQ(resident_pages(held[0], n * size), before);
	backend_arena_age(&arena, 3000, 200, 800);
	backend_audit(&arena);
	size_t most = 3 * (size / os_page_size() + 2);
	REQUIRE_MSG(resident_pages(held[0], n * size) <= most, "%zu pages of %zu, not %zu",
		resident_pages(held[0], n * size), before, most);
	for (size_t i = 0; i < n; i++)
		if (!is_kept(i, n)) {
			mark_block(held[i] = backend_take(&arena, cls, &zeroed), i, size);
			backend_audit(&arena);
		}
	for (size_t i = 0; i < n; i++)
		check_mark(held[i], i, size);
	REQUIRE_EQ(backend_totals().used, sizeclass_table[cls].npages * PAGE_BYTES);
}
END_TEST

static void
take_all(char **p, size_t n, unsigned cls)
{
	bool zeroed = false;

	for (size_t i = 0; i < n; i++)
		p[i] = backend_take(&arena, cls, &zeroed);
}

static void
give_all_but_first(char **p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		link_set(p[i], NULL);
		backend_return(&arena, p[i], 1000);
	}
}

static char *purged_block;

static void
free_purged(void *unused)
{
	(void)unused;
	link_set(purged_block, NULL);
	backend_return(&arena, purged_block, 5000);
}

/* What was freed before its page was given back cannot be freed again. */
START_TEST(test_purged_twice)
{
	unsigned cls = sizeclass_of(256);
	char *p[PAGE_BYTES / 256];
	size_t page = os_page_size() / 256;

	if (page == LENGTH(p))
		return;
	start();
	take_all(p, LENGTH(p), cls);
	give_all_but_first(p, LENGTH(p));
	backend_arena_age(&arena, 3000, 200, 800);
	purged_block = p[page + 4];
	expect_abort(free_purged, NULL, "double free");
}
END_TEST

/* The system takes the pages before a locked one, and then says that it took none. */
START_TEST(test_locked_page)
{
	unsigned cls = sizeclass_of(256);
	char *p[PAGE_BYTES / 256];
	size_t page = os_page_size() / 256;

	if (page * 4 > LENGTH(p))
		return;
	start();
	take_all(p, LENGTH(p), cls);
	if (mlock(p[page * 2], os_page_size()) != 0)
		return;
	give_all_but_first(p, LENGTH(p));
	backend_arena_age(&arena, 3000, 200, 800);
	backend_audit(&arena);
	take_all(p + 1, LENGTH(p) - 1, cls);
	for (size_t i = 1; i < LENGTH(p); i++)
		mark_block(p[i], i, 256);
	for (size_t i = 1; i < LENGTH(p); i++)
		check_mark(p[i], i, 256);
	REQUIRE_EQ(backend_totals().used, PAGE_BYTES);
}
END_TEST

START_TEST(test_samples)
{
	start();
	check_samples(&arena);
	check_big_samples();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backend");
	TCase *tc = plain_tcase(suite, "backend", 120);

	unit_begin("test_backend");
	tcase_add_test(tc, test_samples);
	tcase_add_loop_test(tc, test_quiet_slab, 0, (int)LENGTH(quiet_sizes));
	tcase_add_test(tc, test_purged_twice);
	tcase_add_test(tc, test_locked_page);
	tcase_add_test(tc, test_random);
	tcase_add_loop_test(tc, test_each_class, 1, CLASS_END);
	tcase_add_test(tc, test_resize);
	tcase_add_test(tc, test_resize_refused);
	tcase_add_test(tc, test_leases);
	tcase_add_test(tc, test_freed_before_fresh);
	tcase_add_test(tc, test_other_arena);
	tcase_add_loop_test(tc, test_misuse, 0, (int)LENGTH(tier_sizes));
	tcase_add_test(tc, test_never_a_block);
	tcase_add_test(tc, test_overwritten_link);
	tcase_add_test(tc, test_exhausted);
	return run_suite(suite);
}
