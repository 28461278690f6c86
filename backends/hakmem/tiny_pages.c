/* SPDX-License-Identifier: MIT
 * backends/hakmem/tiny_pages.c - Tiny slabs' pages whose blocks are all free: given back to the
 * system, and handed out again. */
#include "backends/hakmem/tiny_pages.h"

#include "base/assert.h"

/* Above the bits of pages: nothing has changed in the slab since it was last looked at. */
#define LOOKED ((uint64_t)1 << 63)
/* Live blocks that, spread by chance over 16 pages, leave a fifth of them free. */
#define FEW_LIVE 24
#define WORDS (PAGE_BYTES / TINY_STEP / 64)

/* Bit i: block i is free, and in the list. */
struct blocks {
	uint64_t bits[WORDS];
};

static bool
has_block(const struct blocks *b, uint32_t i)
{
	return b->bits[i / 64] >> (i % 64) & 1;
}

static uint64_t
pages_of(const struct slab *s)
{
	return s->cut.purged & ~LOOKED;
}

static bool
page_is_purged(const struct slab *s, unsigned page)
{
	return pages_of(s) >> page & 1;
}

/* The first block that reaches into the page, and the one after the last. */
static uint32_t
first_block(const struct slab *s, unsigned page)
{
	return sizeclass_divide(s->cls, page * os_page_size());
}

static uint32_t
end_block(const struct slab *s, unsigned page)
{
	uint32_t last = sizeclass_divide(s->cls, (page + 1) * os_page_size() - 1);

	return last < slab_capacity(s) ? last + 1 : slab_capacity(s);
}

/* The blocks that are handed out with the first page of a run of purged ones: not what reaches into
 * the next page of the run. */
static uint32_t
end_with(const struct slab *s, unsigned page)
{
	return page_is_purged(s, page + 1) ? first_block(s, page + 1) : end_block(s, page);
}

uint32_t
tiny_purged(const struct slab *s)
{
	uint32_t n = 0;

	for (uint64_t left = pages_of(s); left; left &= left - 1) {
		unsigned page = (unsigned)__builtin_ctzll(left);
		uint32_t end = end_with(s, page);
		/* In a run, what reaches into a page from the one before counts there no more. */
		n += end - first_block(s, page);
	}
	return n;
}

/* Whether the block reaches into a purged page. */
static bool
is_purged(const struct slab *s, uint32_t index)
{
	size_t size = sizeclass_size(s->cls), page = os_page_size();

	return page_is_purged(s, (unsigned)(index * size / page)) ||
	       page_is_purged(s, (unsigned)(((index + 1) * size - 1) / page));
}

void
tiny_changed(struct slab *s, uint32_t index)
{
	if (HAK_UNLIKELY(is_purged(s, index)))
		log_fatal("double free of %p", (void *)(s->base + index * sizeclass_size(s->cls)));
	s->cut.purged &= ~LOOKED;
}

uint32_t
tiny_unpurge(struct slab *s, uint32_t most, char **fresh)
{
	unsigned page = (unsigned)__builtin_ctzll(pages_of(s));
	uint32_t first = first_block(s, page), n = end_with(s, page) - first;

	*fresh = s->base + first * sizeclass_size(s->cls);
	s->cut.purged &= ~((uint64_t)1 << page);
	for (; n > most; n--) {
		void *p = *fresh + (n - 1) * sizeclass_size(s->cls);
		*(void **)p = s->cut.free.list;
		s->cut.free.list = p;
	}
	s->cut.nfree -= n;
	return n;
}

/* The list as a set, whatever the program has written into it. */
static void
read_list(const struct slab *s, struct blocks *out)
{
	uint32_t left = s->cut.nfree - tiny_purged(s);

	for (unsigned i = 0; i < WORDS; i++)
		out->bits[i] = 0;
	for (const void *p = s->cut.free.list; p; p = *(void *const *)p, left--) {
		if (HAK_UNLIKELY((size_t)((const char *)p - s->base) >= PAGE_BYTES || left == 0))
			log_fatal("free blocks of slab %p were written to after they were freed",
				(void *)s->base);
		uint32_t i = slab_index(s, p);
		if (HAK_UNLIKELY(has_block(out, i)))
			log_fatal("double free of %p", p);
		out->bits[i / 64] |= (uint64_t)1 << (i % 64);
	}
	if (HAK_UNLIKELY(left != 0))
		log_fatal("free blocks of slab %p were written to after they were freed",
			(void *)s->base);
}

/* Links those of the set that reach into no purged page, in the order of their addresses. */
static void
write_list(struct slab *s, const struct blocks *b)
{
	void **link = &s->cut.free.list;

	for (unsigned w = 0; w < WORDS; w++)
		for (uint64_t bits = b->bits[w]; bits; bits &= bits - 1) {
			uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
			if (is_purged(s, i))
				continue;
			*link = s->base + i * sizeclass_size(s->cls);
			link = *link;
		}
	*link = NULL;
}

/* True where all blocks that reach into the page are free, in the list or purged with another. */
static bool
is_free(const struct slab *s, const struct blocks *b, unsigned page)
{
	uint32_t i = first_block(s, page), end = end_block(s, page);

	if (page_is_purged(s, page) || end > s->cut.fresh)
		return false;
	while (i < end && (has_block(b, i) || is_purged(s, i)))
		i++;
	return i == end;
}

static uint64_t
free_pages(const struct slab *s, const struct blocks *b)
{
	unsigned npages = (unsigned)(PAGE_BYTES / os_page_size());
	uint64_t pages = 0;

	for (unsigned page = 0; page < npages; page++)
		pages |= (uint64_t)is_free(s, b, page) << page;
	return pages;
}

/* Pages count as given back from here on: what the system refuses, or takes of a range only up to
 * a page that is locked, is handed out again as if it had not. */
static void
purge_slab(struct slab *s, struct purge *p)
{
	struct blocks b;

	read_list(s, &b);
	uint64_t free = free_pages(s, &b);
	s->cut.purged |= LOOKED;
	if (!free)
		return;
	s->cut.purged |= free;
	write_list(s, &b);
	for (uint64_t left = free; left;) {
		unsigned from, n;
		purge_take_run(&left, &from, &n);
		purge_add(p, s, from * os_page_size(), n * os_page_size(), 0);
	}
}

/* Walking a list costs a miss of the processor's caches for each free block. Sealed ones are left
 * alone (seal.h). */
static bool
is_worth_it(const struct slab *s)
{
	return s->group == 0 && s->cut.fresh - s->cut.nfree <= FEW_LIVE &&
	       !(s->cut.purged & LOOKED);
}

void
tiny_age(struct slab_list *list, uint32_t now_ms, uint32_t quiet_ms, struct purge *p)
{
	/* A page as large as a slab has a live block. */
	if (os_page_size() >= PAGE_BYTES)
		return;
	for (struct slab *s = list->head; s; s = s->cut.next) {
		if (!is_worth_it(s) || !idle_for(now_ms, s->since_ms, quiet_ms))
			continue;
		if (purge_is_over(p))
			break;
		purge_slab(s, p);
	}
}
