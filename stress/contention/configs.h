/* SPDX-License-Identifier: MIT
 * stress/contention/configs.h - what the study compares: each variant under its selectors, and the
 * peers.
 *
 * A configuration is an allocator to the sweep's modules, named as in the report: "tls-hakmem
 * site", "glibc". Invariant: items do not move once the list is complete, since runs point to
 * them. */
#ifndef STRESS_CONTENTION_CONFIGS_H
#define STRESS_CONTENTION_CONFIGS_H

#include "stress/sweep/allocators.h"

#include <stdbool.h>
#include <stddef.h>

struct places;

struct config {
	struct allocator allocator;
	const char *variant;  /* "tls-hakmem"; of a peer its name */
	const char *selector; /* NULL for a peer */
};

struct configs {
	struct config *items;
	size_t n;
	struct allocators libraries; /* what variant, path and package point into */
};

extern const char *const config_frontends[], *const config_selectors[];
enum { CONFIG_FRONTENDS = 3, CONFIG_SELECTORS = 4, CONFIG_BASE_FRONTEND = 0 };

/* All that are there: the built variants (those on hakmem's back-end under each selector, those on
 * jemalloc's under `site`), then the peers. What is missing is named on standard error; false where
 * no variant on hakmem's back-end is there. */
bool configs_find(const struct places *p, struct configs *out);
/* Makes the configurations of `list`, which the caller gives away. */
void configs_make(struct configs *out, struct allocators list);
void configs_free(struct configs *c);
/* The configuration of a variant under a selector, or of a peer with a NULL selector; NULL where
 * there is none. */
const struct config *configs_named(
	const struct configs *c, const char *variant, const char *selector);

#endif
