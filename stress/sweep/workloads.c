/* SPDX-License-Identifier: MIT
 * stress/sweep/workloads.c - the workloads of the sweep.
 *
 * The full parameters are close to those that the programs are usually published with, the quick
 * ones keep a run at about half a second, the proof's are as small as the programs take. The thread
 * count is what the program's own parameter calls it: xmalloc starts that many producers and as
 * many consumers, dedup that many threads for each stage. */
#include "stress/sweep/workloads.h"
#include "stress/sweep/app.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE(mib)                                                                                  \
	.name = "churn-" #mib "m", .program = "churn", .timed = true, .live_mib = (mib),           \
	.least_mib = (mib) / 2 * 3
#define SCENARIO(kind) .name = "scenario-" kind, .program = "scenario", .quick_s = 0.4, .full_s = 1
#define THREADED(of) .name = (of), .threaded = true

static const struct workload workloads[] = {
	{THREADED("larson"), .timed = true, .quick_s = 0.6, .full_s = 3.1,
		.full = "3 8 1000 5000 100 4141 T", .quick = "0.5 8 1000 5000 100 4141 T",
		.proof = "1 8 100 10 1 4141 1"},
	{THREADED("threadtest"), .quick_s = 0.4, .full_s = 1.5, .full = "T 5000 30000 0 64",
		.quick = "T 1500 30000 0 64", .proof = "1 1 10 0 64"},
	{THREADED("mstress"), .quick_s = 0.4, .full_s = 2, .full = "T 50 600", .quick = "T 50 300",
		.proof = "1 1 1"},
	{THREADED("xmalloc"), .timed = true, .quick_s = 0.6, .full_s = 3.1,
		.full = "-w T -t 3 -s 64", .quick = "-w T -t 0.5 -s 64",
		.proof = "-w 1 -t 0.1 -s 64"},
	{THREADED("sh8"), .quick_s = 0.4, .full_s = 2, .full = "T 40000 1 1000",
		.quick = "T 25000 1 1000", .proof = "1 1 1 1000"},
	{THREADED("alloc-test"), .timed = true, .quick_s = 0.4, .full_s = 1.5,
		.full = "T 3000000 262144", .quick = "T 2000000 65536", .proof = "1 1000 1000"},
	{THREADED("cache-scratch"), .quick_s = 0.4, .full_s = 1.5, .full = "T 1000 8 500000",
		.quick = "T 200 8 300000", .proof = "1 1 8 1"},
	{THREADED("cache-thrash"), .quick_s = 0.4, .full_s = 1.5, .full = "T 1000 8 500000",
		.quick = "T 200 8 300000", .proof = "1 1 8 1"},
	{THREADED("barnes"), .quick_s = 0.4, .full_s = 0.9, .full = "16384 123 10 T",
		.quick = "16384 123 3 T", .proof = "64 123 1 1"},
	{THREADED("blackscholes"), .quick_s = 0.4, .full_s = 1.3, .full = "T 65536 500",
		.quick = "T 65536 100", .proof = "1 64 1"},
	{THREADED("fluidanimate"), .quick_s = 0.4, .full_s = 0.9, .full = "T 20 35000 1024",
		.quick = "T 5 35000 1024", .proof = "1 1 500 64"},
	{.name = "fluidanimate-cells",
		.program = "fluidanimate",
		.threaded = true,
		.full_s = 0.9,
		.full = "T 20 35000 0",
		.proof = "1 1 500 0"},
	{THREADED("canneal"), .quick_s = 0.4, .full_s = 1, .full = "T 15000 2000 100000 32",
		.quick = "T 5000 2000 50000 16", .proof = "1 100 2000 1000 1"},
	{THREADED("dedup"), .quick_s = 0.4, .full_s = 1.2, .full = "-t T -s 48",
		.quick = "-t T -s 10", .proof = "-t 1 -s 1"},
	{.name = "cfrac",
		.quick_s = 0.6,
		.full_s = 2.2,
		.full = "212501933982230731814456115459912268837",
		.quick = "2371074781086104507084538420396937",
		.proof = "10967535067"},
	{.name = "espresso",
		.quick_s = 0.5,
		.full_s = 0.7,
		.full = "-c 2400",
		.quick = "-c 1200",
		.proof = "-i 4 -o 2 -c 8"},
	{.name = "sh6",
		.quick_s = 0.4,
		.full_s = 1.5,
		.full = "1 300000 1 1000",
		.quick = "1 70000 1 1000",
		.proof = "1 1 1 1000"},
	{LIVE(1), .quick_s = 0.3, .full_s = 1.2, .full = "1 60000000", .quick = "1 25000000",
		.proof = "1 1000"},
	{LIVE(16), .quick_s = 0.4, .full_s = 1.5, .full = "16 20000000", .quick = "16 5000000",
		.proof = "1 1000"},
	{LIVE(128), .quick_s = 0.6, .full_s = 2.5, .full = "128 6000000", .quick = "128 1500000",
		.proof = "1 1000"},
	{LIVE(1024), .full_s = 5, .full = "1024 2000000", .proof = "1 1000"},
	{LIVE(4096), .full_s = 18, .full = "4096 2000000", .proof = "1 1000"},
	{SCENARIO("json"), .full = "json 30000000", .quick = "json 12000000", .proof = "json 100"},
	{SCENARIO("mir"), .full = "mir 10000000", .quick = "mir 2000000", .proof = "mir 100"},
	{SCENARIO("vm"), .full = "vm 2000000", .quick = "vm 600000", .proof = "vm 100"},
	{SCENARIO("mixed"), .full = "mixed 15000000", .quick = "mixed 3000000",
		.proof = "mixed 100"},
	{.name = "fragment",
		.timed = true,
		.quick_s = 0.5,
		.full_s = 1,
		.full = "64 20",
		.quick = "12 11",
		.proof = "1 1"},
	{.name = "burst",
		.timed = true,
		.quick_s = 0.6,
		.full_s = 4.5,
		.full = "256 2 2",
		.quick = "64 2 0.1",
		.proof = "1 1 0"},
	{.name = "redis-1k",
		.program = "redis",
		.application = true,
		.timed = true,
		.quick_s = 1.6,
		.full_s = 8,
		.full = "200000 1024 16",
		.quick = "16000 1024 16",
		.proof = "1000 1024 16",
		.run = redis_run,
		.available = redis_available},
	{.name = "redis-100k",
		.program = "redis",
		.application = true,
		.timed = true,
		.quick_s = 1.2,
		.full_s = 3,
		.full = "3000 102400 1",
		.quick = "400 102400 1",
		.proof = "50 102400 1",
		.run = redis_run,
		.available = redis_available},
	{.name = "memcached",
		.application = true,
		.timed = true,
		.quick_s = 0.8,
		.full_s = 5,
		.full = "40000",
		.quick = "8000",
		.proof = "100",
		.run = memcached_run,
		.available = memcached_available},
	{.name = "rocksdb",
		.application = true,
		.timed = true,
		.quick_s = 1.2,
		.full_s = 4,
		.full = "500000",
		.quick = "40000",
		.proof = "1000",
		.run = rocksdb_run,
		.available = rocksdb_available},
	{.name = "sqlite",
		.application = true,
		.quick_s = 0.5,
		.full_s = 2,
		.full = "600000",
		.quick = "100000",
		.proof = "100",
		.run = script_run,
		.available = sqlite_available},
	{.name = "lua",
		.application = true,
		.quick_s = 0.4,
		.full_s = 1.4,
		.full = "3000",
		.quick = "400",
		.proof = "2",
		.run = script_run,
		.available = lua_available},
	{.name = "ruby",
		.application = true,
		.quick_s = 0.6,
		.full_s = 1.2,
		.full = "1500",
		.quick = "200",
		.proof = "2",
		.run = script_run,
		.available = ruby_available},
	{.name = "python",
		.application = true,
		.quick_s = 0.5,
		.full_s = 3,
		.full = "3000",
		.quick = "300",
		.proof = "2",
		.run = script_run,
		.available = python_available},
};

enum { NWORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

const char *
workload_program(const struct workload *w)
{
	return w->program != NULL ? w->program : w->name;
}

const char *
workload_arguments(const struct workload *w, bool quick)
{
	return quick && w->quick != NULL ? w->quick : w->full;
}

static void
workload_unknown(const char *name)
{
	fprintf(stderr, "hakmem-sweep: no workload '%s'; there are:", name);
	for (size_t i = 0; i < NWORKLOADS; i++)
		fprintf(stderr, " %s", workloads[i].name);
	fputs(" and, for all of theirs, churn scenario redis\n", stderr);
}

/* MemAvailable in MiB; 0 where the kernel does not tell. */
static double
workload_memory_mib(void)
{
	char *text = text_read("/proc/meminfo");
	const char *field = text != NULL ? strstr(text, "MemAvailable:") : NULL;
	double mib = field != NULL ? strtod(field + strlen("MemAvailable:"), NULL) / 1024 : 0;

	free(text);
	return mib;
}

static bool
workload_available(const struct workload *w)
{
	double mib = w->least_mib > 0 ? workload_memory_mib() : 0;

	if (mib > 0 && mib < w->least_mib) {
		fprintf(stderr, "hakmem-sweep: %s is left out: it needs %d MiB, %.0f are free\n",
			w->name, w->least_mib, mib);
		return false;
	}
	return w->available == NULL || w->available();
}

static bool
workload_listed(const struct workload *const *found, const struct workload *w)
{
	while (*found != NULL && *found != w)
		found++;
	return *found == w;
}

/* Adds what `name` stands for, NULL for the default; false for a name that is none. */
static bool
workload_add(const char *name, bool quick, const struct workload **found)
{
	bool known = name == NULL;
	size_t n = 0;

	while (found[n] != NULL)
		n++;
	for (size_t i = 0; i < NWORKLOADS; i++) {
		const struct workload *w = &workloads[i];
		bool exact = name != NULL && strcmp(name, w->name) == 0;
		bool family = name == NULL || strcmp(name, workload_program(w)) == 0;

		known = known || exact || family;
		if ((exact || (family && (!quick || w->quick != NULL))) &&
			!workload_listed(found, w) && workload_available(w))
			found[n++] = w;
	}
	return known;
}

const struct workload **
workloads_find(const char *list, bool quick)
{
	const struct workload **found = text_alloc(NWORKLOADS + 1, sizeof(*found));
	char **names = list != NULL ? text_split(list, NULL) : NULL;
	bool known = true;

	if (names == NULL)
		workload_add(NULL, quick, found);
	for (size_t i = 0; names != NULL && known && names[i] != NULL; i++) {
		known = workload_add(names[i], quick, found);
		if (!known)
			workload_unknown(names[i]);
	}
	free(names);
	if (known && found[0] != NULL)
		return found;
	if (known)
		fputs("hakmem-sweep: no workload is left to run\n", stderr);
	free(found);
	return NULL;
}

void
workload_command(const struct workload *w, const char *program, const struct job *job,
	struct workload_command *command)
{
	static const char blank[] = " ";
	const char *arguments = job->proof ? w->proof : workload_arguments(w, job->quick);
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
