/* SPDX-License-Identifier: MIT
 * stress/vectors.c - vectors that grow by doubling, beside each other: what becomes of the pages of
 * the blocks that they leave?
 *
 * Source: hakmem's own, for docs/adr/0035-warm-pages-for-long-blocks.md, after the way in which
 * C++'s std::vector grows: a block of twice the size is allocated, written from its beginning with
 * what the old one held, and the old one is freed.
 *
 * Parameters: WORDS VECTORS ROUNDS KEPT. In each round VECTORS vectors get words one after the
 * other, the first one in each step, the second in every second, until the first has WORDS; then
 * they are freed. KEPT MiB are allocated before, written, and live throughout.
 *
 * Prints the closing line (harness.h) with bytes=, the sum of the blocks' sizes; the figures to
 * compare are the time, minor_faults and rss_peak_kb. */
#include "stress/harness.h"

#include <inttypes.h>

enum { WORDS, VECTORS, ROUNDS, KEPT, PARAMS };
enum { MOST_VECTORS = 64, FIRST_WORDS = 8 };

static struct param params[PARAMS] = {
	[WORDS] = {"WORDS", PARAM_COUNT, 20000000, 1, UINT64_C(1) << 40},
	[VECTORS] = {"VECTORS", PARAM_COUNT, 3, 1, MOST_VECTORS},
	[ROUNDS] = {"ROUNDS", PARAM_COUNT, 3, 1, UINT64_C(1) << 32},
	[KEPT] = {"KEPT", PARAM_COUNT, 0, 0, UINT64_C(1) << 20},
};

struct vector {
	uint64_t *words;
	size_t n, room;
};

static uint64_t allocated; /* bytes */

static void *
take(size_t size)
{
	void *p = malloc(size);

	if (!p)
		block_exhausted(size);
	allocated += size;
	return p;
}

static void
push(struct vector *v, uint64_t word)
{
	if (v->n == v->room) {
		size_t room = v->room ? 2 * v->room : FIRST_WORDS;
		uint64_t *words = take(room * sizeof(*words));

		if (v->words)
			memcpy(words, v->words, v->n * sizeof(*words));
		free(v->words);
		v->words = words;
		v->room = room;
	}
	v->words[v->n++] = word;
}

static uint64_t
run_round(void)
{
	struct vector vectors[MOST_VECTORS] = {{0}};
	uint64_t sum = 0;

	for (uint64_t i = 0; i < params[WORDS].value; i++)
		for (unsigned k = 0; k < params[VECTORS].value; k++)
			if (i % (k + 1) == 0)
				push(&vectors[k], i * HARNESS_GOLDEN);
	for (unsigned k = 0; k < params[VECTORS].value; k++) {
		sum += vectors[k].words[vectors[k].n / 2];
		free(vectors[k].words);
	}
	return sum;
}

int
main(int argc, char **argv)
{
	harness_help(argc, argv, "[WORDS [VECTORS [ROUNDS [KEPT]]]]");
	params_positional(params, PARAMS, argc, argv);
	struct tally total = {.ops = params[WORDS].value * params[ROUNDS].value};
	size_t kept = params[KEPT].value << 20;
	char *block = kept ? take(kept) : NULL;

	if (block)
		memset(block, 1, kept);
	total.start_ns = harness_now_ns();
	for (uint64_t i = 0; i < params[ROUNDS].value; i++)
		total.checksum += run_round();
	total.end_ns = harness_now_ns();
	report("vectors", 1, &total, "kept=%" PRIu64 " bytes=%" PRIu64, params[KEPT].value,
		allocated);
	free(block);
	return EXIT_SUCCESS;
}
