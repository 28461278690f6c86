/* SPDX-License-Identifier: MIT
 * stress/sweep/html_heat.c - the maps of workload x allocator, for time and for peak RSS. */
#include "stress/sweep/html_parts.h"
#include "stress/sweep/text.h"

#include <math.h>
#include <stdlib.h>

/* The steps are even in the logarithm, the middle one is what nobody notices. */
static const struct step {
	double below;
	const char *style, *words;
} steps[] = {
	{0.5, "b4", "below 0.50"},
	{0.7, "b3", "0.70"},
	{0.85, "b2", "0.85"},
	{0.95, "b1", "0.95"},
	{1.0526, "n0", "the same"},
	{1.1765, "w1", "1.05"},
	{1.4286, "w2", "1.18"},
	{2, "w3", "1.43"},
	{INFINITY, "w4", "above 2.0"},
};

enum { NSTEPS = sizeof(steps) / sizeof(steps[0]) };

static const char *
heat_style(double ratio)
{
	size_t i = 0;

	while (i < NSTEPS - 1 && ratio >= steps[i].below)
		i++;
	return steps[i].style;
}

static void
heat_cell(FILE *out, const struct study *s, const struct study_cell *c, size_t a,
	enum study_quantity quantity)
{
	const struct series *series = &c->series[a];
	struct ratio r = verdict_ratio(c, a, s->base, quantity);

	if (series->status != NULL) {
		fputs("<td class=bad title=\"", out);
		html_text(out, series->detail);
		fprintf(out, "\">%s", series->status);
	} else if (isnan(r.value)) {
		fputs("<td>&ndash;", out);
	} else {
		fprintf(out, "<td class=%s>", heat_style(r.value));
		html_ratio(out, r);
	}
}

static void
heat_map(FILE *out, const struct study *s, enum study_quantity quantity, const char *title)
{
	fprintf(out, "<div><h3>%s</h3><div class=s><table class=h><thead><tr><th>", title);
	for (size_t a = 0; a < s->nallocators; a++) {
		fputs("<th>", out);
		html_text(out, s->allocators[a].name);
	}
	fputs("</thead><tbody>\n", out);
	for (size_t i = 0; i < s->ncells; i++) {
		char *label = study_cell_label(s, &s->cells[i]);

		fputs("<tr><th>", out);
		html_text(out, label);
		free(label);
		for (size_t a = 0; a < s->nallocators; a++)
			heat_cell(out, s, &s->cells[i], a, quantity);
		putc('\n', out);
	}
	fputs("</tbody></table></div></div>\n", out);
}

void
html_heat(FILE *out, const struct study *s)
{
	fputs("<h2 id=maps>Where each is ahead and behind</h2>\n<p class=m>Ratios to ", out);
	html_text(out, s->allocators[s->base].name);
	fputs(", medians. Blue: faster or leaner; orange: slower or larger; ~ marks what may be "
	      "noise.</p><p class=key>",
		out);
	for (size_t i = 0; i < NSTEPS; i++)
		fprintf(out, "<span class=%s>%s</span>", steps[i].style, steps[i].words);
	fputs("</p>\n<div class=two>\n", out);
	heat_map(out, s, STUDY_TIME, "Time");
	heat_map(out, s, STUDY_RSS, "Peak RSS");
	fputs("</div>\n", out);
}
