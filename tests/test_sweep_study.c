/* SPDX-License-Identifier: MIT
 * tests/test_sweep_study.c - what the sweep makes of its runs: documents, series, intervals, means,
 * comparisons, reports, and results of mimalloc-bench. */
#include "stress/sweep/compare.h"
#include "stress/sweep/document.h"
#include "stress/sweep/findings.h"
#include "stress/sweep/html.h"
#include "stress/sweep/import.h"
#include "stress/sweep/markdown.h"
#include "stress/sweep/record.h"
#include "stress/sweep/study.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/verdict.h"
#include "stress/sweep/workloads.h"
#include "tests/check_main.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[96];

static void
make_directory(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%.64s/test-sweep.XXXXXX",
		base != NULL && *base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void
remove_directory(void)
{
	static const char *const names[] = {"results.json", "file"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = text_format("%s/%s", directory, names[i]);

		unlink(path);
		free(path);
	}
	rmdir(directory);
}

/* --- a document made by hand ----------------------------------------------------------------- */

static json_t *
new_document(void)
{
	static const char machine[] =
		"{\"name\": \"host\", \"environment\": {\"cpu\": \"a <b> & \\\"c\\\"\"},"
		" \"plan\": {}, \"workloads\": ["
		"  {\"name\": \"w\", \"unit\": \"s\", \"threaded\": true, \"arguments\": \"T 1\"},"
		"  {\"name\": \"v\", \"unit\": \"s\", \"arguments\": \"2\"},"
		"  {\"name\": \"app\", \"unit\": \"s\", \"application\": true}],"
		" \"allocators\": [{\"name\": \"ours\", \"hakmem\": true},"
		"  {\"name\": \"base\"}, {\"name\": \"other\"}]}";
	json_t *document = document_new("base");
	json_t *object = json_loads(machine, 0, NULL);

	ck_assert_ptr_nonnull(object);
	json_array_append_new(json_object_get(document, "machines"), object);
	return document;
}

static void
put_run(json_t *document, const char *workload, int threads, const char *allocator, int round,
	double time, double rss_kb)
{
	json_array_append_new(json_object_get(document, "runs"),
		json_pack("{s:i, s:s, s:i, s:s, s:i, s:s, s:f, s:f, s:f, s:{s:f}}", "machine", 0,
			"workload", workload, "threads", threads, "allocator", allocator, "round",
			round, "status", "ok", "time", time, "rss_kb", rss_kb, "ops_per_s",
			1 / time, "extra", "p50_us", time * 10));
}

/* Three runs around a time. */
static void
put_cell(json_t *document, const char *workload, int threads, const char *allocator, double time)
{
	for (int round = 1; round <= 3; round++)
		put_run(document, workload, threads, allocator, round,
			time * (1 + 0.01 * (round - 2)), 1000 * time);
}

static void
put_failure(json_t *document, const char *workload, const char *allocator)
{
	json_array_append_new(json_object_get(document, "runs"),
		json_pack("{s:i, s:s, s:i, s:s, s:i, s:s, s:s}", "machine", 0, "workload", workload,
			"threads", 1, "allocator", allocator, "round", 1, "status", "crash",
			"detail", "<signal> & more"));
}

/* ours: 0.5 of base in w x1, 2 in w x4, 0.25 in v. */
static json_t *
good_document(void)
{
	json_t *document = new_document();

	put_cell(document, "w", 1, "base", 2);
	put_cell(document, "w", 1, "ours", 1);
	put_cell(document, "w", 1, "other", 3);
	put_cell(document, "w", 4, "base", 1);
	put_cell(document, "w", 4, "ours", 2);
	put_cell(document, "w", 4, "other", 1.5);
	put_cell(document, "v", 1, "base", 4);
	put_cell(document, "v", 1, "ours", 1);
	return document;
}

/* --- statistics ------------------------------------------------------------------------------ */

START_TEST(bootstrap_is_repeatable_and_inside_the_values)
{
	const double values[] = {1, 2, 3, 4, 100};
	double a[STATS_DRAWS], b[STATS_DRAWS], c[STATS_DRAWS];

	stats_bootstrap(values, 5, 7, a);
	stats_bootstrap(values, 5, 7, b);
	stats_bootstrap(values, 5, 8, c);
	ck_assert_mem_eq(a, b, sizeof(a));
	ck_assert_mem_ne(a, c, sizeof(a));
	struct interval i = stats_interval(a, STATS_DRAWS);

	ck_assert_double_ge(i.low, 1);
	ck_assert_double_le(i.low, 3);
	ck_assert_double_ge(i.high, 3);
	ck_assert_double_le(i.high, 100);
	ck_assert_double_lt(i.low, i.high);
	/* One value leaves no doubt. */
	stats_bootstrap(values, 1, 7, a);
	i = stats_interval(a, STATS_DRAWS);
	ck_assert_double_eq(i.low, 1);
	ck_assert_double_eq(i.high, 1);
}
END_TEST

START_TEST(bootstrap_covers_the_median_of_a_known_series)
{
	/* The order statistics of 9 values: 2.5 % of the drawn medians are below the third. */
	const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	double draws[STATS_DRAWS];

	stats_bootstrap(values, 9, 1, draws);
	struct interval i = stats_interval(draws, STATS_DRAWS);

	ck_assert_double_ge(i.low, 2);
	ck_assert_double_le(i.low, 3);
	ck_assert_double_ge(i.high, 7);
	ck_assert_double_le(i.high, 8);
}
END_TEST

/* --- studies --------------------------------------------------------------------------------- */

START_TEST(study_leaves_out_the_warm_up_and_keeps_failures)
{
	json_t *document = new_document();
	struct study s;

	put_run(document, "w", 1, "base", 0, 100, 1);
	put_run(document, "w", 1, "base", 1, 1, 10);
	put_run(document, "w", 1, "base", 2, 3, 30);
	put_failure(document, "w", "ours");
	ck_assert(study_of(document, NULL, &s));
	ck_assert_uint_eq(s.ncells, 1);
	ck_assert_uint_eq(s.nallocators, 3);
	const struct series *base = &s.cells[0].series[s.base];

	ck_assert_uint_eq(base->good, 2);
	ck_assert_double_eq(study_stats(base, "time").median, 2);
	ck_assert_double_eq(study_stats(base, "rss_kb").max, 30);
	ck_assert_double_eq(study_stats(base, "p50_us").median, 20);
	ck_assert_uint_eq(study_stats(base, "round").n, 0);
	const struct series *ours = &s.cells[0].series[study_allocator_named(&s, "ours")];

	ck_assert_uint_eq(ours->good, 0);
	ck_assert_uint_eq(ours->failed, 1);
	ck_assert_str_eq(ours->status, "crash");
	ck_assert_double_nan(verdict_ratio(&s.cells[0], 0, s.base, STUDY_TIME).value);
	study_free(&s);
	ck_assert(!study_of(document, "nosuch", &s));
	json_decref(document);
}
END_TEST

START_TEST(means_are_geometric_and_by_group)
{
	json_t *document = good_document();
	struct study s;

	ck_assert(study_of(document, NULL, &s));
	struct ratio all = verdict_mean(&s, 0, s.base, STUDY_TIME, STUDY_ALL, VERDICT_ANY_MACHINE);
	struct ratio single =
		verdict_mean(&s, 0, s.base, STUDY_TIME, STUDY_SINGLE, VERDICT_ANY_MACHINE);
	struct ratio multi =
		verdict_mean(&s, 0, s.base, STUDY_TIME, STUDY_MULTI, VERDICT_ANY_MACHINE);

	ck_assert_uint_eq(all.cells, 3);
	ck_assert_double_eq_tol(all.value, cbrt(0.5 * 2 * 0.25), 1e-9);
	ck_assert_double_eq_tol(single.value, sqrt(0.5 * 0.25), 1e-9);
	ck_assert_double_eq_tol(multi.value, 2, 1e-9);
	ck_assert(!multi.noise);
	ck_assert_double_le(multi.interval.low, 2);
	ck_assert_double_ge(multi.interval.high, 2);
	/* The base beside itself is 1, exactly. */
	all = verdict_mean(&s, s.base, s.base, STUDY_RSS, STUDY_ALL, VERDICT_ANY_MACHINE);
	ck_assert_double_eq(all.value, 1);
	ck_assert(!all.noise);
	/* No cell of applications: nothing is known. */
	all = verdict_mean(&s, 0, s.base, STUDY_TIME, STUDY_APPLICATION, VERDICT_ANY_MACHINE);
	ck_assert_uint_eq(all.cells, 0);
	ck_assert_double_nan(all.value);
	study_free(&s);
	json_decref(document);
}
END_TEST

START_TEST(wins_and_standings_follow_the_medians)
{
	json_t *document = good_document();
	struct study s;
	size_t n;

	ck_assert(study_of(document, NULL, &s));
	struct wins w = verdict_wins(&s, 0, STUDY_TIME);

	ck_assert_uint_eq(w.cells, 3);
	ck_assert_uint_eq(w.best, 2);
	ck_assert_uint_eq(w.clear, 2);
	ck_assert_uint_eq(verdict_best_variant(&s), 0);
	struct standing *list = verdict_standings(&s, 0, STUDY_TIME, &n);

	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(list[0].cell->threads, 4);
	ck_assert_double_eq_tol(list[0].ratio.value, 2, 1e-9);
	ck_assert_str_eq(list[2].cell->workload, "v");
	free(list);
	struct findings f = findings_extremes(&s, 0, STUDY_TIME, true, 5);

	ck_assert_uint_eq(f.n, 1);
	ck_assert_ptr_nonnull(strstr(f.lines[0], "w x4"));
	findings_free(&f);
	study_free(&s);
	json_decref(document);
}
END_TEST

/* Each workload once, with the cause that the document tells. */
START_TEST(worst_workloads_have_their_causes)
{
	static const char *const names[] = {"w", "v", "app", "fourth"};
	json_t *document = new_document();
	struct study s;

	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 4; i++) {
			put_run(document, names[i], 1, "base", round, 1, 10);
			put_run(document, names[i], 1, "ours", round, 5 - i, 10);
		}
		put_run(document, "w", 4, "base", round, 1, 10);
		put_run(document, "w", 4, "ours", round, 9, 10);
	}
	json_object_set_new(
		document, "causes", json_pack("{s:s, s:s}", "v", "too many faults", "x", "y"));
	ck_assert(study_of(document, NULL, &s));
	struct findings f = findings_worst(&s, 0, STUDY_TIME);

	ck_assert_uint_eq(f.n, 3);
	ck_assert_ptr_nonnull(strstr(f.lines[0], "w x4: 9.00"));
	ck_assert_ptr_nonnull(strstr(f.lines[0], "(cause not examined)"));
	ck_assert_ptr_nonnull(strstr(f.lines[1], "v: 4.00"));
	ck_assert_ptr_nonnull(strstr(f.lines[1], "Cause: too many faults"));
	ck_assert_ptr_nonnull(strstr(f.lines[2], "app: 3.00"));
	findings_free(&f);
	f = findings_worst(&s, 0, STUDY_RSS);
	ck_assert_uint_eq(f.n, 0);
	findings_free(&f);
	study_free(&s);
	json_decref(document);
}
END_TEST

START_TEST(focus_is_what_the_document_names)
{
	json_t *document = good_document();
	struct study s;

	ck_assert(study_of(document, NULL, &s));
	ck_assert_uint_eq(verdict_focus(&s), verdict_best_variant(&s));
	json_object_set_new(document, "focus", json_string("other"));
	ck_assert_uint_eq(verdict_focus(&s), study_allocator_named(&s, "other"));
	study_free(&s);
	json_decref(document);
}
END_TEST

START_TEST(overlapping_series_are_noise)
{
	json_t *document = new_document();
	struct study s;

	for (int round = 1; round <= 3; round++) {
		put_run(document, "w", 1, "base", round, round, 10);
		put_run(document, "w", 1, "ours", round, round + 0.1, 10);
	}
	ck_assert(study_of(document, NULL, &s));
	ck_assert(verdict_ratio(&s.cells[0], 0, s.base, STUDY_TIME).noise);
	ck_assert_uint_eq(verdict_wins(&s, s.base, STUDY_TIME).best, 1);
	ck_assert_uint_eq(verdict_wins(&s, s.base, STUDY_TIME).clear, 0);
	study_free(&s);
	json_decref(document);
}
END_TEST

/* --- documents ------------------------------------------------------------------------------- */

START_TEST(documents_are_written_merged_and_refused)
{
	json_t *document = good_document();
	char *path = text_format("%s/results.json", directory);
	char *other = text_format("%s/file", directory);
	char *const both[] = {path, path};
	struct study s;

	ck_assert(document_write(document, directory));
	json_t *merged = document_merge(both, 2);

	ck_assert_ptr_nonnull(merged);
	ck_assert(study_of(merged, NULL, &s));
	ck_assert_uint_eq(s.nmachines, 2);
	ck_assert_uint_eq(s.ncells, 6);
	ck_assert_uint_eq(s.nallocators, 3);
	struct ratio second = verdict_mean(&s, 0, s.base, STUDY_TIME, STUDY_MULTI, 1);

	ck_assert_uint_eq(second.cells, 1);
	ck_assert_double_eq_tol(second.value, 2, 1e-6);
	char *label = study_cell_label(&s, &s.cells[0]);

	ck_assert_str_eq(label, "w x1 @host");
	free(label);
	study_free(&s);
	json_decref(merged);
	static const char *const bad[] = {"", "{", "[]", "{\"schema\": \"hakmem-sweep\"}",
		"{\"schema\": \"hakmem-sweep\", \"version\": 2, \"base\": \"x\", \"machines\": "
		"[{}],"
		" \"runs\": []}",
		"{\"schema\": \"hakmem-sweep\", \"version\": 1, \"base\": \"x\", \"machines\": "
		"[{}],"
		" \"runs\": []}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *file = fopen(other, "w");

		fputs(bad[i], file);
		fclose(file);
		ck_assert_ptr_null(document_load(other));
	}
	ck_assert_ptr_null(document_load("/no/such/file"));
	/* A run that points to a machine that is not there. */
	json_object_set_new(
		json_array_get(json_object_get(document, "runs"), 0), "machine", json_integer(1));
	ck_assert(document_write(document, directory));
	ck_assert_ptr_null(document_load(path));
	free(other);
	free(path);
	json_decref(document);
}
END_TEST

/* A good run, one that was interrupted, and one that crashed. */
static struct results
three_runs(const struct workload *w, const struct allocator *a)
{
	struct run run = {.workload = w,
		.allocator = a,
		.threads = 1,
		.round = 2,
		.ops_per_s = 5,
		.checksum = "abc",
		.result = "workload=fixed ops_per_s=5 p99_us=7 name=x checksum=abc",
		.usage = {.wall_s = 1.5, .rss_kb = 42, .nvcsw = 3}};
	struct results all = {0};

	results_add(&all, &run);
	run.status = RUN_INTERRUPTED;
	results_add(&all, &run);
	run.status = RUN_CRASH;
	run.round = 1;
	run.usage.signal = 11;
	snprintf(run.detail, sizeof(run.detail), "bad \xff byte");
	results_add(&all, &run);
	return all;
}

START_TEST(runs_come_back_from_their_document)
{
	static const struct workload w = {.name = "fixed", .full = "1"};
	const struct workload *workloads[] = {&w, NULL};
	struct allocator items[] = {{.name = (char *)"one", .path = (char *)"/lib/one.so"},
		{.name = (char *)"two", .path = (char *)"/x/two.so", .is_variant = true}};
	char environment[] = "# cpu: c: d\n# kernel: k\n";
	const struct plan plan = {.allocators = {.items = items, .n = 2},
		.workloads = workloads,
		.runs = 2,
		.base = &items[0],
		.environment = environment};
	struct results before = three_runs(&w, &items[1]), after = {0};
	json_t *document = record_sweep(&plan, &before, false);

	ck_assert(document_write(document, directory));
	json_decref(document);
	char *path = text_format("%s/results.json", directory);

	document = document_load(path);
	ck_assert_ptr_nonnull(document);
	json_t *machine = json_array_get(json_object_get(document, "machines"), 0);

	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(machine, "environment"), "cpu")),
		"c: d");
	json_t *first = json_array_get(json_object_get(document, "runs"), 0);
	json_t *extra = json_object_get(first, "extra");

	ck_assert_double_eq(json_number_value(json_object_get(extra, "p99_us")), 7);
	ck_assert_uint_eq(json_object_size(extra), 1);
	ck_assert(record_restore(document, &plan, &after));
	/* What was interrupted is not kept, so that it is done again. */
	ck_assert_uint_eq(after.n, 2);
	ck_assert_ptr_eq(after.runs[0].allocator, &items[1]);
	ck_assert_double_eq(after.runs[0].usage.wall_s, 1.5);
	ck_assert_str_eq(after.runs[0].result, before.runs[0].result);
	ck_assert_int_eq(after.runs[1].status, RUN_CRASH);
	ck_assert_int_eq(after.runs[1].usage.signal, 11);
	results_free(&after);
	/* Another plan does not take them. */
	const struct plan lesser = {.allocators = {.items = items, .n = 1}, .workloads = workloads};

	ck_assert(!record_restore(document, &lesser, &after));
	results_free(&after);
	results_free(&before);
	json_decref(document);
	free(path);
}
END_TEST

/* --- comparing ------------------------------------------------------------------------------- */

/* Compares good_document with one in which every time of `allocator` (NULL: of all) in w x1 is
 * multiplied. */
static void
compare_with(double factor, const char *allocator, size_t kinds[4])
{
	json_t *then = good_document(), *now = good_document(), *run;
	struct study a, b;
	struct comparison c;
	size_t i;

	json_array_foreach(json_object_get(now, "runs"), i, run)
	{
		const char *name = json_string_value(json_object_get(run, "allocator"));
		double time = json_number_value(json_object_get(run, "time"));

		if (strcmp(json_string_value(json_object_get(run, "workload")), "w") == 0 &&
			json_integer_value(json_object_get(run, "threads")) == 1 &&
			(allocator == NULL || strcmp(name, allocator) == 0))
			json_object_set_new(run, "time", json_real(time * factor));
	}
	ck_assert(study_of(now, NULL, &a));
	ck_assert(study_of(then, NULL, &b));
	compare_studies(&a, &b, &c);
	for (int k = 0; k < 4; k++)
		kinds[k] = compare_count(&c, (enum change_kind)k);
	for (i = 0; i < c.n; i++) {
		char *words = compare_words(&c, &c.changes[i]);

		if (c.changes[i].kind == CHANGE_WORSE)
			ck_assert_ptr_nonnull(strstr(words, "w x1 under ours: time 1.5"));
		free(words);
	}
	compare_free(&c);
	study_free(&a);
	study_free(&b);
	json_decref(now);
	json_decref(then);
}

START_TEST(comparison_flags_what_is_beyond_noise)
{
	size_t kinds[4];

	compare_with(1, NULL, kinds);
	ck_assert_uint_eq(kinds[CHANGE_WORSE] + kinds[CHANGE_BETTER] + kinds[CHANGE_BROKEN], 0);
	ck_assert_uint_gt(kinds[CHANGE_NOISE], 0);
	compare_with(1.5, "ours", kinds);
	ck_assert_uint_eq(kinds[CHANGE_WORSE], 1);
	ck_assert_uint_eq(kinds[CHANGE_BETTER], 0);
	compare_with(0.5, "ours", kinds);
	ck_assert_uint_eq(kinds[CHANGE_WORSE], 0);
	ck_assert_uint_eq(kinds[CHANGE_BETTER], 1);
	/* Below the least that counts. */
	compare_with(1.025, "ours", kinds);
	ck_assert_uint_eq(kinds[CHANGE_WORSE], 0);
	/* A slower machine is slower under all of them. */
	compare_with(1.5, NULL, kinds);
	ck_assert_uint_eq(kinds[CHANGE_WORSE], 0);
}
END_TEST

START_TEST(comparison_takes_scattered_changes_for_noise)
{
	json_t *then = good_document(), *now = good_document(), *run;
	struct study a, b;
	struct comparison c;
	size_t i;

	/* Each series is steady, but no two of them changed alike: that is the machine. */
	json_array_foreach(json_object_get(now, "runs"), i, run)
	{
		double time = json_number_value(json_object_get(run, "time"));
		bool up = i / 3 % 2 == 0;

		json_object_set_new(run, "time", json_real(time * (up ? 1.5 : 0.7)));
	}
	ck_assert(study_of(now, NULL, &a));
	ck_assert(study_of(then, NULL, &b));
	compare_studies(&a, &b, &c);
	ck_assert_uint_eq(compare_count(&c, CHANGE_WORSE), 0);
	ck_assert_uint_eq(compare_count(&c, CHANGE_BETTER), 0);
	compare_free(&c);
	study_free(&a);
	study_free(&b);
	json_decref(now);
	json_decref(then);
}
END_TEST

START_TEST(comparison_tells_what_broke_and_what_cannot_be_compared)
{
	json_t *then = good_document(), *now = good_document();
	struct study a, b;
	struct comparison c;

	put_failure(now, "v", "ours");
	json_t *machine = json_array_get(json_object_get(then, "machines"), 0);

	json_object_set_new(json_array_get(json_object_get(machine, "workloads"), 0), "arguments",
		json_string("T 99"));
	ck_assert(study_of(now, NULL, &a));
	ck_assert(study_of(then, NULL, &b));
	compare_studies(&a, &b, &c);
	/* Both cells of w had other arguments then. */
	ck_assert_uint_eq(c.skipped, 2);
	ck_assert_uint_eq(compare_count(&c, CHANGE_BROKEN), 1);
	ck_assert_uint_eq(compare_count(&c, CHANGE_WORSE), 0);
	compare_free(&c);
	study_free(&a);
	study_free(&b);
	json_decref(now);
	json_decref(then);
}
END_TEST

/* --- reports --------------------------------------------------------------------------------- */

static char *
print_report(const json_t *document,
	void (*report)(FILE *, const struct study *, const struct comparison *))
{
	struct study s;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert(study_of(document, NULL, &s));
	report(out, &s, NULL);
	fclose(out);
	study_free(&s);
	return text;
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

START_TEST(html_stands_alone_and_escapes)
{
	json_t *document = good_document();

	put_failure(document, "app", "ours");
	char *text = print_report(document, html_report);

	ck_assert_ptr_null(strstr(text, "http"));
	ck_assert_ptr_null(strstr(text, "src="));
	ck_assert_ptr_null(strstr(text, "<script"));
	ck_assert_ptr_null(strstr(text, "nan"));
	ck_assert_ptr_null(strstr(text, "<b> &"));
	ck_assert_ptr_nonnull(strstr(text, "a &lt;b&gt; &amp; &quot;c&quot;"));
	ck_assert_ptr_nonnull(strstr(text, "&lt;signal&gt; &amp; more"));
	/* Two maps, one curve over threads, and every cell in the tables. */
	ck_assert_uint_eq(count_of(text, "<table class=h>"), 2);
	ck_assert_uint_eq(count_of(text, "role=img"), 1);
	ck_assert_uint_eq(count_of(text, "</div>"), count_of(text, "<div"));
	ck_assert_ptr_nonnull(strstr(text, "id=latency"));
	ck_assert_ptr_nonnull(strstr(text, "id=failed"));
	/* ours takes twice base's time in w x4. */
	ck_assert_ptr_nonnull(strstr(text, "<td class=w4>2.00"));
	free(text);
	json_decref(document);
}
END_TEST

START_TEST(markdown_has_every_cell)
{
	json_t *document = good_document();

	put_failure(document, "app", "ours");
	char *text = print_report(document, markdown_report);

	ck_assert_uint_eq(count_of(text, "\n| w x4 |"), 2);
	ck_assert_uint_eq(count_of(text, "\n| v |"), 2);
	ck_assert_ptr_nonnull(strstr(text, "| v | 0.25 | 1.00 | - |"));
	ck_assert_ptr_nonnull(strstr(text, "**crash**"));
	ck_assert_ptr_null(strstr(text, "nan"));
	free(text);
	json_decref(document);
}
END_TEST

/* What is in both reports, and in the same words. */
START_TEST(reports_have_latencies_and_shares)
{
	json_t *document = good_document();
	json_t *shares = json_pack("[{s:s, s:s, s:f, s:f}, {s:s, s:s, s:s}]", "workload",
		"redis-1k", "allocator", "ours", "inside", 25e6, "total", 100e6, "workload",
		"redis-1k", "allocator", "other", "reason", "no luck");

	json_object_set_new(
		json_array_get(json_object_get(document, "machines"), 0), "shares", shares);
	char *text = print_report(document, markdown_report);

	ck_assert_ptr_nonnull(strstr(text, "### v\n\n| medians | ops/s |"));
	ck_assert_ptr_nonnull(strstr(text, "| ours | 25.00 % | 25.0 | 100.0 |"));
	ck_assert_ptr_nonnull(strstr(text, "| other | - | - | - |"));
	ck_assert_ptr_nonnull(strstr(text, "other: no luck."));
	free(text);
	text = print_report(document, html_report);
	ck_assert_ptr_nonnull(strstr(text, "other: no luck."));
	ck_assert_ptr_nonnull(strstr(text, "<td>25.00 %"));
	ck_assert_ptr_nonnull(strstr(text, "id=latency"));
	free(text);
	json_decref(document);
}
END_TEST

/* --- mimalloc-bench -------------------------------------------------------------------------- */

static json_t *
import_text(const char *text)
{
	char *path = text_format("%s/file", directory);
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	json_t *document = import_mimalloc_bench(path, 8);

	free(path);
	return document;
}

START_TEST(import_reads_what_mimalloc_bench_writes)
{
	json_t *document =
		import_text("# benchmark allocator elapsed rss user sys faults reclaims\n"
			    "cfrac sys 0:06.50 3000 6.32 0.00 0 466\n"
			    "cfrac mi 05.20 4000 5.1 0.10 1 500\n"
			    "\n"
			    "cfrac, mi, 5.40, 4100, 5.1, 0.10, 1, 500\r\n"
			    "xmalloc-testN tls-hakmem 1:01.50 9000 100.0 1.0 0 9\n"
			    "redis mi 1:00:00 9000 100.0 1.0 0 9\n");
	struct study s;

	ck_assert_ptr_nonnull(document);
	ck_assert(study_of(document, NULL, &s));
	ck_assert_str_eq(s.allocators[s.base].name, "mi");
	ck_assert_uint_eq(s.ncells, 3);
	ck_assert_uint_eq(s.nallocators, 3);
	ck_assert_double_eq_tol(study_stats(&s.cells[0].series[s.base], "time").median, 5.3, 1e-9);
	ck_assert_double_eq(
		study_stats(&s.cells[0].series[study_allocator_named(&s, "sys")], "minflt").median,
		466);
	size_t ours = study_allocator_named(&s, "tls-hakmem");

	ck_assert(s.allocators[ours].hakmem);
	ck_assert_int_eq(s.cells[1].threads, 8);
	ck_assert_int_eq(s.cells[1].group, STUDY_MULTI);
	ck_assert_double_eq(study_stats(&s.cells[1].series[ours], "time").median, 61.5);
	ck_assert_int_eq(s.cells[2].group, STUDY_APPLICATION);
	ck_assert_double_eq(study_stats(&s.cells[2].series[s.base], "time").median, 3600);
	study_free(&s);
	json_decref(document);
}
END_TEST

START_TEST(import_refuses_other_files)
{
	ck_assert_ptr_null(import_text(""));
	ck_assert_ptr_null(import_text("# only a comment\n"));
	ck_assert_ptr_null(import_text("cfrac sys 6.5 3000 6.32 0.00 0\n"));
	ck_assert_ptr_null(import_text("cfrac sys fast 3000 6.32 0.00 0 466\n"));
	ck_assert_ptr_null(import_mimalloc_bench("/no/such/file", 1));
}
END_TEST

static Suite *
study_suite(void)
{
	Suite *s = suite_create("sweep_study");
	TCase *study = tcase_create("study"), *files = tcase_create("files");

	tcase_set_timeout(study, 60);
	tcase_add_test(study, bootstrap_is_repeatable_and_inside_the_values);
	tcase_add_test(study, bootstrap_covers_the_median_of_a_known_series);
	tcase_add_test(study, study_leaves_out_the_warm_up_and_keeps_failures);
	tcase_add_test(study, means_are_geometric_and_by_group);
	tcase_add_test(study, wins_and_standings_follow_the_medians);
	tcase_add_test(study, overlapping_series_are_noise);
	tcase_add_test(study, comparison_flags_what_is_beyond_noise);
	tcase_add_test(study, comparison_takes_scattered_changes_for_noise);
	tcase_add_test(study, comparison_tells_what_broke_and_what_cannot_be_compared);
	tcase_add_test(study, html_stands_alone_and_escapes);
	tcase_add_test(study, markdown_has_every_cell);
	tcase_add_test(study, worst_workloads_have_their_causes);
	tcase_add_test(study, focus_is_what_the_document_names);
	tcase_add_test(study, reports_have_latencies_and_shares);
	tcase_set_timeout(files, 60);
	tcase_add_checked_fixture(files, make_directory, remove_directory);
	tcase_add_test(files, documents_are_written_merged_and_refused);
	tcase_add_test(files, runs_come_back_from_their_document);
	tcase_add_test(files, import_reads_what_mimalloc_bench_writes);
	tcase_add_test(files, import_refuses_other_files);
	suite_add_tcase(s, study);
	suite_add_tcase(s, files);
	return s;
}

int
main(void)
{
	return run_suite(study_suite());
}
