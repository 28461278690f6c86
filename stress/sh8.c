/* SPDX-License-Identifier: MIT
 * stress/sh8.c - batches of mixed sizes, freed partly in the order of allocation, partly in the
 * opposite one, partly much later and by another thread.
 *
 * Source: the published description of MicroQuill's sh8bench, the stress test for threads that came
 * with its SmartHeap library: the pattern of sh6bench, but blocks that are kept are freed by other
 * threads than allocated them, as in a server.
 *
 * What differs: the parameters are given in the command line; what is kept are the first thirds of
 * batches, in a table of 32 places for each thread, each with the list of its blocks as a block of
 * its own; a thread puts one at a random place of the whole table and frees what was there; every
 * block is checked before it is freed.
 *
 * Parameters: THREADS CALLS MIN MAX. Each thread does CALLS rounds with sizes from MIN to MAX, as
 * described in smartheap.h.
 *
 * Prints the closing line (harness.h). ops counts blocks, not the lists of blocks; the work is
 * fixed, so `seconds` is the figure to compare. checksum adds up all words read back. */
#include "stress/smartheap.h"

int
main(int argc, char **argv)
{
	static const struct smartheap sh8 = {"sh8", 4, 20000, true};

	return smartheap_main(&sh8, argc, argv);
}
