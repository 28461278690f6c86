/* SPDX-License-Identifier: MIT
 * stress/sweep/findings.c - puts verdicts into sentences. */
#include "stress/sweep/findings.h"
#include "stress/sweep/text.h"
#include "stress/sweep/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORST = 3 };

void
findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->lines[i]);
	free(f->lines);
	*f = (struct findings){0};
}

static void
findings_add(struct findings *f, char *line)
{
	f->lines = text_grow(f->lines, (f->n + 1) * sizeof(*f->lines));
	f->lines[f->n++] = line;
}

/* "0.84 [0.82, 0.86]", and where it is so, that this is noise. */
static char *
findings_ratio(struct ratio r)
{
	return text_format("%.2f [%.2f, %.2f]%s", r.value, r.interval.low, r.interval.high,
		r.noise ? " (may be noise)" : "");
}

static void
findings_add_mean(struct findings *f, const struct study *s, size_t a)
{
	struct ratio time = verdict_mean(s, a, s->base, STUDY_TIME, STUDY_ALL, VERDICT_ANY_MACHINE);
	struct ratio rss = verdict_mean(s, a, s->base, STUDY_RSS, STUDY_ALL, VERDICT_ANY_MACHINE);

	if (time.cells == 0 || rss.cells == 0)
		return;
	char *of_time = findings_ratio(time), *of_rss = findings_ratio(rss);
	const char *base = s->allocators[s->base].name;

	findings_add(
		f, text_format("%s takes %s of %s's time, and %s of its peak RSS (geometric means "
			       "over %zu cells, with their 95 %% intervals).",
			   s->allocators[a].name, of_time, base, of_rss, time.cells));
	free(of_time);
	free(of_rss);
}

/* The allocator with the lowest mean of the group; nallocators where nothing is known. */
static size_t
findings_best(const struct study *s, enum study_quantity quantity, enum study_group group,
	struct ratio *mean)
{
	size_t best = s->nallocators;

	for (size_t a = 0; a < s->nallocators; a++) {
		struct ratio r = verdict_mean(s, a, s->base, quantity, group, VERDICT_ANY_MACHINE);

		if (r.cells > 0 && (best == s->nallocators || r.value < mean->value)) {
			best = a;
			*mean = r;
		}
	}
	return best;
}

static void
findings_add_winners(struct findings *f, const struct study *s)
{
	static const char *const names[] = {[STUDY_ALL] = "All workloads",
		[STUDY_SINGLE] = "Single-threaded",
		[STUDY_MULTI] = "Multi-threaded",
		[STUDY_APPLICATION] = "Applications"};

	for (int g = 0; g < STUDY_GROUPS; g++) {
		struct ratio time = {0}, rss = {0};
		size_t fast = findings_best(s, STUDY_TIME, g, &time);
		size_t lean = findings_best(s, STUDY_RSS, g, &rss);

		if (fast == s->nallocators || lean == s->nallocators)
			continue;
		findings_add(f, text_format("%s: fastest is %s (%.2f), leanest is %s (%.2f).",
					names[g], s->allocators[fast].name, time.value,
					s->allocators[lean].name, rss.value));
	}
}

static void
findings_add_noise(struct findings *f, const struct study *s)
{
	double *spreads = text_alloc(s->ncells * s->nallocators, sizeof(*spreads));
	size_t n = 0, failed = 0;

	for (size_t i = 0; i < s->ncells; i++) {
		for (size_t a = 0; a < s->nallocators; a++) {
			const struct series *series = &s->cells[i].series[a];

			failed += series->failed;
			if (series->good > 1)
				spreads[n++] = study_stats(series, "time").spread;
		}
	}
	if (n > 0)
		findings_add(f,
			text_format("Noise: the times of one cell spread by %.1f %% in the median; "
				    "~ marks ratios whose interval holds 1.",
				stats_of(spreads, n).median * 100));
	if (failed > 0)
		findings_add(f, text_format("%zu runs failed; they are listed below.", failed));
	else
		findings_add(f, text_format("Every run of every allocator ended well."));
	free(spreads);
}

struct findings
findings_summary(const struct study *s)
{
	struct findings f = {0};
	size_t variant = verdict_best_variant(s);

	if (variant < s->nallocators && variant != s->base)
		findings_add_mean(&f, s, variant);
	findings_add_winners(&f, s);
	findings_add_noise(&f, s);
	return f;
}

static char *
findings_standing(const struct study *s, size_t allocator, enum study_quantity quantity, bool weak,
	const struct standing *at)
{
	char *label = study_cell_label(s, at->cell), *ratio = findings_ratio(at->ratio);
	char *why = verdict_hints(at->cell, allocator, at->peer, weak);
	char *line = text_format("%s: %s times the %s of %s, the best peer%s%s.", label, ratio,
		quantity == STUDY_TIME ? "time" : "peak RSS", s->allocators[at->peer].name,
		*why != '\0' ? "; " : "", why);

	free(why);
	free(ratio);
	free(label);
	return line;
}

static void
findings_add_worst(struct findings *f, const struct study *s, size_t allocator,
	enum study_quantity quantity, const struct standing *at)
{
	const json_t *causes = json_object_get(s->document, "causes");
	const char *cause = json_string_value(json_object_get(causes, at->cell->workload));
	char *line = findings_standing(s, allocator, quantity, true, at);

	findings_add(f, cause != NULL ? text_format("%s Cause: %s", line, cause)
				      : text_format("%s (cause not examined)", line));
	free(line);
}

struct findings
findings_worst(const struct study *s, size_t allocator, enum study_quantity quantity)
{
	struct findings f = {0};
	const char *names[WORST] = {NULL};
	size_t n;
	struct standing *list = verdict_standings(s, allocator, quantity, &n);

	for (int noise = 0; noise < 2; noise++) {
		for (size_t i = 0; i < n && f.n < WORST; i++) {
			const char *name = list[i].cell->workload;
			bool skip = list[i].ratio.noise != noise || !(list[i].ratio.value > 1);

			for (size_t k = 0; k < f.n; k++)
				skip = skip || strcmp(names[k], name) == 0;
			if (skip)
				continue;
			names[f.n] = name;
			findings_add_worst(&f, s, allocator, quantity, &list[i]);
		}
	}
	free(list);
	return f;
}

struct findings
findings_environment(const struct study *s, size_t machine)
{
	struct findings f = {0};
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(s->machines[machine], "environment"), key, value)
	{
		if (json_is_string(value))
			findings_add(&f, text_format("%s: %s", key, json_string_value(value)));
	}
	return f;
}

struct findings
findings_extremes(const struct study *s, size_t allocator, enum study_quantity quantity, bool weak,
	size_t most)
{
	struct findings f = {0};
	size_t n;
	struct standing *list = verdict_standings(s, allocator, quantity, &n);

	/* First what is certain, then what may be noise. */
	for (int noise = 0; noise < 2; noise++) {
		for (size_t i = 0; i < n && f.n < most; i++) {
			const struct standing *at = &list[weak ? i : n - 1 - i];

			if (at->ratio.noise == noise &&
				(weak ? at->ratio.value > 1 : at->ratio.value < 1))
				findings_add(
					&f, findings_standing(s, allocator, quantity, weak, at));
		}
	}
	free(list);
	return f;
}

/* What reports show of every cell, and what says the same in other words. */
static bool
findings_is_common(const char *key)
{
	static const char *const common[] = {"time", "ops_per_s", "wall_s", "user_s", "sys_s",
		"rss_kb", "minflt", "majflt", "nvcsw", "nivcsw", "ops", "seconds", "cpu_s",
		"rss_peak_kb", "minor_faults", "ns_per_op", "workers"};

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(key, common[i]) == 0)
			return true;
	return false;
}

/* Whether all allocators have the same value of the key: a parameter, or nothing that tells. */
static bool
findings_is_constant(const struct study *s, const struct study_cell *c, const char *key)
{
	double least = INFINITY, most = -INFINITY;

	for (size_t a = 0; a < s->nallocators; a++) {
		struct stats stats = study_stats(&c->series[a], key);

		if (stats.n > 0) {
			least = fmin(least, stats.min);
			most = fmax(most, stats.max);
		}
	}
	return !(least < most);
}

const char **
findings_extra_keys(const struct study *s, const struct study_cell *c, size_t *n)
{
	const char **keys = NULL;

	*n = 0;
	for (size_t a = 0; a < s->nallocators; a++) {
		const struct series *series = &c->series[a];

		for (size_t i = 0; i < series->nvalues; i++) {
			const char *key = series->values[i].key;
			bool known = findings_is_common(key) || findings_is_constant(s, c, key);

			for (size_t k = 0; k < *n; k++)
				known = known || strcmp(keys[k], key) == 0;
			if (known)
				continue;
			keys = text_grow(keys, (*n + 1) * sizeof(*keys));
			keys[(*n)++] = key;
		}
	}
	return keys;
}
