/* SPDX-License-Identifier: MIT
 * backends/again.h - which long runs come again.
 *
 * A run of pages that is freed and soon allocated again, as long as before, is needed again, and
 * its memory is worth keeping meanwhile: an array that a loop makes anew, an image, a codec's
 * buffer. The last few long runs that were freed are known here, and whether one of their length
 * came within AGAIN_MS, or while it was kept. It has come again when it is freed after that, and
 * then stays whole. One that is to read as zero has to be written to for that, so it does so only
 * if the program had written to most of it: the page faults of the process in between tell, which
 * are at least those of the pages that it began without, or fewer where they are huge.
 *
 * It stays for four times as long as it took to come again, AGAIN_LEAST_MS at least, or as free
 * pages do.
 *
 * A run that grows, a vector's, does not come again soon: what is next is longer than what it
 * leaves, and where the program makes another vector, that grows for as long. So the time is short,
 * and what is freed behind the allocation of a longer run does not stay.
 *
 * All functions are for the holder of the page heap's lock. They allocate nothing and do not fail.
 */
#ifndef HAK_BACKENDS_AGAIN_H
#define HAK_BACKENDS_AGAIN_H

#include "base/compiler.h"

#define AGAIN_RUNS 4
#define AGAIN_MS 500
#define AGAIN_LEAST_MS 50

struct again_run {
	enum { AGAIN_GONE, AGAIN_FREED, AGAIN_KEPT, AGAIN_IN_USE } state;
	bool touched; /* most of it, by the time when it was freed */
	bool zero;    /* it was to read as zero */
	unsigned group;
	uint32_t since_ms; /* when it got there */
	uint32_t wait_ms;  /* how long it is kept */
	size_t npages;
	size_t clean;    /* pages that it began without */
	uint64_t faults; /* the process's, then */
};

struct again {
	struct again_run runs[AGAIN_RUNS];
	size_t last; /* pages of the last run that was allocated */
};

/* A run of that length is allocated: the one that comes again, to be told of by again_taken, or
 * NULL where none does. */
struct again_run *again_find(struct again *a, unsigned group, size_t npages, uint32_t now_ms);
/* It was, with so many pages that hold no memory; it is to read as `zero`. */
void again_taken(struct again_run *r, size_t npages, size_t clean, bool zero);
/* A run is freed; true when it is to be kept. */
bool again_freed(struct again *a, unsigned group, size_t npages, uint32_t now_ms);
/* The pages that are kept. */
size_t again_awaited(const struct again *a);
/* Those that were kept long enough are not any more; the group of one, -1 where there is none. */
int again_overdue(struct again *a, uint32_t now_ms);

#endif
