/* SPDX-License-Identifier: MIT
 * tools/prof/suggest.c - Site Rules from lifetimes and sizes.
 *
 * A rule goes by the place that malloc returns to, so that the sites which differ in outer frames
 * alone are judged together. What is done with freed memory by rule is done above 1 MiB only: below
 * that there is nothing to suggest. */
#include "tools/prof/suggest.h"
#include "stress/sweep/text.h"
#include "tools/prof/estimate.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A block below it is none of BigCache's. */
	LARGE_BYTES = 1 << 20,
	/* Freed within 2^10 ms: while its pages would still be kept. */
	SHORT_BUCKETS = 10,
	/* Alive for 2^14 ms or longer: freed so seldom that keeping its pages is of no use. */
	LONG_BUCKETS = 14,
	/* What is alive at the end of a shorter run need not be long-lived. */
	LEAST_UPTIME_MS = 60000,
};

struct place {
	struct frame frame; /* the innermost of its sites */
	struct site total;
	uint64_t large, brief, lasting; /* samples */
	struct interval in_large, in_brief, in_lasting;
};

/* --- places ---------------------------------------------------------------------------------- */

static int
compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->frame.module != y->frame.module)
		return x->frame.module < y->frame.module ? -1 : 1;
	return (x->frame.offset > y->frame.offset) - (x->frame.offset < y->frame.offset);
}

/* The innermost frames that lie in a module: an array of *n, to be freed as its totals. */
static struct place *
places_of(const struct profile *p, size_t *n)
{
	struct place *list = text_alloc(p->nsites, sizeof(*list));
	size_t count = 0;

	*n = 0;
	for (size_t i = 0; i < p->nsites; i++) {
		const struct site *s = &p->sites[i];

		if (s->nframes == 0 || s->frames[0].module == PROFILE_NO_MODULE)
			continue;
		list[count].frame = s->frames[0];
		site_add(&list[count++].total, s);
	}
	qsort(list, count, sizeof(*list), compare_places);
	for (size_t i = 0; i < count; i++) {
		if (*n > 0 && compare_places(&list[*n - 1], &list[i]) == 0) {
			site_add(&list[*n - 1].total, &list[i].total);
			site_free(&list[i].total);
		} else {
			list[(*n)++] = list[i];
		}
	}
	return list;
}

static void
judge(struct place *p)
{
	const struct site *s = &p->total;
	uint64_t freed = site_freed(s), all = profile_sum(freed, s->live_samples), sized = 0;

	for (size_t i = 0; i < s->nsizes; i++) {
		sized = profile_sum(sized, s->sizes[i].samples);
		if (s->sizes[i].size > LARGE_BYTES)
			p->large = profile_sum(p->large, s->sizes[i].samples);
	}
	p->brief = profile_first_buckets(s->lifetime_ms, SHORT_BUCKETS);
	p->lasting = all - profile_first_buckets(s->lifetime_ms, LONG_BUCKETS);
	p->in_large = estimate_share(p->large, sized);
	p->in_brief = estimate_share(p->brief, all);
	p->in_lasting = estimate_share(p->lasting, all);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void
print_evidence(FILE *out, const char *what, uint64_t hits, const struct site *s, struct interval i)
{
	uint64_t all = profile_sum(site_freed(s), s->live_samples);

	fprintf(out, "#   %s: %" PRIu64 " of %" PRIu64 " samples (95 %%: %.3f to %.3f)\n", what,
		hits, all, i.low, i.high);
}

/* Whether the rules' syntax can name the module: one word, without its comment sign. */
static bool
can_be_named(const char *module)
{
	return strpbrk(module, " \t\n#,") == NULL && strcmp(module, "?") != 0;
}

static void
print_rule(FILE *out, const struct profile *p, struct symbols *symbols, const struct place *place,
	bool brief)
{
	size_t n;
	const struct symbol *s = symbols_of(symbols, place->frame, &n);
	char *where = symbols_place(p, place->frame);

	fputs("\n# ", out);
	text_one_line(out, s->function != NULL ? s->function : where);
	if (s->file != NULL) {
		fputs(", ", out);
		text_one_line(out, s->file);
		fprintf(out, ":%d", s->line);
	}
	fputs("\n", out);
	print_evidence(out, "above 1 MiB", place->large, &place->total, place->in_large);
	if (brief)
		print_evidence(
			out, "freed within 1.024 s", place->brief, &place->total, place->in_brief);
	else
		print_evidence(out, "alive, or freed after 16.384 s or more", place->lasting,
			&place->total, place->in_lasting);
	if (can_be_named(symbols_module(p, place->frame.module)))
		fprintf(out, "module %s -> %s\n", where,
			brief ? "bigcache yes, keep" : "bigcache no, purge");
	else
		fprintf(out, "#   no rule: the module's name is not one word\n");
	free(where);
}

static void
print_head(FILE *out, const struct profile *p, double confidence)
{
	fputs("# Site Rules, suggested by hakmem-prof for ", out);
	text_one_line(out, p->program);
	fprintf(out,
		"\n# A rule stands where the lower end of Wilson's 95 %% interval is above %g, "
		"both\n"
		"# for blocks above 1 MiB and for their lifetimes. Samples favour bytes: a block "
		"of\n"
		"# twice the size is sampled twice as often, up to one in %" PRIu64 " bytes.\n",
		confidence, p->sample_bytes);
	if (p->uptime_ms < LEAST_UPTIME_MS)
		fprintf(out,
			"# The profile is of %" PRIu64
			" ms: too short to call anything long-lived, "
			"which\n# takes %d ms.\n",
			p->uptime_ms, LEAST_UPTIME_MS);
}

void
suggest_write(FILE *out, const struct profile *p, struct symbols *symbols, double confidence)
{
	size_t n, rules = 0;
	struct place *places = places_of(p, &n);

	print_head(out, p, confidence);
	for (size_t i = 0; i < n; i++) {
		judge(&places[i]);
		bool large = places[i].in_large.low > confidence;
		bool brief = large && places[i].in_brief.low > confidence;
		bool lasting = large && places[i].in_lasting.low > confidence &&
			       p->uptime_ms >= LEAST_UPTIME_MS;

		if (brief || lasting) {
			print_rule(out, p, symbols, &places[i], brief);
			rules++;
		}
		site_free(&places[i].total);
	}
	fprintf(out, "\n# %zu of %zu places.\n", rules, n);
	free(places);
}
