/* SPDX-License-Identifier: MIT
 * stress/sweep/workloads.c - the workloads of the sweep.
 *
 * Patterns, sizes and live sets of the full parameters are close to those that the programs are
 * usually published with; how often they are gone through is bounded, so that a run takes about
 * half a second under most allocators and all workloads under all allocators an hour or so.
 * The quick ones are smaller still, the proof's as small as the programs take. The work of a cell
 * does not grow with its threads: where a program has its count for each thread, N/T shares it out.
 *
 * The thread count is what the program's own parameter calls it: xmalloc starts that many producers
 * and as many consumers, dedup that many threads for each stage. */
#include "stress/sweep/workloads.h"
#include "stress/sweep/allocators.h"
#include "stress/sweep/app.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVE(mib)                                                                                  \
	.name = "churn-" #mib "m", .program = "churn", .timed = true, .live_mib = (mib),           \
	.least_mib = (mib) / 2 * 3
#define SCENARIO(kind)                                                                             \
	.name = "scenario-" kind, .program = "scenario", .quick_s = 0.4, .full_s = 0.6, .lock = 2.5
#define THREADED(of) .name = (of), .threaded = true

static const struct workload workloads[] = {
	{THREADED("larson"), .timed = true, .quick_s = 0.55, .full_s = 0.65,
		.full = "0.6 8 1000 5000 100 4141 T", .quick = "0.5 8 1000 5000 100 4141 T",
		.proof = "1 8 100 10 1 4141 1"},
	{THREADED("threadtest"), .quick_s = 0.25, .full_s = 0.25, .lock = 12, .shared = true,
		.full = "T 1000 30000 0 64", .quick = "T 1000 30000 0 64", .proof = "1 1 10 0 64"},
	{THREADED("mstress"), .quick_s = 0.4, .full_s = 0.5, .lock = 4, .full = "T 50 1600/T",
		.quick = "T 50 1200/T", .proof = "1 1 1"},
	{THREADED("xmalloc"), .timed = true, .quick_s = 0.55, .full_s = 0.55,
		.full = "-w T -t 0.5 -s 64", .quick = "-w T -t 0.5 -s 64",
		.proof = "-w 1 -t 0.1 -s 64"},
	{THREADED("sh8"), .quick_s = 0.5, .full_s = 0.45, .lock = 6, .full = "T 60000/T 1 1000",
		.quick = "T 60000/T 1 1000", .proof = "1 1 1 1000"},
	{THREADED("alloc-test"), .timed = true, .quick_s = 0.3, .full_s = 0.4, .lock = 2,
		.full = "T 4000000/T 262144", .quick = "T 6000000/T 65536", .proof = "1 1000 1000"},
	{THREADED("cache-scratch"), .quick_s = 0.25, .full_s = 0.3, .full = "T 500 8 170000",
		.quick = "T 300 8 200000", .proof = "1 1 8 1"},
	{THREADED("cache-thrash"), .quick_s = 0.25, .full_s = 0.3, .full = "T 500 8 170000",
		.quick = "T 300 8 200000", .proof = "1 1 8 1"},
	{THREADED("barnes"), .quick_s = 0.3, .full_s = 0.4, .shared = true, .full = "16384 123 4 T",
		.quick = "16384 123 3 T", .proof = "64 123 1 1"},
	{THREADED("blackscholes"), .quick_s = 0.3, .full_s = 0.3, .shared = true,
		.full = "T 65536 120", .quick = "T 65536 100", .proof = "1 64 1"},
	{THREADED("fluidanimate"), .quick_s = 0.25, .full_s = 0.4, .shared = true,
		.full = "T 8 35000 1024", .quick = "T 5 35000 1024", .proof = "1 1 500 64"},
	{.name = "fluidanimate-cells",
		.program = "fluidanimate",
		.threaded = true,
		.full_s = 0.4,
		.shared = true,
		.full = "T 8 35000 0",
		.proof = "1 1 500 0"},
	{THREADED("canneal"), .quick_s = 0.3, .full_s = 0.5, .full = "T 6000 2000 100000 20",
		.quick = "T 5000 2000 50000 16", .proof = "1 100 2000 1000 1"},
	{THREADED("dedup"), .quick_s = 0.3, .full_s = 0.4, .full = "-t T -s 18",
		.quick = "-t T -s 10", .proof = "-t 1 -s 1"},
	{.name = "cfrac",
		.quick_s = 0.25,
		.full_s = 0.45,
		.lock = 5,
		.full = "83838347916964854453945062049694217",
		.quick = "2371074781086104507084538420396937",
		.proof = "10967535067"},
	{.name = "espresso",
		.quick_s = 0.25,
		.full_s = 0.65,
		.lock = 1.6,
		.full = "-c 2400",
		.quick = "-c 1200",
		.proof = "-i 4 -o 2 -c 8"},
	{.name = "sh6",
		.quick_s = 0.4,
		.full_s = 0.6,
		.lock = 5,
		.full = "1 100000 1 1000",
		.quick = "1 70000 1 1000",
		.proof = "1 1 1 1000"},
	{LIVE(1), .quick_s = 0.35, .full_s = 0.4, .lock = 5, .full = "1 30000000",
		.quick = "1 25000000", .proof = "1 1000"},
	{LIVE(16), .quick_s = 0.25, .full_s = 0.4, .lock = 4, .full = "16 10000000",
		.quick = "16 5000000", .proof = "1 1000"},
	{LIVE(128), .quick_s = 0.4, .full_s = 0.5, .lock = 2, .full = "128 2000000",
		.quick = "128 1500000", .proof = "1 1000"},
	{LIVE(1024), .full_s = 1.6, .lock = 1.5, .full = "1024 1000000", .proof = "1 1000"},
	{LIVE(4096), .full_s = 7, .lock = 1.5, .full_runs = 3, .full = "4096 1000000",
		.proof = "1 1000"},
	{SCENARIO("json"), .full = "json 15000000", .quick = "json 12000000", .proof = "json 100"},
	{SCENARIO("mir"), .full = "mir 5000000", .quick = "mir 2000000", .proof = "mir 100"},
	{SCENARIO("vm"), .full = "vm 1000000", .quick = "vm 600000", .proof = "vm 100"},
	{SCENARIO("mixed"), .full = "mixed 7000000", .quick = "mixed 3000000",
		.proof = "mixed 100"},
	{.name = "fragment",
		.timed = true,
		.quick_s = 0.3,
		.full_s = 1.6,
		.lock = 1.5,
		.full = "64 20",
		.quick = "12 11",
		.proof = "1 1"},
	{.name = "burst",
		.timed = true,
		.quick_s = 0.3,
		.full_s = 2.4,
		.full = "256 2 1",
		.quick = "64 2 0.1",
		.proof = "1 1 0"},
	{.name = "redis-1k",
		.program = "redis",
		.application = true,
		.timed = true,
		.quick_s = 0.7,
		.full_s = 1.4,
		.full = "32000 1024 16",
		.quick = "16000 1024 16",
		.proof = "1000 1024 16",
		.run = redis_run,
		.available = redis_available},
	{.name = "redis-100k",
		.program = "redis",
		.application = true,
		.timed = true,
		.quick_s = 0.5,
		.full_s = 1.4,
		.full = "1500 102400 1",
		.quick = "400 102400 1",
		.proof = "50 102400 1",
		.run = redis_run,
		.available = redis_available},
	{.name = "redis-threads",
		.program = "redis",
		.application = true,
		.timed = true,
		.quick_s = 0.8,
		.full_s = 1.4,
		.full = "32000 1024 16 2",
		.quick = "16000 1024 16 2",
		.proof = "1000 1024 16 2",
		.run = redis_run,
		.available = redis_available},
	{.name = "memcached",
		.application = true,
		.timed = true,
		.quick_s = 1,
		.full_s = 1.3,
		.full = "13000",
		.quick = "8000",
		.proof = "100",
		.run = memcached_run,
		.available = memcached_available},
	{.name = "rocksdb",
		.application = true,
		.timed = true,
		.quick_s = 0.5,
		.full_s = 1.5,
		.full = "80000",
		.quick = "40000",
		.proof = "1000",
		.run = rocksdb_run,
		.available = rocksdb_available},
	{.name = "sqlite",
		.application = true,
		.quick_s = 0.35,
		.full_s = 0.9,
		.lock = 1.3,
		.full = "160000",
		.quick = "100000",
		.proof = "100",
		.run = script_run,
		.available = sqlite_available},
	{.name = "lua",
		.application = true,
		.quick_s = 0.3,
		.full_s = 0.8,
		.lock = 1.4,
		.full = "900",
		.quick = "400",
		.proof = "2",
		.run = script_run,
		.available = lua_available},
	{.name = "ruby",
		.application = true,
		.quick_s = 0.3,
		.full_s = 0.6,
		.full = "700",
		.quick = "200",
		.proof = "2",
		.run = script_run,
		.available = ruby_available},
	{.name = "python",
		.application = true,
		.quick_s = 0.35,
		.full_s = 0.6,
		.lock = 1.5,
		.full = "700",
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

/* An argument: T is the number of threads, N/T a thread's share of N, at least 1. */
static const char *
workload_word(const char *word, int threads, struct workload_command *command)
{
	char *end;
	long whole = strtol(word, &end, 10);

	if (strcmp(word, "T") == 0)
		return command->threads;
	if (end == word || strcmp(end, "/T") != 0)
		return word;
	snprintf(command->share, sizeof(command->share), "%ld",
		whole > threads ? whole / threads : 1);
	return command->share;
}

void
workload_command(const struct workload *w, const char *program, const struct job *job,
	struct workload_command *command)
{
	static const char blank[] = " ";
	const char *arguments = job->arguments != NULL ? job->arguments
				: job->proof           ? w->proof
						       : workload_arguments(w, job->quick);
	size_t n = 0;
	char *rest = command->text;

	snprintf(command->text, sizeof(command->text), "%s", arguments);
	snprintf(command->threads, sizeof(command->threads), "%d", job->threads);
	command->argv[n++] = program;
	for (char *word; (word = strsep(&rest, blank)) != NULL && n < LAUNCH_ARG_MAX - 1;)
		command->argv[n++] = workload_word(word, job->threads, command);
	command->argv[n] = NULL;
}

double
workload_expected_s(const struct workload *w, const struct allocator *a, int threads, bool quick)
{
	static const char locked[] = "lock-";
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double s = quick && w->quick != NULL ? w->quick_s : w->full_s;

	if (w->shared && threads > 1)
		s /= (double)(threads < cpus ? threads : cpus);
	if (w->lock > 0 && a->is_variant && strncmp(a->name, locked, strlen(locked)) == 0)
		s *= w->lock;
	return s;
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
