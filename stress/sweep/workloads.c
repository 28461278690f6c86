/* SPDX-License-Identifier: MIT
 * stress/sweep/workloads.c - the workloads of the sweep.
 *
 * The full parameters are close to those that the programs are usually published with, the quick
 * ones keep a run at about a second, the proof's are as small as the programs take. The thread
 * count is what the program's own parameter calls it: xmalloc starts that many producers and as
 * many consumers. */
#include "stress/sweep/workloads.h"
#include "stress/sweep/redis.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct workload workloads[] = {
	{.name = "larson",
		.threaded = true,
		.timed = true,
		.quick_s = 1.1,
		.full_s = 5.1,
		.full = "5 8 1000 5000 100 4141 T",
		.quick = "1 8 1000 5000 100 4141 T",
		.proof = "1 8 100 10 1 4141 1"},
	{.name = "threadtest",
		.threaded = true,
		.quick_s = 0.7,
		.full_s = 3,
		.full = "T 5000 30000 0 64",
		.quick = "T 1000 30000 0 64",
		.proof = "1 1 10 0 64"},
	{.name = "xmalloc",
		.threaded = true,
		.timed = true,
		.quick_s = 1.1,
		.full_s = 5.1,
		.full = "-w T -t 5 -s 64",
		.quick = "-w T -t 1 -s 64",
		.proof = "-w 1 -t 1 -s 64"},
	{.name = "cfrac",
		.quick_s = 1,
		.full_s = 6,
		.full = "212501933982230731814456115459912268837",
		.quick = "2371074781086104507084538420396937",
		.proof = "10967535067"},
	{.name = "redis",
		.timed = true,
		.quick_s = 2.5,
		.full_s = 7,
		.full = "600000",
		.quick = "200000",
		.proof = "1000",
		.run = redis_run,
		.available = redis_available},
};

enum { NWORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

static const struct workload *
workload_named(const char *name)
{
	for (size_t i = 0; i < NWORKLOADS; i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	fprintf(stderr, "hakmem-sweep: no workload '%s'; there are:", name);
	for (size_t i = 0; i < NWORKLOADS; i++)
		fprintf(stderr, " %s", workloads[i].name);
	putc('\n', stderr);
	return NULL;
}

static bool
workload_available(const struct workload *w)
{
	return w->available == NULL || w->available();
}

const struct workload **
workloads_find(const char *list)
{
	size_t asked = NWORKLOADS, n = 0;
	char **names = list != NULL ? text_split(list, &asked) : NULL;
	const struct workload **found = text_alloc(asked + 1, sizeof(*found));

	for (size_t i = 0; i < asked; i++) {
		const struct workload *w = names ? workload_named(names[i]) : &workloads[i];

		if (w == NULL) {
			free(found);
			found = NULL;
			break;
		}
		if (workload_available(w))
			found[n++] = w;
	}
	free(names);
	if (found != NULL && n == 0) {
		fputs("hakmem-sweep: no workload is left to run\n", stderr);
		free(found);
		found = NULL;
	}
	return found;
}

void
workload_command(const struct workload *w, const char *program, const struct job *job,
	struct workload_command *command)
{
	static const char blank[] = " ";
	const char *arguments = job->proof ? w->proof : job->quick ? w->quick : w->full;
	size_t used =
		(size_t)snprintf(command->text, sizeof(command->text), "%d", job->threads) + 1;
	size_t n = 0;
	char *rest = command->text + used;

	/* The thread count in digits comes first in the text, then the arguments. */
	snprintf(rest, sizeof(command->text) - used, "%s", arguments);
	command->argv[n++] = program;
	for (char *word; (word = strsep(&rest, blank)) != NULL && n < LAUNCH_ARG_MAX - 1;)
		command->argv[n++] = strcmp(word, "T") == 0 ? command->text : word;
	command->argv[n] = NULL;
}

double
workload_time(const struct run *run)
{
	return run->workload->timed ? 1e9 / run->ops_per_s : run->usage.wall_s;
}

const char *
workload_unit(const struct workload *w)
{
	return w->timed ? "ns/op" : "s";
}
