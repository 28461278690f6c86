/* SPDX-License-Identifier: MIT
 * stress/sweep/proof.h - shows which library served a program's malloc and free.
 * The dynamic linker itself says to which file it bound each symbol (LD_DEBUG=bindings); a server's
 * memory map says what is loaded. */
#ifndef HAKMEM_SWEEP_PROOF_H
#define HAKMEM_SWEEP_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Checks the linker's list: every binding of malloc and of free from `program` (its argv[0]; NULL
 * for every file but the library) goes to `library`, and there is one of each. False with the
 * reason in `why`. */
bool proof_bindings(
	const char *list, const char *program, const char *library, char *why, size_t size);
/* Checks a text of the form of /proc/PID/maps for a mapping of `library`. */
bool proof_maps(const char *maps, const char *library);
/* The same for a running process. */
bool proof_process(pid_t pid, const char *library, char *why, size_t size);

#endif
