/* SPDX-License-Identifier: MIT
 * stress/scenario.c - buffers of three sizes above those of most objects: 64 KiB, 256 KiB, 2 MiB.
 *
 * Source: hakmem's own. `json` stands for a server that parses a document into a buffer of 64 KiB,
 * `mir` for a compiler that keeps the intermediate code of a function in 256 KiB, `vm` for a
 * virtual machine with segments of 2 MiB; `mixed` has all three. A few buffers of each kind are
 * alive at any time, and their ends come in random order: 16 for json, 8 for mir, 4 for vm.
 *
 * Parameters: json, mir, vm or mixed, which has to be given, then ITERATIONS. Each allocates one
 * buffer, in the place of a random live one of its kind, which is checked and freed first. Of 16
 * iterations of mixed, 11 are json, 4 mir and 1 vm in the mean. At least one word in each page is
 * written and read, so that pages which an allocator gave back to the system cost what they do.
 *
 * Prints the closing line (harness.h) with scenario= and bytes=, the sum of the sizes. ops counts
 * iterations; their number is fixed, so `seconds` is the figure to compare. checksum adds up all
 * words read back. */
#include "stress/harness.h"

#include <inttypes.h>
#include <stdio.h>

enum { JSON, MIR, VM, KINDS };
enum { MAX_LIVE = 16 };

static const struct {
	uint32_t size;
	uint32_t live;
} kinds[KINDS] = {
	[JSON] = {64 * 1024, 16},
	[MIR] = {256 * 1024, 8},
	[VM] = {2048 * 1024, 4},
};

static const struct scenario {
	const char *name;
	unsigned weight[KINDS]; /* in 16 */
	uint64_t iterations;    /* by default */
} scenarios[] = {
	{"json", {16, 0, 0}, 10000000},
	{"mir", {0, 16, 0}, 5000000},
	{"vm", {0, 0, 16}, 800000},
	{"mixed", {11, 4, 1}, 5000000},
};

enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static unsigned
choose(const struct scenario *s, uint64_t random)
{
	unsigned at = random % 16;
	unsigned kind = 0;

	while (at >= s->weight[kind])
		at -= s->weight[kind++];
	return kind;
}

/* Returns the sum of the sizes. */
static uint64_t
run(const struct scenario *scenario, struct tally *t)
{
	struct slot slots[KINDS][MAX_LIVE] = {{{0}}};
	struct prng prng = prng_init((uint64_t)(scenario - scenarios), 0);
	uint64_t bytes = 0;

	t->start_ns = harness_now_ns();
	for (uint64_t i = 0; i < t->ops; i++) {
		uint64_t random = prng_next(&prng);
		unsigned kind = choose(scenario, random);
		struct slot *s = &slots[kind][prng_scale(random, kinds[kind].live)];

		if (s->mem)
			t->checksum += slot_empty(s);
		slot_fill(s, kinds[kind].size, (uint32_t)random);
		bytes += kinds[kind].size;
	}
	t->end_ns = harness_now_ns();
	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (unsigned i = 0; i < MAX_LIVE; i++) {
			if (slots[kind][i].mem)
				t->checksum += slot_empty(&slots[kind][i]);
		}
	}
	return bytes;
}

static const struct scenario *
parse(int argc, char **argv, struct param *iterations)
{
	const struct scenario *s = scenarios;

	harness_help(argc, argv, "json|mir|vm|mixed [ITERATIONS]");
	if (argc < 2)
		harness_die(HARNESS_USAGE, "no scenario given: give json, mir, vm or mixed");
	while (s < scenarios + SCENARIOS && strcmp(s->name, argv[1]) != 0)
		s++;
	if (s == scenarios + SCENARIOS)
		harness_die(
			HARNESS_USAGE, "scenario is '%s': give json, mir, vm or mixed", argv[1]);
	iterations->value = s->iterations;
	params_positional(iterations, 1, argc - 1, argv + 1);
	return s;
}

int
main(int argc, char **argv)
{
	struct param iterations = {"ITERATIONS", PARAM_COUNT, 0, 1, UINT64_C(1) << 40};
	const struct scenario *s = parse(argc, argv, &iterations);
	struct tally total = {.ops = iterations.value};
	uint64_t bytes = run(s, &total);

	report("scenario", 1, &total, "scenario=%s bytes=%" PRIu64, s->name, bytes);
	return EXIT_SUCCESS;
}
