/* SPDX-License-Identifier: MIT
 * stress/sweep/main.c - hakmem-sweep: compares allocators over workloads.
 *
 * It runs every workload under every allocator in turns, proves for each pair that the library
 * under test is the one that serves malloc and free, and prints time and peak RSS relative to one
 * of them. `hakmem-sweep --help` lists the options. Exit status: 0 when every run was good, 1 when
 * some failed (they are rows of the results all the same), 2 for bad options or a missing part, 130
 * when interrupted. */
#include "stress/sweep/launch.h"
#include "include/hakmem/hakmem.h"
#include "stress/sweep/machine.h"
#include "stress/sweep/places.h"
#include "stress/sweep/report.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_FAILED_RUNS = 1,
	EXIT_USAGE = 2,
	EXIT_INTERRUPTED = 130,
	QUICK_RUNS = 3,
	FULL_RUNS = 5,
	DEFAULT_LIMIT_S = 60,
	DEFAULT_WIDTH = 170,
	MAX_RUNS = 1000,
	MAX_THREADS = 1024,
	MAX_LIMIT_S = 86400,
};

struct options {
	struct allocator_choice choice;
	const char *workloads, *threads, *base, *out, *programs;
	int runs, limit_s;
	bool quick;
};

enum { KEY_FULL = 0x100, KEY_VARIANTS, KEY_PEERS, KEY_BASE, KEY_PROGRAMS, KEY_LIMIT };

static const struct argp_option option_table[] = {
	{"allocators", 'a', "LIST", 0, "exactly these allocators (variants, peers, NAME=PATH)", 0},
	{"variants", KEY_VARIANTS, "LIST", 0, "the hakmem variants (default: all built)", 0},
	{"peers", KEY_PEERS, "LIST", 0,
		"glibc, jemalloc, mimalloc, tcmalloc, tbbmalloc, NAME=PATH or none (default: all)",
		0},
	{"workloads", 'w', "LIST", 0, "larson, threadtest, xmalloc, cfrac, redis (default: all)",
		0},
	{"threads", 't', "LIST", 0, "thread counts (default: 1,2,4,16)", 0},
	{"runs", 'r', "N", 0, "counted runs of each (default: 5; quick: 3)", 0},
	{"quick", 'q', NULL, 0, "smaller parameters, about ten minutes in all", 0},
	{"full", KEY_FULL, NULL, 0, "the opposite of --quick (default)", 0},
	{"base", KEY_BASE, "NAME", 0, "what ratios refer to (default: mimalloc, else glibc)", 0},
	{"out", 'o', "DIR", 0, "directory of the results (default: sweep-DATE-TIME)", 0},
	{"limit", KEY_LIMIT, "SECONDS", 0, "a run is killed after that long (default: 60)", 0},
	{"programs", KEY_PROGRAMS, "DIR", 0, "where the workloads' programs are", 0},
	{NULL, 0, NULL, 0, NULL, 0}};

/* A whole number from 1 to `most`, or the end of the program with a message. */
static int
main_number(struct argp_state *state, const char *what, const char *text, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < 1 || value > most)
		argp_error(state, "%s '%s' is not a whole number from 1 to %d", what, text, most);
	return (int)value;
}

static error_t
main_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'a':
		o->choice.only = arg;
		return 0;
	case KEY_VARIANTS:
		o->choice.variants = arg;
		return 0;
	case KEY_PEERS:
		o->choice.peers = arg;
		return 0;
	case 'w':
		o->workloads = arg;
		return 0;
	case 't':
		o->threads = arg;
		return 0;
	case 'r':
		o->runs = main_number(state, "--runs", arg, MAX_RUNS);
		return 0;
	case 'q':
	case KEY_FULL:
		o->quick = key == 'q';
		return 0;
	case KEY_BASE:
		o->base = arg;
		return 0;
	case 'o':
		o->out = arg;
		return 0;
	case KEY_LIMIT:
		o->limit_s = main_number(state, "--limit", arg, MAX_LIMIT_S);
		return 0;
	case KEY_PROGRAMS:
		o->programs = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", arg);
		return EINVAL;
	case ARGP_KEY_END:
		if (o->choice.only != NULL &&
			(o->choice.variants != NULL || o->choice.peers != NULL))
			argp_error(state, "--allocators excludes --variants and --peers");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool
main_threads(struct plan *plan, const char *list)
{
	char **items = text_split(list, &plan->nthreads);

	plan->threads = text_alloc(plan->nthreads, sizeof(*plan->threads));
	for (size_t i = 0; i < plan->nthreads; i++) {
		char *end;
		long value = strtol(items[i], &end, 10);

		if (*end != '\0' || value < 1 || value > MAX_THREADS) {
			fprintf(stderr,
				"hakmem-sweep: --threads: '%s' is not a number from 1 to %d\n",
				items[i], MAX_THREADS);
			free(items);
			return false;
		}
		plan->threads[i] = (int)value;
	}
	free(items);
	if (plan->nthreads == 0)
		fputs("hakmem-sweep: --threads is empty\n", stderr);
	return plan->nthreads > 0;
}

static bool
main_base(struct plan *plan, const char *name)
{
	const struct allocators *list = &plan->allocators;

	if (name == NULL) {
		plan->base = allocators_named(list, "mimalloc");
		if (plan->base == NULL)
			plan->base = allocators_named(list, "glibc");
		if (plan->base == NULL)
			plan->base = &list->items[0];
		return true;
	}
	plan->base = allocators_named(list, name);
	if (plan->base != NULL)
		return true;
	fprintf(stderr, "hakmem-sweep: --base %s is not in this sweep; there are:", name);
	for (size_t i = 0; i < list->n; i++)
		fprintf(stderr, " %s", list->items[i].name);
	putc('\n', stderr);
	return false;
}

/* The programs of all workloads have to be there before anything is run. */
static bool
main_programs(const struct plan *plan)
{
	for (const struct workload *const *w = plan->workloads; *w != NULL; w++) {
		char *path = text_format("%s/%s", plan->places->programs, (*w)->name);
		bool ok = (*w)->run != NULL || access(path, X_OK) == 0;

		if (!ok)
			fprintf(stderr,
				"hakmem-sweep: no program %s; run make, or name the "
				"directory by --programs\n",
				path);
		free(path);
		if (!ok)
			return false;
	}
	return true;
}

static char *
main_directory(const char *asked)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm local;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime_r(&now, &local));
	char *path = asked != NULL ? text_format("%s", asked) : text_format("sweep-%s", stamp);

	if (mkdir(path, 0777) == 0 || (errno == EEXIST && access(path, W_OK | X_OK) == 0))
		return path;
	fprintf(stderr, "hakmem-sweep: --out %s: %s\n", path, strerror(errno));
	free(path);
	return NULL;
}

static int
main_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return DEFAULT_WIDTH;
}

static bool
main_plan(const struct options *o, const struct places *places, struct plan *plan)
{
	int runs = o->runs != 0 ? o->runs : o->quick ? QUICK_RUNS : FULL_RUNS;

	*plan = (struct plan){
		.places = places, .runs = runs, .quick = o->quick, .limit_s = o->limit_s};
	plan->workloads = workloads_find(o->workloads);
	if (plan->workloads == NULL || !main_threads(plan, o->threads) || !main_programs(plan) ||
		!allocators_find(places, &o->choice, &plan->allocators) ||
		!main_base(plan, o->base))
		return false;
	plan->directory = main_directory(o->out);
	if (plan->directory == NULL)
		return false;
	plan->environment = machine_describe(places, &plan->allocators);
	return true;
}

static void
main_free(struct plan *plan)
{
	allocators_free(&plan->allocators);
	free(plan->workloads);
	free(plan->threads);
	free((char *)plan->directory);
	free(plan->environment);
}

static int
main_sweep(const struct plan *plan)
{
	struct results results = {0};
	int status = EXIT_USAGE;

	fputs(plan->environment, stdout);
	fflush(stdout);
	bool complete = sweep_run(plan, &results);

	if (results.n > 0) {
		report_table(stdout, plan, &results, main_width());
		printf("\nevery run: %s/results.csv\nmedians:   %s/summary.csv\n", plan->directory,
			plan->directory);
	}
	if (launch_interrupted()) {
		fputs("hakmem-sweep: interrupted; what was done is kept\n", stderr);
		status = EXIT_INTERRUPTED;
	} else if (complete) {
		status = results_failed(&results) > 0 ? EXIT_FAILED_RUNS : 0;
	}
	results_free(&results);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct argp parser = {.options = option_table,
		.parser = main_option,
		.doc = "Compares allocators: runs every workload under every allocator in turns, "
		       "proves which library served it, and prints time and peak RSS relative to "
		       "one of them."};
	struct options o = {.threads = "1,2,4,16", .limit_s = DEFAULT_LIMIT_S};
	struct places places;
	struct plan plan = {0};
	int status = EXIT_USAGE;

	argp_program_version = "hakmem-sweep " HAKMEM_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&parser, argc, argv, 0, NULL, &o);
	/* What this program itself was started under must not reach the programs that it starts. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_DEBUG");
	launch_catch_signals();
	if (places_open(&places, o.programs) && main_plan(&o, &places, &plan))
		status = main_sweep(&plan);
	main_free(&plan);
	places_close(&places);
	return launch_interrupted() ? EXIT_INTERRUPTED : status;
}
