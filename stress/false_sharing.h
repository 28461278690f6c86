/* SPDX-License-Identifier: MIT
 * stress/false_sharing.h - what cache-scratch and cache-thrash have in common: threads that write
 * to small blocks again and again. See those two for the source and the parameters.
 *
 * Each thread does ITERATIONS times: allocate a block of SIZE bytes, add one to every byte of it
 * REPETITIONS / CONCURRENCY times, check all bytes, free the block. Where two threads' blocks lie
 * on one cache line, each write takes the line away from the other thread. That shows in the time
 * only where the threads run on different processors; so it is also counted: `shared_blocks` are
 * those that lay on a line with a block of another thread when they were handed out. */
#ifndef STRESS_FALSE_SHARING_H
#define STRESS_FALSE_SHARING_H

#include "stress/harness.h"

enum false_sharing {
	FALSE_SHARING_ACTIVE,  /* the allocator deals out parts of one line to different threads */
	FALSE_SHARING_PASSIVE, /* the program does; the allocator might go on with it */
};

/* The whole program. Returns its exit status. */
int false_sharing_main(const char *workload, enum false_sharing kind, int argc, char **argv);

#endif
