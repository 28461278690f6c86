/* SPDX-License-Identifier: MIT
 * frontends/api.h - between the files that make up the public interface. */
#ifndef HAK_FRONTENDS_API_H
#define HAK_FRONTENDS_API_H

#include "base/compiler.h"

/* Declares a usual name as the same function as its hak_ name. */
#define OVERRIDES(name) __attribute__((alias(#name), visibility("default"), nothrow, used))

/* As malloc, with the program's return address at hand; errno is set. */
void *api_malloc_at(size_t size, uintptr_t site) HAK_HIDDEN;
/* As aligned_alloc for an alignment that is a power of two; errno is set. */
void *api_aligned_at(size_t align, size_t size, uintptr_t site) HAK_HIDDEN;

#endif
