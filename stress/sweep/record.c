/* SPDX-License-Identifier: MIT
 * stress/sweep/record.c - turns plan, environment and runs into JSON, and runs back. */
#include "stress/sweep/record.h"
#include "stress/sweep/document.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The measured quantities of struct usage, by their names in the document. */
#define RECORD_USAGE(X)                                                                            \
	X(wall_s) X(user_s) X(sys_s) X(rss_kb) X(minflt) X(majflt) X(nvcsw) X(nivcsw)

json_t *
record_environment(const char *text)
{
	json_t *object = json_object();
	char *copy = text_format("%s", text), *rest = copy;

	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		char *value = strstr(line, ": ");

		if (strncmp(line, "# ", 2) != 0 || value == NULL)
			continue;
		*value = '\0';
		json_object_set_new(object, line + 2, document_string(value + 2));
	}
	free(copy);
	return object;
}

static json_t *
record_allocators(const struct allocators *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n; i++) {
		const struct allocator *a = &list->items[i];

		json_array_append_new(array,
			json_pack("{s:o, s:o, s:b}", "name", document_string(a->name), "path",
				document_string(allocators_path(a)), "hakmem", (int)a->is_variant));
	}
	return array;
}

static json_t *
record_workloads(const struct plan *plan)
{
	json_t *array = json_array();

	for (const struct workload *const *w = plan->workloads; *w != NULL; w++) {
		json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "name", (*w)->name,
			"program", workload_program(*w), "unit", workload_unit(*w), "arguments",
			workload_arguments(*w, plan->quick), "application", (*w)->application,
			"threaded", (*w)->threaded);

		if ((*w)->live_mib > 0)
			json_object_set_new(object, "live_mib", json_integer((*w)->live_mib));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *
record_machine(const struct plan *plan, bool complete)
{
	char host[256] = "";
	json_t *threads = json_array();

	gethostname(host, sizeof(host) - 1);
	for (size_t i = 0; i < plan->nthreads; i++)
		json_array_append_new(threads, json_integer(plan->threads[i]));
	json_t *choices = json_pack("{s:b, s:i, s:f, s:o, s:b}", "quick", plan->quick, "runs",
		plan->runs, "limit_s", plan->limit_s, "threads", threads, "complete", complete);

	json_t *machine = json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", document_string(host),
		"environment", record_environment(plan->environment), "plan", choices, "workloads",
		record_workloads(plan), "allocators", record_allocators(&plan->allocators));

	json_object_set_new(choices, "profile_share", json_boolean(plan->shares != NULL));
	if (plan->shares != NULL)
		json_object_set(machine, "shares", plan->shares);
	return machine;
}

static void
record_number(json_t *object, const char *key, double value)
{
	if (isfinite(value))
		json_object_set_new(object, key, json_real(value));
}

/* What a workload tells of itself beside rate and checksum: all other numbers of its line. */
static json_t *
record_extra(const char *line)
{
	static const char *const known[] = {"workload", "threads", "ops_per_s", "checksum"};
	json_t *object = json_object();
	char *copy = text_format("%s", line), *rest = copy;

	for (char *word; (word = strsep(&rest, " ")) != NULL;) {
		char *equals = strchr(word, '=');
		bool skip = equals == NULL || equals == word;
		double value;

		if (skip)
			continue;
		*equals = '\0';
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			skip = skip || strcmp(word, known[i]) == 0;
		if (!skip && text_number(line, word, &value))
			json_object_set_new(object, word, json_real(value));
	}
	free(copy);
	return object;
}

static json_t *
record_run(const struct run *run)
{
	json_t *object = json_pack("{s:i, s:s, s:i, s:o, s:i, s:s}", "machine", 0, "workload",
		run->workload->name, "threads", run->threads, "allocator",
		document_string(run->allocator->name), "round", run->round, "status",
		run_status_name(run->status));

	if (run->ops_per_s > 0) {
		record_number(object, "time", workload_time(run));
		record_number(object, "ops_per_s", run->ops_per_s);
	}
#define RECORD_PUT(field) record_number(object, #field, run->usage.field);
	RECORD_USAGE(RECORD_PUT)
#undef RECORD_PUT
	json_object_set_new(object, "exit", json_integer(run->usage.exit_code));
	json_object_set_new(object, "signal", json_integer(run->usage.signal));
	if (run->checksum[0] != '\0')
		json_object_set_new(object, "checksum", document_string(run->checksum));
	if (run->result[0] != '\0') {
		json_object_set_new(object, "result", document_string(run->result));
		json_object_set_new(object, "extra", record_extra(run->result));
	}
	if (run->detail[0] != '\0')
		json_object_set_new(object, "detail", document_string(run->detail));
	return object;
}

json_t *
record_sweep(const struct plan *plan, const struct results *results, bool complete)
{
	json_t *document = document_new(plan->base->name), *runs = json_array();

	json_array_append_new(
		json_object_get(document, "machines"), record_machine(plan, complete));
	for (size_t i = 0; i < results->n; i++)
		if (results->runs[i].status != RUN_INTERRUPTED)
			json_array_append_new(runs, record_run(&results->runs[i]));
	json_object_set_new(document, "runs", runs);
	return document;
}

static void
record_take(const json_t *object, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(out, size, "%s", text != NULL ? text : "");
}

static const struct workload *
record_workload(const struct plan *plan, const char *name)
{
	for (const struct workload *const *w = plan->workloads; *w != NULL; w++)
		if (strcmp((*w)->name, name) == 0)
			return *w;
	return NULL;
}

static bool
record_restore_run(const json_t *object, const struct plan *plan, struct run *run)
{
	const char *status, *workload, *allocator;

	*run = (struct run){0};
	if (json_unpack((json_t *)object, "{s:s, s:s, s:s, s:i, s:i}", "workload", &workload,
		    "allocator", &allocator, "status", &status, "threads", &run->threads, "round",
		    &run->round) != 0)
		return false;
	run->workload = record_workload(plan, workload);
	run->allocator = allocators_named(&plan->allocators, allocator);
	run->ops_per_s = json_number_value(json_object_get(object, "ops_per_s"));
#define RECORD_TAKE(field) run->usage.field = json_number_value(json_object_get(object, #field));
	RECORD_USAGE(RECORD_TAKE)
#undef RECORD_TAKE
	run->usage.exit_code = (int)json_integer_value(json_object_get(object, "exit"));
	run->usage.signal = (int)json_integer_value(json_object_get(object, "signal"));
	record_take(object, "checksum", run->checksum, sizeof(run->checksum));
	record_take(object, "result", run->result, sizeof(run->result));
	record_take(object, "detail", run->detail, sizeof(run->detail));
	return run_status_named(status, &run->status) && run->workload != NULL &&
	       run->allocator != NULL;
}

bool
record_restore(const json_t *document, const struct plan *plan, struct results *results)
{
	json_t *object;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, object)
	{
		struct run run;

		if (!record_restore_run(object, plan, &run)) {
			fprintf(stderr,
				"hakmem-sweep: run %zu of the results is none of their plan; "
				"start a new sweep\n",
				i);
			return false;
		}
		results_add(results, &run);
	}
	return true;
}
