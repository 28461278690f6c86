/* SPDX-License-Identifier: MIT
 * stress/sweep/study.c - collects the runs of a document by cell and allocator and reduces them. */
#include "stress/sweep/study.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
study_key(enum study_quantity quantity)
{
	static const char *const keys[] = {[STUDY_TIME] = "time", [STUDY_RSS] = "rss_kb"};

	return keys[quantity];
}

const char *
study_group_name(enum study_group group)
{
	static const char *const names[] = {[STUDY_ALL] = "all",
		[STUDY_SINGLE] = "single-threaded",
		[STUDY_MULTI] = "multi-threaded",
		[STUDY_APPLICATION] = "applications"};

	return names[group];
}

bool
study_in_group(const struct study_cell *cell, enum study_group group)
{
	return group == STUDY_ALL || cell->group == group;
}

size_t
study_allocator_named(const struct study *s, const char *name)
{
	size_t i = 0;

	while (i < s->nallocators && strcmp(s->allocators[i].name, name) != 0)
		i++;
	return i;
}

const char *
study_machine_name(const struct study *s, size_t machine)
{
	return json_string_value(json_object_get(s->machines[machine], "name"));
}

const char *
study_environment(const struct study *s, size_t machine, const char *key)
{
	return json_string_value(
		json_object_get(json_object_get(s->machines[machine], "environment"), key));
}

char *
study_cell_label(const struct study *s, const struct study_cell *cell)
{
	char *label = cell->threaded ? text_format("%s x%d", cell->workload, cell->threads)
				     : text_format("%s", cell->workload);

	if (s->nmachines == 1)
		return label;
	char *longer = text_format("%s @%s", label, study_machine_name(s, cell->machine));

	free(label);
	return longer;
}

struct stats
study_stats(const struct series *series, const char *key)
{
	for (size_t i = 0; i < series->nvalues; i++)
		if (strcmp(series->values[i].key, key) == 0)
			return series->values[i].stats;
	return (struct stats){0};
}

/* --- collecting ------------------------------------------------------------------------------ */

static void
study_add_allocators(struct study *s, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));

		if (name == NULL || study_allocator_named(s, name) < s->nallocators)
			continue;
		s->allocators =
			text_grow(s->allocators, (s->nallocators + 1) * sizeof(*s->allocators));
		s->allocators[s->nallocators++] = (struct study_allocator){
			name, json_is_true(json_object_get(item, "hakmem"))};
	}
}

static const json_t *
study_workload(const struct study *s, size_t machine, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(s->machines[machine], "workloads"), i, item)
	{
		const char *found = json_string_value(json_object_get(item, "name"));

		if (found != NULL && strcmp(found, name) == 0)
			return item;
	}
	return NULL;
}

static const char *
study_text(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : otherwise;
}

static struct study_cell *
study_add_cell(struct study *s, size_t machine, const char *name, int threads)
{
	const json_t *w = study_workload(s, machine, name);
	bool application = json_is_true(json_object_get(w, "application"));

	s->cells = text_grow(s->cells, (s->ncells + 1) * sizeof(*s->cells));
	s->cells[s->ncells] = (struct study_cell){.machine = machine,
		.workload = name,
		.program = study_text(w, "program", name),
		.unit = study_text(w, "unit", "s"),
		.arguments = study_text(w, "arguments", ""),
		.group = application   ? STUDY_APPLICATION
			 : threads > 1 ? STUDY_MULTI
				       : STUDY_SINGLE,
		.threads = threads,
		.threaded = json_is_true(json_object_get(w, "threaded")),
		.live_mib = (int)json_integer_value(json_object_get(w, "live_mib")),
		.series = text_alloc(s->nallocators, sizeof(struct series))};
	return &s->cells[s->ncells++];
}

static struct study_cell *
study_cell(struct study *s, const json_t *run)
{
	size_t machine = (size_t)json_integer_value(json_object_get(run, "machine"));
	const char *name = json_string_value(json_object_get(run, "workload"));
	int threads = (int)json_integer_value(json_object_get(run, "threads"));

	/* Runs of a cell are neighbours, so that the last cells are the likely ones. */
	for (size_t i = s->ncells; i-- > 0;) {
		struct study_cell *c = &s->cells[i];

		if (c->machine == machine && c->threads == threads &&
			strcmp(c->workload, name) == 0)
			return c;
	}
	return study_add_cell(s, machine, name, threads);
}

static void
study_add_value(struct series *series, const char *key, double number)
{
	size_t i = 0;

	while (i < series->nvalues && strcmp(series->values[i].key, key) != 0)
		i++;
	if (i == series->nvalues) {
		series->values = text_grow(series->values, (i + 1) * sizeof(*series->values));
		series->values[series->nvalues++] = (struct study_value){.key = key};
	}
	struct study_value *v = &series->values[i];

	v->values = text_grow(v->values, (v->stats.n + 1) * sizeof(*v->values));
	v->values[v->stats.n++] = number;
}

static void
study_add_values(struct series *series, const json_t *object)
{
	static const char *const no_quantity[] = {"machine", "threads", "round", "exit", "signal"};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		bool counts = json_is_number(value);

		for (size_t i = 0; i < sizeof(no_quantity) / sizeof(no_quantity[0]); i++)
			counts = counts && strcmp(key, no_quantity[i]) != 0;
		if (counts)
			study_add_value(series, key, json_number_value(value));
	}
}

static void
study_add_run(struct study *s, const json_t *run)
{
	size_t a = study_allocator_named(s, json_string_value(json_object_get(run, "allocator")));
	const char *status = json_string_value(json_object_get(run, "status"));

	if (a == s->nallocators)
		return;
	struct series *series = &study_cell(s, run)->series[a];

	if (strcmp(status, "ok") != 0) {
		series->failed++;
		if (series->status == NULL) {
			series->status = status;
			series->detail = study_text(run, "detail", "");
		}
	} else if (json_integer_value(json_object_get(run, "round")) > 0) {
		series->good++;
		study_add_values(series, run);
		study_add_values(series, json_object_get(run, "extra"));
	}
}

/* --- reducing -------------------------------------------------------------------------------- */

static void
study_reduce(struct series *series, unsigned long stream)
{
	for (size_t i = 0; i < series->nvalues; i++) {
		struct study_value *v = &series->values[i];

		v->stats = stats_of(v->values, v->stats.n);
		for (int q = 0; q < STUDY_QUANTITIES; q++) {
			if (strcmp(v->key, study_key(q)) != 0)
				continue;
			double *sorted = text_alloc(STATS_DRAWS, sizeof(*sorted));

			series->draws[q] = text_alloc(STATS_DRAWS, sizeof(*sorted));
			stats_bootstrap(v->values, v->stats.n, stream * STUDY_QUANTITIES + q,
				series->draws[q]);
			memcpy(sorted, series->draws[q], STATS_DRAWS * sizeof(*sorted));
			series->intervals[q] = stats_interval(sorted, STATS_DRAWS);
			free(sorted);
		}
	}
}

static bool
study_choose_base(struct study *s, const char *base)
{
	const char *name =
		base != NULL ? base : json_string_value(json_object_get(s->document, "base"));

	s->base = study_allocator_named(s, name);
	if (s->base < s->nallocators)
		return true;
	fprintf(stderr, "hakmem-sweep: --base %s is not in these results; there are:", name);
	for (size_t i = 0; i < s->nallocators; i++)
		fprintf(stderr, " %s", s->allocators[i].name);
	putc('\n', stderr);
	return false;
}

bool
study_of(const json_t *document, const char *base, struct study *s)
{
	json_t *machines = json_object_get(document, "machines"), *item;
	size_t i;

	*s = (struct study){.document = document, .nmachines = json_array_size(machines)};
	s->machines = text_alloc(s->nmachines, sizeof(const json_t *));
	json_array_foreach(machines, i, item)
	{
		s->machines[i] = item;
		study_add_allocators(s, json_object_get(item, "allocators"));
	}
	if (!study_choose_base(s, base)) {
		study_free(s);
		return false;
	}
	json_array_foreach(json_object_get(document, "runs"), i, item) study_add_run(s, item);
	for (i = 0; i < s->ncells; i++)
		for (size_t a = 0; a < s->nallocators; a++)
			study_reduce(&s->cells[i].series[a], i * s->nallocators + a);
	return true;
}

static void
study_free_series(struct series *series)
{
	for (size_t i = 0; i < series->nvalues; i++)
		free(series->values[i].values);
	free(series->values);
	for (int q = 0; q < STUDY_QUANTITIES; q++)
		free(series->draws[q]);
}

void
study_free(struct study *s)
{
	for (size_t i = 0; i < s->ncells; i++) {
		for (size_t a = 0; a < s->nallocators; a++)
			study_free_series(&s->cells[i].series[a]);
		free(s->cells[i].series);
	}
	free(s->cells);
	free(s->allocators);
	free(s->machines);
	*s = (struct study){0};
}

/* --- the summary ----------------------------------------------------------------------------- */

static json_t *
study_summary_value(const struct study_value *v, const struct series *series)
{
	json_t *object = json_pack("{s:f, s:f, s:f, s:f}", "median", v->stats.median, "min",
		v->stats.min, "max", v->stats.max, "spread", v->stats.spread);

	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		if (strcmp(v->key, study_key(q)) == 0) {
			json_object_set_new(object, "low", json_real(series->intervals[q].low));
			json_object_set_new(object, "high", json_real(series->intervals[q].high));
		}
	}
	return object;
}

static json_t *
study_summary_series(const struct study *s, const struct study_cell *c, size_t a)
{
	const struct series *series = &c->series[a], *base = &c->series[s->base];
	json_t *values = json_object();
	json_t *object = json_pack("{s:i, s:s, s:i, s:s, s:s, s:i, s:i, s:s, s:o}", "machine",
		(int)c->machine, "workload", c->workload, "threads", c->threads, "allocator",
		s->allocators[a].name, "group", study_group_name(c->group), "runs",
		(int)series->good, "failed", (int)series->failed, "status",
		series->status != NULL ? series->status : "ok", "values", values);

	for (size_t i = 0; i < series->nvalues; i++)
		json_object_set_new(values, series->values[i].key,
			study_summary_value(&series->values[i], series));
	for (int q = 0; q < STUDY_QUANTITIES; q++) {
		double ratio = stats_ratio(study_stats(series, study_key(q)).median,
			study_stats(base, study_key(q)).median);

		if (ratio > 0)
			json_object_set_new(object, q == STUDY_TIME ? "time_ratio" : "rss_ratio",
				json_real(ratio));
	}
	return object;
}

json_t *
study_summary(const struct study *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->ncells; i++)
		for (size_t a = 0; a < s->nallocators; a++)
			if (s->cells[i].series[a].good + s->cells[i].series[a].failed > 0)
				json_array_append_new(
					array, study_summary_series(s, &s->cells[i], a));
	return array;
}
