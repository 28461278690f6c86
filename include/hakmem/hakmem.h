/* SPDX-License-Identifier: MIT
 * include/hakmem/hakmem.h - the public interface of hakmem, the only installed header.
 *
 * Preloaded or linked, the library replaces malloc and its family and the C++ operators new and
 * delete under their usual names. The hak_ names below are the same functions, for programs that
 * want to call hakmem beside another malloc. A block from a hak_ function is freed by hak_free,
 * one from malloc by free; where the library is also the process's malloc the two are one heap.
 *
 * All functions may be called by any thread at any time unless said otherwise. Functions that
 * return a block return NULL and set errno to ENOMEM when memory is exhausted or the size is
 * absurd (above PTRDIFF_MAX). Sizes are in bytes. */
#ifndef HAKMEM_HAKMEM_H
#define HAKMEM_HAKMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAKMEM_VERSION "0.1.0"

/* --- C standard and POSIX.1-2024 ------------------------------------------------------------ */

/* A block of at least `size` bytes, aligned to 16 bytes. malloc(0) is a unique freeable block. */
void *hak_malloc(size_t size);
/* A zeroed block of n * size bytes; ENOMEM when the product overflows. */
void *hak_calloc(size_t n, size_t size);
/* The block resized, in place or moved; contents up to the smaller size are kept. realloc(NULL, n)
 * is malloc(n); realloc(p, 0) frees p and returns NULL, as glibc does. On failure p is untouched.
 */
void *hak_realloc(void *p, size_t size);
/* realloc(p, n * size) with the overflow checked (POSIX.1-2024). */
void *hak_reallocarray(void *p, size_t n, size_t size);
/* Gives a block back; errno is preserved. A double free or a foreign address aborts with a line
 * on standard error where it can be told. */
void hak_free(void *p);
/* free for a block obtained from malloc, calloc or realloc with exactly `size` (C23). */
void hak_free_sized(void *p, size_t size);
/* free for a block obtained from aligned_alloc(alignment, size) (C23). */
void hak_free_aligned_sized(void *p, size_t alignment, size_t size);
/* A block aligned to `alignment`, a power of two up to 1 GiB; EINVAL otherwise (C23: the size need
 * not be a multiple of the alignment). */
void *hak_aligned_alloc(size_t alignment, size_t size);
/* 0 and *out set, or EINVAL or ENOMEM returned, *out and errno untouched (POSIX). */
int hak_posix_memalign(void **out, size_t alignment, size_t size);
/* glibc's memalign: an alignment that is no power of two is rounded up to the next one. */
void *hak_memalign(size_t alignment, size_t size);
/* A page-aligned block. */
void *hak_valloc(size_t size);
/* A page-aligned block, the size rounded up to whole pages. */
void *hak_pvalloc(size_t size);

/* --- glibc's extensions ---------------------------------------------------------------------- */

/* The bytes the program may use at p, at least what was asked for; 0 for NULL. */
size_t hak_malloc_usable_size(void *p);
/* Gives idle memory back to the system at once, keeping about `pad` bytes. 1 if any went back. */
int hak_malloc_trim(size_t pad);
/* Writes the statistics to standard error. */
void hak_malloc_stats(void);
/* Sets M_ARENA_MAX, M_TRIM_THRESHOLD or M_MMAP_THRESHOLD (see mallopt(3)); 1 if it was set, 0 for
 * a parameter hakmem does not have or a value out of range. */
int hak_mallopt(int param, int value);
/* Writes the statistics as XML to `out`; options must be 0, else -1 and EINVAL. */
int hak_malloc_info(int options, FILE *out);

/* --- hakmem's own ---------------------------------------------------------------------------- */

/* A snapshot of the heap, in bytes unless said otherwise. Taken without stopping other threads, so
 * that figures of a running program agree only approximately. */
struct hak_stats {
	size_t live_bytes;       /* handed to the program and not freed, counted as block sizes */
	size_t cached_bytes;     /* free, held by thread caches and depots */
	size_t slab_bytes;       /* all slabs and runs that hold live or cached blocks */
	size_t dirty_bytes;      /* free pages not yet given back */
	size_t committed_bytes;  /* usable address space; touched or not */
	size_t big_bytes;        /* live Big blocks, part of live_bytes */
	size_t big_cached_bytes; /* held by BigCache, part of dirty_bytes */
	size_t big_count;        /* live Big blocks (a number) */
	size_t peak_bytes;       /* highest slab_bytes seen at a slow path */
	size_t arenas;           /* active arenas (a number) */
	size_t caches;           /* live thread caches (a number) */
	size_t slow_allocs;      /* allocations that left the front-end's fast path (a number) */
	size_t slow_frees;       /* frees that did (a number) */
	size_t purges;           /* ranges given back to the system (a number) */
	size_t purged_bytes;     /* bytes given back so far */
};

/* Fills *out. */
void hak_stats_get(struct hak_stats *out);
/* "tls-hakmem" and the like: which variant this library is. Never NULL. */
const char *hak_variant(void);
/* How its front-end caches blocks in this process, in a few words: "thread-local caches", or which
 * kind of rseq. Never NULL. */
const char *hak_mechanism(void);
/* Writes the profile of sampled allocations to a file, in place of one of that name, as JSON
 * (docs/profile.md); NULL: to the one that HAKMEM_PROFILE_FILE names. 0, or -1 and errno: ENOTSUP
 * where the process does not profile (HAKMEM_PROFILE), EBUSY in a signal handler that interrupted
 * an allocation and while another thread forks, ENOMEM, EEXIST where a device, a pipe, a socket or
 * a symbolic link has that name, or what the system says of the file. */
int hak_profile_dump(const char *path);
/* True where p lies in memory that hakmem manages. */
bool hak_is_in_heap(const void *p);
/* Walks every structure that the caller can lock and aborts with a line on standard error where an
 * invariant is broken. For tests; slow; no other thread should be allocating. */
void hak_audit(void);

#ifdef __cplusplus
}
#endif

#endif
