/* SPDX-License-Identifier: MIT
 * backends/pagemap.c - reservations, frontiers and the records and map that go with them. */
#include "backends/pagemap.h"

#include "backends/os.h"
#include "base/assert.h"
#include "base/config.h"

#define GIB ((size_t)1 << 30)
/* Records are committed this many bytes at a time: 1024 pages'. */
#define RECORD_STEP ((size_t)64 << 10)
#define MAX_GROWTH_PAGES ((size_t)64 << 20 >> PAGE_SHIFT)
/* So much of a chunk is touched by a program that touches all of its blocks: the rest are the ends
 * of blocks and slabs. */
#define CHUNK_TOUCHED (CHUNK_BYTES / 8 * 7)
#define META_CHUNK ((size_t)256 << 10)
/* A region's beginning has no huge page that was not asked for: one more may be a twentieth of a
 * heap at most. */
#define SMALL_HEAP (20 * CHUNK_BYTES)

/* An empty heap: of all addresses only a non-canonical one passes the comparison. */
struct heap_bounds hak_heap = {.last = UINTPTR_MAX / 2, .negated = UINTPTR_MAX};

struct region {
	/* Odd while the three fields below change (pages lock); a reader that saw it change reads
	 * again. The primary is filled once, before any reader. */
	_Atomic uint32_t version;
	char *_Atomic base; /* of the heap part; NULL for an unused slot */
	struct slab *_Atomic records;
	_Atomic size_t npages; /* below the frontier */
	/* Pages lock. */
	size_t max_pages; /* reserved */
	char *reservation;
	size_t reserved_bytes;
	/* The first page of a chunk that dense blocks were to fill and that has no huge page. */
	size_t probe;
	bool probed;
};

static struct region regions[MAX_REGIONS];
static _Atomic unsigned region_count;
static _Atomic bool limited;

static void
region_publish(struct region *r, char *base, struct slab *records, size_t npages)
{
	uint32_t version = RELAXED(r->version);

	/* A seqlock's writer. Each release keeps the odd version before its field and pairs with
	 * the acquire that reads the field in region_snapshot. */
	RELAXED_SET(r->version, version + 1);
	atomic_store_explicit(&r->base, base, memory_order_release);
	atomic_store_explicit(&r->records, records, memory_order_release);
	atomic_store_explicit(&r->npages, npages, memory_order_release);
	atomic_store_explicit(&r->version, version + 2, memory_order_release);
}

struct snapshot {
	char *base;
	struct slab *records;
	size_t npages;
};

static struct snapshot
region_snapshot(const struct region *r)
{
	struct snapshot shot;
	uint32_t before, after;

	do {
		before = atomic_load_explicit(&r->version, memory_order_acquire);
		shot.base = atomic_load_explicit(&r->base, memory_order_acquire);
		shot.records = atomic_load_explicit(&r->records, memory_order_acquire);
		shot.npages = atomic_load_explicit(&r->npages, memory_order_acquire);
		after = RELAXED(r->version);
	} while (before != after || (before & 1));
	return shot;
}

static struct {
	char *next;
	size_t left;
} meta; /* pages lock */

static size_t
records_bytes(size_t pages)
{
	return round_up(pages * sizeof(struct slab), RECORD_STEP);
}

static size_t
map_bytes(size_t pages)
{
	return round_up(pages * sizeof(uint16_t), os_page_size());
}

static bool
region_reserve(struct region *r, size_t pages, size_t align)
{
	size_t front = round_up(records_bytes(pages) + map_bytes(pages), align);
	size_t total = front + pages * PAGE_BYTES;
	char *p = os_reserve(total, align);

	if (!p)
		return false;
	r->reservation = p;
	r->reserved_bytes = total;
	r->max_pages = pages;
	region_publish(r, p + front, (struct slab *)p, 0);
	size_t heap = pages * PAGE_BYTES;
	os_no_huge(p + front, heap < SMALL_HEAP ? heap : SMALL_HEAP);
	return true;
}

void
pagemap_init(void)
{
	size_t limit = os_address_space_limit();
	size_t size = CONFIG(reserve) * GIB;

	/* The rest of a limit stays for the program's stacks, libraries and mappings. */
	if (limit != SIZE_MAX) {
		size = size > limit / 4 ? round_down(limit / 4, CHUNK_BYTES) : size;
		RELAXED_SET(limited, true);
	}
	for (; size >= CHUNK_BYTES; size = round_down(size / 2, CHUNK_BYTES))
		if (region_reserve(&regions[0], size / PAGE_BYTES, CHUNK_BYTES))
			break;
	atomic_store_explicit(&region_count, 1, memory_order_release);
	hak_heap.records = RELAXED(regions[0].records);
}

/* --- look-up --------------------------------------------------------------------------------- */

/* The index of the region below whose frontier p lies, and *shot set; -1 where there is none. A
 * consistent snapshot that contains an address the caller owns is that of its region: two regions
 * never overlap. */
static int
find_region(const void *p, struct snapshot *shot)
{
	/* Acquire pairs with the release in region_add. */
	unsigned n = atomic_load_explicit(&region_count, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		*shot = region_snapshot(&regions[i]);
		if ((uintptr_t)p - (uintptr_t)shot->base < shot->npages * PAGE_BYTES)
			return (int)i;
	}
	return -1;
}

/* The record of p's page in the region that the snapshot is of. */
static struct slab *
record_of(const struct snapshot *shot, const void *p)
{
	return &shot->records[(size_t)((const char *)p - shot->base) >> PAGE_SHIFT];
}

bool
pagemap_contains(const void *p)
{
	struct snapshot shot;

	return find_region(p, &shot) >= 0;
}

struct slab *
pagemap_slab_slow(const void *p)
{
	uint16_t *bin;
	struct slab *s = pagemap_page(p, &bin);

	if (s && slab_kind(s) == SLAB_INTERIOR) {
		size_t distance = s->npages;
		s = pagemap_page((const char *)p - distance * PAGE_BYTES, &bin);
		/* A run that did not mark its later pages leaves old marks behind. */
		if (!s || slab_kind(s) == SLAB_INTERIOR || s->npages <= distance)
			return NULL;
	}
	return s && slab_kind(s) > SLAB_FREE ? s : NULL;
}

struct slab *
pagemap_page_slow(const void *p, uint16_t **bin)
{
	struct snapshot shot;

	if (find_region(p, &shot) < 0)
		return NULL;
	struct slab *s = record_of(&shot, p);
	*bin = (uint16_t *)shot.base - (s - shot.records) - 1;
	return s;
}

struct slab *
pagemap_run(void *p, size_t npages)
{
	struct snapshot shot;
	int region = find_region(p, &shot);

	HAK_CHECK(region >= 0);
	struct slab *s = record_of(&shot, p);
	s->base = p;
	s->npages = (uint32_t)npages;
	s->region = (uint8_t)region;
	return s;
}

void
pagemap_forget(void *p, size_t npages)
{
	uint16_t *bin;
	struct slab *first = pagemap_page(p, &bin);
	size_t from = round_up((uintptr_t)first, os_page_size());
	size_t to = round_down((uintptr_t)(first + npages), os_page_size());

	/* Whether it is given back or not, the records say the same. */
	if (first && from < to)
		os_purge((void *)from, to - from);
}

void
pagemap_set_bin(const struct slab *s, uint16_t bin, size_t block)
{
	char *base = RELAXED(regions[s->region].base);
	size_t first = (size_t)(s->base - base) >> PAGE_SHIFT;
	uint16_t *map = (uint16_t *)base;

	for (size_t i = first; i < first + s->npages; i++)
		map[-(ptrdiff_t)i - 1] = block <= PAGE_BYTES ? bin : 0;
	for (size_t at = 0; block > PAGE_BYTES && at < s->npages * PAGE_BYTES; at += block)
		map[-(ptrdiff_t)(first + (at >> PAGE_SHIFT)) - 1] = bin;
}

void
pagemap_mark_interior(struct slab *s)
{
	/* The last one is a boundary tag of the page heap's. */
	for (uint32_t i = 1; i + 1 < s->npages; i++) {
		slab_set_kind(&s[i], SLAB_INTERIOR);
		s[i].npages = i;
	}
}

struct slab *
pagemap_before(const struct slab *s)
{
	struct slab *records = RELAXED(regions[s->region].records);

	if (s == records)
		return NULL;
	struct slab *before = &records[s - records - 1];
	if (slab_kind(before) != SLAB_INTERIOR)
		return before;
	/* A mark that is left over from another run leads to none that ends here. */
	struct slab *first = before - before->npages;
	return first->npages == before->npages + 1 ? first : before;
}

struct slab *
pagemap_after(const struct slab *s)
{
	const struct region *r = &regions[s->region];
	struct slab *records = RELAXED(r->records);
	size_t next = (size_t)(s - records) + s->npages;

	return next < RELAXED(r->npages) ? &records[next] : NULL;
}

size_t
pagemap_committed(void)
{
	unsigned n = atomic_load_explicit(&region_count, memory_order_acquire);
	size_t pages = 0;

	for (unsigned i = 0; i < n; i++)
		pages += RELAXED(regions[i].npages);
	return pages * PAGE_BYTES;
}

/* --- growth ---------------------------------------------------------------------------------- */

/* Makes records, map and heap of the next `pages` accessible. */
static bool
region_commit(struct region *r, size_t pages)
{
	char *base = RELAXED(r->base);
	size_t old = RELAXED(r->npages);
	size_t records_old = old ? records_bytes(old) : 0;
	size_t records_new = records_bytes(old + pages);
	size_t map_old = map_bytes(old);
	size_t map_new = map_bytes(old + pages);

	/* What was committed before a failure stays so and is committed again next time. */
	if (records_new > records_old &&
		!os_commit(r->reservation + records_old, records_new - records_old))
		return false;
	if (map_new > map_old && !os_commit(base - map_new, map_new - map_old))
		return false;
	return os_commit(base + old * PAGE_BYTES, pages * PAGE_BYTES);
}

/* Huge pages hold memory that the program never touches. So they are asked for while it touches
 * nearly all of what dense blocks fill; of each quarter that the heap grows by, a chunk goes
 * without, to tell whether it still does. */
static void
ask_for_huge(struct region *r, char *base, size_t from, size_t pages)
{
	char *first = base + from * PAGE_BYTES;
	size_t bytes = round_down(pages * PAGE_BYTES, CHUNK_BYTES);

	if (first != (char *)round_up((size_t)first, CHUNK_BYTES) || bytes == 0)
		return;
	bool large = from >= CONFIG(huge) << 20 >> PAGE_SHIFT;
	bool touched = large && (!r->probed || os_touched(base + r->probe * PAGE_BYTES,
						       CHUNK_BYTES) >= CHUNK_TOUCHED);
	if (!touched || from - r->probe >= from / 4) {
		r->probe = from;
		r->probed = true;
		first += CHUNK_BYTES;
		bytes -= CHUNK_BYTES;
	}
	if (touched && bytes > 0)
		os_huge(first, bytes);
}

/* Moves r's frontier up. */
static struct slab *
region_grow(struct region *r, size_t pages, bool dense)
{
	char *base = RELAXED(r->base);
	struct slab *records = RELAXED(r->records);
	size_t old = RELAXED(r->npages);

	if (!base || pages > r->max_pages - old || !region_commit(r, pages))
		return NULL;
	struct slab *s = &records[old];
	slab_set_kind(s, SLAB_NONE);
	s->zero = true;
	s->region = (uint8_t)(r - regions);
	s->npages = (uint32_t)pages;
	s->base = base + old * PAGE_BYTES;
	region_publish(r, base, records, old + pages);
	if (dense)
		ask_for_huge(r, base, old, pages);
	if (r == regions) {
		RELAXED_SET(hak_heap.last, (uintptr_t)base - 1);
		RELAXED_SET(hak_heap.negated, (uintptr_t)0 - (old + pages) * PAGE_BYTES);
	}
	return s;
}

/* A limit on address space that was set after start: the reservation's untouched end would count
 * against it, so it goes back and the limit is the system's to enforce. */
static void
trim_primary(size_t limit)
{
	struct region *r = &regions[0];
	char *base = RELAXED(r->base);
	size_t pages = RELAXED(r->npages);

	if (!base || r->max_pages * PAGE_BYTES <= limit / 4 || r->max_pages == pages)
		return;
	os_release(base + pages * PAGE_BYTES, (r->max_pages - pages) * PAGE_BYTES);
	char *unused = r->reservation + (pages ? records_bytes(pages) : 0);
	char *used = base - map_bytes(pages);
	if (used > unused)
		os_release(unused, (size_t)(used - unused));
	r->max_pages = pages;
}

void
pagemap_limit(size_t limit)
{
	trim_primary(limit);
	RELAXED_SET(limited, true);
}

bool
pagemap_is_limited(void)
{
	return RELAXED(limited);
}

/* A further region for at least `pages`; small ones only where address space is limited. */
static struct region *
region_add(size_t pages, size_t limit)
{
	unsigned n = RELAXED(region_count);
	unsigned i = 1;
	size_t want = limit == SIZE_MAX ? 16 * GIB : round_up(limit / 16, CHUNK_BYTES);

	while (i < n && RELAXED(regions[i].base))
		i++;
	if (i == MAX_REGIONS)
		return NULL;
	for (want /= PAGE_BYTES; want > pages; want /= 2)
		if (region_reserve(&regions[i], want, PAGE_BYTES))
			goto filled;
	if (!region_reserve(&regions[i], pages, PAGE_BYTES))
		return NULL;
filled:
	if (i == n)
		/* Release pairs with the acquire in region_of. */
		atomic_store_explicit(&region_count, n + 1, memory_order_release);
	return &regions[i];
}

struct slab *
pagemap_grow(size_t npages, size_t align_pages, bool dense)
{
	size_t limit = os_address_space_limit();
	unsigned n = RELAXED(region_count);
	size_t need = npages + align_pages - 1;
	struct slab *s;

	if (need < npages || need > UINT32_MAX)
		return NULL;
	if (limit != SIZE_MAX)
		pagemap_limit(limit);
	for (unsigned i = 0; i < n; i++) {
		struct region *r = &regions[i];
		size_t have = RELAXED(r->npages);
		size_t step =
			have / 8 < CHUNK_PAGES ? CHUNK_PAGES : round_down(have / 8, CHUNK_PAGES);
		step = step > MAX_GROWTH_PAGES ? MAX_GROWTH_PAGES : step;
		if (step < need)
			step = round_up(need, CHUNK_PAGES);
		if ((s = region_grow(r, step, dense)))
			return s;
		if ((s = region_grow(r, need, dense)))
			return s;
	}
	struct region *r = region_add(need, limit);
	if (!r)
		return NULL;
	if ((s = region_grow(r, need, dense)))
		return s;
	pagemap_drop_region((unsigned)(r - regions));
	return NULL;
}

bool
pagemap_drop_region(unsigned region)
{
	struct region *r = &regions[region];

	if (region == 0)
		return false;
	region_publish(r, NULL, NULL, 0);
	r->probed = false;
	os_release(r->reservation, r->reserved_bytes);
	return true;
}

void *
pagemap_meta_alloc(size_t size)
{
	size = round_up(size, CACHE_LINE);
	if (size > meta.left) {
		size_t chunk = size > META_CHUNK ? round_up(size, os_page_size()) : META_CHUNK;
		char *p = os_reserve(chunk, os_page_size());
		if (!p)
			return NULL;
		if (!os_commit(p, chunk)) {
			os_release(p, chunk);
			return NULL;
		}
		meta.next = p;
		meta.left = chunk;
	}
	void *p = meta.next;
	meta.next += size;
	meta.left -= size;
	return p;
}
