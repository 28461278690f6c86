/* SPDX-License-Identifier: MIT
 * stress/sweep/machine.h - the environment that a result holds for. */
#ifndef HAKMEM_SWEEP_MACHINE_H
#define HAKMEM_SWEEP_MACHINE_H

#include <stdint.h>

#define MACHINE_DIGEST_START 0xcbf29ce484222325u

struct allocators;
struct places;

/* The machine, the system, the allocators' versions and paths, as lines "# key: value": one string
 * to be freed. */
char *machine_describe(const struct places *p, const struct allocators *list);
/* FNV-1a over a file, going on from `digest`; a file that cannot be read adds nothing. */
uint64_t machine_digest(const char *path, uint64_t digest);

#endif
