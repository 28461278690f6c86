/* SPDX-License-Identifier: MIT
 * tools/prof/report_parts.c - quantities as text and as JSON. */
#include "tools/prof/report_parts.h"

#include <err.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static struct cell
cell_unknown(double value)
{
	struct cell c;

	snprintf(c.text, sizeof(c.text), "%s", isnan(value) ? "-" : "alive");
	return c;
}

struct cell
cell_bytes(double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;
	struct cell c;

	if (!isfinite(bytes))
		return cell_unknown(bytes);
	while (fabs(bytes) >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
		bytes /= 1024;
		unit++;
	}
	snprintf(c.text, sizeof(c.text), "%.*f %s", unit > 0, bytes, units[unit]);
	return c;
}

struct cell
cell_interval(struct interval i)
{
	struct cell c;

	snprintf(c.text, sizeof(c.text), "%.20s .. %.20s", cell_bytes(i.low).text,
		cell_bytes(i.high).text);
	return c;
}

struct cell
cell_ms(double ms)
{
	static const struct {
		double ms;
		const char *name;
	} units[] = {{86400e3, "d"}, {3600e3, "h"}, {60e3, "min"}, {1e3, "s"}, {1, "ms"}};
	size_t unit = 0;
	struct cell c;

	if (!isfinite(ms))
		return cell_unknown(ms);
	while (unit + 1 < sizeof(units) / sizeof(*units) && ms < units[unit].ms)
		unit++;
	snprintf(c.text, sizeof(c.text), "%.1f %s", ms / units[unit].ms, units[unit].name);
	return c;
}

struct cell
cell_share(double part, double whole)
{
	struct cell c;

	if (!(whole > 0))
		return cell_unknown(NAN);
	snprintf(c.text, sizeof(c.text), "%.1f %%", 100 * part / whole);
	return c;
}

struct interval
parts_live(const struct site *s, const struct profile *p)
{
	return estimate_bytes(
		(double)s->live_bytes, s->live_variance, s->live_samples, p->sample_bytes);
}

struct interval
parts_allocated(const struct site *s, const struct profile *p)
{
	return estimate_bytes(
		(double)s->alloc_bytes, s->alloc_variance, s->samples, p->sample_bytes);
}

struct site
parts_total(const struct view *v)
{
	struct site total = {0};

	for (size_t i = 0; i < v->n; i++)
		site_add(&total, &v->rows[i].total);
	return total;
}

json_t *
parts_interval_json(struct interval i)
{
	return json_pack("[f, f]", i.low, i.high);
}

json_t *
parts_number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

void
parts_write_json(FILE *out, json_t *report)
{
	if (json_dumpf(report, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0)
		errx(EXIT_FAILURE, "the report cannot be written as JSON");
	putc('\n', out);
	json_decref(report);
}

void
parts_print_origin(FILE *out, const struct profile *p)
{
	fprintf(out, "%s", p->program);
	if (p->pid != 0)
		fprintf(out, ", process %" PRIu64, p->pid);
	fprintf(out, ", host %s, %s, reason %s, after %s\n", p->host, p->variant, p->reason,
		cell_ms((double)p->uptime_ms).text);
}

void
parts_print_sampling(FILE *out, const struct profile *p, const struct site *total)
{
	fprintf(out,
		"%" PRIu64 " samples, one in %s; %" PRIu64 " of them alive; %" PRIu64 " lost\n",
		total->samples, cell_bytes((double)p->sample_bytes).text, total->live_samples,
		p->dropped_samples);
}
