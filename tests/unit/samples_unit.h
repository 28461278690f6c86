/* SPDX-License-Identifier: MIT
 * tests/unit/samples_unit.h - blocks of samples, as any back-end has to hand them out. */
#ifndef HAK_TESTS_UNIT_SAMPLES_UNIT_H
#define HAK_TESTS_UNIT_SAMPLES_UNIT_H

#include <string.h>

#include "backends/backend.h"
#include "tests/unit/unit.h"

#define SAMPLES_BIG ((size_t)3 << 20)

/* A sample and a common block of each class side by side: alike to the program, but for the bin of
 * their pages. */
static inline void
check_samples(struct backend_arena *arena)
{
	size_t before = backend_arena_live(arena);

	for (unsigned cls = CLASS_TINY; cls < CLASS_END; cls++) {
		bool zeroed = false;
		unsigned found;
		if (sizeclass_of(sizeclass_size(cls)) != cls)
			continue;
		char *common = backend_take(arena, cls, &zeroed);
		char *sample = backend_take_sampled(arena, cls);
		REQUIRE_MSG(common && sample, "class %u: no block", cls);
		REQUIRE_EQ(backend_is_sampled(common), 0);
		REQUIRE_EQ(backend_is_sampled(sample), 1);
		REQUIRE_EQ(backend_bin(sample), 0);
		REQUIRE_EQ(backend_bin(common), cls < BIN_CLASSES ? cls * BIN_BYTES : 0u);
		REQUIRE_EQ(backend_usable(sample), sizeclass_size(cls));
		backend_owner(sample, &found);
		REQUIRE_EQ(found, cls);
		memset(sample, 0x5a, sizeclass_size(cls));
		memset(common, 0xa5, sizeclass_size(cls));
		REQUIRE_EQ(sample[sizeclass_size(cls) - 1], 0x5a);
		backend_audit(arena);
		link_set(sample, common);
		link_set(common, NULL);
		REQUIRE_EQ(backend_return(arena, sample, 0) != NULL, 0);
		backend_audit(arena);
	}
	REQUIRE_EQ(backend_arena_live(arena), before);
}

/* A Big block becomes a sample and none again; the next block at its place is none. */
static inline void
check_big_samples(void)
{
	bool zeroed = false;
	char *p = backend_big_alloc(SAMPLES_BIG, 1, &zeroed);

	REQUIRE_MSG(p != NULL, "no Big block");
	REQUIRE_EQ(backend_is_sampled(p), 0);
	backend_big_sampled(p, true);
	REQUIRE_EQ(backend_is_sampled(p), 1);
	backend_big_sampled(p, false);
	REQUIRE_EQ(backend_is_sampled(p), 0);
	backend_big_sampled(p, true);
	REQUIRE_EQ(backend_big_free(p), 1);
	p = backend_big_alloc(SAMPLES_BIG, 1, &zeroed);
	REQUIRE_EQ(backend_is_sampled(p), 0);
	backend_big_free(p);
}

#endif
