/* SPDX-License-Identifier: MIT
 * tests/unit/big_unit.h - what the tests of Big share: a start, blocks that are taken and given
 * back. */
#ifndef TESTS_UNIT_BIG_UNIT_H
#define TESTS_UNIT_BIG_UNIT_H

#include "backends/hakmem/big.h"
#include "backends/hakmem/slab.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "base/config.h"
#include "tests/unit/unit.h"

static inline void
start(size_t cache_mib)
{
	hak_config.bigcache = cache_mib;
	pagemap_init();
}

static inline char *
take(size_t size)
{
	bool zeroed = false;
	char *p = big_alloc(0, size, 1, &zeroed);

	ck_assert_ptr_nonnull(p);
	return p;
}

static inline void
give(char *p)
{
	ck_assert(big_free(pagemap_slab(p)));
}

/* As a rule would have it. */
static inline void
give_as(char *p, enum backend_fate fate)
{
	pagemap_slab(p)->state = fate;
	give(p);
}

#endif
