/* SPDX-License-Identifier: MIT
 * tools/prof/report.c - top, leaks and lifetimes: a view as a table, or as JSON. */
#include "tools/prof/report.h"
#include "stress/sweep/document.h"
#include "tools/prof/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The quantiles of lifetimes that are told. */
#define MIDDLE 0.5
#define LATE 0.9

static const char *const titles[] = {
	[COMMAND_TOP] = "top", [COMMAND_LEAKS] = "leaks", [COMMAND_LIFETIMES] = "lifetimes"};

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *
lifetimes_json(const struct row *r)
{
	const struct site *s = &r->total;

	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "freed_samples",
		(json_int_t)site_freed(s), "median_bytes",
		parts_number_json(row_lifetime_bytes(r, MIDDLE)), "p90_bytes",
		parts_number_json(row_lifetime_bytes(r, LATE)), "median_ms",
		parts_number_json(row_lifetime_ms(r, MIDDLE)), "p90_ms",
		parts_number_json(row_lifetime_ms(r, LATE)), "bytes",
		profile_buckets_json(s->lifetime_bytes, PROFILE_BYTE_BUCKETS), "ms",
		profile_buckets_json(s->lifetime_ms, PROFILE_MS_BUCKETS));
}

static json_t *
share_json(uint64_t part, uint64_t whole)
{
	return parts_number_json(whole > 0 ? (double)part / (double)whole : NAN);
}

static json_t *
row_json(const struct view *v, struct row *r, const struct site *total)
{
	const struct profile *p = v->profile;
	const struct site *s = &r->total;
	json_t *row = json_object();

	json_object_set_new(row, "key", document_string(r->key));
	json_object_set_new(row, "name", document_string(row_name(v, r)));
	json_object_update_new(
		row, json_pack("{s:I, s:I, s:I, s:I, s:I}", "sites", (json_int_t)r->nsites,
			     "samples", (json_int_t)s->samples, "live_samples",
			     (json_int_t)s->live_samples, "threads", (json_int_t)s->threads,
			     "peak_live_bytes", (json_int_t)s->peak_live_bytes));
	json_object_update_new(
		row, json_pack("{s:I, s:I, s:o, s:o}", "live_count", (json_int_t)s->live_count,
			     "live_bytes", (json_int_t)s->live_bytes, "live_interval",
			     parts_interval_json(parts_live(s, p)), "live_share",
			     share_json(s->live_bytes, total->live_bytes)));
	json_object_update_new(
		row, json_pack("{s:I, s:I, s:o, s:o, s:f}", "alloc_count",
			     (json_int_t)s->alloc_count, "alloc_bytes", (json_int_t)s->alloc_bytes,
			     "alloc_interval", parts_interval_json(parts_allocated(s, p)),
			     "alloc_share", share_json(s->alloc_bytes, total->alloc_bytes),
			     "alloc_bytes_per_s", profile_rate(p, s->alloc_bytes)));
	json_object_set_new(row, "lifetimes", lifetimes_json(r));
	if (r->site != NULL)
		json_object_set_new(row, "stack", row_stack_json(v, r));
	return row;
}

static void
view_json(FILE *out, const struct options *o, struct view *v, const struct site *total)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < v->n && i < o->limit; i++)
		json_array_append_new(rows, row_json(v, &v->rows[i], total));
	parts_write_json(out,
		json_pack("{s:s, s:i, s:o, s:{s:I, s:o, s:I, s:o, s:f, s:I, s:I, s:I}, s:o}",
			"report", titles[o->command], "version", PROFILE_VERSION, "profile",
			profile_head_json(v->profile), "total", "live_bytes",
			(json_int_t)total->live_bytes, "live_interval",
			parts_interval_json(parts_live(total, v->profile)), "alloc_bytes",
			(json_int_t)total->alloc_bytes, "alloc_interval",
			parts_interval_json(parts_allocated(total, v->profile)),
			"alloc_bytes_per_s", profile_rate(v->profile, total->alloc_bytes),
			"samples", (json_int_t)total->samples, "live_samples",
			(json_int_t)total->live_samples, "rows", (json_int_t)v->n, "rows", rows));
}

/* --- text ------------------------------------------------------------------------------------ */

#define TOP_LINE "%10s %24s %7s %9s %8s %12s %10s %9s  %s\n"
#define LIFETIMES_LINE "%10s %7s %8s %8s %10s %10s %10s %10s  %s\n"

struct number {
	char text[24];
};

static struct number
whole(uint64_t value)
{
	struct number n;

	snprintf(n.text, sizeof(n.text), "%" PRIu64, value);
	return n;
}

static void
print_top_row(FILE *out, const struct view *v, struct row *r, const struct site *total)
{
	const struct site *s = &r->total;

	fprintf(out, TOP_LINE, cell_bytes((double)s->live_bytes).text,
		cell_interval(parts_live(s, v->profile)).text,
		cell_share((double)s->live_bytes, (double)total->live_bytes).text,
		whole(s->live_count).text, whole(s->live_samples).text,
		cell_bytes(profile_rate(v->profile, s->alloc_bytes)).text,
		cell_bytes((double)s->peak_live_bytes).text,
		cell_ms(row_lifetime_ms(r, MIDDLE)).text, row_name(v, r));
}

static void
print_lifetimes_row(FILE *out, const struct view *v, struct row *r, const struct site *total)
{
	const struct site *s = &r->total;

	fprintf(out, LIFETIMES_LINE, cell_bytes((double)s->alloc_bytes).text,
		cell_share((double)s->alloc_bytes, (double)total->alloc_bytes).text,
		whole(site_freed(s)).text, whole(s->live_samples).text,
		cell_ms(row_lifetime_ms(r, MIDDLE)).text, cell_ms(row_lifetime_ms(r, LATE)).text,
		cell_bytes(row_lifetime_bytes(r, MIDDLE)).text,
		cell_bytes(row_lifetime_bytes(r, LATE)).text, row_name(v, r));
}

static void
print_head(FILE *out, const struct view *v, const struct site *total)
{
	const struct profile *p = v->profile;
	bool merged = strcmp(p->reason, "merge") == 0;

	parts_print_origin(out, p);
	fprintf(out, "live %s (95 %%: %s), ", cell_bytes((double)total->live_bytes).text,
		cell_interval(parts_live(total, p)).text);
	fprintf(out, "peak %s%s, ", cell_bytes((double)p->peak_live_bytes).text,
		merged ? " at most (the sum of the parts' peaks)" : "");
	fprintf(out, "allocated %s, %s/s%s\n", cell_bytes((double)total->alloc_bytes).text,
		cell_bytes(profile_rate(p, total->alloc_bytes)).text,
		merged ? " of a process" : "");
	parts_print_sampling(out, p, total);
}

static void
print_leaks_head(FILE *out, const struct profile *p)
{
	double sure = estimate_bytes(0, 0, 0, p->sample_bytes).high;

	if (strcmp(p->reason, "exit") == 0)
		fputs("What was alive at exit, whether still reachable or not.\n", out);
	else
		fprintf(out,
			"What was alive when the profile was written (reason %s), which was not "
			"the "
			"exit: much of it may have been in use.\n",
			p->reason);
	fprintf(out,
		"Sampled: of a site that has less than %s, nothing may be seen here "
		"(with 2.5 %% at that size, more often below).\n",
		cell_bytes(sure).text);
}

static void
view_text(FILE *out, const struct options *o, struct view *v, const struct site *total)
{
	bool lifetimes = o->command == COMMAND_LIFETIMES;

	print_head(out, v, total);
	if (o->command == COMMAND_LEAKS)
		print_leaks_head(out, v->profile);
	putc('\n', out);
	if (lifetimes)
		fprintf(out, LIFETIMES_LINE, "allocated", "share", "freed", "alive", "median",
			"p90", "median", "p90", "site");
	else
		fprintf(out, TOP_LINE, "live", "95 % interval", "share", "blocks", "samples",
			"allocated/s", "peak", "life", "site");
	for (size_t i = 0; i < v->n && i < o->limit; i++) {
		if (lifetimes)
			print_lifetimes_row(out, v, &v->rows[i], total);
		else
			print_top_row(out, v, &v->rows[i], total);
	}
	if (v->n > o->limit)
		fprintf(out, "(%zu more; --limit=0 shows all)\n", v->n - o->limit);
}

void
report_view(FILE *out, const struct options *o, struct view *v)
{
	struct site total = parts_total(v);

	if (o->command == COMMAND_LEAKS)
		view_drop_dead(v);
	view_sort(v, o->sort);
	if (o->format == FORMAT_JSON)
		view_json(out, o, v, &total);
	else
		view_text(out, o, v, &total);
	site_free(&total);
}
