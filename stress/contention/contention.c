/* SPDX-License-Identifier: MIT
 * stress/contention/contention.c - the rounds. */
#include "stress/contention/contention.h"
#include "stress/contention/report.h"
#include "stress/sweep/places.h"
#include "stress/sweep/progress.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { ORDER_STEP = 7, FIRST_ITERATIONS = 20, LIMIT_S = 20, LIMIT_FACTOR = 10 };

/* What a run takes beside its seconds, before the first was seen. */
#define OVERHEAD_S 0.03
#define OVERHEAD_THREAD_S 0.002
#define LEAST_S 0.05
#define MOST_S 1.0
#define MOST_ITERATIONS 1e6

/* What a run is for: threadtest's first says how many iterations fill the time, the run with the
 * counters proves, the others count. */
enum purpose { CALIBRATE, COUNT, MEASURE };

struct cell *
contention_cell(const struct contention *s, struct at at)
{
	return &s->cells[(at.benchmark * s->nthreads + at.thread) * s->configs.n + at.config];
}

/* --- time ------------------------------------------------------------------------------------ */

static size_t
contention_cells(const struct contention *s)
{
	return s->nbenchmarks * s->nthreads * s->configs.n;
}

size_t
contention_runs(const struct contention *s)
{
	return contention_cells(s) * (size_t)(s->runs + 1);
}

static double
contention_overhead_s(const struct contention *s, size_t thread)
{
	return OVERHEAD_S + OVERHEAD_THREAD_S * s->threads[thread];
}

/* The mean over the thread counts. */
static double
contention_mean_overhead_s(const struct contention *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->nthreads; i++)
		sum += contention_overhead_s(s, i);
	return sum / (double)s->nthreads;
}

double
contention_expected_s(const struct contention *s)
{
	return (double)contention_runs(s) * (s->seconds + contention_mean_overhead_s(s));
}

/* Sets the seconds of a run so that `runs` of them fit into the time left. */
static void
contention_pace(struct contention *s, double left_s, size_t runs, double overhead_s)
{
	double fit = left_s / (double)runs - overhead_s;

	s->seconds = fmin(fmax(fit, LEAST_S), MOST_S);
}

void
contention_prepare(struct contention *s)
{
	s->cells = text_alloc(contention_cells(s), sizeof(*s->cells));
	if (s->paced)
		contention_pace(
			s, CONTENTION_BUDGET_S, contention_runs(s), contention_mean_overhead_s(s));
	s->longest_s = s->seconds;
}

static double
contention_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- one run --------------------------------------------------------------------------------- */

/* An exact number where the benchmark takes one, so that all counted runs of a cell have equal
 * work. */
static double
contention_iterations(const struct contention *s, struct at at, enum purpose purpose)
{
	double ops = s->benchmarks[at.benchmark]->ops_per_iteration;

	if (purpose == CALIBRATE || ops == 0)
		return FIRST_ITERATIONS;
	double fit = floor(contention_cell(s, at)->ops_per_s * s->seconds / ops);

	return fmin(fmax(fit, 1), MOST_ITERATIONS);
}

/* Adds the variables of the study to those of run_environment; the string is to be freed. */
static char *
contention_environment(const struct config *c, enum purpose purpose, struct launch *l)
{
	size_t n = 0;

	if (c->selector == NULL)
		return NULL;
	char *selector = text_format("HAKMEM_SELECTOR=%s", c->selector);

	while (l->env[n] != NULL)
		n++;
	l->env[n++] = selector;
	if (purpose == COUNT)
		l->env[n++] = "HAKMEM_STATS=json";
	l->env[n] = NULL;
	return selector;
}

static void
contention_read_counters(const struct contention *s, struct at at, struct run *run)
{
	const struct config *c = &s->configs.items[at.config];
	char *text = text_read(s->places->err), why[160] = "";

	if (!counters_read(text != NULL ? text : "", c->variant, c->selector,
		    &contention_cell(s, at)->counters, why, sizeof(why)))
		run_fail(run, RUN_PROOF, "%s", why);
	free(text);
}

static void
contention_read_result(const struct contention *s, struct run *run)
{
	char *text = text_read(s->places->out);

	if (text == NULL || !text_last_line(text, "ops_per_s", run->result, sizeof(run->result)))
		run_fail(run, RUN_RESULT, "printed no line with ops_per_s=");
	else
		run_judge_result(run);
	free(text);
}

static void
contention_run(const struct contention *s, struct at at, enum purpose purpose, struct run *run)
{
	const struct config *c = &s->configs.items[at.config];
	const struct benchmark *b = s->benchmarks[at.benchmark];
	const struct job job = {.places = s->places,
		.allocator = &c->allocator,
		.threads = s->threads[at.thread],
		.proof = purpose == COUNT && c->selector == NULL,
		.limit_s = LIMIT_S + LIMIT_FACTOR * s->seconds};
	const struct parameters p = {.threads = job.threads,
		.chunks = s->chunks,
		.seconds = s->seconds,
		.iterations = contention_iterations(s, at, purpose)};
	char *program = text_format("%s/%s", s->places->programs, b->name);
	struct benchmark_command command;
	struct run_environment vars;
	struct child child;

	*run = (struct run){
		.allocator = job.allocator, .threads = job.threads, .round = run->round};
	benchmark_command(b, program, &p, &command);
	struct launch l = places_launch(s->places, command.argv, job.limit_s);

	run_environment(&job, false, &l, &vars);
	char *selector = contention_environment(c, purpose, &l);
	bool launched = launch_start(&l, &child);
	pid_t pid = child.pid;

	launched = launched && launch_wait(&child, &run->usage);
	if (run_judge_end(&job, launched, run) && run_judge_bindings(&job, pid, program, run))
		contention_read_result(s, run);
	if (run->status == RUN_OK && purpose == COUNT && c->selector != NULL)
		contention_read_counters(s, at, run);
	free(selector);
	run_environment_free(&vars);
	free(program);
}

/* --- rounds ---------------------------------------------------------------------------------- */

/* Runs and keeps it; true where it was good. */
static bool
contention_step(
	struct contention *s, struct at at, enum purpose purpose, int round, struct progress *p)
{
	const struct config *c = &s->configs.items[at.config];
	const char *name = s->benchmarks[at.benchmark]->name;
	struct run run = {.round = round};
	char *what = text_format("%s x%d %s", name, s->threads[at.thread], c->allocator.name);

	progress_show(p, what);
	free(what);
	contention_run(s, at, purpose, &run);
	if (run.status == RUN_INTERRUPTED)
		return false;
	samples_add(&s->samples, at, &run);
	if (run.status != RUN_OK)
		progress_line(p, false, "%s, %d threads, under %s: %s: %s", name,
			s->threads[at.thread], c->allocator.name, run_status_name(run.status),
			run.detail);
	else if (round == 0)
		contention_cell(s, at)->ops_per_s = run.ops_per_s;
	/* Waiting for the limit again in each round would cost the most and tell nothing new. */
	if (run.status == RUN_TIMEOUT)
		contention_cell(s, at)->out = true;
	return run.status == RUN_OK;
}

static void
contention_visit(struct contention *s, struct at at, int round, struct progress *p)
{
	struct cell *cell = contention_cell(s, at);

	if (cell->out || launch_interrupted())
		return;
	if (round > 0) {
		contention_step(s, at, MEASURE, round, p);
		return;
	}
	bool calibrate = s->benchmarks[at.benchmark]->ops_per_iteration > 0;

	cell->out = (calibrate && !contention_step(s, at, CALIBRATE, 0, p)) ||
		    !contention_step(s, at, COUNT, 0, p);
}

static void
contention_round(struct contention *s, int round, struct progress *p)
{
	size_t n = s->configs.n, turn = (size_t)round;

	progress_line(p, true,
		round == 0 ? "warm-up, proofs and counters, %d rounds to come" : "round %d of %d",
		round == 0 ? s->runs : round, s->runs);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		for (size_t t = 0; t < s->nthreads && !launch_interrupted(); t++, turn++) {
			for (size_t i = 0; i < n; i++) {
				struct at at = {b, t, (turn * ORDER_STEP + i) % n};

				contention_visit(s, at, round, p);
				progress_done(p, s->seconds + contention_overhead_s(s, t));
			}
		}
	}
}

/* What is left to do is fitted into the time that is left: the warm-up tells what a run takes
 * beside its seconds. Later a run is only made shorter, where the machine has become busier. */
static void
contention_repace(struct contention *s, int round, struct progress *p)
{
	double cells = (double)contention_cells(s), before_s = s->seconds;
	double spent_s = s->took_s / cells / (round + 1), left = s->runs - round;
	double overhead_s = fmax(spent_s - s->seconds, 0);

	contention_pace(s, CONTENTION_BUDGET_S - s->took_s, (size_t)(left * cells), overhead_s);
	if (round == 0)
		s->longest_s = s->seconds;
	else
		s->seconds = fmin(s->seconds, before_s);
	p->total_s = p->done_s + left * cells * (s->seconds + contention_mean_overhead_s(s));
	if (s->seconds != before_s)
		progress_line(p, true, "a run is %.2f s from here on", s->seconds);
}

bool
contention_execute(struct contention *s)
{
	struct progress p;
	double start_s = contention_now();
	bool ok = true;

	progress_start(&p, contention_expected_s(s));
	for (int round = 0; ok && round <= s->runs && !launch_interrupted(); round++) {
		contention_round(s, round, &p);
		s->took_s = contention_now() - start_s;
		if (s->paced && round < s->runs && !launch_interrupted())
			contention_repace(s, round, &p);
		samples_compare_checksums(&s->samples);
		ok = contention_report_write(s);
	}
	progress_end(&p);
	return ok && !launch_interrupted();
}

void
contention_free(struct contention *s)
{
	samples_free(&s->samples);
	configs_free(&s->configs);
	free(s->cells);
	free(s->benchmarks);
	free(s->threads);
	free(s->environment);
	free((char *)s->directory);
	*s = (struct contention){0};
}

/* --- what came of it ------------------------------------------------------------------------- */

/* The index of a thread count, nthreads where it was not run. */
static size_t
contention_thread(const struct contention *s, int threads)
{
	size_t i = 0;

	while (i < s->nthreads && s->threads[i] != threads)
		i++;
	return i;
}

/* The combination; false where there is none. */
static bool
contention_find(const struct contention *s, size_t benchmark, int threads, const struct config *c,
	struct at *at)
{
	*at = (struct at){.benchmark = benchmark, .thread = contention_thread(s, threads)};
	if (c == NULL || at->thread == s->nthreads)
		return false;
	at->config = (size_t)(c - s->configs.items);
	return true;
}

struct summary
contention_summary(
	const struct contention *s, size_t benchmark, int threads, const struct config *c)
{
	struct at at;

	if (!contention_find(s, benchmark, threads, c, &at))
		return (struct summary){0};
	return samples_summary(&s->samples, at);
}

const struct counters *
contention_counters(
	const struct contention *s, size_t benchmark, int threads, const struct config *c)
{
	static const struct counters unknown;
	struct at at;

	return contention_find(s, benchmark, threads, c, &at) ? &contention_cell(s, at)->counters
							      : &unknown;
}

static struct stats
contention_stats(const struct contention *s, size_t benchmark, int threads, enum quantity q,
	const struct config *c)
{
	struct summary sum = contention_summary(s, benchmark, threads, c);

	return q == QUANTITY_RATE ? sum.rate : q == QUANTITY_TIME ? sum.time_ns : sum.rss_kb;
}

struct difference
contention_compare(const struct contention *s, size_t benchmark, int threads, enum quantity q,
	const struct config *c, const struct config *base)
{
	return judge_difference(contention_stats(s, benchmark, threads, q, c),
		contention_stats(s, benchmark, threads, q, base));
}
