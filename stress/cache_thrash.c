/* SPDX-License-Identifier: MIT
 * stress/cache_thrash.c - active false sharing: threads allocate small blocks at the same time and
 * write to them.
 *
 * Source: E. Berger, K. McKinley, R. Blumofe, P. Wilson, "Hoard: A Scalable Memory Allocator for
 * Multithreaded Applications", ASPLOS 2000, sections 2.2 and 5, benchmark "active-false". An
 * allocator that serves requests of different threads from one cache line makes them slow each
 * other down, although the program shares nothing.
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
	return false_sharing_main("cache-thrash", FALSE_SHARING_ACTIVE, argc, argv);
}
