/* SPDX-License-Identifier: MIT
 * stress/contention/main.c - hakmem-contention: what contention does to front-ends, selectors and
 * back-ends.
 *
 * It runs larson, threadtest and xmalloc at several thread counts under all of them in turns and
 * writes a report with tables, plots and a verdict per front-end. Exit status: 0 when every run was
 * good, 1 when some failed (they are rows of the report all the same), 2 for bad options or a
 * missing part, 130 when interrupted. */
#include "stress/contention/plots.h"
#include "stress/contention/report.h"
#include "stress/contention/contention.h"
#include "stress/sweep/machine.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	EXIT_FAILED_RUNS = 1,
	EXIT_USAGE = 2,
	EXIT_INTERRUPTED = 130,
	FULL_RUNS = 5,
	QUICK_RUNS = 2,
	MAX_RUNS = 1000,
	MAX_THREADS = 64, /* the workloads' own limit */
	CHUNKS = 1000,
	MAX_CHUNKS = 1000000,
};

#define FULL_THREADS "1,2,4,8,16,32"
#define QUICK_THREADS "2,4"
#define QUICK_SECONDS 0.05
#define LEAST_SECONDS 0.01
#define MOST_SECONDS 600.0

struct options {
	const char *workloads, *threads, *out;
	int runs, chunks;
	double seconds;
	bool quick;
};

enum { KEY_CHUNKS = 0x100 };

static const struct argp_option option_table[] = {
	{"out", 'o', "DIR", 0,
		"directory of report.md, *.csv and *.svg (default: contention-DATE-TIME)", 0},
	{"runs", 'r', "N", 0, "counted runs of each (default: 5; quick: 2)", 0},
	{"threads", 't', "LIST", 0,
		"thread counts (default: " FULL_THREADS "; quick: " QUICK_THREADS ")", 0},
	{"seconds", 's', "S", 0,
		"length of a run (default: such that all of it takes 13 minutes; quick: 0.05)", 0},
	{"workloads", 'w', "LIST", 0, "larson, threadtest, xmalloc (default: all)", 0},
	{"chunks", KEY_CHUNKS, "N", 0, "larson's blocks a thread (default: 1000)", 0},
	{"quick", 'q', NULL, 0, "a look at everything, in a minute or two", 0},
	{NULL, 0, NULL, 0, NULL, 0}};

/* A number from `least` to `most`, or the end of the program with a message. */
static double
main_number(struct argp_state *state, const char *what, const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= least && value <= most))
		argp_error(state, "%s '%s' is not a number from %g to %g", what, text, least, most);
	return value;
}

static int
main_whole(struct argp_state *state, const char *what, const char *text, int most)
{
	double value = main_number(state, what, text, 1, most);

	if (value != floor(value))
		argp_error(state, "%s '%s' is not a whole number", what, text);
	return (int)value;
}

static error_t
main_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'o':
		o->out = arg;
		return 0;
	case 'r':
		o->runs = main_whole(state, "--runs", arg, MAX_RUNS);
		return 0;
	case 't':
		o->threads = arg;
		return 0;
	case 's':
		o->seconds = main_number(state, "--seconds", arg, LEAST_SECONDS, MOST_SECONDS);
		return 0;
	case 'w':
		o->workloads = arg;
		return 0;
	case KEY_CHUNKS:
		o->chunks = main_whole(state, "--chunks", arg, MAX_CHUNKS);
		return 0;
	case 'q':
		o->quick = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not an option", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
main_by_size(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The thread counts, ascending, each once. */
static bool
main_threads(struct contention *s, const char *list)
{
	size_t asked;
	char **items = text_split(list, &asked);
	bool ok = asked > 0;

	s->threads = text_alloc(asked, sizeof(*s->threads));
	if (!ok)
		fputs("hakmem-contention: --threads is empty\n", stderr);
	for (size_t i = 0; ok && i < asked; i++) {
		char *end;
		long value = strtol(items[i], &end, 10);

		ok = *end == '\0' && value >= 1 && value <= MAX_THREADS;
		if (!ok)
			fprintf(stderr,
				"hakmem-contention: --threads: '%s' is not a number from 1 to %d\n",
				items[i], MAX_THREADS);
		s->threads[i] = (int)value;
	}
	free(items);
	qsort(s->threads, asked, sizeof(*s->threads), main_by_size);
	for (size_t i = 0; i < asked; i++)
		if (i == 0 || s->threads[i] != s->threads[i - 1])
			s->threads[s->nthreads++] = s->threads[i];
	return ok;
}

/* The programs have to be there before anything is run. */
static bool
main_programs(const struct contention *s)
{
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		char *path = text_format("%s/%s", s->places->programs, s->benchmarks[b]->name);
		bool ok = access(path, X_OK) == 0;

		if (!ok)
			fprintf(stderr,
				"hakmem-contention: no program %s; run make, and start this "
				"program in the directory of the build\n",
				path);
		free(path);
		if (!ok)
			return false;
	}
	return true;
}

/* The machine and the peers. The variants are this build's own and have no version beside it. */
static char *
main_environment(const struct contention *s)
{
	struct allocators peers = {.items = text_alloc(s->configs.n, sizeof(*peers.items))};

	for (size_t i = 0; i < s->configs.n; i++)
		if (s->configs.items[i].selector == NULL)
			peers.items[peers.n++] = s->configs.items[i].allocator;
	char *text = machine_describe(s->places, &peers);

	free(peers.items);
	return text;
}

static bool
main_study(const struct options *o, const struct places *places, struct contention *s)
{
	*s = (struct contention){.places = places,
		.runs = o->runs != 0 ? o->runs
			: o->quick   ? QUICK_RUNS
				     : FULL_RUNS,
		.chunks = o->chunks,
		.seconds = o->seconds != 0 ? o->seconds : QUICK_SECONDS,
		.paced = o->seconds == 0 && !o->quick};
	const char *threads = o->threads != NULL ? o->threads
			      : o->quick         ? QUICK_THREADS
						 : FULL_THREADS;

	s->benchmarks = benchmarks_find(o->workloads, &s->nbenchmarks);
	if (s->benchmarks == NULL || !main_threads(s, threads) || !main_programs(s) ||
		!configs_find(places, &s->configs))
		return false;
	s->directory = places_directory("contention", o->out);
	if (s->directory == NULL)
		return false;
	s->environment = main_environment(s);
	contention_prepare(s);
	return true;
}

static int
main_run(struct contention *s)
{
	double expected_s = contention_expected_s(s);

	printf("%zu runs of %.2f s under %zu configurations: about %d:%02d minutes\n",
		contention_runs(s), s->seconds, s->configs.n, (int)expected_s / 60,
		(int)expected_s % 60);
	fflush(stdout);
	bool complete = contention_execute(s), written = false;

	if (s->samples.n > 0) {
		plots_draw(s);
		written = contention_report_write(s);
	}
	if (written)
		printf("report: %s/report.md\n", s->directory);
	if (launch_interrupted()) {
		fputs("hakmem-contention: interrupted; what was done is in the report\n", stderr);
		return EXIT_INTERRUPTED;
	}
	if (!complete || !written)
		return EXIT_USAGE;
	size_t failed = samples_failed(&s->samples);

	if (failed > 0)
		fprintf(stderr, "hakmem-contention: %zu runs failed; the report lists them\n",
			failed);
	return failed > 0 ? EXIT_FAILED_RUNS : 0;
}

int
main(int argc, char **argv)
{
	static const struct argp parser = {.options = option_table,
		.parser = main_option,
		.doc = "Measures what contention does to hakmem's front-ends, selectors and "
		       "back-ends and to other allocators, and writes a report with tables, plots "
		       "and a verdict per front-end."};
	struct options o = {.chunks = CHUNKS};
	struct places places;
	struct contention study = {0};
	int status = EXIT_USAGE;

	argp_program_version = "hakmem-contention " CONTENTION_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&parser, argc, argv, 0, NULL, &o);
	/* What the study sets for a run itself must not come from outside. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_DEBUG");
	unsetenv("HAKMEM_SELECTOR");
	unsetenv("HAKMEM_STATS");
	launch_catch_signals();
	if (places_open(&places, NULL) && main_study(&o, &places, &study))
		status = main_run(&study);
	contention_free(&study);
	places_close(&places);
	return launch_interrupted() ? EXIT_INTERRUPTED : status;
}
