/* SPDX-License-Identifier: MIT
 * stress/contention/counters.c - takes the counters out of the JSON, by Jansson. */
#include "stress/contention/counters.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNTERS_START "{\"hakmem\":{"

/* The first line that is a report, or NULL. */
static const char *
counters_line(const char *text)
{
	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, COUNTERS_START, strlen(COUNTERS_START)) == 0)
			return line;
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return NULL;
}

/* A number, or NaN where it is null or absent. */
static double
counters_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The same with 0 for what is not there, for counts. */
static double
counters_count(const json_t *object, const char *key)
{
	double value = counters_number(object, key);

	return isfinite(value) ? value : 0;
}

static bool
counters_prove(
	const json_t *root, const char *variant, const char *selector, char *why, size_t size)
{
	const char *named = json_string_value(json_object_get(root, "variant"));
	const char *chose = json_string_value(json_object_get(root, "selector"));
	const json_t *stats = json_object_get(root, "stats");

	if (named == NULL || strcmp(named, variant) != 0)
		snprintf(why, size, "the statistics are those of %s, not of %s",
			named != NULL ? named : "no variant", variant);
	else if (chose == NULL || strcmp(chose, selector) != 0)
		snprintf(why, size, "the statistics name the selector %s, not %s",
			chose != NULL ? chose : "nowhere", selector);
	else if (counters_count(stats, "slow_allocs") <= 0 ||
		 counters_count(stats, "peak_bytes") <= 0)
		snprintf(why, size, "the statistics of %s count no allocation", variant);
	else
		return true;
	return false;
}

static void
counters_take(const json_t *root, struct counters *c)
{
	const json_t *totals = json_object_get(root, "totals");
	const json_t *sites = json_object_get(root, "sites");
	const char *mechanism = json_string_value(json_object_get(root, "mechanism"));

	*c = (struct counters){.known = true,
		.arenas = counters_count(root, "arenas_active"),
		.acquisitions = counters_count(totals, "lock_acquisitions"),
		.contended = counters_count(totals, "lock_contended"),
		.wait_us = counters_count(totals, "lock_wait_us"),
		.refills = counters_count(totals, "refills"),
		.borrowed = counters_count(totals, "borrowed"),
		.remote_share = counters_number(totals, "remote_share"),
		.sites = counters_count(sites, "seen"),
		.entropy_bits = counters_number(sites, "entropy_bits"),
		.restarts = counters_count(json_object_get(root, "frontend"), "restarts")};
	snprintf(c->mechanism, sizeof(c->mechanism), "%s", mechanism != NULL ? mechanism : "");
}

bool
counters_read(const char *text, const char *variant, const char *selector, struct counters *c,
	char *why, size_t size)
{
	const char *line = counters_line(text);
	json_error_t error;

	*c = (struct counters){0};
	if (line == NULL) {
		snprintf(why, size, "no line of statistics on standard error");
		return false;
	}
	json_t *document = json_loadb(line, strcspn(line, "\n"), 0, &error);
	const json_t *root = json_object_get(document, "hakmem");
	bool ok = false;

	if (document == NULL)
		snprintf(why, size, "the statistics are no JSON: %s, column %d", error.text,
			error.column);
	else
		ok = counters_prove(root, variant, selector, why, size);
	if (ok)
		counters_take(root, c);
	json_decref(document);
	return ok;
}

double
counters_contended_share(const struct counters *c)
{
	return c->known && c->acquisitions > 0 ? c->contended / c->acquisitions : NAN;
}
