/* SPDX-License-Identifier: MIT
 * stress/sweep/machine.h - the environment that a result holds for. */
#ifndef HAKMEM_SWEEP_MACHINE_H
#define HAKMEM_SWEEP_MACHINE_H

struct allocators;
struct places;

/* The machine, the system, the allocators' versions and paths, as lines "# key: value": one string
 * to be freed. */
char *machine_describe(const struct places *p, const struct allocators *list);

#endif
