/* SPDX-License-Identifier: MIT
 * frontends/cxx.c - the C++ operators new and delete, under their mangled names (Itanium C++ ABI).
 *
 * In C, so that C programs need no C++ runtime: the new_handler and the throw are looked up in the
 * runtime that the program has. Built with -fexceptions, so that bad_alloc passes through. */
#include <dlfcn.h>
#include <stddef.h>

#include "backends/sizeclass.h"
#include "base/assert.h"
#include "frontends/api.h"
#include "frontends/frontend.h"
#include "frontends/site.h"

#ifdef HAK_OVERRIDE

typedef void (*handler_fn)(void);

/* std::get_new_handler() and std::__throw_bad_alloc(), where a runtime was there at link time. */
extern handler_fn _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* A runtime that came by dlopen is found by name. */
static handler_fn
current_handler(void)
{
	handler_fn (*get)(void) = _ZSt15get_new_handlerv;

	if (!get)
		*(void **)&get = dlsym(RTLD_DEFAULT, "_ZSt15get_new_handlerv");
	return get ? get() : NULL;
}

static void
throw_bad_alloc(size_t size)
{
	void (*throw_it)(void) = _ZSt17__throw_bad_allocv;

	if (!throw_it)
		*(void **)&throw_it = dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv");
	if (throw_it)
		throw_it();
	log_fatal("operator new: no memory for %u bytes, and no C++ runtime to throw bad_alloc",
		size);
}

/* As the standard has it: the handler makes room, throws, or there is none and bad_alloc is. */
static HAK_COLD void *
retry(size_t size, size_t align, uintptr_t site)
{
	for (;;) {
		handler_fn handler = current_handler();
		if (!handler)
			throw_bad_alloc(size);
		handler();
		void *p = api_aligned_at(align, size, site);
		if (p)
			return p;
	}
}

/* NULL, too, for what is no alignment. */
static inline void *
try_aligned(size_t size, size_t align, uintptr_t site)
{
	return is_power_of_two(align) ? api_aligned_at(align, size, site) : NULL;
}

/* Tail-called. */
static HAK_COLD void *
new_from_frame(size_t size, size_t align)
{
	uintptr_t site = SITE_BEGIN(false);
	void *p = try_aligned(size, align, site);

	site_end();
	return HAK_LIKELY(p != NULL) ? p : retry(size, align, site);
}

/* Tail-called. */
static HAK_NOINLINE void *
new_slow(size_t size)
{
	if (site_wants_attention())
		return new_from_frame(size, 1);
	uintptr_t site = HAK_SITE();
	void *p = api_aligned_at(1, size, site);

	return HAK_LIKELY(p != NULL) ? p : retry(size, 1, site);
}

/* Tail-called. */
static HAK_NOINLINE void *
new_aligned_slow(size_t size, size_t align)
{
	if (site_wants_attention())
		return new_from_frame(size, align);
	uintptr_t site = HAK_SITE();
	void *p = try_aligned(size, align, site);

	return HAK_LIKELY(p != NULL) ? p : retry(size, align, site);
}

/* Where there is a handler it may throw, which a nothrow form has to catch: the runtime's own form
 * does, by way of the throwing form above. */
static HAK_COLD void *
nothrow_retry(const char *name, size_t size, size_t align, const void *tag)
{
	void *form = current_handler() ? dlsym(RTLD_NEXT, name) : NULL;

	if (!form)
		return NULL;
	if (align > 1)
		return ((void *(*)(size_t, size_t, const void *))form)(size, align, tag);
	return ((void *(*)(size_t, const void *))form)(size, tag);
}

/* Tail-called. */
static HAK_COLD void *
nothrow_from_frame(size_t size, size_t align, const void *tag, const char *name)
{
	void *p = try_aligned(size, align, SITE_BEGIN(false));

	site_end();
	return HAK_LIKELY(p != NULL) ? p : nothrow_retry(name, size, align, tag);
}

/* Tail-called. */
static HAK_NOINLINE void *
nothrow_slow(size_t size, size_t align, const void *tag, const char *name)
{
	if (site_wants_attention())
		return nothrow_from_frame(size, align, tag, name);
	void *p = try_aligned(size, align, HAK_SITE());

	return HAK_LIKELY(p != NULL) ? p : nothrow_retry(name, size, align, tag);
}

#define NEW(name)                                                                                  \
	HAK_EXPORT void *name(size_t size);                                                        \
	HAK_EXPORT void *name(size_t size)                                                         \
	{                                                                                          \
		void *p = frontend_try_alloc(sizeclass_bin(size));                                 \
		if (HAK_LIKELY(p != NULL))                                                         \
			return p;                                                                  \
		return new_slow(size);                                                             \
	}

#define NEW_NOTHROW(name)                                                                          \
	HAK_EXPORT void *name(size_t size, const void *tag);                                       \
	HAK_EXPORT void *name(size_t size, const void *tag)                                        \
	{                                                                                          \
		void *p = frontend_try_alloc(sizeclass_bin(size));                                 \
		if (HAK_LIKELY(p != NULL))                                                         \
			return p;                                                                  \
		return nothrow_slow(size, 1, tag, #name);                                          \
	}

#define NEW_ALIGNED(name)                                                                          \
	HAK_EXPORT void *name(size_t size, size_t align);                                          \
	HAK_EXPORT void *name(size_t size, size_t align)                                           \
	{                                                                                          \
		void *p = is_power_of_two(align) ? api_try_aligned(align, size) : NULL;            \
		return HAK_LIKELY(p != NULL) ? p : new_aligned_slow(size, align);                  \
	}

#define NEW_ALIGNED_NOTHROW(name)                                                                  \
	HAK_EXPORT void *name(size_t size, size_t align, const void *tag);                         \
	HAK_EXPORT void *name(size_t size, size_t align, const void *tag)                          \
	{                                                                                          \
		void *p = is_power_of_two(align) ? api_try_aligned(align, size) : NULL;            \
		return HAK_LIKELY(p != NULL) ? p : nothrow_slow(size, align, tag, #name);          \
	}

/* A delete's further arguments (size, alignment, nothrow) are known to the page map anyway. */
#define DELETE(name)                                                                               \
	HAK_EXPORT void name(void *p);                                                             \
	HAK_EXPORT void name(void *p)                                                              \
	{                                                                                          \
		frontend_free(p);                                                                  \
	}

NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvRKSt9nothrow_t)
DELETE(_ZdaPvRKSt9nothrow_t)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)

#endif
