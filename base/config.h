/* SPDX-License-Identifier: MIT
 * base/config.h - the settings: one table yields the struct, defaults, range checks, the parsing
 * of the environment, the statistics' dump and docs/config.md.
 *
 * A setting is a whole number, or one of a few names, which stand for the numbers from 0 on. Those
 * that name a file have a table of their own. A setting earns its row by a measured case where it
 * helps. */
#ifndef HAK_BASE_CONFIG_H
#define HAK_BASE_CONFIG_H

#include "base/compiler.h"

/* The values of the settings that have names, in the order of the names. */
enum config_selector { SELECTOR_SITE, SELECTOR_THREAD, SELECTOR_CPU, SELECTOR_SINGLE };
enum config_site { SITE_RETURN, SITE_CALLER };
enum config_stats { STATS_NONE, STATS_TEXT, STATS_JSON };
enum config_placement {
	PLACEMENT_NONE,
	PLACEMENT_ISOLATE,
	PLACEMENT_LIFETIME,
	PLACEMENT_LIFETIME_DRY
};
enum config_learn { LEARN_OFF, LEARN_ON, LEARN_HELD, LEARN_LOG };

/* field, default, least, most, unit, what it does. A unit with a | in it is the list of the values'
 * names. */
#define CONFIG_SETTINGS(X)                                                                         \
	X(arenas, 0, 0, 64, "arenas",                                                              \
		"The number of arenas, rounded down to a power of two, in use from the start. 0 "  \
		"starts with one arena and adds more only when threads contend, up to twice the "  \
		"CPUs that the process may use then: those of its affinity mask, or fewer where "  \
		"a "                                                                               \
		"cgroup's quota grants less.")                                                     \
	X(background, 0, 0, 1, "0 or 1",                                                           \
		"1: a thread of the library's gives idle memory back, also while the program "     \
		"makes no call, and heeds memory pressure. It is started once 2 MiB are held, "    \
		"and "                                                                             \
		"sleeps while nothing is idle.")                                                   \
	X(bigcache, 64, 0, 1048576, "MiB",                                                         \
		"The most memory that BigCache keeps of freed blocks above 1 MiB. 0 keeps none.")  \
	X(cold, 800, 0, 3600000, "ms",                                                             \
		"Free memory idle for this long is given back to the system at once.")             \
	X(giveback, 33554432, 1048576, 1ull << 46, "bytes",                                        \
		"A larger block is given back to the system when it is freed, but for as much as " \
		"leaves a third of the memory in use free, unless its length comes again and "     \
		"again. Also mallopt's M_MMAP_THRESHOLD.")                                         \
	X(huge, 1048576, 0, 1048576, "MiB",                                                        \
		"The heap size from which huge pages are asked for where the heap grows densely. " \
		"1048576: never.")                                                                 \
	X(keep, 0, 0, 1ull << 46, "bytes",                                                         \
		"Free memory that ageing leaves alone. Also mallopt's M_TRIM_THRESHOLD.")          \
	X(learn, LEARN_OFF, LEARN_OFF, LEARN_LOG, "off|learn|frozen|log",                          \
		"learn lets whole policies over bigcache, cold, giveback, huge, keep, magazine "   \
		"and warm compete while the program runs, and plays the best; log does so too, "   \
		"and writes every decision with its reason to standard error. frozen plays what "  \
		"HAKMEM_POLICY's file says and learns nothing. A setting that is given a value "   \
		"is "                                                                              \
		"left alone. docs/learning.md describes it.")                                      \
	X(limit_cgroup, 0, 0, 1, "0 or 1",                                                         \
		"1: limits from the memory control group, where they are lower than those of the " \
		"next two settings: soft at memory.high or three quarters of memory.max (version " \
		"1: memory.limit_in_bytes), hard at fifteen sixteenths of it.")                    \
	X(limit_hard, 0, 0, 1ull << 26, "MiB",                                                     \
		"Memory that the heap holds above this is refused, after all that is idle has "    \
		"been given back: malloc returns NULL, errno is ENOMEM. 0 sets no limit.")         \
	X(limit_soft, 0, 0, 1ull << 26, "MiB",                                                     \
		"Above this idle memory is given back before the heap takes more. 0 sets no "      \
		"limit.")                                                                          \
	X(magazine, 65536, 512, 1048576, "bytes",                                                  \
		"What a full magazine, the unit in which caches and arenas hand blocks to each "   \
		"other, holds at most.")                                                           \
	X(placement, PLACEMENT_NONE, PLACEMENT_NONE, PLACEMENT_LIFETIME_DRY,                       \
		"none|isolate|lifetime|lifetime-dry",                                              \
		"isolate keeps the blocks of different call sites at different addresses for "     \
		"good, in 16 buckets by a secret hash of the site, and tells blocks that are "     \
		"freed twice or written to after they were freed. lifetime keeps blocks up to 32 " \
		"KiB of sites whose blocks are found to last apart from all others; "              \
		"lifetime-dry finds them, and says in the statistics what that would save. They "  \
		"take no profile. "                                                                \
		"docs/placement.md describes it.")                                                 \
	X(profile, 0, 0, 1ull << 40, "bytes",                                                      \
		"The mean distance, in allocated bytes, between the blocks that are sampled for "  \
		"the profile, at random. 0 samples none. docs/profile.md describes the profile.")  \
	X(profile_depth, 1, 1, 8, "frames",                                                        \
		"How many return addresses a site of the profile is made of. More than the one "   \
		"that malloc returns to are there for code that was built with "                   \
		"-fno-omit-frame-pointer; finding them costs each sample some system calls.")      \
	X(profile_signal, 0, 0, 64, "signal",                                                      \
		"The number of a signal that asks for a profile, SIGUSR2 for instance: the next "  \
		"allocation that leaves the fast path writes it. 0 takes none.")                   \
	X(reserve, 1024, 1, 16384, "GiB",                                                          \
		"The address space reserved at start, halved until the system grants it. Address " \
		"space is not memory. With a limit on address space a part of the limit is taken " \
		"instead.")                                                                        \
	X(selector, SELECTOR_SITE, SELECTOR_SITE, SELECTOR_SINGLE, "site|thread|cpu|single",       \
		"What chooses the arena of an allocation: its call site (hashed), the thread's "   \
		"number, the CPU, or nothing: one arena for all, however many there might be.")    \
	X(site, SITE_RETURN, SITE_RETURN, SITE_CALLER, "return|caller",                            \
		"What a call site is: the address that malloc returns to, or that together with "  \
		"the address which the calling function returns to. caller is for programs that "  \
		"funnel through an xmalloc; it needs them built with -fno-omit-frame-pointer, "    \
		"falls back on the first address where there is no frame to be found, and costs "  \
		"two system calls on the slow path. It goes for malloc, calloc and realloc.")      \
	X(stats, STATS_NONE, STATS_NONE, STATS_JSON, "0|1|json",                                   \
		"1 writes the statistics to standard error at exit, as text; json writes them as " \
		"one JSON object on one line, and has malloc_stats() do so too. Both also count "  \
		"call sites and measure waits for locks. docs/statistics.md describes the "        \
		"report.")                                                                         \
	X(warm, 200, 0, 3600000, "ms",                                                             \
		"Free memory idle for this long is offered to the system, which takes it when it " \
		"needs it.")

/* field, what it does. Settings that are a path: none by default. */
#define CONFIG_PATHS(X)                                                                            \
	X(policy, "The file from which the learner takes what it learned before, and to which it " \
		  "writes what it has learned; with HAKMEM_PLACEMENT=lifetime the call sites "     \
		  "whose blocks last, too. docs/learning.md describes it.")                        \
	X(profile_file,                                                                            \
		"The name of the profiles that are written at exit, on a signal and where "        \
		"the program names none. %p stands for the process, %n for a running "             \
		"number from 0, %% for a %. A relative path starts from the directory in "         \
		"which the program began. Without it hakmem-profile.%p.%n.json.")                  \
	X(rules, "The file of Site Rules: what becomes of the memory that a place in the program " \
		 "asks for. docs/rules.md describes it.")

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

/* The longest path, and its end. */
#define CONFIG_PATH_BYTES 1024

/* Written by config_load under the startup lock, which comes before every reader. */
struct config_path_values {
#define X(field, doc) char field[CONFIG_PATH_BYTES];
	CONFIG_PATHS(X)
#undef X
};

struct config_path {
	const char *variable; /* HAKMEM_policy and so on; upper case in the environment */
	const char *doc;
	char *value; /* in hak_config_paths; "" where there is none */
};

extern struct config_path_values hak_config_paths;
extern const struct config_path config_paths[];
extern const size_t config_path_count;

/* The path, as the environment had it; NULL where there is none. A relative one starts from the
 * working directory of the moment. */
#define CONFIG_PATH(field) (hak_config_paths.field[0] ? hak_config_paths.field : NULL)

/* Whether the user or the program has given the setting a value of its own, in the environment or
 * by mallopt: such a value is left alone by whatever else would change it. */
extern _Atomic bool hak_config_given[];
#define CONFIG_INDEX(field) (offsetof(struct config, field) / sizeof(_Atomic size_t))
#define CONFIG_GIVEN(field) RELAXED(hak_config_given[CONFIG_INDEX(field)])
/* CONFIG_SET for the user's or the program's own value. */
#define CONFIG_GIVE(field, value)                                                                  \
	do {                                                                                       \
		CONFIG_SET(field, value);                                                          \
		RELAXED_SET(hak_config_given[CONFIG_INDEX(field)], true);                          \
	} while (0)

/* The longest name of a value, and its end. */
#define CONFIG_NAME_BYTES 16

/* The value of setting s now. */
size_t config_value(const struct config_setting *s);
/* The name of one of its values; false where the setting is a number. */
bool config_name(const struct config_setting *s, size_t value, char out[CONFIG_NAME_BYTES]);
extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

/* Reads the HAKMEM_ variables of the environment into hak_config and hak_config_paths. A value that
 * is no number or name of the setting, or out of range, a path that is too long, and a variable
 * that is no setting's are reported in one line each and left out. */
void config_load(char **environment);

#endif
