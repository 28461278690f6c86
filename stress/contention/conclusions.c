/* SPDX-License-Identifier: MIT
 * stress/contention/conclusions.c - verdicts, rivals and the selectors' table. */
#include "stress/contention/conclusions.h"
#include "stress/contention/sharding.h"
#include "stress/contention/contention.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BASE "lock-hakmem"

/* The criteria for rseq: within 5 % of the time of tls, at most 0.7 of its memory. */
#define MOST_TIME 1.05
#define MOST_RSS 0.70

/* A front-end on hakmem's back-end under the default selector. */
static const struct config *
conclusions_config(const struct contention *s, const char *variant)
{
	return configs_named(&s->configs, variant, config_selectors[0]);
}

static const char *
conclusions_benchmark(const struct contention *s, size_t b)
{
	return s->benchmarks[b]->name;
}

/* --- front-ends ------------------------------------------------------------------------------ */

/* The table of one front-end against the base; its overall verdict. */
static enum verdict
conclusions_frontend_rows(
	FILE *out, const struct contention *s, const char *name, const char *variant)
{
	const struct config *c = conclusions_config(s, variant),
			    *base = conclusions_config(s, BASE);
	enum verdict *verdicts = text_alloc(s->nbenchmarks, sizeof(*verdicts));

	for (size_t b = 0; b < s->nbenchmarks; b++) {
		static const int counts[] = {1, 4, 16};
		struct difference d[3];

		fprintf(out, "| %s | %s |", name, conclusions_benchmark(s, b));
		for (size_t i = 0; i < 3; i++) {
			char text[JUDGE_TEXT];

			d[i] = contention_compare(s, b, counts[i], QUANTITY_RATE, c, base);
			fprintf(out, " %s |", judge_text(d[i], text));
		}
		verdicts[b] = judge_verdict(d[1], d[2]);
		fprintf(out, " %s |\n", verdict_name(verdicts[b]));
	}
	enum verdict overall = judge_overall(verdicts, s->nbenchmarks);

	free(verdicts);
	return overall;
}

/* The single-thread cost in the words of a loss or a gain, workload by workload. */
static void
conclusions_single_thread(FILE *out, const struct contention *s)
{
	const struct config *tls = conclusions_config(s, "tls-hakmem"),
			    *base = conclusions_config(s, BASE);

	fputs("\n**What `tls` costs with one thread.** The original plan measured a loss of 7 to "
	      "42 % against the front-end without a cache. Here:",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		struct difference d = contention_compare(s, b, 1, QUANTITY_RATE, tls, base);
		char text[JUDGE_TEXT];

		fprintf(out, "%s %s on %s", b > 0 ? ";" : "", judge_text(d, text),
			conclusions_benchmark(s, b));
		if (d.above)
			fprintf(out, " (a %s)", d.ratio > 1 ? "gain" : "loss");
	}
	fputs(".\n", out);
}

/* --- rseq ------------------------------------------------------------------------------------ */

static void
conclusions_criterion(FILE *out, const char *what, const char *workload, const char *figure,
	struct difference d, enum outcome outcome)
{
	fprintf(out, "| %s | %s |", what, workload);
	if (d.known)
		fprintf(out, " %s %.2f | %.0f %% | %s |", figure, d.ratio, d.noise * 100,
			d.above ? "yes" : "no difference");
	else
		fputs(" - | - | - |", out);
	fprintf(out, " %s |\n", outcome_name(outcome));
}

static void
conclusions_rseq(FILE *out, const struct contention *s)
{
	const struct config *rseq = conclusions_config(s, "rseq-hakmem"),
			    *tls = conclusions_config(s, "tls-hakmem");

	fputs("\n### `rseq` against `tls`\n\n"
	      "| criterion | workload | figure | spread | above the spread | |\n"
	      "|---|---|---|---|---|---|\n",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		const char *name = conclusions_benchmark(s, b);
		struct difference d = contention_compare(s, b, 2, QUANTITY_TIME, rseq, tls);

		conclusions_criterion(out, "within 5 % of the time of `tls` at 2 threads", name,
			"time x", d, judge_at_most(d, MOST_TIME));
		for (int threads = 16; threads <= 32; threads += 16) {
			char *what = text_format("ahead of `tls` at %d threads", threads);

			d = contention_compare(s, b, threads, QUANTITY_RATE, rseq, tls);
			conclusions_criterion(out, what, name, "throughput x", d, judge_ahead(d));
			free(what);
		}
		if (strcmp(name, "larson") == 0) {
			d = contention_compare(s, b, 32, QUANTITY_RSS, rseq, tls);
			conclusions_criterion(out,
				"at most 0.7 of the peak RSS of `tls` at 32 threads", name,
				"peak RSS x", d, judge_at_most(d, MOST_RSS));
		}
	}
	fputs("\n\"Ahead\" is met only by a difference above the spread; the others by the "
	      "medians.\n",
		out);
}

void
conclusions_verdicts(FILE *out, const struct contention *s)
{
	fputs("## Verdicts\n\n"
	      "Throughput over `lock`, on hakmem's back-end under the selector `site`. The rule of "
	      "the original plan: **keep** where the benefit is above 20 % at 4 threads and above "
	      "40 % at 16; **conditional** where there is a benefit below that; **revert** where "
	      "there is none.\n\n"
	      "| front-end | workload | 1 thread | 4 threads | 16 threads | verdict |\n"
	      "|---|---|---|---|---|---|\n",
		out);
	enum verdict tls = conclusions_frontend_rows(out, s, "`tls`", "tls-hakmem");
	enum verdict rseq = conclusions_frontend_rows(out, s, "`rseq`", "rseq-hakmem");

	fprintf(out,
		"\n* `tls`: **%s**.\n* `rseq`: **%s**.\n* `lock`: the baseline; it has no verdict "
		"of its own.\n\n"
		"Where the workloads disagree the verdict is conditional.\n",
		verdict_name(tls), verdict_name(rseq));
	conclusions_single_thread(out, s);
	conclusions_rseq(out, s);
}

/* --- rivals ---------------------------------------------------------------------------------- */

/* A ratio; with a ~ where it is no difference above the spread. */
static void
conclusions_ratio(FILE *out, struct difference d)
{
	if (d.known)
		fprintf(out, " %s%.2f |", d.above ? "" : "~", d.ratio);
	else
		fputs(" - |", out);
}

void
conclusions_rivals(FILE *out, const struct contention *s)
{
	const struct config *own = conclusions_config(s, "rseq-hakmem");
	const struct config *rivals[] = {conclusions_config(s, "tls-jemalloc"),
		conclusions_config(s, "rseq-jemalloc"),
		configs_named(&s->configs, "jemalloc", NULL)};

	fputs("## `rseq` on hakmem against jemalloc\n\n"
	      "`rseq-hakmem` as a multiple of each: throughput (more is better), then peak RSS "
	      "(less is better). A ratio with ~ is no difference: it is not above the spread.\n\n"
	      "| workload | threads | M ops/s | / tls-jemalloc | / rseq-jemalloc | / jemalloc | "
	      "RSS, MiB | / tls-jemalloc | / rseq-jemalloc | / jemalloc |\n"
	      "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		for (size_t t = 0; t < s->nthreads; t++) {
			int threads = s->threads[t];
			struct summary sum = contention_summary(s, b, threads, own);

			fprintf(out, "| %s | %d | %.3g |", conclusions_benchmark(s, b), threads,
				sum.rate.median / 1e6);
			for (size_t i = 0; i < 3; i++)
				conclusions_ratio(out, contention_compare(s, b, threads,
							       QUANTITY_RATE, own, rivals[i]));
			fprintf(out, " %.1f |", sum.rss_kb.median / 1024);
			for (size_t i = 0; i < 3; i++)
				conclusions_ratio(out, contention_compare(s, b, threads,
							       QUANTITY_RSS, own, rivals[i]));
			putc('\n', out);
		}
	}
}

/* --- selectors ------------------------------------------------------------------------------- */

static void
conclusions_selector_row(
	FILE *out, const struct contention *s, const char *variant, size_t b, int threads)
{
	const struct config *site = conclusions_config(s, variant);
	const struct counters *c = contention_counters(s, b, threads, site);
	struct summary sum = contention_summary(s, b, threads, site);

	fprintf(out, "| %s | %s | %d |", conclusions_benchmark(s, b), variant, threads);
	if (c->known)
		fprintf(out, " %.2f | %.0f |", c->entropy_bits, c->arenas);
	else
		fputs(" - | - |", out);
	fprintf(out, " %.3g |", sum.rate.median / 1e6);
	for (size_t i = 1; i < CONFIG_SELECTORS; i++)
		conclusions_ratio(out,
			contention_compare(s, b, threads, QUANTITY_RATE,
				configs_named(&s->configs, variant, config_selectors[i]), site));
	conclusions_ratio(out, contention_compare(s, b, threads, QUANTITY_RSS,
				       configs_named(&s->configs, variant, "single"), site));
	for (size_t i = 0; i < CONFIG_SELECTORS; i++) {
		double share = counters_contended_share(contention_counters(
			s, b, threads, configs_named(&s->configs, variant, config_selectors[i])));

		if (isfinite(share))
			fprintf(out, " %.2f |", share * 100);
		else
			fputs(" - |", out);
	}
	putc('\n', out);
}

void
conclusions_selectors(FILE *out, const struct contention *s)
{
	fputs("## Selectors\n\n"
	      "The entropy is that of the call sites that reached the slow path, under `site`, "
	      "beside the number of arenas that contention had made active by the end. Throughput "
	      "of the controls as a multiple of that of `site` (~: no difference above the "
	      "spread), peak RSS of `single` likewise, and the share of lock acquisitions that met "
	      "a held lock, in per cent.\n\n"
	      "| workload | variant | threads | entropy, bits | arenas | `site`, M ops/s | "
	      "`thread` | `cpu` | `single` | RSS, `single` | contended: site | thread | cpu | "
	      "single |\n"
	      "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		for (size_t f = 0; f < CONFIG_FRONTENDS; f++) {
			char *variant = text_format("%s-hakmem", config_frontends[f]);

			for (size_t t = 0; t < s->nthreads; t++)
				if (conclusions_config(s, variant) != NULL)
					conclusions_selector_row(out, s, variant, b, s->threads[t]);
			free(variant);
		}
	}
	sharding_conclude(out, s);
}
