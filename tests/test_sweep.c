/* SPDX-License-Identifier: MIT
 * tests/test_sweep.c - the sweep's parts: text formats, statistics, the judgement of checksums, the
 * proof, and the launcher with its usage figures. */
#include "stress/sweep/allocators.h"
#include "stress/sweep/app.h"
#include "stress/sweep/launch.h"
#include "stress/sweep/places.h"
#include "stress/sweep/proof.h"
#include "stress/sweep/results.h"
#include "stress/sweep/share.h"
#include "stress/sweep/stats.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"
#include "tests/check_main.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- text ------------------------------------------------------------------------------------ */

START_TEST(text_split_trims_and_drops_empty_items)
{
	size_t n;
	char **items = text_split(" a, b c ,,d,", &n);

	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(items[0], "a");
	ck_assert_str_eq(items[1], "b c");
	ck_assert_str_eq(items[2], "d");
	ck_assert_ptr_null(items[3]);
	free(items);
	items = text_split("", &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(items[0]);
	free(items);
}
END_TEST

START_TEST(text_last_line_takes_the_last_with_the_key)
{
	char line[64];

	ck_assert(text_last_line("ops=1\nops=2 x=3\nbye\n", "ops", line, sizeof(line)));
	ck_assert_str_eq(line, "ops=2 x=3");
	ck_assert(text_last_line("a b=1", "b", line, sizeof(line)));
	ck_assert_str_eq(line, "a b=1");
	ck_assert(!text_last_line("max_ops=2\n", "ops", line, sizeof(line)));
	ck_assert(!text_last_line("", "ops", line, sizeof(line)));
	/* A line that does not fit is refused, not cut. */
	ck_assert(!text_last_line("ops=123456", "ops", line, 8));
}
END_TEST

START_TEST(text_value_finds_whole_keys_only)
{
	const char *line = "workload=x max_ops=9 ops=12.5 checksum=ab= empty= end=7\n";
	char word[16];
	double number;

	ck_assert(text_value(line, "checksum", word, sizeof(word)));
	ck_assert_str_eq(word, "ab=");
	ck_assert(text_number(line, "ops", &number));
	ck_assert_double_eq(number, 12.5);
	ck_assert(text_number(line, "end", &number));
	ck_assert_double_eq(number, 7);
	ck_assert(!text_number(line, "empty", &number));
	ck_assert(!text_number(line, "workload", &number));
	ck_assert(!text_number("ops=nan", "ops", &number));
	ck_assert(!text_value(line, "work", word, sizeof(word)));
}
END_TEST

START_TEST(text_csv_field_with_quotes_is_written_and_read)
{
	char *written = NULL, field[32];
	size_t size;
	FILE *out = open_memstream(&written, &size);

	text_csv_put(out, "plain");
	putc(',', out);
	text_csv_put(out, "a,b");
	putc(',', out);
	text_csv_put(out, "say \"x\"");
	fclose(out);
	ck_assert_str_eq(written, "plain,\"a,b\",\"say \"\"x\"\"\"");
	ck_assert(text_csv_get(written, 0, field, sizeof(field)));
	ck_assert_str_eq(field, "plain");
	ck_assert(text_csv_get(written, 1, field, sizeof(field)));
	ck_assert_str_eq(field, "a,b");
	ck_assert(!text_csv_get("a,b\nc,d", 2, field, sizeof(field)));
	free(written);
}
END_TEST

/* --- stats ----------------------------------------------------------------------------------- */

START_TEST(stats_reduce_odd_and_even_series)
{
	double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};
	struct stats s = stats_of(odd, 3);

	ck_assert_double_eq(s.median, 3);
	ck_assert_double_eq(s.min, 1);
	ck_assert_double_eq(s.max, 5);
	ck_assert_double_eq_tol(s.spread, 4.0 / 3, 1e-12);
	s = stats_of(even, 4);
	ck_assert_double_eq(s.median, 2.5);
	s = stats_of(even, 1);
	ck_assert_double_eq(s.median, s.min);
	ck_assert_double_eq(s.spread, 0);
	s = stats_of(even, 0);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_double_eq(s.median, 0);
}
END_TEST

START_TEST(stats_ratio_is_nan_where_a_side_is_unknown)
{
	ck_assert_double_eq(stats_ratio(3, 2), 1.5);
	ck_assert_double_nan(stats_ratio(0, 2));
	ck_assert_double_nan(stats_ratio(2, 0));
	ck_assert_double_nan(stats_ratio(NAN, 1));
}
END_TEST

/* --- results --------------------------------------------------------------------------------- */

static const struct workload fixed = {.name = "fixed"}, timed = {.name = "timed", .timed = true};
static const struct allocator one = {.name = "one"}, two = {.name = "two"};

static void
add_run(struct results *r, const struct workload *w, const struct allocator *a, int round,
	double wall_s, const char *checksum)
{
	struct run run = {.workload = w,
		.allocator = a,
		.threads = 2,
		.round = round,
		.ops_per_s = 1000 / wall_s};

	run.usage.wall_s = wall_s;
	run.usage.rss_kb = wall_s * 10;
	snprintf(run.checksum, sizeof(run.checksum), "%s", checksum);
	results_add(r, &run);
}

START_TEST(results_find_runs_by_cell_and_round)
{
	struct results r = {0};

	add_run(&r, &fixed, &one, 1, 1, "x");
	add_run(&r, &fixed, &two, 2, 1, "x");
	r.runs[1].status = RUN_TIMEOUT;
	ck_assert_ptr_eq(results_find(&r, &fixed, 2, &one, 1), &r.runs[0]);
	ck_assert_ptr_null(results_find(&r, &fixed, 2, &one, 2));
	ck_assert_ptr_null(results_find(&r, &fixed, 4, &one, 1));
	ck_assert_ptr_null(results_find(&r, &timed, 2, &one, 1));
	ck_assert(results_has(&r, &fixed, 2, &two, RUN_TIMEOUT));
	ck_assert(!results_has(&r, &fixed, 2, &one, RUN_TIMEOUT));
	/* What was interrupted is still to be done. */
	r.runs[0].status = RUN_INTERRUPTED;
	ck_assert_ptr_null(results_find(&r, &fixed, 2, &one, 1));
	results_free(&r);
}
END_TEST

START_TEST(results_with_another_checksum_fail)
{
	struct results r = {0};

	add_run(&r, &fixed, &one, 1, 1, "bad");
	add_run(&r, &fixed, &two, 1, 1, "good");
	add_run(&r, &fixed, &one, 2, 1, "good");
	add_run(&r, &timed, &one, 1, 1, "bad");
	results_compare_checksums(&r, &fixed, 2, &one);
	ck_assert_int_eq(r.runs[0].status, RUN_CHECKSUM);
	ck_assert_int_eq(r.runs[1].status, RUN_OK);
	ck_assert_int_eq(r.runs[2].status, RUN_OK);
	ck_assert_int_eq(r.runs[3].status, RUN_OK);
	ck_assert_uint_eq(results_failed(&r), 1);
	results_free(&r);
}
END_TEST

START_TEST(results_follow_the_base_where_checksums_draw)
{
	struct results r = {0};

	add_run(&r, &fixed, &one, 1, 1, "a");
	add_run(&r, &fixed, &two, 1, 1, "b");
	results_compare_checksums(&r, &fixed, 2, &two);
	ck_assert_int_eq(r.runs[0].status, RUN_CHECKSUM);
	ck_assert_int_eq(r.runs[1].status, RUN_OK);
	results_free(&r);
}
END_TEST

START_TEST(result_line_needs_rate_and_checksum)
{
	struct run run = {.result = "workload=x ops_per_s=5 checksum=c"};

	ck_assert(run_judge_result(&run));
	ck_assert_double_eq(run.ops_per_s, 5);
	ck_assert_str_eq(run.checksum, "c");
	run = (struct run){.result = "workload=x ops_per_s=5"};
	ck_assert(!run_judge_result(&run));
	ck_assert_int_eq(run.status, RUN_RESULT);
	run = (struct run){.result = "ops_per_s=0 checksum=c"};
	ck_assert(!run_judge_result(&run));
}
END_TEST

START_TEST(command_line_takes_the_thread_count)
{
	const struct workload w = {.quick = "-w T 5 T", .full = "T", .proof = "1"};
	struct job job = {.threads = 16, .quick = true};
	struct workload_command c;

	workload_command(&w, "/bin/w", &job, &c);
	ck_assert_str_eq(c.argv[0], "/bin/w");
	ck_assert_str_eq(c.argv[1], "-w");
	ck_assert_str_eq(c.argv[2], "16");
	ck_assert_str_eq(c.argv[3], "5");
	ck_assert_str_eq(c.argv[4], "16");
	ck_assert_ptr_null(c.argv[5]);
	job.proof = true;
	workload_command(&w, "/bin/w", &job, &c);
	ck_assert_str_eq(c.argv[1], "1");
	ck_assert_ptr_null(c.argv[2]);
}
END_TEST

START_TEST(command_line_shares_a_count_out)
{
	const struct workload w = {.full = "T 50 1000/T a/T 7/S"}, few = {.full = "T 5/T"};
	struct job job = {.threads = 16};
	struct workload_command c;

	workload_command(&w, "/bin/w", &job, &c);
	ck_assert_str_eq(c.argv[1], "16");
	ck_assert_str_eq(c.argv[2], "50");
	ck_assert_str_eq(c.argv[3], "62");
	ck_assert_str_eq(c.argv[4], "a/T");
	ck_assert_str_eq(c.argv[5], "7/S");
	workload_command(&few, "/bin/w", &job, &c);
	ck_assert_str_eq(c.argv[2], "1");
}
END_TEST

/* --- what is still to be done ---------------------------------------------------------------- */

/* What is left of a sweep of one workload and allocator with five runs when the first `done` took
 * that long. */
static double
left_after(int done, double wall_s, enum run_status status, int *runs)
{
	static const struct workload w = {.name = "w", .full_s = 1, .full = "1"};
	const struct workload *list[] = {&w, NULL};
	struct allocator a = {.name = "a"};
	int threads = 1;
	struct plan plan = {.allocators = {&a, 1},
		.workloads = list,
		.threads = &threads,
		.nthreads = 1,
		.runs = 5};
	struct results results = {0};

	for (int round = 0; round < done; round++) {
		struct run run = {.allocator = &a,
			.workload = &w,
			.threads = 1,
			.round = round,
			.status = status,
			.usage.wall_s = wall_s};

		results_add(&results, &run);
	}
	double left_s = sweep_expected_s(&plan, &results, runs);

	results_free(&results);
	return left_s;
}

START_TEST(slow_allocators_get_fewer_runs)
{
	int runs;

	/* A warm-up, five runs, and something for the proof. */
	ck_assert_double_ge(left_after(0, 0, RUN_OK, &runs), 6);
	ck_assert_int_eq(runs, 6);
	left_after(3, 1, RUN_OK, &runs);
	ck_assert_int_eq(runs, 3);
	/* Two counted runs are always done; then the budget counts. */
	left_after(2, 100, RUN_OK, &runs);
	ck_assert_int_eq(runs, 4);
	ck_assert(!(left_after(3, 100, RUN_OK, &runs) > 0));
	ck_assert_int_eq(runs, 0);
	left_after(1, 100, RUN_TIMEOUT, &runs);
	ck_assert_int_eq(runs, 0);
}
END_TEST

START_TEST(unknown_names_are_refused)
{
	ck_assert_ptr_null(workloads_find("larson,nosuch", true));
	ck_assert_ptr_null(workloads_find("", true));
	const struct workload **found = workloads_find("cfrac, larson", true);

	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found[0]->name, "cfrac");
	ck_assert_str_eq(found[1]->name, "larson");
	ck_assert_ptr_null(found[2]);
	free(found);
}
END_TEST

START_TEST(family_names_select_all_of_theirs)
{
	const struct workload **found = workloads_find("scenario,scenario-vm,scenario", true);
	size_t n = 0;

	ck_assert_ptr_nonnull(found);
	while (found[n] != NULL)
		ck_assert_str_eq(workload_program(found[n++]), "scenario");
	ck_assert_uint_eq(n, 4);
	free(found);
}
END_TEST

static const struct workload *
find_one(const char *name, bool quick)
{
	const struct workload **found = workloads_find(name, quick), *one_found;

	ck_assert_ptr_nonnull(found);
	one_found = found[0];
	free(found);
	return one_found;
}

START_TEST(large_live_sets_are_for_full_sweeps)
{
	const struct workload **quick = workloads_find("churn", true);

	ck_assert_ptr_nonnull(quick);
	for (size_t i = 0; quick[i] != NULL; i++)
		ck_assert_int_le(quick[i]->live_mib, 128);
	free(quick);
	/* Asked for by its own name, one runs with its full parameters. */
	const struct workload *w = find_one("fluidanimate-cells", true);

	ck_assert_str_eq(workload_arguments(w, true), w->full);
	w = find_one("larson", true);
	ck_assert_str_eq(workload_arguments(w, true), w->quick);
}
END_TEST

/* What redis-benchmark prints of one command. */
#define REDIS_TEST(name, rate)                                                                     \
	"====== " name " ======\n  100 requests completed in 0.31 seconds\n\n"                     \
	"Latency by percentile distribution:\n"                                                    \
	"0.000% <= 0.1 milliseconds (cumulative count 1)\n"                                        \
	"99.805% <= 4.5 milliseconds (cumulative count 2)\n"                                       \
	"99.902% <= 6.125 milliseconds (cumulative count 3)\n"                                     \
	"100.000% <= 9.0 milliseconds (cumulative count 4)\n\n"                                    \
	"Summary:\n  throughput summary: " rate " requests per second\n"                           \
	"  latency summary (msec):\n"                                                              \
	"          avg       min       p50       p95       p99       max\n"                        \
	"        5.840     0.584     1.500    10.183     3.000    15.055\n"

START_TEST(redis_rates_are_joined_by_their_time)
{
	const char *text = REDIS_TEST("SET", "100.00") REDIS_TEST("GET", "200.00") REDIS_TEST(
		"INCR", "100") REDIS_TEST("LPUSH", "100") REDIS_TEST("LPOP", "100")
		REDIS_TEST("HSET", "50") REDIS_TEST("HGET myhash element:__rand_int__", "100")
			REDIS_TEST("ZADD", "100") REDIS_TEST("ZRANGE myzset 0 9", "100");
	char rates[2048];
	double number;

	/* 9 tests, 7 of them in 0.01 seconds a request, 0.005 and 0.02. */
	ck_assert_double_eq_tol(redis_parse(text, 0, rates, sizeof(rates)), 9 / 0.095, 1e-6);
	ck_assert(text_number(rates, "get", &number));
	ck_assert_double_eq(number, 200);
	ck_assert(text_number(rates, "zrange_p50_us", &number));
	ck_assert_double_eq(number, 1500);
	ck_assert(text_number(rates, "p99_us", &number));
	ck_assert_double_eq(number, 3000);
	ck_assert(text_number(rates, "p999_us", &number));
	ck_assert_double_eq(number, 6125);
	ck_assert_double_eq(redis_parse(REDIS_TEST("SET", "100.00"), 0, rates, sizeof(rates)), 0);
	/* 50 requests under way and 5.84 ms for each. */
	ck_assert_double_eq_tol(redis_parse(text, 50, rates, sizeof(rates)), 50 / 5.84e-3, 1e-6);
}
END_TEST

/* One object calls the library, which calls the C library and itself. */
START_TEST(share_counts_what_enters_the_library)
{
	static const char text[] =
		"events: Ir\n\nob=(1) /no/such/server\nfn=(1) main\n1 100\n"
		"cob=(2) /no/such/lib.so\ncfn=(2) malloc\ncalls=5 0\n1 70\n"
		"cob=(3) /no/such/libc.so\ncfn=(3) strdup\ncalls=1 0\n1 40\n2 7\n"
		"cfn=(1)\ncalls=1 0\n2 9\n\n"
		"ob=(2)\nfn=(2)\n1 30\ncfn=(4) refill\ncalls=1 0\n1 20\n"
		"cob=(3)\ncfn=(5) memset\ncalls=1 0\n1 20\n\n"
		"ob=(3)\nfn=(3)\n1 5\ncob=(2)\ncfn=(2)\ncalls=1 0\n+1 12\n"
		"cfn=(6) __libc_malloc\ncalls=1 0\n1 8\nfn=(6)\n1 1\ncfn=(7) free\ncalls=1 0\n1 3\n"
		"totals: 400\n";
	double inside, total;

	ck_assert(share_parse(text, "/no/such/lib.so", false, &inside, &total));
	ck_assert_double_eq(total, 400);
	ck_assert_double_eq(inside, 70 + 12);
	/* Of the C library only malloc and so on count, from its own functions too. */
	ck_assert(share_parse(text, "/no/such/libc.so", true, &inside, &total));
	ck_assert_double_eq(inside, 8);
	ck_assert(!share_parse("", "/no/such/lib.so", false, &inside, &total));
}
END_TEST

START_TEST(rocksdb_figures_are_found_behind_the_progress)
{
	const char *text =
		"... finished 100 ops    \r DB path: [/x]\n"
		"fillrandom   :      13.720 micros/op 200 ops/sec 0.274 seconds 20000 operations;\n"
		"Percentiles: P50: 2.90 P75: 3.68 P99: 9.15 P99.9: 4950.00 P99.99: 13180.00\n"
		"... finished 300 ops    \r"
		"readrandom   :       2.136 micros/op 100 ops/sec 0.045 s; (12409 of 20000 found)\n"
		"Percentiles: P50: 0.60 P75: 0.92 P99: 2.58 P99.9: 6.80 P99.99: 170.00\n"
		"[       0,       1 ]    12612  25.224%\n"
		"readwhilewriting :       6.382 micros/op 100 ops/sec (13414 of 20000 found)\n"
		"Percentiles: P50: 0.10 P75: 1.41 P99: 3.77 P99.9: 18.50 P99.99: 18000.00\n";
	char rates[1024], checksum[16];
	double number;

	ck_assert_double_eq_tol(
		rocksdb_parse(text, rates, sizeof(rates), checksum, sizeof(checksum)), 3 / 0.025,
		1e-9);
	ck_assert_str_eq(checksum, "12409");
	ck_assert(text_number(rates, "fillrandom_p999_us", &number));
	ck_assert_double_eq(number, 4950);
	ck_assert(text_number(rates, "p50_us", &number));
	ck_assert_double_eq_tol(number, 1.2, 1e-9);
	ck_assert_double_eq(rocksdb_parse("fillrandom : 1 micros/op 5 ops/sec\n", rates,
				    sizeof(rates), checksum, sizeof(checksum)),
		0);
}
END_TEST

/* --- proof ----------------------------------------------------------------------------------- */

#define BIND(from, to, symbol)                                                                     \
	"  12:\tbinding file " from " [0] to " to " [0]: normal symbol `" symbol "' "              \
	"[GLIBC_2.2.5]\n"

START_TEST(proof_wants_both_symbols_from_the_program)
{
	char why[128];
	const char *good = BIND("/p", "/lib/a.so", "malloc") BIND("/p", "/lib/c.so", "puts")
		BIND("/lib/c.so", "/lib/c.so", "free") BIND("/p", "/lib/a.so", "free");

	ck_assert(proof_bindings(good, "/p", "/lib/a.so", why, sizeof(why)));
	ck_assert(!proof_bindings(good, "/p", "/lib/c.so", why, sizeof(why)));
	ck_assert_str_eq(why, "malloc is bound to /lib/a.so");
	ck_assert(!proof_bindings(good, "/q", "/lib/a.so", why, sizeof(why)));
	ck_assert(!proof_bindings(
		BIND("/p", "/lib/a.so", "malloc"), "/p", "/lib/a.so", why, sizeof(why)));
	ck_assert_str_eq(why, "the linker tells no binding of free");
	ck_assert(!proof_bindings(BIND("/p", "/lib/a.so", "malloc") BIND("/p", "/lib/a.so", "free")
					  BIND("/p", "/lib/c.so", "free"),
		"/p", "/lib/a.so", why, sizeof(why)));
	ck_assert(!proof_bindings("", "/p", "/lib/a.so", why, sizeof(why)));
	ck_assert(!proof_bindings(BIND("/p", "/lib/a.so", "my_malloc")
					  BIND("/p", "/lib/a.so", "free"),
		"/p", "/lib/a.so", why, sizeof(why)));
}
END_TEST

START_TEST(proof_of_all_files_leaves_out_the_library_itself)
{
	char why[128];
	const char *good = BIND("/p", "/lib/b.so", "puts") BIND("/lib/b.so", "/lib/a.so", "malloc")
		BIND("/lib/b.so", "/lib/a.so", "free") BIND("/lib/a.so", "/lib/c.so", "malloc");

	ck_assert(proof_bindings(good, NULL, "/lib/a.so", why, sizeof(why)));
	ck_assert(!proof_bindings(good, "/p", "/lib/a.so", why, sizeof(why)));
	ck_assert(!proof_bindings(good, NULL, "/lib/c.so", why, sizeof(why)));
	ck_assert(!proof_bindings(
		BIND("/lib/b.so", "/lib/a.so", "malloc"), NULL, "/lib/a.so", why, sizeof(why)));
}
END_TEST

START_TEST(proof_reads_the_memory_map)
{
	char why[128];
	const char *maps = "7f00-7f01 r-xp 00000000 fe:00 12    /lib/a.so\n"
			   "7f01-7f02 rw-p 00000000 00:00 0 \n";

	ck_assert(proof_maps(maps, "/lib/a.so"));
	ck_assert(!proof_maps(maps, "/lib/b.so"));
	char *self = realpath("/proc/self/exe", NULL);

	ck_assert(proof_process(getpid(), self, why, sizeof(why)));
	ck_assert(!proof_process(getpid(), "/lib/no-such.so", why, sizeof(why)));
	free(self);
}
END_TEST

/* --- the launcher ---------------------------------------------------------------------------- */

enum { BIG_MB = 200, SMALL_MB = 50, MB = 1 << 20 };

static char out_path[128], err_path[128], directory[96];

static void
make_directory(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%.64s/test-sweep.XXXXXX",
		base != NULL && *base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(out_path, sizeof(out_path), "%s/out", directory);
	snprintf(err_path, sizeof(err_path), "%s/err", directory);
}

static void
remove_directory(void)
{
	unlink(out_path);
	unlink(err_path);
	rmdir(directory);
}

static struct usage
run_shell(const char *script, const char *variable, double limit_s)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	const struct launch l = {.launcher = TEST_LAUNCHER,
		.argv = argv,
		.env = {variable},
		.limit_s = limit_s,
		.out = out_path,
		.err = err_path};
	struct usage u;

	ck_assert(launch_run(&l, &u));
	return u;
}

START_TEST(peak_rss_is_the_programs_own)
{
	size_t step = (size_t)sysconf(_SC_PAGESIZE);
	/* Volatile, or the compiler drops a block that nobody reads. */
	volatile char *big = malloc(BIG_MB * (size_t)MB);

	ck_assert(big != NULL);
	for (size_t i = 0; i < BIG_MB * (size_t)MB; i += step)
		big[i] = 1;
	/* The sweep may be as large as it likes. */
	struct usage u = run_shell("exit 0", NULL, 20);

	ck_assert_int_eq(u.exit_code, 0);
	ck_assert_double_gt(u.rss_kb, 0);
	ck_assert_double_lt(u.rss_kb, SMALL_MB * 1024.0);
	/* Without the launcher the figure is that of this process: what the launcher is for. */
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
		_exit(127);
	}
	struct rusage direct;
	int status;

	ck_assert_int_eq(wait4(child, &status, 0, &direct), child);
	ck_assert_int_gt(direct.ru_maxrss, BIG_MB * 1024L * 9 / 10);
	free((void *)big);
}
END_TEST

START_TEST(usage_counts_what_the_program_does)
{
	struct usage idle = run_shell("exit 0", NULL, 20);
	struct usage busy =
		run_shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exit 3", NULL, 60);

	ck_assert_int_eq(busy.exit_code, 3);
	ck_assert_int_eq(busy.signal, 0);
	ck_assert_double_gt(busy.user_s + busy.sys_s, idle.user_s + idle.sys_s);
	ck_assert_double_ge(busy.wall_s, 0.5 * (busy.user_s + busy.sys_s));
	ck_assert_double_gt(busy.minflt, 0);
}
END_TEST

START_TEST(crash_and_missing_program_are_told)
{
	struct usage u = run_shell("kill -SEGV $$", NULL, 20);

	ck_assert_int_eq(u.signal, SIGSEGV);
	ck_assert_int_eq(u.exit_code, -1);
	const char *const argv[] = {"/no/such/program", NULL};
	const struct launch l = {.launcher = TEST_LAUNCHER,
		.argv = argv,
		.limit_s = 20,
		.out = out_path,
		.err = err_path};

	ck_assert(launch_run(&l, &u));
	ck_assert_int_eq(u.exec_errno, ENOENT);
}
END_TEST

START_TEST(time_limit_ends_the_whole_group)
{
	/* Were the background process still there, its write would follow. */
	struct usage u = run_shell("(sleep 3; echo late) & sleep 60", NULL, 1);

	ck_assert(u.timed_out);
	ck_assert_int_eq(u.signal, SIGKILL);
	ck_assert_double_lt(u.wall_s, 30);
	sleep(4);
	char *text = text_read(out_path);

	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(variables_reach_the_program_only)
{
	unsetenv("HAKMEM_TEST_VARIABLE");
	run_shell("echo \"$HAKMEM_TEST_VARIABLE\"; echo words >&2; cat",
		"HAKMEM_TEST_VARIABLE=value", 20);
	char *text = text_read(out_path), *words = text_read(err_path);

	ck_assert_str_eq(text, "value\n");
	ck_assert_str_eq(words, "words\n");
	ck_assert_ptr_null(getenv("HAKMEM_TEST_VARIABLE"));
	free(words);
	free(text);
}
END_TEST

static Suite *
sweep_suite(void)
{
	Suite *s = suite_create("sweep");
	TCase *parts = tcase_create("parts"), *launcher = tcase_create("launcher");

	tcase_add_test(parts, text_split_trims_and_drops_empty_items);
	tcase_add_test(parts, text_last_line_takes_the_last_with_the_key);
	tcase_add_test(parts, text_value_finds_whole_keys_only);
	tcase_add_test(parts, text_csv_field_with_quotes_is_written_and_read);
	tcase_add_test(parts, stats_reduce_odd_and_even_series);
	tcase_add_test(parts, stats_ratio_is_nan_where_a_side_is_unknown);
	tcase_add_test(parts, results_find_runs_by_cell_and_round);
	tcase_add_test(parts, results_with_another_checksum_fail);
	tcase_add_test(parts, results_follow_the_base_where_checksums_draw);
	tcase_add_test(parts, result_line_needs_rate_and_checksum);
	tcase_add_test(parts, command_line_takes_the_thread_count);
	tcase_add_test(parts, command_line_shares_a_count_out);
	tcase_add_test(parts, slow_allocators_get_fewer_runs);
	tcase_add_test(parts, unknown_names_are_refused);
	tcase_add_test(parts, family_names_select_all_of_theirs);
	tcase_add_test(parts, large_live_sets_are_for_full_sweeps);
	tcase_add_test(parts, redis_rates_are_joined_by_their_time);
	tcase_add_test(parts, share_counts_what_enters_the_library);
	tcase_add_test(parts, proof_wants_both_symbols_from_the_program);
	tcase_add_test(parts, rocksdb_figures_are_found_behind_the_progress);
	tcase_add_test(parts, proof_of_all_files_leaves_out_the_library_itself);
	tcase_add_test(parts, proof_reads_the_memory_map);
	tcase_add_unchecked_fixture(launcher, make_directory, remove_directory);
	tcase_set_timeout(launcher, 120);
	tcase_add_test(launcher, peak_rss_is_the_programs_own);
	tcase_add_test(launcher, usage_counts_what_the_program_does);
	tcase_add_test(launcher, crash_and_missing_program_are_told);
	tcase_add_test(launcher, time_limit_ends_the_whole_group);
	tcase_add_test(launcher, variables_reach_the_program_only);
	suite_add_tcase(s, parts);
	suite_add_tcase(s, launcher);
	return s;
}

int
main(void)
{
	return run_suite(sweep_suite());
}
