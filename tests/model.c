/* SPDX-License-Identifier: MIT
 * tests/model.c - the random operations and the shadow copy that they are compared with. */
#include "model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hakmem/hakmem.h>

#include "pattern.h"

/* Blocks above DENSE_MAX are filled in part only, mostly: their edges, and a word here and there.
 * Filling all of each would make the test a test of the memory bus. */
#define DENSE_MAX ((size_t)64 << 10)
#define EDGE ((size_t)4 << 10)
#define STRIDE ((size_t)32 << 10)
#define ERRNO_MARK 12345

typedef bool (*model_op)(struct model *m);

static bool
fail(struct model *m, const struct model_block *b, const char *format, ...)
{
	int n = 0;
	va_list args;

	if (b)
		n = snprintf(m->failure, sizeof(m->failure),
			"block %p asked %zu alignment %zu: ", (void *)b->addr, b->asked,
			b->alignment);
	va_start(args, format);
	vsnprintf(m->failure + n, sizeof(m->failure) - (size_t)n, format, args);
	va_end(args);
	return false;
}

static size_t
below(struct model *m, size_t n)
{
	return (size_t)(rng_next(&m->rng) % n);
}

/* --- contents -------------------------------------------------------------------------------- */

static bool
is_dense(const struct model_block *b)
{
	return b->size <= DENSE_MAX || b->id % 8 == 0;
}

static void
contents_fill(const struct model_block *b)
{
	if (is_dense(b)) {
		pattern_fill(b->addr, b->id, 0, b->size);
		return;
	}
	pattern_fill(b->addr, b->id, 0, EDGE);
	for (size_t at = STRIDE; at < b->size - EDGE; at += STRIDE)
		pattern_fill(b->addr, b->id, at, at + 8);
	pattern_fill(b->addr, b->id, (b->size - EDGE) & ~(size_t)7, b->size);
}

/* Checks the range [from, to) as far as it lies below `upto`. */
static bool
range_check(struct model *m, const struct model_block *b, size_t from, size_t to, size_t upto)
{
	size_t end = to < upto ? to : upto;
	size_t bad = from < end ? pattern_check(b->addr, b->id, from, end) : end;
	uint64_t found = 0;

	if (bad == end)
		return true;
	memcpy(&found, b->addr + bad, end - bad < sizeof(found) ? end - bad : sizeof(found));
	return fail(m, b, "the word at offset %zu was overwritten by 0x%" PRIx64, bad, found);
}

/* Checks what contents_fill wrote to the first `upto` bytes; b may have moved since. */
static bool
contents_check(struct model *m, const struct model_block *b, size_t upto)
{
	if (is_dense(b))
		return range_check(m, b, 0, b->size, upto);
	if (!range_check(m, b, 0, EDGE, upto))
		return false;
	for (size_t at = STRIDE; at < b->size - EDGE; at += STRIDE)
		if (!range_check(m, b, at, at + 8, upto))
			return false;
	return range_check(m, b, (b->size - EDGE) & ~(size_t)7, b->size, upto);
}

/* --- random sizes and alignments ------------------------------------------------------------- */

static size_t
random_size(struct model *m)
{
	static const size_t boundaries[] = {8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384,
		32768, 65536, 131072, 524288, 1048576, 2097152, 4194304, 8388608};
	const size_t n = sizeof(boundaries) / sizeof(boundaries[0]);
	size_t size, kind = below(m, 128);

	if (kind == 0)
		return 0;
	if (kind < 32) {
		size = boundaries[below(m, n)] + below(m, 3) - 1;
	} else {
		/* Log-uniform: each power of two is as likely as the next. */
		size_t octaves = 0;

		while (m->limits.max_size >> octaves > 1)
			octaves++;
		size = (size_t)1 << below(m, octaves + 1);
		size += below(m, size);
	}
	return size <= m->limits.max_size ? size : 1 + size % m->limits.max_size;
}

/* Mostly below 4 KiB; one in 64 goes to 16 MiB. */
static size_t
random_alignment(struct model *m)
{
	return (size_t)1 << below(m, below(m, 64) == 0 ? 25 : 13);
}

/* --- allocation ------------------------------------------------------------------------------ */

/* Puts a new block into the list: checks where it lies, and fills it. */
static bool
adopt(struct model *m, struct model_block b, size_t alignment)
{
	size_t usable;

	if (!b.addr)
		return fail(m, &b, "no memory (errno %d) with %zu bytes live", errno, m->bytes);
	if ((uintptr_t)b.addr % alignment != 0)
		return fail(m, &b, "not aligned to %zu", alignment);
	usable = hak_malloc_usable_size(b.addr);
	if (usable < b.asked)
		return fail(m, &b, "only %zu bytes usable", usable);
	if (!hak_is_in_heap(b.addr))
		return fail(m, &b, "not in the heap");
	/* The program may use all that is usable; one in four does. */
	b.size = below(m, 4) == 0 ? usable : b.asked;
	b.id = m->next_id++;
	contents_fill(&b);
	m->blocks[m->count++] = b;
	m->bytes += b.size;
	return true;
}

static size_t
natural_alignment(size_t size)
{
	return size >= 16 ? 16 : 8;
}

static bool
op_malloc(struct model *m)
{
	struct model_block b = {.asked = random_size(m)};

	b.addr = hak_malloc(b.asked);
	return adopt(m, b, natural_alignment(b.asked));
}

static bool
op_calloc(struct model *m)
{
	size_t size = random_size(m), n = 1 + below(m, 8);
	struct model_block b = {.asked = size / n * n};
	size_t bad;

	b.addr = hak_calloc(n, size / n);
	bad = b.addr ? bytes_check(b.addr, 0, b.asked) : b.asked;
	if (bad != b.asked)
		return fail(m, &b, "calloc left a byte at offset %zu that is not zero", bad);
	return adopt(m, b, natural_alignment(b.asked));
}

static bool
op_realloc_null(struct model *m)
{
	struct model_block b = {.asked = random_size(m)};

	b.addr = below(m, 2) ? hak_realloc(NULL, b.asked) : hak_reallocarray(NULL, b.asked, 1);
	return adopt(m, b, natural_alignment(b.asked));
}

static bool
op_aligned_alloc(struct model *m)
{
	struct model_block b = {.asked = random_size(m), .alignment = random_alignment(m)};

	b.addr = hak_aligned_alloc(b.alignment, b.asked);
	return adopt(m, b, b.alignment);
}

static bool
op_posix_memalign(struct model *m)
{
	struct model_block b = {.asked = random_size(m)};
	size_t alignment = random_alignment(m) * sizeof(void *);
	void *out = NULL;
	int error = hak_posix_memalign(&out, alignment, b.asked);

	if (error)
		return fail(m, &b, "posix_memalign(%zu) returned %d", alignment, error);
	b.addr = out;
	return adopt(m, b, alignment);
}

static bool
op_memalign(struct model *m)
{
	struct model_block b = {.asked = random_size(m)};
	size_t alignment = random_alignment(m);

	b.addr = hak_memalign(alignment, b.asked);
	return adopt(m, b, alignment);
}

static bool
op_valloc(struct model *m)
{
	struct model_block b = {.asked = random_size(m)};

	b.addr = below(m, 2) ? hak_valloc(b.asked) : hak_pvalloc(b.asked);
	return adopt(m, b, (size_t)sysconf(_SC_PAGESIZE));
}

static bool
alloc_any(struct model *m)
{
	static const model_op ops[] = {op_malloc, op_malloc, op_malloc, op_malloc, op_calloc,
		op_calloc, op_realloc_null, op_aligned_alloc, op_posix_memalign, op_memalign};

	/* Page-aligned blocks are rare in programs and use up the byte limit fast. */
	if (below(m, 64) == 0)
		return op_valloc(m);
	return ops[below(m, sizeof(ops) / sizeof(ops[0]))](m);
}

/* --- the other operations -------------------------------------------------------------------- */

static struct model_block
unlink_block(struct model *m, size_t i)
{
	struct model_block b = m->blocks[i];

	m->blocks[i] = m->blocks[--m->count];
	m->bytes -= b.size;
	return b;
}

static bool
free_block(struct model *m, const struct model_block *b)
{
	if (!contents_check(m, b, b->size))
		return false;
	errno = ERRNO_MARK;
	if (b->alignment && below(m, 2))
		hak_free_aligned_sized(b->addr, b->alignment, b->asked);
	else
		hak_free(b->addr);
	return errno == ERRNO_MARK || fail(m, b, "free changed errno to %d", errno);
}

static bool
op_free(struct model *m)
{
	struct model_block b;

	if (m->count == 0)
		return alloc_any(m);
	b = unlink_block(m, below(m, m->count));
	return free_block(m, &b);
}

static bool
op_realloc(struct model *m)
{
	struct model_block old, b;
	size_t kept;

	if (m->count == 0)
		return alloc_any(m);
	old = unlink_block(m, below(m, m->count));
	if (!contents_check(m, &old, old.size))
		return false;
	b = (struct model_block){.asked = random_size(m)};
	/* A small step is what growing buffers do, and what may be done in place. */
	if (below(m, 2))
		b.asked = old.asked / 2 + below(m, old.asked + 16);
	if (b.asked == 0)
		b.asked = 1;
	b.addr = below(m, 4) ? hak_realloc(old.addr, b.asked)
			     : hak_reallocarray(old.addr, 1, b.asked);
	kept = old.size < b.asked ? old.size : b.asked;
	if (!b.addr)
		return fail(m, &old, "no memory to realloc to %zu", b.asked);
	old.addr = b.addr;
	return contents_check(m, &old, kept) && adopt(m, b, natural_alignment(b.asked));
}

static bool
op_check(struct model *m)
{
	const struct model_block *b;

	if (m->count == 0)
		return true;
	b = &m->blocks[below(m, m->count)];
	return contents_check(m, b, b->size);
}

static bool
op_send(struct model *m)
{
	struct mailbox *box = m->mailbox;

	if (m->count == 0)
		return true;
	pthread_mutex_lock(&box->lock);
	if (box->count < MAILBOX_SLOTS)
		box->slots[box->count++] = unlink_block(m, below(m, m->count));
	pthread_mutex_unlock(&box->lock);
	return true;
}

static bool
mailbox_take(struct mailbox *box, struct model_block *b, size_t choice)
{
	bool any;

	pthread_mutex_lock(&box->lock);
	any = box->count > 0;
	if (any) {
		size_t i = choice % box->count;

		*b = box->slots[i];
		box->slots[i] = box->slots[--box->count];
	}
	pthread_mutex_unlock(&box->lock);
	return any;
}

static bool
op_receive(struct model *m)
{
	struct model_block b;

	if (!mailbox_take(m->mailbox, &b, below(m, MAILBOX_SLOTS)))
		return true;
	m->blocks[m->count++] = b;
	m->bytes += b.size;
	return true;
}

/* A size that cannot be had is refused and leaves the block alone. */
static bool
op_absurd(struct model *m)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX, SIZE_MAX / 2 + 1};
	size_t size = sizes[below(m, sizeof(sizes) / sizeof(sizes[0]))];
	struct model_block b = {.asked = size};

	errno = 0;
	if (m->count > 0) {
		const struct model_block *victim = &m->blocks[below(m, m->count)];

		b.addr = hak_realloc(victim->addr, size);
		if (!b.addr && !contents_check(m, victim, victim->size))
			return false;
	} else {
		b.addr = hak_malloc(size);
	}
	if (b.addr || errno != ENOMEM)
		return fail(m, &b, "an absurd size gave errno %d", errno);
	return true;
}

/* What a monitoring thread would do at any time. */
static bool
op_observe(struct model *m)
{
	struct hak_stats stats;

	hak_stats_get(&stats);
	if (below(m, 16) == 0)
		hak_malloc_trim(below(m, 2) ? 0 : 1 << 20);
	/* Before the first block there may be none. */
	return stats.committed_bytes > 0 || m->count == 0 || fail(m, NULL, "committed_bytes is 0");
}

bool
model_step(struct model *m)
{
	static const struct {
		unsigned weight;
		model_op op;
	} table[] = {{420, alloc_any}, {290, op_free}, {150, op_realloc}, {60, op_check},
		{40, op_send}, {35, op_receive}, {4, op_absurd}, {1, op_observe}};
	size_t i = 0, draw = below(m, 1000);

	if (m->count >= m->limits.max_blocks || m->bytes >= m->limits.max_bytes)
		return op_free(m);
	while (draw >= table[i].weight)
		draw -= table[i++].weight;
	return table[i].op(m);
}

/* --- the whole model ------------------------------------------------------------------------- */

bool
model_init(struct model *m, unsigned number, uint64_t seed, const struct model_limits *limits,
	struct mailbox *mailbox)
{
	*m = (struct model){.limits = *limits, .mailbox = mailbox};
	m->rng = seed + number;
	m->rng = rng_next(&m->rng);
	m->next_id = (uint64_t)(number + 1) << 40;
	m->blocks = calloc(limits->max_blocks + 1, sizeof(m->blocks[0]));
	return m->blocks != NULL;
}

void
model_destroy(struct model *m)
{
	free(m->blocks);
	m->blocks = NULL;
}

bool
model_check_all(struct model *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (!contents_check(m, &m->blocks[i], m->blocks[i].size))
			return false;
	return true;
}

bool
model_free_all(struct model *m)
{
	struct model_block b;

	while (m->count > 0) {
		b = unlink_block(m, m->count - 1);
		if (!free_block(m, &b))
			return false;
	}
	while (mailbox_take(m->mailbox, &b, 0))
		if (!free_block(m, &b))
			return false;
	return true;
}

static int
by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct model_block *)a)->addr;
	uintptr_t y = (uintptr_t)((const struct model_block *)b)->addr;

	return (x > y) - (x < y);
}

static bool
sorted_disjoint(struct model *m, struct model_block *all, size_t n)
{
	qsort(all, n, sizeof(all[0]), by_address);
	for (size_t i = 1; i < n; i++) {
		/* Even a block of no bytes has an address of its own. */
		size_t extent = all[i - 1].size ? all[i - 1].size : 1;

		if ((uintptr_t)all[i - 1].addr + extent > (uintptr_t)all[i].addr)
			return fail(m, &all[i], "overlaps block %p of %zu bytes",
				(void *)all[i - 1].addr, all[i - 1].size);
	}
	return true;
}

bool
model_disjoint(struct model *models, size_t n)
{
	struct mailbox *box = models[0].mailbox;
	size_t total = box->count;
	struct model_block *all;
	bool ok;

	for (size_t i = 0; i < n; i++)
		total += models[i].count;
	all = calloc(total + 1, sizeof(all[0]));
	if (!all)
		return fail(&models[0], NULL, "the C library has no memory for the overlap check");
	memcpy(all, box->slots, box->count * sizeof(all[0]));
	total = box->count;
	for (size_t i = 0; i < n; i++) {
		memcpy(all + total, models[i].blocks, models[i].count * sizeof(all[0]));
		total += models[i].count;
	}
	ok = sorted_disjoint(&models[0], all, total);
	free(all);
	return ok;
}
