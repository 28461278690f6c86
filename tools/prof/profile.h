/* SPDX-License-Identifier: MIT
 * tools/prof/profile.h - a profile in memory: read and checked, added up, written. docs/profile.md
 * has the format of the file.
 *
 * A profile owns all that it points to. Its sites are ordered by rising id, each id once. Counters
 * stay below 2^63: a sum that would pass it stays there. For programs of one thread; memory that
 * cannot be had ends the program. */
#ifndef HAKMEM_PROF_PROFILE_H
#define HAKMEM_PROF_PROFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROFILE_VERSION = 1,
	PROFILE_BYTE_BUCKETS = 48, /* of lifetimes in bytes, by their logarithm to the base 2 */
	PROFILE_MS_BUCKETS = 32,   /* in milliseconds */
	PROFILE_NO_MODULE = -1,    /* the frame's offset is an address then */
};

struct module {
	char *path;     /* may be empty */
	char *build_id; /* lower-case hex, may be empty */
	uint64_t start, end, bias;
};

struct frame {
	int module; /* an index, or PROFILE_NO_MODULE */
	uint64_t offset;
};

/* How many samples had that size. */
struct size_count {
	uint64_t size, samples;
};

struct site {
	uint64_t id;
	struct frame *frames; /* innermost first */
	size_t nframes;
	uint64_t samples, live_samples;
	uint64_t alloc_count, alloc_bytes, live_count, live_bytes; /* estimates */
	uint64_t peak_live_bytes, threads;
	double alloc_variance, live_variance; /* of the estimates, bytes squared */
	struct size_count *sizes;             /* by rising size */
	size_t nsizes;
	uint64_t lifetime_bytes[PROFILE_BYTE_BUCKETS];
	uint64_t lifetime_ms[PROFILE_MS_BUCKETS];
};

struct profile {
	char *program, *host, *variant, *reason;
	uint64_t pid, time_ms, uptime_ms, sample_bytes, allocated_bytes, live_bytes;
	uint64_t peak_live_bytes, dropped_samples;
	struct module *modules;
	size_t nmodules;
	struct site *sites;
	size_t nsites;
};

/* Reads a file; false with a line on standard error that names the file and what is wrong. */
bool profile_load(const char *path, struct profile *p);
void profile_free(struct profile *p);
/* A histogram as a list without the zeroes at its end. */
json_t *profile_buckets_json(const uint64_t *buckets, size_t n);
/* The whole as a JSON object, or all but the modules and sites; to be released by json_decref. */
json_t *profile_head_json(const struct profile *p);
json_t *profile_json(const struct profile *p);

/* Adds the counters of `more`, not its identity. The peaks are added too: no less than the peak of
 * all together, since they need not be of the same time. */
void site_add(struct site *total, const struct site *more);
/* Releases what a site owns. */
void site_free(struct site *s);
/* The samples that were freed. */
uint64_t site_freed(const struct site *s);
/* Samples that are in the first `n` buckets. */
uint64_t profile_first_buckets(const uint64_t *buckets, size_t n);
/* a + b, at most 2^63 - 1. */
uint64_t profile_sum(uint64_t a, uint64_t b);
/* Orders sites by id and adds up those that share one. */
void profile_order(struct profile *p);
/* Bytes allocated per second; 0 where no time is known. */
double profile_rate(const struct profile *p, uint64_t bytes);

#endif
