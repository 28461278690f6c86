/* SPDX-License-Identifier: MIT
 * stress/sweep/redis.h - a real redis-server under the allocator, driven by redis-benchmark. */
#ifndef HAKMEM_SWEEP_REDIS_H
#define HAKMEM_SWEEP_REDIS_H

#include "stress/sweep/run.h"

#include <stdbool.h>
#include <stddef.h>

/* False with a line on standard error that names what to install. */
bool redis_available(void);
void redis_run(const struct job *job, struct run *run);
/* Turns what redis-benchmark --csv printed into " set=RATE get=RATE ..." in `out`; the requests
 * per second over all tests together, 0 where a test is missing. */
double redis_parse(const char *csv, char *out, size_t size);

#endif
