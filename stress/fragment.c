/* SPDX-License-Identifier: MIT
 * stress/fragment.c - how much memory is held for little live data, when the sizes in use change
 * and a few blocks of each size stay.
 *
 * Source: J. M. Robson, "Worst Case Fragmentation of First Fit and Best Fit Storage Allocation
 * Strategies", The Computer Journal 20, 1977: phase after phase the adversary requests larger
 * blocks, having freed all but those that spoil the free space for them. J. Bonwick, "The Slab
 * Allocator", USENIX Summer 1994: long-lived blocks among short-lived ones pin a whole slab.
 *
 * What differs: Robson's adversary looks at addresses to choose what stays. Ours chooses by chance,
 * so that every allocator gets the same requests. Sizes go up and down again, and what stayed is
 * freed some phases later.
 *
 * Parameters: LIVE_MIB PHASES KEEP LIFE SEED. Each phase has sizes from 2^k to 2^(k+1) - 1; k is 5
 * in the first one, rises to 15 phase by phase, falls to 5 and so on. A phase frees the blocks that
 * stayed LIFE phases ago, allocates until LIVE_MIB MiB are live, and frees in random order all that
 * it allocated but one in KEEP, again by chance.
 *
 * Prints the closing line (harness.h) with live_peak_bytes= and live_bytes=, the data alive at its
 * highest and after the last phase; rss_start_kb= before the first block, with the table of blocks
 * in it, rss_final_kb= after the last phase, rss_empty_kb= when all is freed; and blowup_peak= and
 * blowup_final=, the resident set above rss_start_kb for each live byte. ops counts pairs of malloc
 * and free. checksum adds up all words read back. */
#include "stress/harness.h"

#include <inttypes.h>

enum { LIVE, PHASES, KEEP, LIFE, SEED, PARAMS };

static struct param params[PARAMS] = {
	[LIVE] = {"LIVE_MIB", PARAM_COUNT, 64, 1, 65536},
	[PHASES] = {"PHASES", PARAM_COUNT, 20, 1, 1000000},
	[KEEP] = {"KEEP", PARAM_COUNT, 16, 1, 1000000},
	[LIFE] = {"LIFE", PARAM_COUNT, 8, 1, 1000000},
	[SEED] = {"SEED", PARAM_COUNT, 4141, 0, UINT64_MAX},
};

enum {
	OCTAVE_FIRST = 5,
	OCTAVE_LAST = 15,
	SIZE_MIN = 1 << OCTAVE_FIRST,
};

/* slots[0..kept-1] stayed, oldest phase first; slots[kept..n-1] are the present phase's. */
struct heap {
	struct slot *slots;
	size_t kept;
	size_t n;
	size_t *kept_of; /* how many stayed of each phase */
	uint64_t live;   /* bytes */
	uint64_t live_peak;
	uint64_t checksum;
	uint64_t ops;
	struct prng prng;
};

static unsigned
octave_of(uint64_t phase)
{
	unsigned span = OCTAVE_LAST - OCTAVE_FIRST;
	unsigned at = (unsigned)(phase % (2 * span));

	return OCTAVE_FIRST + (at <= span ? at : 2 * span - at);
}

static void
heap_free(struct heap *h, struct slot *s)
{
	h->live -= s->size;
	h->checksum += slot_empty(s);
	h->ops++;
}

/* Frees the oldest n of those that stayed; only called between phases. */
static void
expire(struct heap *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		heap_free(h, &h->slots[i]);
	h->kept -= n;
	h->n -= n;
	memmove(h->slots, h->slots + n, h->n * sizeof(*h->slots));
}

static void
allocate(struct heap *h, unsigned octave)
{
	uint32_t base = UINT32_C(1) << octave;

	for (;;) {
		uint64_t random = prng_next(&h->prng);
		uint32_t size = base + prng_scale(random, base);

		if (h->live + size > params[LIVE].value << 20)
			break;
		slot_fill(&h->slots[h->n++], size, (uint32_t)random);
		h->live += size;
	}
	if (h->live > h->live_peak)
		h->live_peak = h->live;
}

/* Frees in random order what the phase allocated, but for those that stay. */
static void
release(struct heap *h, uint64_t phase)
{
	size_t before = h->kept;

	while (h->n > h->kept) {
		uint64_t random = prng_next(&h->prng);
		struct slot *s =
			&h->slots[h->kept + prng_scale(random, (uint32_t)(h->n - h->kept))];
		struct slot chosen = *s;

		if ((uint32_t)random % params[KEEP].value == 0) {
			*s = h->slots[h->kept];
			h->slots[h->kept++] = chosen;
		} else {
			*s = h->slots[--h->n];
			heap_free(h, &chosen);
		}
	}
	h->kept_of[phase] = h->kept - before;
}

static double
blowup(uint64_t rss_kb, uint64_t rss_start_kb, uint64_t live)
{
	return rss_kb > rss_start_kb && live > 0
		       ? (double)(rss_kb - rss_start_kb) * 1024 / (double)live
		       : 0;
}

/* Returns the highest resident set, in KiB: that of the fullest moment of a phase. */
static uint64_t
run(struct heap *h)
{
	uint64_t rss_peak_kb = 0;

	for (uint64_t phase = 0; phase < params[PHASES].value; phase++) {
		uint64_t rss_kb;

		if (phase >= params[LIFE].value)
			expire(h, h->kept_of[phase - params[LIFE].value]);
		allocate(h, octave_of(phase));
		rss_kb = harness_rss_kb();
		if (rss_kb > rss_peak_kb)
			rss_peak_kb = rss_kb;
		release(h, phase);
	}
	return rss_peak_kb;
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct heap h = {0};
	uint64_t rss_start_kb, rss_peak_kb, rss_final_kb, rss_empty_kb, live;
	size_t capacity;

	params_positional(params, PARAMS, argc, argv);
	h.prng = prng_init(params[SEED].value, 0);
	capacity = (params[LIVE].value << 20) / SIZE_MIN;
	h.slots = harness_table(capacity, sizeof(*h.slots));
	h.kept_of = harness_table(params[PHASES].value, sizeof(*h.kept_of));
	rss_start_kb = harness_rss_kb();
	total.start_ns = harness_now_ns();
	rss_peak_kb = run(&h);
	total.end_ns = harness_now_ns();
	rss_final_kb = harness_rss_kb();
	live = h.live;
	expire(&h, h.kept);
	rss_empty_kb = harness_rss_kb();
	total.ops = h.ops;
	total.checksum = h.checksum;
	harness_table_free(h.slots, capacity, sizeof(*h.slots));
	harness_table_free(h.kept_of, params[PHASES].value, sizeof(*h.kept_of));
	report("fragment", 1, &total,
		"live_mib=%" PRIu64 " phases=%" PRIu64 " keep=%" PRIu64 " life=%" PRIu64
		" seed=%" PRIu64 " live_peak_bytes=%" PRIu64 " live_bytes=%" PRIu64
		" rss_start_kb=%" PRIu64 " rss_final_kb=%" PRIu64 " rss_empty_kb=%" PRIu64
		" blowup_peak=%.3f blowup_final=%.3f",
		params[LIVE].value, params[PHASES].value, params[KEEP].value, params[LIFE].value,
		params[SEED].value, h.live_peak, live, rss_start_kb, rss_final_kb, rss_empty_kb,
		blowup(rss_peak_kb, rss_start_kb, h.live_peak),
		blowup(rss_final_kb, rss_start_kb, live));
	return EXIT_SUCCESS;
}
