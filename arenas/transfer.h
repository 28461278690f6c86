/* SPDX-License-Identifier: MIT
 * arenas/transfer.h - full magazines on their way between the threads of one CPU.
 *
 * Every CPU (by its number, modulo TRANSFER_WAYS) has a transfer cache: for each class a stack of
 * magazines, whichever arenas their blocks are of. Threads that take turns there hand magazines on
 * without a word that another CPU writes, and get blocks that this CPU's caches hold; an arena's
 * lock, counters and depots are everybody's. What finds no room goes to the arenas' depots. Before
 * an arena maps memory a refill takes from all transfer caches, and those that hold much give idle
 * classes back. (The name is TCMalloc's,
 * whose transfer caches are shared, or by cache domain.)
 *
 * Owner: each cache has a lock, held for some instructions, or while an idle class is emptied, and
 * only ever tried by front-ends: whoever meets it held goes on to the arenas. No other lock is
 * taken meanwhile. Invariant: bytes and blocks are the sums over its magazines. (transfer_audit)
 *
 * All functions are thread-safe; the caller holds no lock of an arena or above. */
#ifndef HAK_ARENAS_TRANSFER_H
#define HAK_ARENAS_TRANSFER_H

#include "arenas/depot.h"
#include "backends/sizeclass.h"

#define TRANSFER_WAYS 64

struct transfer_totals {
	size_t caches; /* a number, as the others but `bytes` */
	size_t puts;   /* magazines that came in */
	size_t takes;  /* that went out to a thread on the CPU */
	size_t sent;   /* that went out to other CPUs */
	size_t bytes;  /* of blocks that are in them */
};

/* Blocks of one class, numbers. */
struct transfer_class {
	uint64_t handed; /* that went out so far */
	uint64_t blocks; /* that are in them */
};

/* Takes the magazine of blocks of the class; false where there is no room for it here. Of what is
 * not `wanted` on this CPU again there may be less: others look in the arenas first. */
bool transfer_put(unsigned cls, struct magazine m, bool wanted);
/* A magazine that was put on this CPU; empty where there is none. */
struct magazine transfer_take(unsigned cls);
/* A magazine from any CPU. */
struct magazine transfer_take_any(unsigned cls);
/* The magazines of which nobody has put or taken one for least_ms, as stacks (depot.h), one of a
 * class at a time; NULL at the end. *place begins at 0. */
void *transfer_idle(unsigned *place, uint32_t now_ms, uint32_t least_ms);
/* The bytes that are in them above what each may hold of anything, about. */
size_t transfer_excess(void);
struct transfer_totals transfer_totals(void);
/* By class, all CPUs together. */
void transfer_classes(struct transfer_class out[BIN_CLASSES]);
void transfer_audit(void);

void transfer_fork_prepare(void);
void transfer_fork_parent(void);
void transfer_fork_child(void);

#endif
