/* SPDX-License-Identifier: MIT
 * stress/sweep/allocators.h - which allocators a sweep compares.
 * A variant is a libhakmem-<front-end>-<back-end>.so that was built; a peer is glibc, one of the
 * allocators that Debian packages, or any other library given as NAME=PATH. */
#ifndef HAKMEM_SWEEP_ALLOCATORS_H
#define HAKMEM_SWEEP_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>

struct places;

struct allocator {
	char *name; /* "tls-hakmem", "mimalloc", ... */
	char *path; /* the library to preload; for glibc the C library, which needs no preload */
	const char *package; /* Debian's package, or NULL */
	bool is_libc;
	bool is_variant; /* one of ours, from the build */
};

struct allocators {
	struct allocator *items;
	size_t n;
};

/* What the user asked for; NULL stands for everything there is. `only` excludes the others. */
struct allocator_choice {
	const char *variants, *peers, *only;
};

/* Finds the chosen allocators, variants first. A peer that is not installed is named with its
 * package and left out; false with a line on standard error for a name that is none. */
bool allocators_find(
	const struct places *p, const struct allocator_choice *choice, struct allocators *out);
void allocators_free(struct allocators *list);
/* Whether the name is that of a peer that allocators_find knows without a path. */
bool allocators_is_peer(const char *name);
/* What results say of its place: a variant's file name, the path of others. */
const char *allocators_path(const struct allocator *a);
/* The allocator of that name, or NULL. */
const struct allocator *allocators_named(const struct allocators *list, const char *name);

#endif
