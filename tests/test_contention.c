/* SPDX-License-Identifier: MIT
 * tests/test_contention.c - the contention study: when a difference is one, verdicts, counters,
 * checksums and the report, on made-up figures; and a tiny real run. */
#include "stress/contention/benchmarks.h"
#include "stress/contention/configs.h"
#include "stress/contention/counters.h"
#include "stress/contention/judge.h"
#include "stress/contention/plots.h"
#include "stress/contention/report.h"
#include "stress/contention/samples.h"
#include "stress/contention/sharding.h"
#include "stress/contention/contention.h"
#include "stress/sweep/text.h"
#include "tests/check_main.h"

#include <check.h>
#include <ftw.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 5, REAL_RUN_S = 100, WALK_FDS = 8 };

/* --- judge ----------------------------------------------------------------------------------- */

/* A series with that median and spread. */
static struct stats
series(double median, double spread)
{
	return (struct stats){.n = RUNS,
		.median = median,
		.min = median * (1 - spread / 2),
		.max = median * (1 + spread / 2),
		.spread = spread};
}

static struct difference
change(double ratio)
{
	return judge_difference(series(ratio, 0.01), series(1, 0.01));
}

START_TEST(difference_has_to_be_above_the_larger_spread)
{
	struct difference d = judge_difference(series(120, 0.05), series(100, 0.10));

	ck_assert(d.known);
	ck_assert_double_eq_tol(d.ratio, 1.2, 1e-12);
	ck_assert_double_eq(d.noise, 0.10);
	ck_assert(d.above);
	ck_assert(!judge_difference(series(120, 0.25), series(100, 0.10)).above);
	ck_assert(!judge_difference(series(120, 0.05), series(100, 0.25)).above);
	/* A loss is a difference too. */
	d = judge_difference(series(80, 0.05), series(100, 0.10));
	ck_assert(d.above);
	ck_assert_double_eq(judge_benefit(d), 0);
}
END_TEST

START_TEST(single_run_and_missing_side_are_no_difference)
{
	struct stats one = series(200, 0), base = series(100, 0.01);

	one.n = 1;
	ck_assert(judge_difference(one, base).known);
	ck_assert(!judge_difference(one, base).above);
	ck_assert(!judge_difference((struct stats){0}, base).known);
	ck_assert(!judge_difference(base, (struct stats){0}).known);
}
END_TEST

START_TEST(verdict_follows_the_plan)
{
	ck_assert_int_eq(judge_verdict(change(1.25), change(1.45)), VERDICT_KEEP);
	/* Both thresholds have to be passed. */
	ck_assert_int_eq(judge_verdict(change(1.15), change(1.45)), VERDICT_CONDITIONAL);
	ck_assert_int_eq(judge_verdict(change(1.25), change(1.35)), VERDICT_CONDITIONAL);
	ck_assert_int_eq(judge_verdict(change(0.9), change(1.1)), VERDICT_CONDITIONAL);
	ck_assert_int_eq(judge_verdict(change(0.9), change(0.8)), VERDICT_REVERT);
	/* A gain that is not above the spread is none. */
	struct difference noisy = judge_difference(series(1.5, 0.6), series(1, 0.01));

	ck_assert_int_eq(judge_verdict(noisy, noisy), VERDICT_REVERT);
	ck_assert_int_eq(judge_verdict(change(1.25), noisy), VERDICT_CONDITIONAL);
	ck_assert_int_eq(
		judge_verdict(change(1.25), (struct difference){.known = false}), VERDICT_UNKNOWN);
}
END_TEST

START_TEST(overall_verdict_wants_agreement)
{
	const enum verdict keep[] = {VERDICT_KEEP, VERDICT_UNKNOWN, VERDICT_KEEP};
	const enum verdict mixed[] = {VERDICT_KEEP, VERDICT_REVERT};
	const enum verdict revert[] = {VERDICT_REVERT, VERDICT_REVERT};

	ck_assert_int_eq(judge_overall(keep, 3), VERDICT_KEEP);
	ck_assert_int_eq(judge_overall(mixed, 2), VERDICT_CONDITIONAL);
	ck_assert_int_eq(judge_overall(revert, 2), VERDICT_REVERT);
	ck_assert_int_eq(judge_overall(keep, 0), VERDICT_UNKNOWN);
}
END_TEST

START_TEST(criteria_and_their_words)
{
	char text[JUDGE_TEXT];

	ck_assert_int_eq(judge_at_most(change(1.04), 1.05), OUTCOME_MET);
	ck_assert_int_eq(judge_at_most(change(1.06), 1.05), OUTCOME_MISSED);
	ck_assert_int_eq(judge_ahead(change(1.1)), OUTCOME_MET);
	ck_assert_int_eq(judge_ahead(change(0.9)), OUTCOME_MISSED);
	ck_assert_int_eq(
		judge_ahead(judge_difference(series(1.1, 0.2), series(1, 0.2))), OUTCOME_MISSED);
	ck_assert_int_eq(judge_ahead((struct difference){0}), OUTCOME_UNKNOWN);
	ck_assert_str_eq(judge_text(change(1.35), text), "+35 %");
	ck_assert_str_eq(judge_text(change(0.6), text), "-40 %");
	ck_assert_str_eq(judge_text(judge_difference(series(103, 0.12), series(100, 0.05)), text),
		"no difference (+3 %, spread 12 %)");
	ck_assert_str_eq(judge_text((struct difference){0}, text), "not measured");
}
END_TEST

/* --- counters -------------------------------------------------------------------------------- */

#define REPORT(variant, selector, slow)                                                            \
	"a line before\n{\"hakmem\":{\"variant\":\"" variant "\",\"selector\":\"" selector         \
	"\",\"mechanism\":\"locks\",\"arenas_active\":2,\"stats\":{\"slow_allocs\":" slow          \
	",\"peak_bytes\":4096},\"frontend\":{\"restarts\":7},\"totals\":{\"lock_acquisitions\":"   \
	"200,"                                                                                     \
	"\"lock_contended\":50,\"lock_wait_us\":12.5,\"refills\":9,\"borrowed\":3,"                \
	"\"remote_share\":null},\"sites\":{\"seen\":5,\"entropy_bits\":1.25}}}\na line after\n"

START_TEST(counters_are_read_and_prove_the_variant)
{
	struct counters c;
	char why[160] = "";

	ck_assert(counters_read(
		REPORT("tls-hakmem", "cpu", "8"), "tls-hakmem", "cpu", &c, why, sizeof(why)));
	ck_assert(c.known);
	ck_assert_double_eq(c.arenas, 2);
	ck_assert_double_eq(counters_contended_share(&c), 0.25);
	ck_assert_double_eq(c.wait_us, 12.5);
	ck_assert_double_eq(c.borrowed, 3);
	ck_assert_double_eq(c.entropy_bits, 1.25);
	ck_assert_double_eq(c.restarts, 7);
	ck_assert_double_nan(c.remote_share);
	ck_assert_str_eq(c.mechanism, "locks");
	c.acquisitions = 0;
	ck_assert_double_nan(counters_contended_share(&c));
}
END_TEST

START_TEST(counters_of_another_library_are_refused)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "no line of statistics"},
		{"text {\"hakmem\":{}}\n", "no line of statistics"},
		{"{\"hakmem\":{\"variant\":\n", "no JSON"},
		{REPORT("lock-hakmem", "site", "8"), "those of lock-hakmem"},
		{REPORT("tls-hakmem", "cpu", "8"), "the selector cpu"},
		{REPORT("tls-hakmem", "site", "0"), "count no allocation"},
	};
	struct counters c;
	char why[160];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		why[0] = '\0';
		ck_assert(
			!counters_read(cases[i].text, "tls-hakmem", "site", &c, why, sizeof(why)));
		ck_assert_msg(strstr(why, cases[i].why) != NULL, "case %zu: %s", i, why);
		ck_assert(!c.known);
		ck_assert_double_nan(counters_contended_share(&c));
	}
}
END_TEST

/* --- benchmarks ------------------------------------------------------------------------------ */

START_TEST(command_line_has_the_parameters)
{
	const struct benchmark b = {.name = "x", .arguments = "-w T S C I 64"};
	const struct parameters p = {
		.threads = 16, .chunks = 500, .seconds = 0.25, .iterations = 40};
	const char *const expected[] = {"/bin/x", "-w", "16", "0.250", "500", "40", "64"};
	struct benchmark_command c;

	benchmark_command(&b, "/bin/x", &p, &c);
	for (size_t i = 0; i < 7; i++)
		ck_assert_str_eq(c.argv[i], expected[i]);
	ck_assert_ptr_null(c.argv[7]);
}
END_TEST

START_TEST(unknown_and_repeated_workloads_are_refused)
{
	size_t n;

	ck_assert_ptr_null(benchmarks_find("larson,nosuch", &n));
	ck_assert_ptr_null(benchmarks_find("larson,larson", &n));
	ck_assert_ptr_null(benchmarks_find("", &n));
	const struct benchmark **all = benchmarks_find(NULL, &n);

	ck_assert_uint_eq(n, 3);
	ck_assert_ptr_null(all[n]);
	free(all);
}
END_TEST

/* --- a made-up study ------------------------------------------------------------------------- */

static char directory[128];

static void
make_directory(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%.64s/test-contention.XXXXXX",
		base != NULL && *base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
remove_directory(void)
{
	nftw(directory, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);
}

/* lock, tls and rseq on hakmem, and glibc, under larson and xmalloc; nothing was run yet. */
static struct contention
contention_made_up(void)
{
	static const char *const names[] = {
		"lock-hakmem", "tls-hakmem", "rseq-hakmem", "rseq-jemalloc", "glibc"};
	static const int threads[] = {1, 2, 4, 16, 32};
	struct allocators list = {0};
	struct contention s = {.runs = RUNS, .seconds = 0.3, .chunks = 1000, .nthreads = 5};

	list.n = sizeof(names) / sizeof(names[0]);
	list.items = text_alloc(list.n, sizeof(*list.items));
	for (size_t i = 0; i < list.n; i++)
		list.items[i] = (struct allocator){.name = text_format("%s", names[i]),
			.path = text_format("/lib/%s.so", names[i]),
			.is_libc = strcmp(names[i], "glibc") == 0};
	configs_make(&s.configs, list);
	s.benchmarks = benchmarks_find("larson,xmalloc", &s.nbenchmarks);
	s.threads = text_alloc(s.nthreads, sizeof(*s.threads));
	memcpy(s.threads, threads, sizeof(threads));
	s.directory = text_format("%s", directory);
	s.environment = text_format("# cpu: made up\n");
	contention_prepare(&s);
	return s;
}

/* Five counted runs around that rate, of 1 % spread, and a warm-up that must not count. */
static void
add_runs(struct contention *s, struct at at, double rate, double rss_kb)
{
	for (int round = 0; round <= RUNS; round++) {
		struct run run = {.allocator = &s->configs.items[at.config].allocator,
			.threads = s->threads[at.thread],
			.round = round,
			.ops_per_s = round == 0 ? 1 : rate * (1 + (round - 3) * 0.0025),
			.checksum = "right"};

		run.usage.rss_kb = rss_kb;
		run.usage.user_s = 0.5;
		snprintf(run.result, sizeof(run.result), "ops=%.0f", rate);
		samples_add(&s->samples, at, &run);
	}
}

/* Runs of every configuration: a front-end's rate and memory, a selector's factor. */
static void
fill_study(struct contention *s)
{
	for (size_t b = 0; b < s->nbenchmarks; b++)
		for (size_t t = 0; t < s->nthreads; t++)
			for (size_t i = 0; i < s->configs.n; i++) {
				const struct config *c = &s->configs.items[i];
				struct at at = {b, t, i};
				bool tls = strncmp(c->variant, "tls", 3) == 0;
				bool rseq = strncmp(c->variant, "rseq", 4) == 0;
				bool xmalloc = b == 1;
				/* rseq is a gain of 30 % on xmalloc, which is not enough at 16. */
				double rate = tls ? 2e6 : rseq ? xmalloc ? 1.3e6 : 2.5e6 : 1e6;

				add_runs(s, at, rate, rseq ? 6000 : 10000);
				contention_cell(s, at)->counters =
					(struct counters){.known = c->selector != NULL,
						.arenas = 2,
						.acquisitions = 10,
						.contended = 1,
						.entropy_bits = 0.5};
			}
}

static char *
read_back(const char *name)
{
	char *path = text_format("%s/%s", directory, name), *text = text_read(path);

	ck_assert_msg(text != NULL, "no %s", path);
	free(path);
	return text;
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

#define ASSERT_HAS(text, what) ck_assert_msg(strstr(text, what) != NULL, "no '%s'", what)

START_TEST(configs_have_selectors_on_hakmem_only)
{
	struct contention s = contention_made_up();

	ck_assert_uint_eq(s.configs.n, 3 * CONFIG_SELECTORS + 2);
	const struct config *c = configs_named(&s.configs, "tls-hakmem", "cpu");

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->allocator.name, "tls-hakmem cpu");
	ck_assert_str_eq(c->allocator.path, "/lib/tls-hakmem.so");
	ck_assert_ptr_nonnull(configs_named(&s.configs, "rseq-jemalloc", "site"));
	ck_assert_ptr_null(configs_named(&s.configs, "rseq-jemalloc", "cpu"));
	ck_assert_ptr_nonnull(configs_named(&s.configs, "glibc", NULL));
	ck_assert_ptr_null(configs_named(&s.configs, "glibc", "site"));
	ck_assert_ptr_null(configs_named(&s.configs, "lock-jemalloc", "site"));
	contention_free(&s);
}
END_TEST

START_TEST(summary_leaves_out_the_warm_up)
{
	struct contention s = contention_made_up();
	struct at at = {0, 2, 0};

	add_runs(&s, at, 1e6, 2048);
	struct summary sum = contention_summary(&s, 0, 4, &s.configs.items[0]);

	ck_assert_uint_eq(sum.rate.n, RUNS);
	ck_assert_double_eq_tol(sum.rate.median, 1e6, 1e-3);
	ck_assert_double_eq_tol(sum.rate.spread, 0.01, 1e-9);
	ck_assert_double_eq_tol(sum.time_ns.median, 1000, 1e-6);
	ck_assert_double_eq(sum.rss_kb.median, 2048);
	ck_assert_uint_eq(contention_summary(&s, 0, 8, &s.configs.items[0]).rate.n, 0);
	ck_assert_uint_eq(contention_summary(&s, 0, 4, NULL).rate.n, 0);
	contention_free(&s);
}
END_TEST

START_TEST(checksum_of_a_minority_is_a_failure)
{
	struct contention s = contention_made_up();
	struct at one = {0, 0, 0}, two = {0, 0, 1};

	add_runs(&s, one, 1e6, 100);
	add_runs(&s, two, 1e6, 100);
	snprintf(s.samples.items[8].run.checksum, 64, "wrong");
	/* Other work has its own sum. */
	snprintf(s.samples.items[9].run.checksum, 64, "other");
	snprintf(s.samples.items[9].run.result, 64, "ops=1 iterations=3");
	samples_compare_checksums(&s.samples);
	ck_assert_uint_eq(samples_failed(&s.samples), 1);
	ck_assert_int_eq(s.samples.items[8].run.status, RUN_CHECKSUM);
	struct summary sum = samples_summary(&s.samples, two);

	ck_assert_uint_eq(sum.failed, 1);
	ck_assert_uint_eq(sum.rate.n, RUNS - 1);
	contention_free(&s);
}
END_TEST

START_TEST(report_draws_the_conclusions)
{
	struct contention s = contention_made_up();

	fill_study(&s);
	ck_assert(contention_report_write(&s));
	char *report = read_back("report.md"), *csv = read_back("results.csv");

	ASSERT_HAS(report, "* cpu: made up\n");
	ASSERT_HAS(report, "| `tls` | larson | +100 % | +100 % | +100 % | keep |");
	ASSERT_HAS(report, "| `rseq` | larson | +150 % | +150 % | +150 % | keep |");
	ASSERT_HAS(report, "| `rseq` | xmalloc | +30 % | +30 % | +30 % | conditional |");
	ASSERT_HAS(report, "* `tls`: **keep**.");
	ASSERT_HAS(report, "* `rseq`: **conditional**.");
	ASSERT_HAS(report, "Here: +100 % on larson (a gain); +100 % on xmalloc (a gain).");
	ASSERT_HAS(report, "| larson | time x 0.80 | 1 % | yes | met |");
	ASSERT_HAS(report, "| xmalloc | time x 1.54 | 1 % | yes | missed |");
	ASSERT_HAS(report, "| larson | peak RSS x 0.60 | 0 % | yes | met |");
	ASSERT_HAS(report, "| larson | 4 | 2.5 | - | ~1.00 | - | 5.9 | - | ~1.00 | - |");
	ASSERT_HAS(report,
		"| larson | lock-hakmem | 4 | 0.50 | 2 | 1 | ~1.00 | ~1.00 | ~1.00 | ~1.00 | 10.00 "
		"|");
	ASSERT_HAS(report, "made no difference above the spread");
	ASSERT_HAS(
		report, "| tls-hakmem site | 2 | 1.99 | 1 % | 2.00 | 4 | 9.8 | 9.8 | 0 % | 1.00 |");
	ASSERT_HAS(report, "None: every run ended well");
	/* A head and a row for each run. */
	ck_assert_uint_eq(count_of(csv, "\n"), 1 + s.samples.n);
	free(report);
	free(csv);
	contention_free(&s);
}
END_TEST

START_TEST(report_has_failures_and_gaps)
{
	struct contention s = contention_made_up();
	struct at at = {0, 2, 0};
	struct run crash = {.allocator = &s.configs.items[0].allocator, .threads = 4, .round = 2};

	run_fail(&crash, RUN_CRASH, "Segmentation fault");
	samples_add(&s.samples, at, &crash);
	ck_assert(contention_report_write(&s));
	char *report = read_back("report.md");

	ASSERT_HAS(report, "| larson | 4 | lock-hakmem site | 2 | crash: Segmentation fault |");
	ASSERT_HAS(report, "| lock-hakmem site | **failed** |");
	ASSERT_HAS(report, "| lock-hakmem cpu | not measured |");
	ASSERT_HAS(report, "* `tls`: **not measured**.");
	ASSERT_HAS(report, "nothing is said of sharding by call site");
	free(report);
	free((char *)s.directory);
	s.directory = text_format("%s/no/such", directory);
	ck_assert(!contention_report_write(&s));
	contention_free(&s);
}
END_TEST

/* Adds runs of one front-end's selectors at a thread count: site, thread, cpu, single. */
static void
add_selectors(
	struct contention *s, size_t thread, const double rates[4], double arenas, double bits)
{
	for (size_t i = 0; i < CONFIG_SELECTORS; i++) {
		struct at at = {0, thread, i};

		add_runs(s, at, rates[i], 100);
		contention_cell(s, at)->counters =
			(struct counters){.known = true, .arenas = arenas, .entropy_bits = bits};
	}
}

START_TEST(sharding_sorts_the_cells)
{
	struct contention s = contention_made_up();

	/* One thread is no cell; at 2 it helps, at 4 it hurts, at 16 nothing, at 32 one arena. */
	add_selectors(&s, 0, (double[]){4, 1, 1, 1}, 2, 9);
	add_selectors(&s, 1, (double[]){1.5, 1.5, 1.5, 1}, 4, 3);
	add_selectors(&s, 2, (double[]){1.5, 3, 1.5, 1}, 4, 0.25);
	add_selectors(&s, 3, (double[]){1, 1, 1, 1}, 4, 1);
	add_selectors(&s, 4, (double[]){1, 1, 2, 1}, 1, 1);
	struct sharding sh = sharding_of(&s);

	ck_assert_uint_eq(sh.all.n, 4);
	ck_assert_uint_eq(sh.helps.n, 1);
	ck_assert_str_eq(sh.helps.names, "larson lock x2 (1.50)");
	ck_assert_double_eq(sh.helps.least_bits, 3);
	ck_assert_uint_eq(sh.hurts.n, 1);
	ck_assert_str_eq(sh.hurts.names, "larson lock x4 (0.50)");
	ck_assert_double_eq(sh.hurts.most_bits, 0.25);
	ck_assert_uint_eq(sh.same.n, 1);
	ck_assert_uint_eq(sh.idle.n, 1);
	ck_assert_uint_eq(sh.idle_differences, 1);
	sharding_free(&sh);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	sharding_conclude(out, &s);
	fclose(out);
	ASSERT_HAS(text, "helped where the sites had 3.00 to 3.00 bits of entropy, by up to 50 %");
	ASSERT_HAS(text, "hurt where they had 0.25 to 0.25 bits, by up to 50 %");
	free(text);
	contention_free(&s);
}
END_TEST

START_TEST(plots_have_a_line_for_each_that_was_measured)
{
	struct contention s = contention_made_up();
	char *script = NULL;
	size_t size;

	fill_study(&s);
	free((char *)s.directory);
	s.directory = text_format("it's/here");
	FILE *out = open_memstream(&script, &size);

	plots_script(out, &s);
	fclose(out);
	ASSERT_HAS(script, "set output 'it''s/here/larson-rss.svg'\n");
	ASSERT_HAS(script, "set title 'xmalloc: contended share of lock acquisitions'\n");
	ck_assert_uint_eq(count_of(script, "set output "), 6);
	/* Five lines in each of four plots; thirteen, which have counters, in the other two. */
	ck_assert_uint_eq(count_of(script, " with linespoints "), 2 * (2 * 5 + 13));
	ASSERT_HAS(script, "title 'rseq-hakmem single'");
	free(script);
	contention_free(&s);
}
END_TEST

/* --- the program ----------------------------------------------------------------------------- */

/* Runs the program with its report in the directory; its exit status, what it said in *words. */
static int
run_contention(const char *const *arguments, char **words)
{
	const char *argv[16] = {TEST_BUILD "/hakmem-contention", "--out", NULL};
	char *report = text_format("%s/study", directory), *out = text_format("%s/out", directory),
	     *err = text_format("%s/err", directory);
	struct usage u;
	size_t n = 2;

	argv[n++] = report;
	for (size_t i = 0; arguments[i] != NULL; i++)
		argv[n++] = arguments[i];
	const struct launch l = {.launcher = TEST_BUILD "/hakmem-launch",
		.argv = argv,
		.limit_s = REAL_RUN_S,
		.out = out,
		.err = err};

	ck_assert(launch_run(&l, &u));
	*words = text_read(err);
	free(report);
	free(out);
	free(err);
	return u.exit_code;
}

START_TEST(bad_options_are_told)
{
	static const char *const cases[][3] = {
		{"--threads", "0", "'0' is not a number from 1 to 64"},
		{"--threads", ",", "--threads is empty"},
		{"--workloads", "cfrac", "no workload 'cfrac'; there are: larson"},
		{"--runs", "1.5", "'1.5' is not a whole number"},
		{"--seconds", "x", "'x' is not a number from"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const arguments[] = {cases[i][0], cases[i][1], NULL};
		char *words;

		ck_assert_int_eq(run_contention(arguments, &words), 2);
		ASSERT_HAS(words, cases[i][2]);
		free(words);
	}
}
END_TEST

static bool
have_variants(void)
{
	glob_t found;
	bool any = glob(TEST_BUILD "/.libs/libhakmem-*-hakmem.so", 0, NULL, &found) == 0;

	if (any)
		globfree(&found);
	return any;
}

START_TEST(tiny_study_measures_and_proves)
{
	static const char *const arguments[] = {"--workloads", "threadtest", "--threads", "2,1",
		"--runs", "2", "--seconds", "0.01", NULL};
	char *words;

	if (!have_variants()) {
		puts("SKIPPED: this build has no libhakmem-*-hakmem.so");
		return;
	}
	int status = run_contention(arguments, &words);

	ck_assert_msg(status == 0, "exit status %d: %s", status, words);
	char *report = read_back("study/report.md"), *csv = read_back("study/results.csv"),
	     *counters = read_back("study/counters.csv");

	ASSERT_HAS(report, "None: every run ended well");
	ASSERT_HAS(report, "### threadtest, threads: 1\n");
	ASSERT_HAS(report, "### threadtest, threads: 2\n");
	ASSERT_HAS(csv, "\nthreadtest,2,glibc,2,ok,");
	ASSERT_HAS(counters, "-hakmem single,");
	/* Two thread counts of each line: the warm-up has two runs, with and without counters. */
	ck_assert_uint_eq(count_of(csv, ",glibc,"), 8);
	free(report);
	free(csv);
	free(counters);
	free(words);
}
END_TEST

static Suite *
contention_suite(void)
{
	Suite *s = suite_create("contention");
	TCase *logic = tcase_create("logic"), *files = tcase_create("files");

	tcase_add_test(logic, difference_has_to_be_above_the_larger_spread);
	tcase_add_test(logic, single_run_and_missing_side_are_no_difference);
	tcase_add_test(logic, verdict_follows_the_plan);
	tcase_add_test(logic, overall_verdict_wants_agreement);
	tcase_add_test(logic, criteria_and_their_words);
	tcase_add_test(logic, counters_are_read_and_prove_the_variant);
	tcase_add_test(logic, counters_of_another_library_are_refused);
	tcase_add_test(logic, command_line_has_the_parameters);
	tcase_add_test(logic, unknown_and_repeated_workloads_are_refused);
	tcase_add_test(logic, configs_have_selectors_on_hakmem_only);
	tcase_add_test(logic, summary_leaves_out_the_warm_up);
	tcase_add_test(logic, checksum_of_a_minority_is_a_failure);
	tcase_add_test(logic, sharding_sorts_the_cells);
	tcase_add_test(logic, plots_have_a_line_for_each_that_was_measured);
	suite_add_tcase(s, logic);
	tcase_add_checked_fixture(files, make_directory, remove_directory);
	tcase_set_timeout(files, REAL_RUN_S + 20);
	tcase_add_test(files, report_draws_the_conclusions);
	tcase_add_test(files, report_has_failures_and_gaps);
	tcase_add_test(files, bad_options_are_told);
	tcase_add_test(files, tiny_study_measures_and_proves);
	suite_add_tcase(s, files);
	return s;
}

int
main(void)
{
	return run_suite(contention_suite());
}
