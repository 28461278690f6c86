/* SPDX-License-Identifier: MIT
 * stress/contention/plots.c - writes gnuplot's script, with the data inside.
 *
 * Colours are Okabe and Ito's ("Color Universal Design", 2008), which people with any kind of
 * colour vision tell apart. A front-end has one colour in all plots; dashes and marks tell its
 * lines apart a second time, so that a plot can be read in grey. */
#include "stress/contention/plots.h"
#include "stress/contention/contention.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct plot {
	const char *file, *title, *axis, *set;
	bool counters; /* drawn from the counters, under every selector */
	double (*value)(const struct summary *sum, const struct counters *c);
};

static double
plots_rate(const struct summary *sum, const struct counters *c)
{
	(void)c;
	return sum->rate.n > 0 ? sum->rate.median / 1e6 : NAN;
}

static double
plots_rss(const struct summary *sum, const struct counters *c)
{
	(void)c;
	return sum->rss_kb.n > 0 ? sum->rss_kb.median / 1024 : NAN;
}

static double
plots_share(const struct summary *sum, const struct counters *c)
{
	(void)sum;
	return counters_contended_share(c) * 100;
}

static const struct plot plots[] = {
	{"throughput", "throughput", "M operations/s", "set logscale y", false, plots_rate},
	{"rss", "peak RSS", "MiB", "set yrange [0:*]", false, plots_rss},
	{"contended", "contended share of lock acquisitions", "%", "set yrange [0:*]", true,
		plots_share},
};

enum { NPLOTS = sizeof(plots) / sizeof(plots[0]) };

struct look {
	const char *name, *colour;
	int mark, hollow;
};

/* The front-ends, and the peers. */
static const struct look looks[] = {
	{"lock", "#d55e00", 5, 4},
	{"tls", "#0072b2", 7, 6},
	{"rseq", "#009e73", 9, 8},
	{"glibc", "#000000", 1, 1},
	{"jemalloc", "#e69f00", 2, 2},
	{"mimalloc", "#cc79a7", 3, 3},
	{"tcmalloc", "#56b4e9", 13, 13},
	{"tbbmalloc", "#999999", 11, 11},
};

enum { NLOOKS = sizeof(looks) / sizeof(looks[0]) };

static const struct look *
plots_look(const struct config *c)
{
	size_t length = strcspn(c->variant, "-");

	for (size_t i = 0; i < NLOOKS; i++)
		if (strlen(looks[i].name) == length &&
			strncmp(looks[i].name, c->variant, length) == 0)
			return &looks[i];
	return &looks[NLOOKS - 1];
}

/* hakmem's lines are thick, those over jemalloc thinner and hollow, the peers' thin and dotted;
 * the selectors differ by their dashes. */
static void
plots_style(FILE *out, const struct config *c)
{
	const struct look *look = plots_look(c);
	bool hakmem = strstr(c->variant, "-hakmem") != NULL;
	int dashes = c->selector == NULL ? 3 : hakmem ? 1 : 4;

	for (size_t i = 1; c->selector != NULL && i < CONFIG_SELECTORS; i++)
		if (strcmp(c->selector, config_selectors[i]) == 0)
			dashes = (int)i + 1;
	fprintf(out, "lc rgb '%s' lw %s dt %d pt %d ps 0.6", look->colour, hakmem ? "2.5" : "1.5",
		dashes, hakmem ? look->mark : look->hollow);
}

/* Whether the plot has the line: the default selector is enough for what all allocators have. */
static bool
plots_has(const struct plot *p, const struct config *c)
{
	if (p->counters)
		return c->selector != NULL;
	return c->selector == NULL || strcmp(c->selector, config_selectors[0]) == 0;
}

/* Writes the data of a line; false where there is none. */
static bool
plots_data(FILE *out, const struct contention *s, const struct plot *p, size_t b, size_t config)
{
	const struct config *c = &s->configs.items[config];
	size_t points = 0;

	if (!plots_has(p, c))
		return false;
	fprintf(out, "$line%zu << END\n", config);
	for (size_t t = 0; t < s->nthreads; t++) {
		struct summary sum = contention_summary(s, b, s->threads[t], c);
		double value = p->value(&sum, contention_counters(s, b, s->threads[t], c));

		if (!isfinite(value))
			continue;
		fprintf(out, "%d %.6g\n", s->threads[t], value);
		points++;
	}
	fputs("END\n", out);
	return points > 0;
}

/* A string for gnuplot in single quotes, where only they themselves need care. */
static void
plots_quote(FILE *out, const char *text)
{
	putc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			putc('\'', out);
		putc(*text, out);
	}
	putc('\'', out);
}

static char *
plots_path(const struct contention *s, const struct plot *p, size_t b)
{
	return text_format("%s/%s-%s.svg", s->directory, s->benchmarks[b]->name, p->file);
}

/* What comes before the lines of a plot. */
static void
plots_open(FILE *out, const struct contention *s, const struct plot *p, size_t b)
{
	char *path = plots_path(s, p, b);

	fputs("set output ", out);
	plots_quote(out, path);
	fprintf(out,
		"\nset title '%s: %s'\nset ylabel '%s'\nunset logscale y\nset yrange [*:*]\n%s\n",
		s->benchmarks[b]->name, p->title, p->axis, p->set);
	free(path);
}

static void
plots_plot(FILE *out, const struct contention *s, const struct plot *p, size_t b)
{
	bool *drawn = text_alloc(s->configs.n, sizeof(*drawn)), any = false;

	for (size_t c = 0; c < s->configs.n; c++)
		drawn[c] = plots_data(out, s, p, b, c);
	for (size_t c = 0; c < s->configs.n; c++) {
		if (!drawn[c])
			continue;
		if (!any)
			plots_open(out, s, p, b);
		fprintf(out, "%s$line%zu using 1:2 with linespoints ", any ? ", \\\n\t" : "plot ",
			c);
		plots_style(out, &s->configs.items[c]);
		fprintf(out, " title '%s'", s->configs.items[c].allocator.name);
		any = true;
	}
	if (any)
		fputs("\nunset output\n", out);
	free(drawn);
}

void
plots_script(FILE *out, const struct contention *s)
{
	fputs("set terminal svg size 860,520 font 'Helvetica,13' background rgb 'white'\n"
	      "set key outside right center Left reverse noenhanced samplen 5\n"
	      "set border 3\nset grid ytics lc rgb '#dddddd' lt 1 lw 1\n"
	      "set xlabel 'threads'\nset logscale x 2\nset xtics nomirror (",
		out);
	for (size_t t = 0; t < s->nthreads; t++)
		fprintf(out, "%s%d", t > 0 ? ", " : "", s->threads[t]);
	fprintf(out, ")\nset xrange [%g:%g]\nset ytics nomirror\n", s->threads[0] * 0.9,
		s->threads[s->nthreads - 1] * 1.1);
	for (size_t b = 0; b < s->nbenchmarks; b++)
		for (size_t i = 0; i < NPLOTS; i++)
			plots_plot(out, s, &plots[i], b);
}

/* Those of an earlier study in the same directory must not be taken for this one's. */
static void
plots_remove(const struct contention *s)
{
	for (size_t b = 0; b < s->nbenchmarks; b++)
		for (size_t i = 0; i < NPLOTS; i++) {
			char *path = plots_path(s, &plots[i], b);

			unlink(path);
			free(path);
		}
}

/* Not by the launcher, which starts nothing any more after an interrupt. */
static bool
plots_run(const char *gnuplot, const char *script)
{
	const char *const argv[] = {gnuplot, script, NULL};
	pid_t pid;
	int status;

	if (posix_spawn(&pid, gnuplot, NULL, NULL, (char **)argv, environ) != 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
plots_draw(const struct contention *s)
{
	char *gnuplot = places_program("gnuplot");

	plots_remove(s);
	if (gnuplot == NULL) {
		fputs("hakmem-contention: no plots: gnuplot is missing; apt-get install "
		      "gnuplot-nox\n",
			stderr);
		return false;
	}
	char *script = text_format("%s/plots", s->places->temp);
	FILE *out = fopen(script, "we");
	bool ok = out != NULL;

	if (ok) {
		plots_script(out, s);
		ok = fclose(out) == 0 && plots_run(gnuplot, script);
	}
	if (!ok)
		fputs("hakmem-contention: gnuplot failed; what it drew is kept\n", stderr);
	free(script);
	free(gnuplot);
	return ok;
}

void
plots_links(FILE *out, const struct contention *s)
{
	size_t found = 0;

	fputs("## Plots\n\nThe plots of throughput and peak RSS have the selector `site` only; the "
	      "throughput's axis is logarithmic.\n\n",
		out);
	for (size_t b = 0; b < s->nbenchmarks; b++) {
		for (size_t i = 0; i < NPLOTS; i++) {
			char *path = plots_path(s, &plots[i], b);

			if (access(path, R_OK) == 0) {
				fprintf(out, "![%s: %s](%s)\n", s->benchmarks[b]->name,
					plots[i].title, strrchr(path, '/') + 1);
				found++;
			}
			free(path);
		}
	}
	fputs(found > 0 ? "\n" : "None: gnuplot was missing or has not run.\n\n", out);
}
