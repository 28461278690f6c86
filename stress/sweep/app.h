/* SPDX-License-Identifier: MIT
 * stress/sweep/app.h - the real applications among the workloads, and what they share.
 *
 * Each has a function that says whether its programs are installed, which names Debian's package
 * where not, and one that does a run. app_<name>.c tells what it does and how it is verified. */
#ifndef HAKMEM_SWEEP_APP_H
#define HAKMEM_SWEEP_APP_H

#include "stress/sweep/run.h"

#include <stdbool.h>
#include <stddef.h>

bool redis_available(void);
void redis_run(const struct job *job, struct run *run);
bool memcached_available(void);
void memcached_run(const struct job *job, struct run *run);
bool rocksdb_available(void);
void rocksdb_run(const struct job *job, struct run *run);
/* lua, ruby, python and sqlite: which of them is the workload's name. */
bool lua_available(void);
bool ruby_available(void);
bool python_available(void);
bool sqlite_available(void);
void script_run(const struct job *job, struct run *run);

/* --- shared by them -------------------------------------------------------------------------- */

/* Whether the program is there; if not, a line says that the workload is left out, and which
 * package has it. */
bool app_has(const char *workload, const char *program, const char *package);
/* Runs a program to its end under the job's allocator, judges its end and, for a proof, the
 * bindings of all its files. `variable` is one more NAME=VALUE of its environment, or NULL. What it
 * printed, to be freed; NULL with a failure. */
char *app_output(
	const struct job *job, const char *const *argv, const char *variable, struct run *run);
/* The peak RSS of a process from /proc; 0 where it cannot be told. */
double app_peak_kb(pid_t pid);

/* --- for the tests --------------------------------------------------------------------------- */

/* Turns what redis-benchmark printed into " set=RATE set_p50_us=... p50_us=..." in `out`; the
 * requests per second over all tests together, 0 where a test is missing. Where `under_way` is not
 * 0, rates come from so many requests at any time and their mean latency. */
double redis_parse(const char *text, double under_way, char *out, size_t size);
/* The same for db_bench and its three tests; `checksum` gets what does not hang on time. */
double rocksdb_parse(const char *text, char *out, size_t size, char *checksum, size_t room);

#endif
