/* SPDX-License-Identifier: MIT
 * stress/smartheap.h - what sh6 and sh8 have in common: batches of mixed sizes that are freed out
 * of order. See those two for the source and the parameters.
 *
 * In each of its CALLS rounds a thread allocates a batch: sizes fall from MAX to MIN, a sixth at a
 * time, the smaller ones in greater number, 16 of a size at most. The last third of the batch is
 * freed last block first, the middle third first block first; the first third stays, and an older
 * third that did is freed in its place, first block first. */
#ifndef STRESS_SMARTHEAP_H
#define STRESS_SMARTHEAP_H

#include "stress/harness.h"

struct smartheap {
	const char *workload;
	uint64_t threads; /* by default */
	uint64_t calls;   /* by default */
	bool exchange;    /* what stays is freed by any thread, not by the one that allocated it */
};

/* The whole program. Returns its exit status. */
int smartheap_main(const struct smartheap *s, int argc, char **argv);

#endif
