/* SPDX-License-Identifier: MIT
 * backends/hakmem/hakmem.h - the tiered back-end as the contract sees it. */
#ifndef HAK_BACKENDS_HAKMEM_HAKMEM_H
#define HAK_BACKENDS_HAKMEM_HAKMEM_H

#include "backends/hakmem/slab.h"
#include "backends/pages.h"

#define BACKEND_NAME "hakmem"
#define BACKEND_GROUPS (PAGE_GROUPS - 1)

/* Arena lock. */
struct backend_arena {
	uint16_t index;
	uint8_t group;
	uint32_t aged_ms;                  /* when the slabs below L2.5 were last looked at */
	struct slab_list lists[CLASS_END]; /* by class: slabs with room */
	struct slab_list *sampled;         /* the same of samples; NULL before the first */
};

#endif
