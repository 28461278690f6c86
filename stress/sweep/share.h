/* SPDX-License-Identifier: MIT
 * stress/sweep/share.h - the share of its instructions that a server spends in the allocator.
 *
 * Valgrind's callgrind counts the instructions of one shortened run of redis-1k under each
 * allocator: exact, repeatable, and without hardware counters, which virtual machines seldom have.
 * Counted are the server's instructions in user space, its start included. Those of the allocator
 * are what calls from outside into its library cost, with all that it calls in turn (the C
 * library's memcpy in realloc, say); for glibc, calls of malloc, free and so on by name.
 *
 * Variants with the front-end rseq are left out: valgrind has no restartable sequences, and the
 * locks that stand in for them would be counted. */
#ifndef HAKMEM_SWEEP_SHARE_H
#define HAKMEM_SWEEP_SHARE_H

#include <jansson.h>
#include <stdbool.h>

struct plan;

/* Whether valgrind is there; if not, a line says which package has it. */
bool share_available(void);
/* Measures each allocator of the plan that is not in `shares` yet and adds an object for it, as
 * docs/results.md tells. Returns early when the sweep is interrupted. */
void share_measure(const struct plan *plan, json_t *shares);

/* --- for the tests --------------------------------------------------------------------------- */

/* Sums up the file that callgrind wrote: `total` of all instructions, and `inside` of those below
 * calls into the library. `is_libc` is true where the library is the C library. False where the
 * text is none of callgrind's. */
bool share_parse(
	const char *text, const char *library, bool is_libc, double *inside, double *total);

#endif
