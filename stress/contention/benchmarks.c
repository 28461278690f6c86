/* SPDX-License-Identifier: MIT
 * stress/contention/benchmarks.c - larson, threadtest and xmalloc with the study's parameters.
 *
 * A run of the study lasts a third of a second, so that larson's threads own fewer blocks than in
 * the sweep: with 1000 of them several generations of threads still follow one another in a run. */
#include "stress/contention/benchmarks.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct benchmark benchmarks[] = {
	{.name = "larson",
		.what = "blocks of 8 to 1000 bytes that outlive their threads; an operation is a "
			"free and a malloc",
		.arguments = "S 8 1000 C 100 4141 T"},
	{.name = "threadtest",
		.what = "30000 blocks of 64 bytes, shared out over the threads, each its own; an "
			"operation is a malloc and a free",
		.arguments = "T I 30000 0 64",
		.ops_per_iteration = 30000},
	{.name = "xmalloc",
		.what = "producers allocate blocks of 64 bytes, consumers free them; the threads "
			"count producers, and there are as many consumers; an operation is a block",
		.arguments = "-w T -t S -s 64"},
};

enum { NBENCHMARKS = sizeof(benchmarks) / sizeof(benchmarks[0]) };

static const struct benchmark *
benchmark_named(const char *name)
{
	for (size_t i = 0; i < NBENCHMARKS; i++)
		if (strcmp(benchmarks[i].name, name) == 0)
			return &benchmarks[i];
	fprintf(stderr, "hakmem-contention: --workloads: no workload '%s'; there are:", name);
	for (size_t i = 0; i < NBENCHMARKS; i++)
		fprintf(stderr, " %s", benchmarks[i].name);
	putc('\n', stderr);
	return NULL;
}

const struct benchmark **
benchmarks_find(const char *list, size_t *n)
{
	size_t asked = NBENCHMARKS;
	char **names = list != NULL ? text_split(list, &asked) : NULL;
	const struct benchmark **found = text_alloc(asked + 1, sizeof(*found));
	bool ok = asked > 0;

	if (!ok)
		fputs("hakmem-contention: --workloads is empty\n", stderr);
	for (*n = 0; ok && *n < asked; ++*n) {
		found[*n] = names != NULL ? benchmark_named(names[*n]) : &benchmarks[*n];
		ok = found[*n] != NULL;
		for (size_t i = 0; ok && i < *n; i++)
			if (found[i] == found[*n]) {
				fprintf(stderr, "hakmem-contention: --workloads: %s twice\n",
					found[i]->name);
				ok = false;
			}
	}
	free(names);
	if (!ok) {
		free(found);
		return NULL;
	}
	return found;
}

void
benchmark_command(const struct benchmark *b, const char *program, const struct parameters *p,
	struct benchmark_command *command)
{
	char *rest = text_format("%s", b->arguments), *line = rest;
	size_t used = 0, n = 0;

	command->argv[n++] = program;
	for (char *word; (word = strsep(&rest, " ")) != NULL && n < LAUNCH_ARG_MAX - 1;) {
		char *at = command->text + used;
		size_t room = sizeof(command->text) - used;

		if (strcmp(word, "T") == 0)
			used += (size_t)snprintf(at, room, "%d", p->threads) + 1;
		else if (strcmp(word, "C") == 0)
			used += (size_t)snprintf(at, room, "%d", p->chunks) + 1;
		else if (strcmp(word, "S") == 0)
			used += (size_t)snprintf(at, room, "%.3f", p->seconds) + 1;
		else if (strcmp(word, "I") == 0)
			used += (size_t)snprintf(at, room, "%.0f", p->iterations) + 1;
		else
			used += (size_t)snprintf(at, room, "%s", word) + 1;
		command->argv[n++] = at;
	}
	command->argv[n] = NULL;
	free(line);
}
