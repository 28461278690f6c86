/* SPDX-License-Identifier: MIT
 * stress/sweep/html_charts.c - bars with intervals, and curves over threads and live-set size. */
#include "stress/sweep/html_parts.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- bars ------------------------------------------------------------------------------------ */

/* One bar with its interval; `mark` is a value to draw a line at, 0 for none. */
static void
bar_row(FILE *out, const struct study *s, size_t a, double value, struct interval interval,
	double most, double mark)
{
	fputs("<div class=r><span>", out);
	html_text(out, s->allocators[a].name);
	fprintf(out,
		"</span><div class=t><i class=c%u style=\"width:%.1f%%\"></i>"
		"<u style=\"left:%.1f%%;width:%.1f%%\"></u>",
		html_colour(a), 100 * value / most, 100 * interval.low / most,
		100 * (interval.high - interval.low) / most);
	if (mark > 0)
		fprintf(out, "<em style=\"left:%.1f%%\"></em>", 100 * mark / most);
	fputs("</div><b>", out);
}

static void
bar_means(FILE *out, const struct study *s, enum study_quantity quantity, enum study_group group)
{
	struct ratio *means = text_alloc(s->nallocators, sizeof(*means));
	double most = 1.02;

	for (size_t a = 0; a < s->nallocators; a++) {
		means[a] = verdict_mean(s, a, s->base, quantity, group, VERDICT_ANY_MACHINE);
		if (means[a].cells > 0)
			most = fmax(most, means[a].interval.high);
	}
	if (means[s->base].cells > 0) {
		fprintf(out, "<div><h3>%s, %s <span class=m>(%zu cells)</span></h3>\n",
			quantity == STUDY_TIME ? "Time" : "Peak RSS", study_group_name(group),
			means[s->base].cells);
		for (size_t a = 0; a < s->nallocators; a++) {
			if (means[a].cells == 0)
				continue;
			bar_row(out, s, a, means[a].value, means[a].interval, most, 1);
			html_ratio(out, means[a]);
			fputs("</b></div>\n", out);
		}
		fputs("</div>\n", out);
	}
	free(means);
}

static void
bar_cell(FILE *out, const struct study *s, const struct study_cell *c, enum study_quantity quantity)
{
	char *label = study_cell_label(s, c);
	double most = 0;

	for (size_t a = 0; a < s->nallocators; a++)
		most = fmax(most, c->series[a].intervals[quantity].high);
	fputs("<div><h3>", out);
	html_text(out, label);
	fprintf(out, " <span class=m>%s</span></h3>\n",
		quantity == STUDY_TIME ? c->unit : "peak MiB");
	for (size_t a = 0; a < s->nallocators; a++) {
		double median = study_stats(&c->series[a], study_key(quantity)).median;

		if (!(median > 0) || !(most > 0))
			continue;
		bar_row(out, s, a, median, c->series[a].intervals[quantity], most, 0);
		html_quantity(out, quantity == STUDY_TIME ? median : median / 1024);
		fputs("</b></div>\n", out);
	}
	fputs("</div>\n", out);
	free(label);
}

void
html_bars(FILE *out, const struct study *s)
{
	fputs("<h2 id=bars>Means and intervals</h2>\n<p class=m>Geometric means of the ratios to ",
		out);
	html_text(out, s->allocators[s->base].name);
	fputs(" (dashed line); shorter is better. The dark stroke is the 95 % interval.</p>\n"
	      "<div class=many>\n",
		out);
	for (int g = 0; g < STUDY_GROUPS; g++)
		for (int q = 0; q < STUDY_QUANTITIES; q++)
			bar_means(out, s, q, g);
	fputs("</div>\n", out);
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		fprintf(out, "<details><summary>%s of every cell</summary><div class=many>\n",
			q == STUDY_TIME ? "Time" : "Peak RSS");
		for (size_t i = 0; i < s->ncells; i++)
			bar_cell(out, s, &s->cells[i], q);
		fputs("</div></details>\n", out);
	}
}

/* --- curves ---------------------------------------------------------------------------------- */

enum {
	WIDTH = 320,
	HEIGHT = 190,
	LEFT = 44,
	RIGHT = 10,
	TOP = 10,
	BOTTOM = 24,
	MAX_POINTS = 16,
	GRID = 4,
};

/* The cells of one picture, by what is on the x axis. */
struct curve {
	const struct study_cell *cells[MAX_POINTS];
	size_t n;
	const char *key;
	double least_x, most_x, most_y;
};

static double
curve_x_value(const struct study_cell *c)
{
	return c->live_mib > 0 ? c->live_mib : c->threads;
}

static double
curve_x(const struct curve *k, const struct study_cell *c)
{
	double range = log2(k->most_x / k->least_x);

	return LEFT + (WIDTH - LEFT - RIGHT) * log2(curve_x_value(c) / k->least_x) / range;
}

static double
curve_y(const struct curve *k, double value)
{
	return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / k->most_y;
}

/* The least of 1, 2 and 5 times a power of ten that four grid lines reach up to `most` with. */
static double
curve_round_up(double most)
{
	double step = pow(10, floor(log10(most / GRID)));

	while (step * GRID < most)
		step *= step * 2 * GRID >= most ? 2 : 2.5;
	return step * GRID;
}

static void
curve_marker(FILE *out, size_t a, double x, double y)
{
	static const char *const shapes[] = {"M%.1f %.1fm-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
		"M%.1f %.1fm-3-3h6v6h-6z", "M%.1f %.1fm0-4l4 7h-8z",
		"M%.1f %.1fm0-4l4 4l-4 4l-4-4z", "M%.1f %.1fm0 4l4-7h-8z"};

	fprintf(out, "<path class=\"k l%u\" d=\"", html_colour(a));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	fprintf(out, shapes[a % (sizeof(shapes) / sizeof(shapes[0]))], x, y);
#pragma GCC diagnostic pop
	fputs("\"/>", out);
}

static void
curve_axes(FILE *out, const struct curve *k)
{
	for (int i = 0; i <= GRID; i++) {
		double value = k->most_y * i / GRID, y = curve_y(k, value);

		fprintf(out, "<path class=ax d=\"M%d %.1fH%d\"/><text x=%d y=%.1f text-anchor=end>",
			LEFT, y, WIDTH - RIGHT, LEFT - 4, y + 4);
		html_quantity(out, value);
		fputs("</text>", out);
	}
	for (size_t i = 0; i < k->n; i++)
		fprintf(out, "<text x=%.1f y=%d text-anchor=middle>%g</text>",
			curve_x(k, k->cells[i]), HEIGHT - 8, curve_x_value(k->cells[i]));
}

static void
curve_line(FILE *out, const struct curve *k, size_t a)
{
	char command = 'M';

	fprintf(out, "<path class=\"l%u%s\" d=\"", html_colour(a), a >= HTML_COLOURS ? " d1" : "");
	for (size_t i = 0; i < k->n; i++) {
		struct stats stats = study_stats(&k->cells[i]->series[a], k->key);

		if (stats.n == 0)
			continue;
		fprintf(out, "%c%.1f %.1f", command, curve_x(k, k->cells[i]),
			curve_y(k, stats.median));
		command = 'L';
	}
	fputs("\"/>", out);
	for (size_t i = 0; i < k->n; i++) {
		struct stats stats = study_stats(&k->cells[i]->series[a], k->key);

		if (stats.n > 0)
			curve_marker(out, a, curve_x(k, k->cells[i]), curve_y(k, stats.median));
	}
}

/* Sets the ranges; false where there is no curve to draw. */
static bool
curve_prepare(const struct study *s, struct curve *k)
{
	if (k->n < 2)
		return false;
	k->least_x = k->most_x = curve_x_value(k->cells[0]);
	k->most_y = 0;
	for (size_t i = 0; i < k->n; i++) {
		k->least_x = fmin(k->least_x, curve_x_value(k->cells[i]));
		k->most_x = fmax(k->most_x, curve_x_value(k->cells[i]));
		for (size_t a = 0; a < s->nallocators; a++)
			k->most_y = fmax(
				k->most_y, study_stats(&k->cells[i]->series[a], k->key).median);
	}
	if (!(k->most_y > 0) || k->least_x == k->most_x)
		return false;
	k->most_y = curve_round_up(k->most_y);
	return true;
}

static void
curve_picture(FILE *out, const struct study *s, const struct curve *k, const char *title,
	const char *unit)
{
	fputs("<div><h3>", out);
	html_text(out, title);
	fprintf(out, " <span class=m>%s</span></h3><svg viewBox=\"0 0 %d %d\" role=img>\n", unit,
		WIDTH, HEIGHT);
	curve_axes(out, k);
	for (size_t a = 0; a < s->nallocators; a++)
		curve_line(out, k, a);
	fputs("</svg></div>\n", out);
}

static void
curve_legend(FILE *out, const struct study *s)
{
	fputs("<p class=leg>", out);
	for (size_t a = 0; a < s->nallocators; a++) {
		fprintf(out,
			"<span><svg viewBox=\"0 0 30 14\"><path class=\"l%u%s\" d=\"M0 7H30\"/>",
			html_colour(a), a >= HTML_COLOURS ? " d1" : "");
		curve_marker(out, a, 15, 7);
		fputs("</svg>", out);
		html_text(out, s->allocators[a].name);
		fputs("</span>", out);
	}
	fputs("</p>\n", out);
}

/* The first cell of a workload on a machine starts its picture. */
static bool
curve_starts(const struct study *s, size_t first)
{
	for (size_t i = 0; i < first; i++)
		if (strcmp(s->cells[i].workload, s->cells[first].workload) == 0 &&
			s->cells[i].machine == s->cells[first].machine)
			return false;
	return true;
}

/* One picture for each threaded workload; false where there is none. */
static bool
curves_over_threads(FILE *out, const struct study *s)
{
	bool any = false;

	for (size_t i = 0; i < s->ncells; i++) {
		const struct study_cell *first = &s->cells[i];
		struct curve k = {.key = "ops_per_s"};

		if (!first->threaded || !curve_starts(s, i))
			continue;
		for (size_t j = i; j < s->ncells && k.n < MAX_POINTS; j++)
			if (s->cells[j].machine == first->machine &&
				strcmp(s->cells[j].workload, first->workload) == 0)
				k.cells[k.n++] = &s->cells[j];
		if (!curve_prepare(s, &k))
			continue;
		if (!any) {
			fputs("<h2 id=curves>Over the number of threads</h2>\n<p "
			      "class=m>Operations "
			      "per second over threads; higher is better.</p>\n",
				out);
			curve_legend(out, s);
			fputs("<div class=many>\n", out);
		}
		any = true;
		curve_picture(out, s, &k, first->workload, "ops/s");
	}
	if (any)
		fputs("</div>\n", out);
	return any;
}

static void
curves_over_live_set(FILE *out, const struct study *s)
{
	for (size_t m = 0; m < s->nmachines; m++) {
		struct curve k = {.key = "time"};

		for (size_t i = 0; i < s->ncells && k.n < MAX_POINTS; i++)
			if (s->cells[i].live_mib > 0 && s->cells[i].machine == m)
				k.cells[k.n++] = &s->cells[i];
		if (!curve_prepare(s, &k))
			continue;
		fputs("<h2>Over the size of the live set</h2>\n<p class=m>Nanoseconds per "
		      "operation over MiB that are live; lower is better.</p>\n",
			out);
		curve_legend(out, s);
		fputs("<div class=many>\n", out);
		curve_picture(out, s, &k, k.cells[0]->program, k.cells[0]->unit);
		k.key = "rss_kb";
		if (curve_prepare(s, &k))
			curve_picture(out, s, &k, k.cells[0]->program, "peak RSS, KiB");
		fputs("</div>\n", out);
	}
}

void
html_curves(FILE *out, const struct study *s)
{
	curves_over_threads(out, s);
	curves_over_live_set(out, s);
}
