/* SPDX-License-Identifier: MIT
 * stress/sweep/compare.c - finds the pairs of series and judges how they differ. */
#include "stress/sweep/compare.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_FOR_DRIFT = 3, DEVIATIONS = 4 };

/* From the median absolute deviation to the standard deviation, for a normal distribution. */
#define MAD_TO_SIGMA 1.4826

static bool
compare_same_cell(const struct study_cell *a, const struct study_cell *b)
{
	return strcmp(a->workload, b->workload) == 0 && a->threads == b->threads &&
	       strcmp(a->arguments, b->arguments) == 0;
}

/* The older cell; with several machines that of the machine of the same name. */
static const struct study_cell *
compare_find(const struct study *now, const struct study *then, const struct study_cell *cell)
{
	for (size_t i = 0; i < then->ncells; i++) {
		const struct study_cell *old = &then->cells[i];
		bool same_machine = (now->nmachines == 1 && then->nmachines == 1) ||
				    strcmp(study_machine_name(now, cell->machine),
					    study_machine_name(then, old->machine)) == 0;

		if (same_machine && compare_same_cell(cell, old))
			return old;
	}
	return NULL;
}

static struct stats
compare_stats(const struct study_cell *cell, size_t allocator, enum study_quantity quantity)
{
	return study_stats(&cell->series[allocator], study_key(quantity));
}

/* The ratio of new to old, NaN where either has no good run. */
static double
compare_ratio(const struct change *c)
{
	return stats_ratio(compare_stats(c->cell, c->allocator, c->quantity).median,
		compare_stats(c->old_cell, c->old_allocator, c->quantity).median);
}

static double
compare_noise(const struct change *c)
{
	double now = compare_stats(c->cell, c->allocator, c->quantity).spread;
	double then = compare_stats(c->old_cell, c->old_allocator, c->quantity).spread;

	return fmax(now + then, c->quantity == STUDY_TIME ? COMPARE_LEAST_TIME : COMPARE_LEAST_RSS);
}

/* Sets drift and noise of the changes of one cell and quantity, which are `n` neighbours. */
static void
compare_cell(struct change *changes, size_t n)
{
	double *ratios = text_alloc(n, sizeof(*ratios)), *spreads = text_alloc(n, sizeof(*spreads));
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		changes[i].ratio = compare_ratio(&changes[i]);
		changes[i].noise = compare_noise(&changes[i]);
		changes[i].drift = 1;
		if (!(changes[i].ratio > 0))
			continue;
		ratios[known] = changes[i].ratio;
		spreads[known++] = changes[i].noise;
	}
	double drift = stats_of(ratios, known).median, usual = stats_of(spreads, known).median;

	for (size_t i = 0; i < n; i++) {
		if (known >= LEAST_FOR_DRIFT)
			changes[i].drift = drift;
		changes[i].noise = fmax(changes[i].noise, usual);
	}
	free(spreads);
	free(ratios);
}

/* 1 where the change and what is left of it without drift are both above the noise, -1 where both
 * are below, 0 for noise. */
static int
compare_direction(const struct change *c)
{
	double clean = c->ratio / c->drift, most = 1 + c->noise;

	if (c->ratio > most && clean > most)
		return 1;
	return c->ratio < 1 / most && clean < 1 / most ? -1 : 0;
}

static enum change_kind
compare_kind(const struct change *c)
{
	const struct series *now = &c->cell->series[c->allocator];
	const struct series *then = &c->old_cell->series[c->old_allocator];
	const struct interval *a = &now->intervals[c->quantity], *b = &then->intervals[c->quantity];

	if (now->failed > 0 && then->failed == 0)
		return c->quantity == STUDY_TIME ? CHANGE_BROKEN : CHANGE_NOISE;
	if (!(c->ratio > 0) || (a->low <= b->high && b->low <= a->high))
		return CHANGE_NOISE;
	int direction = compare_direction(c);

	return direction > 0 ? CHANGE_WORSE : direction < 0 ? CHANGE_BETTER : CHANGE_NOISE;
}

static void
compare_add_cell(struct comparison *c, const struct study_cell *cell, const struct study_cell *old,
	enum study_quantity quantity)
{
	size_t first = c->n;

	c->changes = text_grow(c->changes, (c->n + c->now->nallocators) * sizeof(*c->changes));
	for (size_t a = 0; a < c->now->nallocators; a++) {
		size_t o = study_allocator_named(c->then, c->now->allocators[a].name);
		const struct series *series = &cell->series[a];

		if (o == c->then->nallocators || series->good + series->failed == 0 ||
			old->series[o].good + old->series[o].failed == 0)
			continue;
		c->changes[c->n++] = (struct change){.cell = cell,
			.old_cell = old,
			.allocator = a,
			.old_allocator = o,
			.quantity = quantity};
	}
	compare_cell(c->changes + first, c->n - first);
}

/* The logarithms of one allocator's changes of a quantity, less their median: what a change that
 * concerns all of its cells leaves over is noise. Returns how many were put into *rest. */
static size_t
compare_residuals(
	const struct comparison *c, enum study_quantity quantity, size_t allocator, double *rest)
{
	double *sorted = text_alloc(c->n, sizeof(*sorted));
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->changes[i].quantity == quantity && c->changes[i].allocator == allocator &&
			c->changes[i].ratio > 0)
			rest[n++] = log(c->changes[i].ratio);
	memcpy(sorted, rest, n * sizeof(*rest));
	double median = stats_of(sorted, n).median;

	for (size_t i = 0; i < n; i++)
		rest[i] = fabs(rest[i] - median);
	free(sorted);
	return n;
}

/* Where hundreds of figures are compared, some are far off by chance, and three runs do not tell
 * which. So a change has to stand out among all changes of its quantity, too. */
static void
compare_overall(struct comparison *c, enum study_quantity quantity)
{
	double *rest = text_alloc(c->n, sizeof(*rest));
	size_t n = 0;

	for (size_t a = 0; a < c->now->nallocators; a++)
		n += compare_residuals(c, quantity, a, rest + n);
	double least = exp(DEVIATIONS * MAD_TO_SIGMA * stats_of(rest, n).median) - 1;

	for (size_t i = 0; i < c->n; i++)
		if (c->changes[i].quantity == quantity)
			c->changes[i].noise = fmax(c->changes[i].noise, least);
	free(rest);
}

void
compare_studies(const struct study *now, const struct study *then, struct comparison *c)
{
	*c = (struct comparison){.now = now, .then = then};
	for (size_t i = 0; i < now->ncells; i++) {
		const struct study_cell *old = compare_find(now, then, &now->cells[i]);

		if (old == NULL)
			c->skipped++;
		for (int q = 0; old != NULL && q < STUDY_QUANTITIES; q++)
			compare_add_cell(c, &now->cells[i], old, (enum study_quantity)q);
	}
	for (int q = 0; q < STUDY_QUANTITIES; q++)
		compare_overall(c, (enum study_quantity)q);
	for (size_t i = 0; i < c->n; i++)
		c->changes[i].kind = compare_kind(&c->changes[i]);
}

void
compare_free(struct comparison *c)
{
	free(c->changes);
	*c = (struct comparison){0};
}

size_t
compare_count(const struct comparison *c, enum change_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < c->n; i++)
		count += c->changes[i].kind == kind;
	return count;
}

char *
compare_words(const struct comparison *c, const struct change *change)
{
	char *label = study_cell_label(c->now, change->cell), *words;
	const char *name = c->now->allocators[change->allocator].name;
	const struct series *series = &change->cell->series[change->allocator];

	if (change->kind == CHANGE_BROKEN)
		words = text_format("%s under %s: %s, which it was not before: %s", label, name,
			series->status, series->detail);
	else
		words = text_format(
			"%s under %s: %s %.2f of what it was (noise: %.0f %%, all: %.2f)", label,
			name, change->quantity == STUDY_TIME ? "time" : "peak RSS", change->ratio,
			change->noise * 100, change->drift);
	free(label);
	return words;
}

void
compare_print(FILE *out, const struct comparison *c)
{
	static const enum change_kind kinds[] = {CHANGE_BROKEN, CHANGE_WORSE, CHANGE_BETTER};
	static const char *const titles[] = {"newly failed", "regressions", "improvements"};

	fprintf(out, "\ncompared with the older results: %zu figures", c->n);
	if (c->skipped > 0)
		fprintf(out, "; %zu cells are not in them with the same parameters", c->skipped);
	putc('\n', out);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		fprintf(out, "%s: %zu\n", titles[k], compare_count(c, kinds[k]));
		for (size_t i = 0; i < c->n; i++) {
			if (c->changes[i].kind != kinds[k])
				continue;
			char *words = compare_words(c, &c->changes[i]);

			fputs("  ", out);
			text_one_line(out, words);
			putc('\n', out);
			free(words);
		}
	}
}
