/* SPDX-License-Identifier: MIT
 * stress/sh6.c - batches of mixed sizes, freed partly in the order of allocation, partly in the
 * opposite one, partly much later.
 *
 * Source: the published description of MicroQuill's sh6bench, the stress test that came with its
 * SmartHeap library: some blocks are freed last allocated, first freed, others in reverse of that,
 * and some are kept over several rounds, while the small sizes are by far the most frequent.
 *
 * What differs: the parameters are given in the command line; what is kept are the first thirds of
 * the last 32 batches, each with the list of its blocks as a block of its own; every block is
 * checked before it is freed.
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
	static const struct smartheap sh6 = {"sh6", 1, 80000, false};

	return smartheap_main(&sh6, argc, argv);
}
