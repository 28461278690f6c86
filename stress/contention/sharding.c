/* SPDX-License-Identifier: MIT
 * stress/contention/sharding.c - sorts the cells into those that sharding by call site helps,
 * hurts, or leaves alone, and words it. */
#include "stress/contention/sharding.h"
#include "stress/contention/contention.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SITE, THREAD, CPU, SINGLE };

static void
sharding_add(struct sharding_group *g, double bits, double ratio, const char *name)
{
	bool first = g->n++ == 0;
	char *longer = first ? text_format("%s (%.2f)", name, ratio)
			     : text_format("%s, %s (%.2f)", g->names, name, ratio);

	free(g->names);
	g->names = longer;
	g->least_bits = first ? bits : fmin(g->least_bits, bits);
	g->most_bits = first ? bits : fmax(g->most_bits, bits);
	g->worst_ratio = first ? ratio : fmin(g->worst_ratio, ratio);
	g->best_ratio = first ? ratio : fmax(g->best_ratio, ratio);
}

/* Files one cell, where it was measured under `site` and `single`. */
static void
sharding_file(struct sharding *sh, const struct contention *s, const char *frontend, size_t b,
	int threads)
{
	char *variant = text_format("%s-hakmem", frontend);
	char *name = text_format("%s %s x%d", s->benchmarks[b]->name, frontend, threads);
	const struct config *c[CONFIG_SELECTORS];
	struct difference d[CONFIG_SELECTORS], worst = {.ratio = INFINITY};
	bool one_arena = true;

	for (size_t i = 0; i < CONFIG_SELECTORS; i++) {
		c[i] = configs_named(&s->configs, variant, config_selectors[i]);
		d[i] = contention_compare(s, b, threads, QUANTITY_RATE, c[SITE], c[i]);
		one_arena = one_arena && contention_counters(s, b, threads, c[i])->arenas <= 1;
		if (i != SITE && d[i].above && d[i].ratio < worst.ratio)
			worst = d[i];
	}
	const struct counters *counters = contention_counters(s, b, threads, c[SITE]);
	double bits = counters->entropy_bits;

	if (d[SINGLE].known && counters->known) {
		bool behind = worst.ratio<1, ahead = judge_benefit(d[SINGLE])> 0;
		struct sharding_group *g = one_arena ? &sh->idle
					   : behind  ? &sh->hurts
					   : ahead   ? &sh->helps
						     : &sh->same;

		sharding_add(&sh->all, bits, d[SINGLE].ratio, name);
		sharding_add(g, bits, behind ? worst.ratio : d[SINGLE].ratio, name);
		sh->idle_differences += one_arena && (behind || ahead);
	}
	free(name);
	free(variant);
}

struct sharding
sharding_of(const struct contention *s)
{
	struct sharding sh = {0};

	for (size_t b = 0; b < s->nbenchmarks; b++)
		for (size_t f = 0; f < CONFIG_FRONTENDS; f++)
			for (size_t t = 0; t < s->nthreads; t++)
				if (s->threads[t] > 1)
					sharding_file(
						&sh, s, config_frontends[f], b, s->threads[t]);
	return sh;
}

void
sharding_free(struct sharding *sh)
{
	free(sh->all.names);
	free(sh->helps.names);
	free(sh->hurts.names);
	free(sh->same.names);
	free(sh->idle.names);
	*sh = (struct sharding){0};
}

static void
sharding_group_text(FILE *out, const struct sharding_group *g, const char *ratio_to)
{
	fprintf(out, "%zu", g->n);
	if (g->n > 0)
		fprintf(out, ", with an entropy of %.2f to %.2f bits: %s; `site` / %s in brackets",
			g->least_bits, g->most_bits, g->names, ratio_to);
	fputs(".\n", out);
}

/* Allocations from sites of entropy H spread over no more than about 2^H arenas. */
static void
sharding_mechanism(FILE *out, const struct sharding *sh)
{
	double most = exp2(sh->all.most_bits);

	fprintf(out,
		"\nThe entropy bounds what sharding by call site can do: slow-path events whose "
		"sites have H bits spread over about 2^H arenas, however many are active. Over "
		"these cells that is %.1f to %.1f arenas.",
		exp2(sh->all.least_bits), most);
	if (most < 2)
		fputs(" All threads allocate at so few places that nearly all of them meet at one "
		      "arena, as under `single`: what differs between the selectors here is "
		      "`thread` and `cpu`.",
			out);
	putc('\n', out);
}

static void
sharding_sentence(FILE *out, const struct sharding *sh)
{
	fputs("\n**When it helps and when it hurts.** ", out);
	if (sh->all.n == sh->idle.n)
		fputs("In this study one arena was enough everywhere, so that sharding by call "
		      "site "
		      "neither helped nor hurt.\n",
			out);
	else if (sh->helps.n == 0 && sh->hurts.n == 0)
		fputs("In this study sharding by call site made no difference above the spread: "
		      "where contention made several arenas active, it was worth as much as its "
		      "controls.\n",
			out);
	else if (sh->hurts.n == 0)
		fprintf(out,
			"Sharding by call site helped where the sites had %.2f to %.2f bits of "
			"entropy, by up to %.0f %% over a single arena, and hurt nowhere.\n",
			sh->helps.least_bits, sh->helps.most_bits,
			(sh->helps.best_ratio - 1) * 100);
	else if (sh->helps.n == 0)
		fprintf(out,
			"Sharding by call site helped nowhere; it hurt, by up to %.0f %% against "
			"the best of the controls, where the sites had %.2f to %.2f bits of "
			"entropy.\n",
			(1 - sh->hurts.worst_ratio) * 100, sh->hurts.least_bits,
			sh->hurts.most_bits);
	else
		fprintf(out,
			"Sharding by call site helped where the sites had %.2f to %.2f bits of "
			"entropy, by up to %.0f %% over a single arena; it hurt where they had "
			"%.2f to %.2f bits, by up to %.0f %% against the best of the controls.\n",
			sh->helps.least_bits, sh->helps.most_bits, (sh->helps.best_ratio - 1) * 100,
			sh->hurts.least_bits, sh->hurts.most_bits,
			(1 - sh->hurts.worst_ratio) * 100);
}

void
sharding_conclude(FILE *out, const struct contention *s)
{
	struct sharding sh = sharding_of(s);

	if (sh.all.n == 0) {
		fputs("\nNo cell with two threads or more was measured under both `site` and "
		      "`single`, so nothing is said of sharding by call site.\n",
			out);
		sharding_free(&sh);
		return;
	}
	fprintf(out,
		"\nOf %zu cells (workload, front-end, 2 threads or more) %zu had only one active "
		"arena under every selector; there a selector has nothing to choose, and a "
		"difference above the spread (%zu of them have one) is not its doing. The others:"
		"\n\n",
		sh.all.n, sh.idle.n, sh.idle_differences);
	fputs("* `site` ahead of `single`, and behind no control, above the spread: ", out);
	sharding_group_text(out, &sh.helps, "`single`");
	fputs("* `site` behind a control, above the spread: ", out);
	sharding_group_text(out, &sh.hurts, "that control");
	fprintf(out, "* No difference above the spread: %zu.\n", sh.same.n);
	sharding_mechanism(out, &sh);
	sharding_sentence(out, &sh);
	sharding_free(&sh);
}
