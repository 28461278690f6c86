/* SPDX-License-Identifier: MIT
 * stress/churn.c - what a malloc and a free cost when a given amount of memory is live.
 *
 * Source: the "random mixed" loop by which allocators are commonly compared: replace a random block
 * of a full table by one of random size. Run over growing live sets it shows where the blocks, the
 * allocator's own records and the TLB's reach fall out of the caches.
 *
 * Parameters: LIVE_MIB OPS MIN MAX SEED. The table has as many blocks as make LIVE_MIB MiB at the
 * mean of MIN and MAX; all of them are allocated first. Then OPS times a random one is checked,
 * freed and replaced by one of MIN to MAX bytes, all sizes equally likely.
 *
 * Prints the closing line (harness.h), with ns_per_op=, fill_s=, the seconds that the first filling
 * took, and live_bytes= and rss_final_kb=, both before the end frees all; rss_start_kb= has the
 * table of blocks in it (16 bytes a block), but no block. `seconds` and ops are those of the
 * replacements alone, whose number is fixed. checksum adds up all words read back. */
#include "stress/harness.h"

#include <inttypes.h>

enum { LIVE, OPS, MIN, MAX, SEED, PARAMS };

static struct param params[PARAMS] = {
	[LIVE] = {"LIVE_MIB", PARAM_COUNT, 64, 1, 65536},
	[OPS] = {"OPS", PARAM_COUNT, 4000000, 1, UINT64_C(1) << 40},
	[MIN] = {"MIN", PARAM_COUNT, 16, 1, UINT64_C(1) << 20},
	[MAX] = {"MAX", PARAM_COUNT, 1024, 16, UINT64_C(1) << 20},
	[SEED] = {"SEED", PARAM_COUNT, 4141, 0, UINT64_MAX},
};

static void
fill(struct slot *s, struct prng *prng)
{
	uint64_t random = prng_next(prng);
	uint32_t span = (uint32_t)(params[MAX].value - params[MIN].value) + 1;

	slot_fill(s, (uint32_t)params[MIN].value + prng_scale(random, span), (uint32_t)random);
}

static void
churn(struct slot *slots, size_t n, struct prng *prng, struct tally *t)
{
	t->start_ns = harness_now_ns();
	for (t->ops = 0; t->ops < params[OPS].value; t->ops++) {
		struct slot *victim = &slots[prng_scale(prng_next(prng), (uint32_t)n)];

		t->checksum += slot_empty(victim);
		fill(victim, prng);
	}
	t->end_ns = harness_now_ns();
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct prng prng;
	struct slot *slots;
	uint64_t fill_ns, rss_start_kb, rss_final_kb, live = 0;
	size_t n;

	params_positional(params, PARAMS, argc, argv);
	params_ordered(&params[MIN], &params[MAX]);
	prng = prng_init(params[SEED].value, 0);
	n = (size_t)((params[LIVE].value << 21) / (params[MIN].value + params[MAX].value)) + 1;
	if (n > UINT32_MAX)
		harness_die(HARNESS_USAGE,
			"LIVE_MIB is %" PRIu64 ", which makes %zu blocks of this size: give at "
			"most %" PRIu64 " or larger sizes",
			params[LIVE].value, n,
			UINT32_MAX * (params[MIN].value + params[MAX].value) >> 21);
	slots = harness_table(n, sizeof(*slots));
	rss_start_kb = harness_rss_kb();
	fill_ns = harness_now_ns();
	for (size_t i = 0; i < n; i++)
		fill(&slots[i], &prng);
	fill_ns = harness_now_ns() - fill_ns;
	churn(slots, n, &prng, &total);
	rss_final_kb = harness_rss_kb();
	for (size_t i = 0; i < n; i++) {
		live += slots[i].size;
		total.checksum += slot_empty(&slots[i]);
	}
	harness_table_free(slots, n, sizeof(*slots));
	report("churn", 1, &total,
		"live_mib=%" PRIu64 " min=%" PRIu64 " max=%" PRIu64 " seed=%" PRIu64
		" ns_per_op=%.1f fill_s=%.6f live_bytes=%" PRIu64 " rss_start_kb=%" PRIu64
		" rss_final_kb=%" PRIu64,
		params[LIVE].value, params[MIN].value, params[MAX].value, params[SEED].value,
		(double)(total.end_ns - total.start_ns) / (double)total.ops, (double)fill_ns / 1e9,
		live, rss_start_kb, rss_final_kb);
	return EXIT_SUCCESS;
}
