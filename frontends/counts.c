/* SPDX-License-Identifier: MIT
 * frontends/counts.c - the table of counts, and what the statistics see of it. */
#include "frontends/counts.h"

#include <string.h>

#include "backends/pages.h"
#include "base/config.h"
#include "frontends/frontend.h"

struct counts *_Atomic hak_counts;

void
counts_init(void)
{
	if (CONFIG(stats))
		RELAXED_SET(hak_counts, pages_meta_alloc(sizeof(struct counts)));
}

void
frontend_classes(struct frontend_class *out)
{
	struct counts *c = RELAXED(hak_counts);

	memset(out, 0, BIN_CLASSES * sizeof(*out));
	for (unsigned cls = 1; c && cls < BIN_CLASSES; cls++)
		out[cls] = (struct frontend_class){
			.hits = RELAXED(c->of[cls][COUNT_HIT]),
			.misses = RELAXED(c->of[cls][COUNT_MISS]),
			.overflows = RELAXED(c->of[cls][COUNT_OVERFLOW]),
			.refills = RELAXED(c->of[cls][COUNT_REFILL]),
			.drains = RELAXED(c->of[cls][COUNT_DRAIN]),
		};
}
