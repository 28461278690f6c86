/* SPDX-License-Identifier: MIT
 * stress/cache_scratch.c - passive false sharing: blocks that one thread allocated side by side are
 * freed by as many threads, which then allocate and write.
 *
 * Source: E. Berger, K. McKinley, R. Blumofe, P. Wilson, "Hoard: A Scalable Memory Allocator for
 * Multithreaded Applications", ASPLOS 2000, sections 2.2 and 5, benchmark "passive-false". The main
 * thread allocates one block for each thread, so that several share a cache line. Each thread frees
 * its own first. An allocator that gives a freed block to whichever thread freed it now has several
 * threads writing to one line.
 *
 * What differs: every byte counts its writes, and is checked before the block is freed; blocks on a
 * shared line are counted.
 *
 * Parameters: THREADS ITERATIONS SIZE REPETITIONS CONCURRENCY, as in false_sharing.h. CONCURRENCY
 * divides REPETITIONS, so that the same work is spread over more threads; 0 stands for THREADS.
 *
 * Prints the closing line (harness.h) with shared_blocks=, which unlike the checksum depends on the
 * allocator and on chance. ops counts pairs of malloc and free; the work is fixed, so `seconds` is
 * the figure to compare. checksum depends on the last value of all bytes. */
#include "stress/false_sharing.h"

int
main(int argc, char **argv)
{
	return false_sharing_main("cache-scratch", FALSE_SHARING_PASSIVE, argc, argv);
}
