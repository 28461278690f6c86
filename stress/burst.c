/* SPDX-License-Identifier: MIT
 * stress/burst.c - a program that needs much memory for a moment and then idles: what does the
 * allocator give back, and when?
 *
 * Source: hakmem's own, after the complaint that users of every allocator make: a service keeps for
 * days the memory of one peak.
 *
 * Parameters: MIB ROUNDS IDLE PULSE. Each of ROUNDS rounds allocates blocks of 16 B to 64 KiB, all
 * doublings equally likely, until MIB MiB are live, frees them in random order and idles for IDLE
 * seconds. An idle program calls no allocator; one without a thread of its own cannot act then.
 * PULSE is the number of blocks, of the same sizes, that are allocated and freed one by one every
 * 10 ms of the idle time, as by a service with little to do.
 *
 * Prints one line for each round and the closing line (harness.h), which repeats the last round's:
 * the resident set in KiB before the first block, with the table of blocks in it, (rss_start_kb=),
 * with all blocks live (rss_burst_kb=), just after all were freed (rss_freed_kb=), and after 0.1,
 * 0.5, 1, 2, 5 and 10 seconds of idle time (rss_idle_100ms_kb= ...), as far as IDLE goes, and at
 * its end (rss_idle_end_kb=). `seconds` and ops, pairs of malloc and free, are those of the bursts
 * alone. checksum adds up all words read back from the blocks of the bursts. */
#include "stress/harness.h"

#include <inttypes.h>
#include <stdio.h>

enum { MIB, ROUNDS, IDLE, PULSE, PARAMS };

static struct param params[PARAMS] = {
	[MIB] = {"MIB", PARAM_COUNT, 256, 1, 65536},
	[ROUNDS] = {"ROUNDS", PARAM_COUNT, 2, 1, 1000000},
	[IDLE] = {"IDLE", PARAM_SECONDS, 500, 0, 86400000},
	[PULSE] = {"PULSE", PARAM_COUNT, 0, 0, 1000000},
};

enum {
	SIZE_FIRST = 4, /* 2^4 is the smallest size */
	SIZE_OCTAVES = 12,
	PULSE_MS = 10,
	SAMPLES = 6,
};

static const uint64_t sample_ms[SAMPLES] = {100, 500, 1000, 2000, 5000, 10000};

/* Of one round; all in KiB. */
struct resident {
	uint64_t burst;
	uint64_t freed;
	uint64_t idle[SAMPLES];
	uint64_t idle_end;
};

struct burst {
	struct slot *slots;
	size_t capacity;
	size_t n;
	struct prng prng;
	struct tally tally;
};

static void
allocate(struct burst *b)
{
	uint64_t limit = params[MIB].value << 20;

	for (uint64_t live = 0; b->n < b->capacity; b->n++) {
		uint64_t random = prng_next(&b->prng);
		uint32_t size = prng_log_uniform(random, SIZE_FIRST, SIZE_OCTAVES);

		if (live + size > limit)
			break;
		slot_fill(&b->slots[b->n], size, (uint32_t)random);
		live += size;
	}
}

static void
release(struct burst *b)
{
	while (b->n > 0) {
		struct slot *victim = &b->slots[prng_scale(prng_next(&b->prng), (uint32_t)b->n)];

		b->tally.checksum += slot_empty(victim);
		b->tally.ops++;
		*victim = b->slots[--b->n];
	}
}

static void
pulse(struct prng *prng)
{
	for (uint64_t i = 0; i < params[PULSE].value; i++) {
		uint64_t random = prng_next(prng);
		struct slot s;

		slot_fill(&s, prng_log_uniform(random, SIZE_FIRST, SIZE_OCTAVES), (uint32_t)random);
		slot_empty(&s);
	}
}

/* Idles until `ms` after start_ns. */
static void
idle_until(uint64_t start_ns, uint64_t ms, struct prng *prng)
{
	uint64_t passed_ms;

	while ((passed_ms = (harness_now_ns() - start_ns) / 1000000) < ms) {
		uint64_t left_ms = ms - passed_ms;

		if (params[PULSE].value > 0 && left_ms > PULSE_MS)
			left_ms = PULSE_MS;
		harness_sleep_ms(left_ms);
		pulse(prng);
	}
}

static unsigned
samples(void)
{
	unsigned n = 0;

	while (n < SAMPLES && sample_ms[n] <= params[IDLE].value)
		n++;
	return n;
}

static struct resident
round_run(struct burst *b, struct prng *pulse_prng)
{
	struct resident r = {0};
	uint64_t start_ns = harness_now_ns();
	uint64_t idle_ns;

	allocate(b);
	r.burst = harness_rss_kb();
	release(b);
	idle_ns = harness_now_ns();
	b->tally.end_ns += idle_ns - start_ns;
	r.freed = harness_rss_kb();
	for (unsigned i = 0; i < samples(); i++) {
		idle_until(idle_ns, sample_ms[i], pulse_prng);
		r.idle[i] = harness_rss_kb();
	}
	idle_until(idle_ns, params[IDLE].value, pulse_prng);
	r.idle_end = harness_rss_kb();
	return r;
}

/* Returns the text, which holds until the next call. */
static const char *
describe(const struct resident *r)
{
	static char text[512];
	size_t used = (size_t)snprintf(text, sizeof(text),
		"rss_burst_kb=%" PRIu64 " rss_freed_kb=%" PRIu64, r->burst, r->freed);

	for (unsigned i = 0; i < samples(); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
			" rss_idle_%" PRIu64 "ms_kb=%" PRIu64, sample_ms[i], r->idle[i]);
	snprintf(text + used, sizeof(text) - used, " rss_idle_end_kb=%" PRIu64, r->idle_end);
	return text;
}

int
main(int argc, char **argv)
{
	struct burst b = {0};
	struct resident r = {0};
	struct prng pulse_prng = prng_init(0, 1);
	uint64_t rss_start_kb;

	params_positional(params, PARAMS, argc, argv);
	b.prng = prng_init(0, 0);
	/* The mean size is 8 KiB; should the table be full first, that ends the burst as well. */
	b.capacity = (params[MIB].value << 20) / 4096 + 4096;
	b.slots = harness_table(b.capacity, sizeof(*b.slots));
	rss_start_kb = harness_rss_kb();
	/* start_ns stays 0: end_ns adds up the bursts, without the idle time between them. */
	for (uint64_t round = 1; round <= params[ROUNDS].value; round++) {
		r = round_run(&b, &pulse_prng);
		printf("round=%" PRIu64 " %s\n", round, describe(&r));
	}
	harness_table_free(b.slots, b.capacity, sizeof(*b.slots));
	report("burst", 1, &b.tally,
		"mib=%" PRIu64 " rounds=%" PRIu64 " idle_s=%.3f pulse=%" PRIu64
		" rss_start_kb=%" PRIu64 " %s",
		params[MIB].value, params[ROUNDS].value, (double)params[IDLE].value / 1000,
		params[PULSE].value, rss_start_kb, describe(&r));
	return EXIT_SUCCESS;
}
