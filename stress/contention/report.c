/* SPDX-License-Identifier: MIT
 * stress/contention/report.c - the files, the head of the report and the full tables. */
#include "stress/contention/report.h"
#include "stress/contention/conclusions.h"
#include "stress/contention/plots.h"
#include "stress/contention/contention.h"
#include "stress/sweep/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Variables that change what a run does and are passed on to it. */
static const char *const passed_on[] = {
	"HAKMEM_", "GLIBC_TUNABLES=", "MALLOC_", "MIMALLOC_", "TCMALLOC_", "TBB_MALLOC_"};

extern char **environ;

/* --- head ------------------------------------------------------------------------------------ */

/* The lines "# key: value" as a list. */
static void
report_environment(FILE *out, const struct contention *s)
{
	char *copy = text_format("%s", s->environment), *rest = copy;

	fputs("## Environment\n\n", out);
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		/* That list is the sweep's, which has redis among its workloads. */
		if (strncmp(line, "# ", 2) == 0 && strncmp(line, "# redis:", 8) != 0)
			fprintf(out, "* %s\n", line + 2);
	free(copy);
	for (char **variable = environ; *variable != NULL; variable++)
		for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
			if (strncmp(*variable, passed_on[i], strlen(passed_on[i])) == 0) {
				fputs("* set for all runs: ", out);
				text_one_line(out, *variable);
				putc('\n', out);
			}
}

/* By what each variant served, as its own statistics say. */
static void
report_mechanisms(FILE *out, const struct contention *s)
{
	for (size_t c = 0; c < s->configs.n; c++) {
		const struct config *config = &s->configs.items[c];

		if (config->selector == NULL || strcmp(config->selector, config_selectors[0]) != 0)
			continue;
		const struct counters *counters = contention_counters(s, 0, s->threads[0], config);

		if (counters->known)
			fprintf(out, "* %s: %s\n", config->variant, counters->mechanism);
	}
}

static void
report_method(FILE *out, const struct contention *s)
{
	fputs("\n## How it was measured\n\n", out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		const struct benchmark *m = s->benchmarks[b];

		fprintf(out, "* %s (`%s %s`): %s.\n", m->name, m->name, m->arguments, m->what);
	}
	fprintf(out,
		"\nT is the number of threads, S the seconds of a run, here %.2f (%.2f in the last "
		"round: runs get shorter where the machine is too busy for the planned time); C is "
		"%d; I the "
		"number of iterations that fills S. Each configuration ran %d times, once a round, "
		"each round beginning with another one; the study took %d min %d s. A round before "
		"them does not count: it warms up, has the counters (HAKMEM_STATS=json, off in the "
		"counted runs), and proves for each cell that the library under test served it: by "
		"variant, selector and counts in its statistics, by the dynamic linker's bindings "
		"for the peers.\n\n"
		"Spread is (max - min) / median. A difference of two medians counts where it is "
		"above the larger spread of the two; otherwise it is called no difference.\n\n",
		s->longest_s, s->seconds, s->chunks, s->runs, (int)s->took_s / 60,
		(int)s->took_s % 60);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void
report_value(FILE *out, const char *format, double value)
{
	if (isfinite(value)) {
		putc(' ', out);
		/* The formats are this file's own. */
		fprintf(out, format, value);
		fputs(" |", out);
	} else {
		fputs(" - |", out);
	}
}

static void
report_counters(FILE *out, const struct counters *c)
{
	if (!c->known) {
		fputs(" - | - | - | - | - | - |\n", out);
		return;
	}
	report_value(out, "%.2f", counters_contended_share(c) * 100);
	report_value(out, "%.1f", c->wait_us / 1000);
	report_value(out, "%.0f", c->borrowed);
	report_value(out, "%.1f", c->remote_share * 100);
	report_value(out, "%.2f", c->entropy_bits);
	report_value(out, "%.0f", c->arenas);
	putc('\n', out);
}

/* One quantity: median, least, spread, ratio to the base. */
static void
report_stats(FILE *out, struct stats v, struct stats base, double unit, const char *format)
{
	report_value(out, format, v.median / unit);
	report_value(out, format, v.min / unit);
	report_value(out, "%.0f %%", v.spread * 100);
	report_value(out, "%.2f", stats_ratio(v.median, base.median));
}

static void
report_row(FILE *out, const struct contention *s, size_t b, int threads, const struct config *c,
	const struct summary *base)
{
	struct summary sum = contention_summary(s, b, threads, c);

	fprintf(out, "| %s |", c->allocator.name);
	if (sum.rate.n == 0) {
		fprintf(out, " %s | | | | | | | | |",
			sum.failed > 0 ? "**failed**" : "not measured");
	} else {
		report_stats(out, sum.rate, base->rate, 1e6, "%.3g");
		report_value(out, "%.3g", sum.cpu_rate.median / 1e6);
		report_stats(out, sum.rss_kb, base->rss_kb, 1024, "%.1f");
	}
	report_counters(out, contention_counters(s, b, threads, c));
}

static void
report_tables(FILE *out, const struct contention *s)
{
	const struct config *reference =
		configs_named(&s->configs, "lock-hakmem", config_selectors[0]);

	fputs("## All figures\n\n"
	      "Throughput in millions of operations a second, by the clock and (median) by the "
	      "processor time of the process, which a busy machine changes less; peak RSS in MiB; "
	      "x lock is the ratio to `lock-hakmem site`. From the run with counters: contended "
	      "acquisitions of the "
	      "arenas' locks (in %), time waited for them (ms, all threads together), magazines "
	      "borrowed from other arenas, share of the blocks that came back from another thread "
	      "or arena (in %), entropy of the call sites (bits), active arenas.\n",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		for (size_t t = 0; t < s->nthreads; t++) {
			int threads = s->threads[t];
			struct summary base = contention_summary(s, b, threads, reference);

			fprintf(out,
				"\n### %s, threads: %d\n\n"
				"| configuration | M ops/s | min | spread | x lock | by CPU time | "
				"RSS | min | "
				"spread | x lock | contended | wait | borrowed | remote | entropy "
				"| "
				"arenas |\n"
				"|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|-"
				"--:|-"
				"--:|"
				"---:|\n",
				s->benchmarks[b]->name, threads);
			for (size_t c = 0; c < s->configs.n; c++)
				report_row(out, s, b, threads, &s->configs.items[c], &base);
		}
	}
}

static void
report_failures(FILE *out, const struct contention *s)
{
	fputs("\n## Failures\n\n", out);
	if (samples_failed(&s->samples) == 0) {
		fputs("None: every run ended well, with the right checksum, served by the library "
		      "under test.\n",
			out);
		return;
	}
	fputs("A configuration that fails before the counted rounds, its proof included, or runs "
	      "out of time sits out the rounds that follow.\n\n"
	      "| workload | threads | configuration | round | failure |\n|---|---:|---|---:|---|\n",
		out);
	for (size_t i = 0; i < s->samples.n; i++) {
		const struct at at = s->samples.items[i].at;
		const struct run *run = &s->samples.items[i].run;

		if (run->status == RUN_OK)
			continue;
		fprintf(out, "| %s | %d | %s | %d | %s: ", s->benchmarks[at.benchmark]->name,
			s->threads[at.thread], run->allocator->name, run->round,
			run_status_name(run->status));
		text_one_line(out, run->detail);
		fputs(" |\n", out);
	}
}

static void
report_markdown(FILE *out, const struct contention *s)
{
	fputs("# Contention: front-ends, selectors, back-ends\n\n", out);
	report_environment(out, s);
	report_mechanisms(out, s);
	report_method(out, s);
	conclusions_verdicts(out, s);
	putc('\n', out);
	conclusions_rivals(out, s);
	putc('\n', out);
	conclusions_selectors(out, s);
	putc('\n', out);
	plots_links(out, s);
	report_tables(out, s);
	report_failures(out, s);
}

/* --- CSV ------------------------------------------------------------------------------------- */

static void
report_csv(FILE *out, const struct contention *s)
{
	fputs("workload,threads,configuration,round,status,ops_per_s,wall_s,user_s,sys_s,"
	      "peak_rss_kb,nvcsw,nivcsw,checksum,detail\n",
		out);
	for (size_t i = 0; i < s->samples.n; i++) {
		const struct at at = s->samples.items[i].at;
		const struct run *r = &s->samples.items[i].run;

		fprintf(out, "%s,%d,%s,%d,%s,%.0f,%.6f,%.6f,%.6f,%.0f,%.0f,%.0f,%s,",
			s->benchmarks[at.benchmark]->name, s->threads[at.thread],
			r->allocator->name, r->round, run_status_name(r->status), r->ops_per_s,
			r->usage.wall_s, r->usage.user_s, r->usage.sys_s, r->usage.rss_kb,
			r->usage.nvcsw, r->usage.nivcsw, r->checksum);
		text_csv_put(out, r->detail);
		putc('\n', out);
	}
}

static void
report_counters_csv(FILE *out, const struct contention *s)
{
	fputs("workload,threads,configuration,arenas,lock_acquisitions,lock_contended,lock_wait_us,"
	      "refills,borrowed,remote_share,sites,entropy_bits,restarts\n",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++)
		for (size_t t = 0; t < s->nthreads; t++)
			for (size_t i = 0; i < s->configs.n; i++) {
				const struct config *config = &s->configs.items[i];
				const struct counters *c =
					contention_counters(s, b, s->threads[t], config);

				if (!c->known)
					continue;
				fprintf(out, "%s,%d,%s,%.0f,%.0f,%.0f,%.1f,%.0f,%.0f,",
					s->benchmarks[b]->name, s->threads[t],
					config->allocator.name, c->arenas, c->acquisitions,
					c->contended, c->wait_us, c->refills, c->borrowed);
				if (isfinite(c->remote_share))
					fprintf(out, "%.6f", c->remote_share);
				fprintf(out, ",%.0f,%.4f,%.0f\n", c->sites, c->entropy_bits,
					c->restarts);
			}
}

/* --- files ----------------------------------------------------------------------------------- */

static bool
report_file(const struct contention *s, const char *name,
	void (*write)(FILE *, const struct contention *))
{
	char *path = text_format("%s/%s", s->directory, name), *partial = text_format("%s~", path);
	FILE *out = fopen(partial, "we");
	bool ok = out != NULL;

	if (ok) {
		write(out, s);
		ok = ferror(out) == 0;
		ok = fclose(out) == 0 && ok && rename(partial, path) == 0;
	}
	if (!ok)
		fprintf(stderr, "hakmem-contention: cannot write %s: %s\n", path, strerror(errno));
	free(partial);
	free(path);
	return ok;
}

bool
contention_report_write(const struct contention *s)
{
	return report_file(s, "results.csv", report_csv) &&
	       report_file(s, "counters.csv", report_counters_csv) &&
	       report_file(s, "report.md", report_markdown);
}
