/* SPDX-License-Identifier: MIT
 * frontends/api.c - the C entry points: what the standards say, over the front-end.
 *
 * Each function exists under its hak_ name; built with HAK_OVERRIDE the usual names are the same
 * functions. malloc's slow path is tail-called, so that the return address it sees is still the
 * program's. */
#include "frontends/api.h"

#include <errno.h>
#include <string.h>

#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/profile.h"
#include "arenas/rules.h"
#include "arenas/tune.h"
#include "backends/backend.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "backends/pagemap.h"
#include "base/assert.h"
#include "base/config.h"
#include "frontends/fork.h"
#include "frontends/frontend.h"
#include "frontends/profile_file.h"
#include "frontends/site.h"
#include "frontends/slow.h"
#include "hakmem/hakmem.h"

/* Blocks whose contents are moved by copying are not shrunk below this part of their size. */
#define KEEP_SHIFT 1

static HAK_COLD void *
no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *
api_malloc_at(size_t size, uintptr_t site)
{
	void *p = frontend_try_alloc(sizeclass_bin(size));

	if (HAK_LIKELY(p != NULL))
		return p;
	p = frontend_alloc_slow(size, 1, site, NULL);
	return HAK_LIKELY(p != NULL) ? p : no_memory();
}

/* Functions that are tail-called have the program's return address and frame pointer. */

static HAK_COLD void *
malloc_from_frame(size_t size)
{
	void *p = api_malloc_at(size, SITE_BEGIN(true));

	site_end();
	return p;
}

/* Tail-called. */
static HAK_NOINLINE void *
malloc_slow(size_t size)
{
	if (site_wants_attention())
		return malloc_from_frame(size);
	void *p = frontend_alloc_slow(size, 1, HAK_SITE(), NULL);
	return HAK_LIKELY(p != NULL) ? p : no_memory();
}

HAK_INLINE void *
malloc_or_slow(size_t size)
{
	void *p = frontend_try_alloc(sizeclass_bin(size));

	if (HAK_LIKELY(p != NULL))
		return p;
	return malloc_slow(size);
}

HAK_EXPORT void *
hak_malloc(size_t size)
{
	return malloc_or_slow(size);
}

HAK_EXPORT void
hak_free(void *p)
{
	frontend_free(p);
}

/* --- zeroed ---------------------------------------------------------------------------------- */

static void *
calloc_at(size_t bytes, uintptr_t site)
{
	bool zeroed;
	void *p = frontend_alloc_slow(bytes, 1, site, &zeroed);

	if (HAK_UNLIKELY(!p))
		return no_memory();
	return zeroed ? p : memset(p, 0, bytes);
}

static HAK_COLD void *
calloc_from_frame(size_t bytes)
{
	void *p = calloc_at(bytes, SITE_BEGIN(true));

	site_end();
	return p;
}

/* Tail-called. */
static HAK_NOINLINE void *
calloc_slow(size_t bytes)
{
	if (site_wants_attention())
		return calloc_from_frame(bytes);
	return calloc_at(bytes, HAK_SITE());
}

HAK_EXPORT void *
hak_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (HAK_UNLIKELY(__builtin_mul_overflow(n, size, &bytes)))
		return no_memory();
	void *p = frontend_try_alloc(sizeclass_bin(bytes));
	if (HAK_LIKELY(p != NULL))
		return memset(p, 0, bytes);
	return calloc_slow(bytes);
}

/* --- aligned --------------------------------------------------------------------------------- */

void *
api_aligned_at(size_t align, size_t size, uintptr_t site)
{
	if (size == 0)
		size = 1;
	if (align <= TINY_STEP)
		return api_malloc_at(size, site);
	if (align > MAX_ALIGN) {
		errno = EINVAL;
		return NULL;
	}
	if (size > PTRDIFF_MAX)
		return no_memory();
	unsigned cls = sizeclass_aligned(size, align);
	/* A block of the class is aligned by itself, whichever size asked for it. */
	if (cls) {
		size = sizeclass_size(cls);
		void *hit = frontend_try_alloc(cls * BIN_BYTES);
		if (HAK_LIKELY(hit != NULL))
			return hit;
	}
	void *p = frontend_alloc_slow(size, align, site, NULL);
	return HAK_LIKELY(p != NULL) ? p : no_memory();
}

static HAK_COLD void *
aligned_from_frame(size_t align, size_t size)
{
	void *p = api_aligned_at(align, size, SITE_BEGIN(false));

	site_end();
	return p;
}

/* Tail-called. */
static HAK_NOINLINE void *
aligned_slow(size_t align, size_t size)
{
	if (site_wants_attention())
		return aligned_from_frame(align, size);
	return api_aligned_at(align, size, HAK_SITE());
}

/* As api_aligned_at, from an entry point that ends with it. */
HAK_INLINE void *
aligned_here(size_t align, size_t size)
{
	void *p = api_try_aligned(align, size);

	return HAK_LIKELY(p != NULL) ? p : aligned_slow(align, size);
}

HAK_EXPORT void *
hak_aligned_alloc(size_t alignment, size_t size)
{
	if (HAK_UNLIKELY(!is_power_of_two(alignment))) {
		errno = EINVAL;
		return NULL;
	}
	return aligned_here(alignment, size);
}

static int
posix_memalign_at(void **out, size_t align, size_t size, uintptr_t site)
{
	int saved = errno;
	void *p = api_aligned_at(align, size, site);

	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

static HAK_COLD int
posix_memalign_from_frame(void **out, size_t align, size_t size)
{
	int error = posix_memalign_at(out, align, size, SITE_BEGIN(false));

	site_end();
	return error;
}

/* Tail-called. */
static HAK_NOINLINE int
posix_memalign_slow(void **out, size_t align, size_t size)
{
	if (site_wants_attention())
		return posix_memalign_from_frame(out, align, size);
	return posix_memalign_at(out, align, size, HAK_SITE());
}

HAK_EXPORT int
hak_posix_memalign(void **out, size_t alignment, size_t size)
{
	if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0 || alignment > MAX_ALIGN)
		return EINVAL;
	void *p = api_try_aligned(alignment, size);
	if (HAK_UNLIKELY(!p))
		return posix_memalign_slow(out, alignment, size);
	*out = p;
	return 0;
}

HAK_EXPORT void *
hak_memalign(size_t alignment, size_t size)
{
	size_t power = TINY_STEP;

	while (power < alignment && power <= MAX_ALIGN)
		power *= 2;
	return aligned_here(power, size);
}

HAK_EXPORT void *
hak_valloc(size_t size)
{
	return aligned_here(os_page_size(), size);
}

HAK_EXPORT void *
hak_pvalloc(size_t size)
{
	size_t page = os_page_size();

	if (size > PTRDIFF_MAX)
		return no_memory();
	return aligned_here(page, round_up(size ? size : 1, page));
}

/* --- sizes ----------------------------------------------------------------------------------- */

/* Of no block that the back-end knows. */
static HAK_COLD size_t
usable_elsewhere(void *p)
{
	return p && emergency_owns(p) ? emergency_usable(p) : 0;
}

HAK_EXPORT size_t
hak_malloc_usable_size(void *p)
{
	size_t usable = backend_usable(p);

	return HAK_LIKELY(usable > 0) ? usable : usable_elsewhere(p);
}

HAK_EXPORT void
hak_free_sized(void *p, size_t size)
{
	(void)size;
	frontend_free(p);
}

HAK_EXPORT void
hak_free_aligned_sized(void *p, size_t alignment, size_t size)
{
	(void)alignment;
	(void)size;
	frontend_free(p);
}

/* --- realloc --------------------------------------------------------------------------------- */

/* True where a block of `usable` bytes may keep holding `size`: it fits and wastes at most half. */
static bool
stays(size_t usable, size_t size)
{
	return size <= usable && (size >= usable >> KEEP_SHIFT || usable <= 4 * TINY_STEP);
}

/* To the profile the block is freed and allocated anew, from here, even if it stays as it is. */
static void *
resize_big(void *p, size_t size, uintptr_t site)
{
	if (!frontend_enter())
		return NULL;
	slow_unsample_big(p);
	void *moved = backend_big_resize(p, size);
	if (moved)
		slow_sample_big(moved, site);
	frontend_leave();
	return moved;
}

/* A block of L2.5 stays where it is if it can, but for profiles, to which it is allocated anew. */
static bool
resize_large(void *p, size_t size, size_t usable)
{
	if (usable <= MID_MAX || size <= MID_MAX || size > PTRDIFF_MAX || profile_is_on() ||
		emergency_owns(p) || !frontend_enter())
		return false;
	bool resized = arena_resize(p, size);
	frontend_leave();
	return resized;
}

/* A block that grows by little is likely to go on so: its next one has an eighth to spare, or is
 * one of L2.5 that can grow in place. Site Rules go by the size that is asked for. */
static size_t
with_spare(size_t size, size_t usable)
{
	size_t spare = size + size / 8;

	if (size <= usable || size - usable > usable / 4 || size > LARGE_MAX || rules_any())
		return size;
	if (size > MID_MAX)
		return backend_growing_size(size);
	return spare < MID_MAX ? spare : MID_MAX;
}

/* To another block, unless it can be resized where it is. */
static void *
move_at(void *p, size_t size, size_t usable, uintptr_t site)
{
	if (resize_large(p, size, usable))
		return p;
	size_t want = with_spare(size, usable);
	void *moved = api_malloc_at(want, site);

	if (HAK_UNLIKELY(!moved) && want > size)
		moved = api_malloc_at(size, site);
	if (HAK_UNLIKELY(!moved))
		/* A smaller block cannot fail; it stays where it is. */
		return size <= usable ? p : NULL;
	memcpy(moved, p, usable < size ? usable : size);
	frontend_free(p);
	return moved;
}

static HAK_COLD void *
move_from_frame(void *p, size_t size, size_t usable)
{
	void *moved = move_at(p, size, usable, SITE_BEGIN(true));

	site_end();
	return moved;
}

/* Tail-called. */
static HAK_NOINLINE void *
realloc_move(void *p, size_t size, size_t usable)
{
	if (site_wants_attention())
		return move_from_frame(p, size, usable);
	return move_at(p, size, usable, HAK_SITE());
}

HAK_INLINE void *
realloc_block(void *p, size_t size)
{
	size_t usable = backend_usable(p);
	void *moved;

	if (HAK_UNLIKELY(usable == 0)) {
		if (!emergency_owns(p))
			log_fatal("realloc of %p: not the start of a block of this heap", p);
		usable = emergency_usable(p);
	} else if (usable > LARGE_MAX && size > LARGE_MAX) {
		if (size > PTRDIFF_MAX)
			return no_memory();
		moved = resize_big(p, size, HAK_SITE());
		if (moved)
			return moved;
	}
	if (stays(usable, size))
		return p;
	return realloc_move(p, size, usable);
}

HAK_EXPORT void *
hak_realloc(void *p, size_t size)
{
	if (!p)
		return malloc_or_slow(size);
	if (size == 0) {
		frontend_free(p);
		return NULL;
	}
	return realloc_block(p, size);
}

HAK_EXPORT void *
hak_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (HAK_UNLIKELY(__builtin_mul_overflow(n, size, &bytes)))
		return no_memory();
	if (!p)
		return malloc_or_slow(bytes);
	if (bytes == 0) {
		frontend_free(p);
		return NULL;
	}
	return realloc_block(p, bytes);
}

/* --- the library's own beginning and end ----------------------------------------------------- */

/* In this file, so that a statically linked program that uses malloc gets them too. A preloaded
 * library's constructors come first: its fork handlers then run last before the fork and first
 * after it. */
static void __attribute__((constructor)) library_begin(void)
{
	slow_startup();
	fork_register();
	profile_file_init();
	background_allow();
}

static void __attribute__((destructor)) library_end(void)
{
	profile_file_at_exit();
	bool entered = frontend_enter();
	tune_end();
	if (entered)
		frontend_leave();
	if (CONFIG(stats))
		hak_malloc_stats();
}

/* --- the usual names ------------------------------------------------------------------------- */

#ifdef HAK_OVERRIDE
void *malloc(size_t size) OVERRIDES(hak_malloc);
void *calloc(size_t n, size_t size) OVERRIDES(hak_calloc);
void *realloc(void *p, size_t size) OVERRIDES(hak_realloc);
void *reallocarray(void *p, size_t n, size_t size) OVERRIDES(hak_reallocarray);
void free(void *p) OVERRIDES(hak_free);
void cfree(void *p) OVERRIDES(hak_free);
void free_sized(void *p, size_t size) OVERRIDES(hak_free_sized);
void free_aligned_sized(void *p, size_t align, size_t size) OVERRIDES(hak_free_aligned_sized);
void *aligned_alloc(size_t align, size_t size) OVERRIDES(hak_aligned_alloc);
int posix_memalign(void **out, size_t align, size_t size) OVERRIDES(hak_posix_memalign);
void *memalign(size_t align, size_t size) OVERRIDES(hak_memalign);
void *valloc(size_t size) OVERRIDES(hak_valloc);
void *pvalloc(size_t size) OVERRIDES(hak_pvalloc);
size_t malloc_usable_size(void *p) OVERRIDES(hak_malloc_usable_size);
#endif
