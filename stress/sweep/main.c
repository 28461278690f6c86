/* SPDX-License-Identifier: MIT
 * stress/sweep/main.c - hakmem-sweep: compares allocators over workloads.
 *
 * It runs every workload under every allocator in turns, proves for each pair that the library
 * under test is the one that serves malloc and free, and reports time and peak RSS relative to one
 * of them. `hakmem-sweep --help` lists the options. Exit status: 0 when every run was good, 1 when
 * some failed (they are rows of the results all the same), 2 for bad options or a missing part, 130
 * when interrupted. */
#include "stress/sweep/compare.h"
#include "stress/sweep/document.h"
#include "stress/sweep/import.h"
#include "stress/sweep/launch.h"
#include "stress/sweep/machine.h"
#include "stress/sweep/options.h"
#include "stress/sweep/places.h"
#include "stress/sweep/record.h"
#include "stress/sweep/report.h"
#include "stress/sweep/resume.h"
#include "stress/sweep/share.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	EXIT_FAILED_RUNS = 1,
	EXIT_INTERRUPTED = 130,
	QUICK_RUNS = 3,
	FULL_RUNS = 5,
	DEFAULT_WIDTH = 170,
};

static const char default_threads[] = "1,2,4,16", quick_threads[] = "1,4";
/* The quick sweep's allocators: what fits into ten minutes on two processors, which leaves out the
 * front-end without a cache. A full one has every front-end; variants on other back-ends are run
 * where they are asked for. */
static const char quick_peers[] = "glibc,jemalloc,mimalloc,tcmalloc";
static const char *const default_variants[] = {"tls-hakmem", "rseq-hakmem", "lock-hakmem"};

enum {
	FULL_VARIANTS = sizeof(default_variants) / sizeof(default_variants[0]),
	QUICK_VARIANTS = FULL_VARIANTS - 1,
};

/* What a report tells beside the results. */
struct extras {
	json_t *old;       /* an older document to compare with, or NULL */
	json_t *causes;    /* texts by workload, or NULL */
	const char *focus; /* the variant that is judged, NULL for the best one */
};

/* --- the plan -------------------------------------------------------------------------------- */

static bool
main_threads(struct plan *plan, const char *list)
{
	char **items = text_split(list, &plan->nthreads);

	plan->threads = text_alloc(plan->nthreads, sizeof(*plan->threads));
	for (size_t i = 0; i < plan->nthreads; i++) {
		char *end;
		long value = strtol(items[i], &end, 10);

		if (*end != '\0' || value < 1 || value > OPTIONS_MAX_THREADS) {
			fprintf(stderr,
				"hakmem-sweep: --threads: '%s' is not a number from 1 to %d\n",
				items[i], OPTIONS_MAX_THREADS);
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
		char *path = text_format("%s/%s", plan->places->programs, workload_program(*w));
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

/* The default variants, as far as they are built; NULL, for all, where none is. To be freed. */
static char *
main_default_variants(const struct places *places, bool quick)
{
	char *list = NULL;

	for (size_t i = 0; i < (quick ? QUICK_VARIANTS : FULL_VARIANTS); i++) {
		char *path =
			text_format("%s/libhakmem-%s.so", places->libraries, default_variants[i]);

		if (access(path, R_OK) == 0) {
			char *longer = text_format("%s%s%s", list != NULL ? list : "",
				list != NULL ? "," : "", default_variants[i]);

			free(list);
			list = longer;
		}
		free(path);
	}
	return list;
}

static bool
main_allocators(const struct options *o, const struct places *places, struct plan *plan)
{
	struct allocator_choice choice = o->choice;
	char *variants = NULL;

	if (choice.only == NULL && choice.variants == NULL) {
		variants = main_default_variants(places, o->quick);
		choice.variants = variants;
	}
	if (choice.only == NULL && choice.peers == NULL && o->quick)
		choice.peers = quick_peers;
	bool ok = allocators_find(places, &choice, &plan->allocators);

	free(variants);
	return ok;
}

static char *
main_environment(const struct places *places, const struct plan *plan)
{
	char *machine = machine_describe(places, &plan->allocators);
	char *workloads = resume_fingerprint(places, plan->workloads);
	char *both = text_format("%s%s", machine, workloads);

	free(machine);
	free(workloads);
	return both;
}

static bool
main_plan(const struct options *o, const struct places *places, struct plan *plan)
{
	const char *threads = o->quick ? quick_threads : default_threads;

	*plan = (struct plan){.places = places,
		.runs = o->runs != 0 ? o->runs
			: o->quick   ? QUICK_RUNS
				     : FULL_RUNS,
		.quick = o->quick,
		.shares = o->profile_share ? json_array() : NULL,
		.limit_s = o->limit_s};
	if (o->profile_share && !o->estimate && !share_available())
		return false;
	plan->workloads = workloads_find(o->workloads, o->quick);
	if (plan->workloads == NULL ||
		!main_threads(plan, o->threads != NULL ? o->threads : threads) ||
		!main_programs(plan) || !main_allocators(o, places, plan) ||
		!main_base(plan, o->base))
		return false;
	if (!o->estimate) {
		plan->directory = places_directory("sweep", o->resume != NULL ? o->resume : o->out);
		plan->environment = main_environment(places, plan);
	}
	return o->estimate || plan->directory != NULL;
}

static void
main_free(struct plan *plan)
{
	allocators_free(&plan->allocators);
	free(plan->workloads);
	free(plan->threads);
	free((char *)plan->directory);
	free(plan->environment);
	json_decref(plan->shares);
}

/* --- what comes of it ------------------------------------------------------------------------ */

static int
main_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return DEFAULT_WIDTH;
}

/* Puts what is told beside the figures into the document; false with a line on standard error. */
static bool
main_annotate(json_t *document, const struct extras *extras, const struct study *study)
{
	const char *key;
	json_t *value;

	json_object_foreach(extras->causes, key, value)
	{
		size_t i = 0;

		while (i < study->ncells && strcmp(study->cells[i].workload, key) != 0)
			i++;
		if (i == study->ncells)
			fprintf(stderr,
				"hakmem-sweep: --causes: no workload '%s' is in these results\n",
				key);
	}
	if (extras->causes != NULL)
		json_object_set(document, "causes", extras->causes);
	if (extras->focus == NULL)
		return true;
	size_t focus = study_allocator_named(study, extras->focus);

	if (focus == study->nallocators || !study->allocators[focus].hakmem) {
		fprintf(stderr, "hakmem-sweep: --focus %s is no hakmem variant in these results\n",
			extras->focus);
		return false;
	}
	json_object_set_new(document, "focus", document_string(extras->focus));
	return true;
}

/* Writes all files of a document, prints the table and the comparison. */
static bool
main_report(json_t *document, const char *base, const struct extras *extras, const char *directory)
{
	struct study study, older;
	struct comparison comparison, *compared = NULL;
	json_t *old = extras->old;

	if (!study_of(document, base, &study))
		return false;
	if (!main_annotate(document, extras, &study)) {
		study_free(&study);
		return false;
	}
	json_object_set_new(document, "base", document_string(study.allocators[study.base].name));
	json_object_set_new(document, "summary", study_summary(&study));
	if (old != NULL && study_of(old, NULL, &older)) {
		compare_studies(&study, &older, &comparison);
		compared = &comparison;
	}
	bool ok = document_write(document, directory) && report_write(&study, compared, directory);

	report_table(stdout, &study, main_width());
	if (compared != NULL) {
		compare_print(stdout, compared);
		compare_free(compared);
		study_free(&older);
	}
	if (ok)
		printf("\nreport: %s/report.html (and report.md)\n"
		       "data:   %s/results.json, results.csv, summary.csv\n",
			directory, directory);
	study_free(&study);
	return ok;
}

/* Says how long the sweep would take, and runs nothing. */
static int
main_estimate(const struct plan *plan, const struct results *results)
{
	int runs;
	double expected_s = sweep_expected_s(plan, results, &runs);
	size_t cells = 0;

	for (const struct workload *const *w = plan->workloads; *w != NULL; w++)
		cells += plan_cells(plan, *w);
	printf("estimate: %.0f minutes (%d runs in %zu cells, %zu allocators)\n",
		ceil(expected_s / 60), runs, cells, plan->allocators.n);
	return 0;
}

static int
main_sweep(const struct plan *plan, struct results *results, const struct extras *extras)
{
	int status = OPTIONS_EXIT, runs;
	double expected_s = sweep_expected_s(plan, results, &runs);

	fputs(plan->environment, stdout);
	printf("# base: %s; %d runs%s; results in %s\n", plan->base->name, plan->runs,
		plan->quick ? ", quick" : "", plan->directory);
	printf("# this will take about %.0f %s\n", expected_s < 120 ? expected_s : expected_s / 60,
		expected_s < 120 ? "seconds" : "minutes");
	fflush(stdout);
	bool complete = sweep_run(plan, results);

	if (complete && plan->shares != NULL)
		share_measure(plan, plan->shares);
	complete = complete && !launch_interrupted();
	if (results->n > 0) {
		json_t *document = record_sweep(plan, results, complete);

		complete = main_report(document, NULL, extras, plan->directory) && complete;
		json_decref(document);
	}
	if (launch_interrupted()) {
		fprintf(stderr,
			"hakmem-sweep: interrupted; what was done is kept, "
			"--resume %s goes on\n",
			plan->directory);
		status = EXIT_INTERRUPTED;
	} else if (complete) {
		status = results_failed(results) > 0 ? EXIT_FAILED_RUNS : 0;
	}
	return status;
}

static int
main_resume(
	struct options *o, const struct places *places, struct plan *plan, struct extras *extras)
{
	struct resumed resumed;
	struct results results = {0};
	int status = OPTIONS_EXIT;

	if (resume_open(o, &resumed) && main_plan(o, places, plan) &&
		record_restore(resumed.document, plan, &results)) {
		json_t *causes = json_object_get(resumed.document, "causes");

		if (plan->shares != NULL)
			json_array_extend(plan->shares, resume_shares(&resumed));
		if (extras->causes == NULL)
			extras->causes = json_incref(causes);
		if (extras->focus == NULL)
			extras->focus =
				json_string_value(json_object_get(resumed.document, "focus"));
		if (o->estimate)
			status = main_estimate(plan, &results);
		else if (resume_check(o, &resumed, plan->environment))
			status = main_sweep(plan, &results, extras);
	}
	results_free(&results);
	resume_close(&resumed);
	return status;
}

/* --- the ways to be called ------------------------------------------------------------------- */

/* A report of files, without a run. */
static int
main_files(const struct options *o, const struct extras *extras)
{
	int procs = o->procs != 0 ? o->procs : (int)sysconf(_SC_NPROCESSORS_ONLN);
	json_t *document = o->merge ? document_merge(o->files, o->nfiles)
				    : import_mimalloc_bench(o->import, procs);
	char *directory = document != NULL ? places_directory("sweep", o->out) : NULL;
	bool ok = directory != NULL && main_report(document, o->base, extras, directory);

	free(directory);
	json_decref(document);
	return ok ? 0 : OPTIONS_EXIT;
}

static int
main_run(struct options *o, struct extras *extras)
{
	struct places places;
	struct plan plan = {0};
	struct results results = {0};
	int status = OPTIONS_EXIT;

	/* What this program itself was started under must not reach the programs that it starts. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_DEBUG");
	launch_catch_signals();
	if (places_open(&places, o->programs)) {
		if (o->resume != NULL)
			status = main_resume(o, &places, &plan, extras);
		else if (main_plan(o, &places, &plan))
			status = o->estimate ? main_estimate(&plan, &results)
					     : main_sweep(&plan, &results, extras);
	}
	results_free(&results);
	main_free(&plan);
	places_close(&places);
	return launch_interrupted() ? EXIT_INTERRUPTED : status;
}

int
main(int argc, char **argv)
{
	struct options o = {0};

	options_parse(argc, argv, &o);
	struct extras extras = {.focus = o.focus};
	int status = OPTIONS_EXIT;

	if (o.compare != NULL)
		extras.old = document_load(o.compare);
	if (o.causes != NULL)
		extras.causes = document_load_texts(o.causes);
	if ((o.compare == NULL || extras.old != NULL) &&
		(o.causes == NULL || extras.causes != NULL))
		status = o.merge || o.import != NULL ? main_files(&o, &extras)
						     : main_run(&o, &extras);
	json_decref(extras.old);
	json_decref(extras.causes);
	return status;
}
