/* SPDX-License-Identifier: MIT
 * stress/netlist.h - a netlist: named elements, the wires between them, and their places on a chip.
 *
 * The elements are one array; each has a block for its name and one for each of its lists of
 * neighbours, which grow by doubling. A search tree, a block a node, finds elements by name. The
 * places of each row of the chip are a block. Reading is single-threaded; afterwards only the
 * fields under "annealing" change. */
#ifndef STRESS_NETLIST_H
#define STRESS_NETLIST_H

#include "stress/harness.h"

struct location {
	int32_t x;
	int32_t y;
};

struct fan {
	struct element **to;
	uint32_t count;
	uint32_t room;
};

struct element {
	char *name;
	struct fan in;  /* wires from these */
	struct fan out; /* wires to these */
	/* Annealing: see canneal.c for who may touch them. */
	const struct location *now;
	const struct location *before;
	size_t group;
};

struct name_node {
	char *name;
	struct element *element;
	struct name_node *below[2];
};

struct netlist {
	struct element *elements;
	size_t count;
	size_t named; /* elements met so far */
	struct name_node *names;
	struct location **rows;
	size_t width; /* of the chip; its places are width * height, at least count */
	size_t height;
};

/* Reads a netlist of `count` elements that is generated from the seed, and gives each element a
 * random place of its own. */
void netlist_read(struct netlist *n, size_t count, uint64_t seed);
void netlist_free(struct netlist *n);

/* The length of all wires, each as the sum of its two extents. */
uint64_t netlist_cost(const struct netlist *n);

/* Checks that each name finds its element, that wires are known at both ends, and that no place is
 * taken twice; ends the program where that is not so. Returns a digest of all places. */
uint64_t netlist_verify(const struct netlist *n, uint64_t seed);

#endif
