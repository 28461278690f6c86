/* SPDX-License-Identifier: MIT
 * base/config.h - the settings: one table yields the struct, defaults, range checks, the parsing
 * of the environment, the statistics' dump and docs/config.md.
 *
 * All settings are whole numbers. A setting earns its row by a measured case where it helps. */
#ifndef HAK_BASE_CONFIG_H
#define HAK_BASE_CONFIG_H

#include "base/compiler.h"

/* field, default, least, most, unit, what it does */
#define CONFIG_SETTINGS(X)                                                                         \
	X(arenas, 0, 0, 64, "arenas",                                                              \
		"The most arenas in use. 0 takes twice the CPUs that the process may use. A "      \
		"program "                                                                         \
		"starts with one arena and adds more only when threads contend.")                  \
	X(bigcache, 64, 0, 1048576, "MiB",                                                         \
		"The most memory that BigCache keeps of freed blocks above 1 MiB. 0 keeps none.")  \
	X(cold, 800, 0, 3600000, "ms",                                                             \
		"Free memory idle for this long is given back to the system at once.")             \
	X(giveback, 33554432, 1048576, 1ull << 46, "bytes",                                        \
		"A larger block is given back to the system when it is freed. Also mallopt's "     \
		"M_MMAP_THRESHOLD.")                                                               \
	X(keep, 0, 0, 1ull << 46, "bytes",                                                         \
		"Free memory that ageing leaves alone. Also mallopt's M_TRIM_THRESHOLD.")          \
	X(reserve, 1024, 1, 16384, "GiB",                                                          \
		"The address space reserved at start, halved until the system grants it. Address " \
		"space is not memory. With a limit on address space a part of the limit is taken " \
		"instead.")                                                                        \
	X(stats, 0, 0, 1, "switch", "1 writes the statistics to standard error at exit.")          \
	X(warm, 200, 0, 3600000, "ms",                                                             \
		"Free memory idle for this long is offered to the system, which takes it when it " \
		"needs it.")

struct config {
#define X(field, standard, least, most, unit, doc) _Atomic size_t field;
	CONFIG_SETTINGS(X)
#undef X
};

struct config_setting {
	const char *variable; /* HAKMEM_arenas and so on; upper case in the environment */
	size_t standard, least, most;
	const char *unit;
	const char *doc;
	size_t offset; /* of the field in struct config */
};

/* Written by config_load under the startup lock, later by mallopt; read by any thread: relaxed. */
extern struct config hak_config;

#define CONFIG(field) atomic_load_explicit(&hak_config.field, memory_order_relaxed)
#define CONFIG_SET(field, value)                                                                   \
	atomic_store_explicit(&hak_config.field, value, memory_order_relaxed)

/* The value of setting s now. */
size_t config_value(const struct config_setting *s);
extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

/* Reads the HAKMEM_ variables of the environment into hak_config. A value that is no number, is out
 * of range, or a name that no setting has is reported in one line naming it, and is left out. */
void config_load(char **environment);

#endif
