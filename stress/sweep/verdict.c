/* SPDX-License-Identifier: MIT
 * stress/sweep/verdict.c - ratios, means, wins and standings. Intervals come from the bootstrap
 * draws of both sides, pair by pair. */
#include "stress/sweep/verdict.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double
verdict_median(const struct study_cell *cell, size_t allocator, enum study_quantity quantity)
{
	return study_stats(&cell->series[allocator], study_key(quantity)).median;
}

static bool
verdict_known(const struct study_cell *cell, size_t allocator, enum study_quantity quantity)
{
	return verdict_median(cell, allocator, quantity) > 0 &&
	       cell->series[allocator].draws[quantity] != NULL;
}

/* Adds a cell's logarithms to the sums; false where a side is unknown. */
static bool
verdict_add(const struct study_cell *cell, size_t allocator, size_t base,
	enum study_quantity quantity, double *sum, double *draws)
{
	const struct series *own = &cell->series[allocator], *other = &cell->series[base];

	if (!verdict_known(cell, allocator, quantity) || !verdict_known(cell, base, quantity))
		return false;
	*sum += log(
		verdict_median(cell, allocator, quantity) / verdict_median(cell, base, quantity));
	for (size_t i = 0; i < STATS_DRAWS; i++)
		draws[i] += log(own->draws[quantity][i] / other->draws[quantity][i]);
	return true;
}

/* The mean of `cells` added logarithms; `draws` is spent. */
static struct ratio
verdict_end(double sum, double *draws, size_t cells)
{
	struct ratio r = {.value = NAN, .interval = {NAN, NAN}, .cells = cells, .noise = true};

	if (cells == 0)
		return r;
	struct interval logs = stats_interval(draws, STATS_DRAWS);
	double n = (double)cells;

	r.value = exp(sum / n);
	r.interval = (struct interval){exp(logs.low / n), exp(logs.high / n)};
	/* An allocator beside itself is exactly 1, which is no noise. */
	r.noise = r.interval.low <= 1 && r.interval.high >= 1 && r.interval.low < r.interval.high;
	return r;
}

struct ratio
verdict_ratio(
	const struct study_cell *cell, size_t allocator, size_t base, enum study_quantity quantity)
{
	double sum = 0, draws[STATS_DRAWS] = {0};
	bool known = verdict_add(cell, allocator, base, quantity, &sum, draws);

	return verdict_end(sum, draws, known);
}

struct ratio
verdict_mean(const struct study *s, size_t allocator, size_t base, enum study_quantity quantity,
	enum study_group group, int machine)
{
	double sum = 0, draws[STATS_DRAWS] = {0};
	size_t cells = 0;

	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *c = &s->cells[i];

		if (study_in_group(c, group) &&
			(machine == VERDICT_ANY_MACHINE || c->machine == (size_t)machine))
			cells += verdict_add(c, allocator, base, quantity, &sum, draws);
	}
	return verdict_end(sum, draws, cells);
}

struct wins
verdict_wins(const struct study *s, size_t allocator, enum study_quantity quantity)
{
	struct wins w = {0};

	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *c = &s->cells[i];
		bool best = true, clear = true;

		if (!verdict_known(c, allocator, quantity))
			continue;
		for (size_t a = 0; a < s->nallocators; a++) {
			if (a == allocator || !verdict_known(c, a, quantity))
				continue;
			best = best && verdict_median(c, allocator, quantity) <=
					       verdict_median(c, a, quantity);
			clear = clear && c->series[allocator].intervals[quantity].high <
						 c->series[a].intervals[quantity].low;
		}
		w.cells++;
		w.best += best;
		w.clear += best && clear;
	}
	return w;
}

size_t
verdict_best_peer(
	const struct study *s, const struct study_cell *cell, enum study_quantity quantity)
{
	size_t best = s->nallocators;

	for (size_t a = 0; a < s->nallocators; a++) {
		if (s->allocators[a].hakmem || !verdict_known(cell, a, quantity))
			continue;
		if (best == s->nallocators ||
			verdict_median(cell, a, quantity) < verdict_median(cell, best, quantity))
			best = a;
	}
	return best;
}

size_t
verdict_best_variant(const struct study *s)
{
	size_t best = s->nallocators;
	double least = INFINITY;

	for (size_t a = 0; a < s->nallocators; a++) {
		if (!s->allocators[a].hakmem)
			continue;
		double mean =
			verdict_mean(s, a, s->base, STUDY_TIME, STUDY_ALL, VERDICT_ANY_MACHINE)
				.value;

		if (best == s->nallocators || mean < least) {
			best = a;
			least = mean;
		}
	}
	return best;
}

size_t
verdict_focus(const struct study *s)
{
	const char *name = json_string_value(json_object_get(s->document, "focus"));
	size_t focus = name != NULL ? study_allocator_named(s, name) : s->nallocators;

	return focus < s->nallocators ? focus : verdict_best_variant(s);
}

static int
verdict_by_ratio(const void *a, const void *b)
{
	double x = ((const struct standing *)a)->ratio.value;
	double y = ((const struct standing *)b)->ratio.value;

	return (x < y) - (x > y);
}

struct standing *
verdict_standings(const struct study *s, size_t allocator, enum study_quantity quantity, size_t *n)
{
	struct standing *list = text_alloc(s->ncells, sizeof(*list));

	*n = 0;
	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *c = &s->cells[i];
		size_t peer = verdict_best_peer(s, c, quantity);

		if (peer == s->nallocators || !verdict_known(c, allocator, quantity))
			continue;
		list[(*n)++] =
			(struct standing){c, peer, verdict_ratio(c, allocator, peer, quantity)};
	}
	qsort(list, *n, sizeof(*list), verdict_by_ratio);
	return list;
}

/* What is set side by side, and from which figure on it is worth a word. */
static const struct {
	const char *key, *words;
	double least;
} hints[] = {
	{"minflt", "page faults", 500},
	{"sys_s", "system time", 0.02},
	{"nvcsw", "voluntary context switches", 100},
	{"nivcsw", "involuntary context switches", 100},
	{"user_s", "user time", 0.05},
};

#define HINT_FACTOR 1.25

char *
verdict_hints(const struct study_cell *cell, size_t allocator, size_t peer, bool more)
{
	char *text = text_format("%s", "");

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		double own = study_stats(&cell->series[allocator], hints[i].key).median;
		double other = study_stats(&cell->series[peer], hints[i].key).median;
		double factor = own / (other > 0 ? other : hints[i].least);

		if ((own < hints[i].least && other < hints[i].least) ||
			(more ? factor < HINT_FACTOR : factor > 1 / HINT_FACTOR))
			continue;
		char *longer = text_format("%s%s%.*f times the %s", text, *text != '\0' ? ", " : "",
			factor < 10 ? 2 : 0, factor, hints[i].words);

		free(text);
		text = longer;
	}
	return text;
}
