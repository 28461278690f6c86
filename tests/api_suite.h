/* SPDX-License-Identifier: MIT
 * tests/api_suite.h - the parts of the API suite, one a file, and what they share: the table of all
 * functions that return a block. */
#ifndef TESTS_API_SUITE_H
#define TESTS_API_SUITE_H

#include <stddef.h>

#include "check_main.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define ERRNO_MARK 12345
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct api_entry {
	const char *name;
	void *(*alloc)(size_t size); /* errno is set on failure */
	size_t alignment;            /* that the block must have, from 16 bytes up */
};

extern const struct api_entry api_entries[];
extern const size_t api_entry_count;

/* One size for each tier and each side of its boundaries. */
extern const size_t api_tier_sizes[];
extern const size_t api_tier_size_count;

/* The statistics, by value. */
static inline struct hak_stats
stats_now(void)
{
	struct hak_stats stats;

	hak_stats_get(&stats);
	return stats;
}

void api_add_blocks(Suite *suite);    /* test_api.c */
void api_add_realloc(Suite *suite);   /* test_api_realloc.c */
void api_add_alignment(Suite *suite); /* test_api_alignment.c */
void api_add_stats(Suite *suite);     /* test_api_stats.c */
void api_add_misuse(Suite *suite);    /* test_api_misuse.c */

#endif
