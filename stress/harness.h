/* SPDX-License-Identifier: MIT
 * stress/harness.h - what the workloads share: parameters, time, random numbers, blocks that check
 * themselves, threads, and the closing line.
 *
 * The workloads are plain malloc programs: they know nothing of the allocator that serves them, so
 * that one binary runs under every allocator by LD_PRELOAD. Each prints one line of key=value
 * pairs at its end:
 *
 *   workload= threads= ops= seconds= ops_per_s= cpu_s= checksum= rss_peak_kb= minor_faults= ...
 *
 * `seconds` is wall-clock time from the first worker's start to the last one's end, cpu_s the
 * processor time of the whole process, `checksum` depends on the parameters alone. The exit status
 * is 0 after a good run, 1 when a check failed or memory ran out, 2 for a bad parameter.
 *
 * Include it before all other headers, since it asks the C library for its extensions. */
#ifndef STRESS_HARNESS_H
#define STRESS_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	HARNESS_MAX_THREADS = 64, /* of a THREADS or WORKERS parameter */
	HARNESS_CACHE_LINE = 64,
	/* One word at every so many bytes is in each page, and not always in the same cache set. */
	HARNESS_TOUCH = 4096 - HARNESS_CACHE_LINE,
};

enum harness_status {
	HARNESS_FAILED = 1,
	HARNESS_USAGE = 2,
};

/* Writes "program: message" to standard error and ends the process at once, from any thread. */
_Noreturn void harness_die(enum harness_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints "usage: program parameters" and ends the program, when argv[1] asks for help. */
void harness_help(int argc, char **argv, const char *parameters);

/* --- parameters ------------------------------------------------------------------------------ */

enum param_kind {
	PARAM_COUNT,   /* a whole number */
	PARAM_SECONDS, /* seconds, fractions allowed; value, min and max are in milliseconds */
};

struct param {
	const char *name;
	enum param_kind kind;
	uint64_t value; /* the default, until one was parsed */
	uint64_t min;
	uint64_t max;
};

/* Sets p->value from text; a text that is no number or out of range ends the program. */
void param_parse(struct param *p, const char *text);

/* Parses argv[1..] into params[0..n-1], in order; those left out at the end keep their default. */
void params_positional(struct param *params, size_t n, int argc, char **argv);

/* Ends the program if min's value is above max's. */
void params_ordered(const struct param *min, const struct param *max);

/* --- time and random numbers ----------------------------------------------------------------- */

uint64_t harness_now_ns(void);
void harness_sleep_ms(uint64_t ms);

/* The finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014): a bijection that mixes well. */
static inline uint64_t
mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

#define HARNESS_GOLDEN UINT64_C(0x9e3779b97f4a7c15)

struct prng {
	uint64_t state;
};

/* One independent stream for each pair of seed and stream number. */
static inline struct prng
prng_init(uint64_t seed, uint64_t stream)
{
	return (struct prng){mix64(seed + HARNESS_GOLDEN * (stream + 1))};
}

static inline uint64_t
prng_next(struct prng *g)
{
	g->state += HARNESS_GOLDEN;
	return mix64(g->state);
}

/* A number below n from the upper half of a random word, without a division. n is 1 or more. */
static inline uint32_t
prng_scale(uint64_t random, uint32_t n)
{
	return (uint32_t)(((random >> 32) * n) >> 32);
}

/* A size of 2^first bytes or more, in one of `octaves` doublings (32 at most in all), each half as
 * likely as the one before; within one all sizes are equally likely. Small blocks are by far the
 * most, yet every octave holds about as many bytes. */
static inline uint32_t
prng_power_law(uint64_t random, unsigned first, unsigned octaves)
{
	uint64_t bits = random | UINT64_C(1) << (octaves - 1);
	uint32_t base = UINT32_C(1) << (first + (unsigned)__builtin_ctzll(bits));

	return base + prng_scale(random, base);
}

/* The same with all octaves equally likely: most bytes are in the largest blocks. */
static inline uint32_t
prng_log_uniform(uint64_t random, unsigned first, unsigned octaves)
{
	uint32_t base = UINT32_C(1) << (first + prng_scale(random << 32, octaves));

	return base + prng_scale(random, base);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* The resident set of this process in KiB, by system calls that need no memory. */
uint64_t harness_rss_kb(void);

/* A zeroed table of n elements that does not come from the allocator under test and is resident
 * from the start, so that it neither feeds the allocator nor changes the resident set later. Never
 * NULL. To be freed by harness_table_free with the same numbers. */
void *harness_table(size_t n, size_t size);
void harness_table_free(void *table, size_t n, size_t size);

/* --- blocks ---------------------------------------------------------------------------------- */

_Noreturn void block_exhausted(size_t size);
_Noreturn void block_damaged(const void *mem, size_t size, uint64_t expected, uint64_t found);

/* The value that a block of that size can hold of a word. */
static inline uint64_t
block_truncate(uint64_t word, size_t size)
{
	return size >= sizeof(word) ? word : word & ((UINT64_C(1) << (8 * size)) - 1);
}

/* A block of size >= 1 bytes whose first and last word (first word and last byte below 16 bytes)
 * hold the word. The caller chooses a different word for each live block, so that a block that was
 * handed out twice, or overwritten, fails the check of block_delete. */
static inline void *
block_new(size_t size, uint64_t word)
{
	char *mem = malloc(size);

	if (!mem)
		block_exhausted(size);
	if (size >= 2 * sizeof(word)) {
		memcpy(mem, &word, sizeof(word));
		memcpy(mem + size - sizeof(word), &word, sizeof(word));
	} else if (size >= sizeof(word)) {
		/* The last byte first: of a block of 8 bytes it belongs to the word. */
		mem[size - 1] = (char)word;
		memcpy(mem, &word, sizeof(word));
	} else {
		for (size_t i = 0; i < size; i++)
			mem[i] = (char)(word >> (8 * i));
	}
	return mem;
}

/* The word read back from a block of fewer than 16 bytes; a false one if its last byte changed. */
static inline uint64_t
block_read_short(const char *mem, size_t size)
{
	uint64_t found = 0;

	if (size < sizeof(found)) {
		for (size_t i = 0; i < size; i++)
			found |= (uint64_t)(unsigned char)mem[i] << (8 * i);
		return found;
	}
	memcpy(&found, mem, sizeof(found));
	if (size > sizeof(found) && mem[size - 1] != (char)found)
		found = ~found;
	return found;
}

/* Checks that the block still holds what block_new wrote, and frees it. Returns the word read. */
static inline uint64_t
block_delete(void *mem, size_t size, uint64_t word)
{
	uint64_t expected = block_truncate(word, size);
	uint64_t first, last;

	if (size >= 2 * sizeof(word)) {
		memcpy(&first, mem, sizeof(first));
		memcpy(&last, (char *)mem + size - sizeof(last), sizeof(last));
	} else {
		first = last = block_read_short(mem, size);
	}
	if (first != expected || last != expected)
		block_damaged(mem, size, expected, first != expected ? first : last);
	free(mem);
	return first;
}

/* Where a live block is and what it must hold; belongs to one thread at a time. The caller chooses
 * tags that tell live blocks apart. */
struct slot {
	void *mem; /* NULL: empty */
	uint32_t size;
	uint32_t tag;
};

/* Whether the block has a word at offset, clear of the one at its end. */
static inline bool
slot_has_word(const struct slot *s, size_t offset)
{
	return offset + 2 * sizeof(uint64_t) <= s->size;
}

/* A block from block_new that has the word at every HARNESS_TOUCH bytes too, so that all of it is
 * resident, as in a program that uses what it asks for. */
static inline void
slot_fill(struct slot *s, uint32_t size, uint32_t tag)
{
	uint64_t word = tag * HARNESS_GOLDEN;
	char *mem = block_new(size, word);

	s->mem = mem;
	s->size = size;
	s->tag = tag;
	for (size_t offset = HARNESS_TOUCH; slot_has_word(s, offset); offset += HARNESS_TOUCH)
		memcpy(mem + offset, &word, sizeof(word));
}

/* Checks and frees the slot's block. Returns the word read. */
static inline uint64_t
slot_empty(struct slot *s)
{
	uint64_t word = s->tag * HARNESS_GOLDEN;
	const char *mem = s->mem;
	uint64_t found;

	for (size_t offset = HARNESS_TOUCH; slot_has_word(s, offset); offset += HARNESS_TOUCH) {
		memcpy(&found, mem + offset, sizeof(found));
		if (found != word)
			block_damaged(mem, s->size, word, found);
	}
	found = block_delete(s->mem, s->size, word);
	s->mem = NULL;
	return found;
}

/* A zeroed array of n elements on cache lines of its own, to be freed by free. Never NULL. */
void *harness_array(size_t n, size_t size);

/* --- threads --------------------------------------------------------------------------------- */

void thread_start(pthread_t *thread, void *(*run)(void *), void *arg);
void thread_join(pthread_t thread);
void barrier_init(pthread_barrier_t *barrier, unsigned count);
void barrier_wait(pthread_barrier_t *barrier);

/* What one thread has done; its owner alone writes it until it was joined. */
struct tally {
	uint64_t ops;
	uint64_t checksum;
	uint64_t start_ns;
	uint64_t end_ns;
};

struct worker {
	_Alignas(
		HARNESS_CACHE_LINE) struct tally tally; /* the run function sets ops and checksum */
	unsigned index;                                 /* from 0 */
	void *shared;
	/* The team's own. */
	void (*run)(struct worker *w);
	pthread_barrier_t *ready;
	pthread_t thread;
};

struct team {
	struct worker *workers;
	unsigned count;
	pthread_barrier_t ready;
};

/* Starts count threads that call run, all at once, and returns when they have begun. */
void team_start(struct team *t, unsigned count, void (*run)(struct worker *w), void *shared);
/* Waits until all have ended; the tallies may be read until team_destroy. */
void team_join(struct team *t);
void team_destroy(struct team *t);

/* --- the closing line ------------------------------------------------------------------------ */

/* Adds up ops and checksums and takes the earliest start and the latest end. `total` starts out
 * zeroed. */
void tally_add(struct tally *total, const struct tally *t);

/* Prints the closing line. `extra` is a format for further pairs, "" for none. */
void report(const char *workload, unsigned threads, const struct tally *total, const char *extra,
	...) __attribute__((format(printf, 4, 5)));

#endif
