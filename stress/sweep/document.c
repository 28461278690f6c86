/* SPDX-License-Identifier: MIT
 * stress/sweep/document.c - results.json by Jansson. */
#include "stress/sweep/document.h"
#include "stress/sweep/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "hakmem-sweep"

enum { VERSION = 1 };

json_t *
document_new(const char *base)
{
	return json_pack("{s:s, s:i, s:o, s:[], s:[]}", "schema", SCHEMA, "version", VERSION,
		"base", document_string(base), "machines", "runs");
}

json_t *
document_string(const char *text)
{
	json_t *string = json_string(text);

	if (string != NULL)
		return string;
	char *copy = text_format("%s", text);

	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	string = json_string(copy);
	free(copy);
	return string;
}

/* The first thing that is wrong with the document, to be freed; NULL where it is good. */
static char *
document_fault(const json_t *document)
{
	json_t *machines = json_object_get(document, "machines");
	json_t *runs = json_object_get(document, "runs"), *item;
	const char *schema = json_string_value(json_object_get(document, "schema"));
	size_t i;

	if (schema == NULL || strcmp(schema, SCHEMA) != 0)
		return text_format("its schema is not \"" SCHEMA "\"");
	if (json_integer_value(json_object_get(document, "version")) != VERSION)
		return text_format("its version is not %d", VERSION);
	if (!json_is_array(machines) || json_array_size(machines) == 0 || !json_is_array(runs) ||
		!json_is_string(json_object_get(document, "base")))
		return text_format("it has no machines, runs or base");
	json_array_foreach(machines, i, item)
	{
		const char *name;
		json_t *environment, *plan, *workloads, *allocators;

		if (json_unpack(item, "{s:s, s:o, s:o, s:o, s:o}", "name", &name, "environment",
			    &environment, "plan", &plan, "workloads", &workloads, "allocators",
			    &allocators) != 0 ||
			!json_is_object(environment) || !json_is_object(plan) ||
			!json_is_array(workloads) || !json_is_array(allocators))
			return text_format("machine %zu is incomplete", i);
	}
	json_array_foreach(runs, i, item)
	{
		const char *workload, *allocator, *status;
		int machine, threads, round;

		if (json_unpack(item, "{s:i, s:s, s:i, s:s, s:i, s:s}", "machine", &machine,
			    "workload", &workload, "threads", &threads, "allocator", &allocator,
			    "round", &round, "status", &status) != 0 ||
			machine < 0 || (size_t)machine >= json_array_size(machines))
			return text_format("run %zu is incomplete", i);
	}
	return NULL;
}

/* Any JSON; NULL with a line. */
static json_t *
document_load_json(const char *path)
{
	json_error_t error;

	if (access(path, R_OK) != 0) {
		fprintf(stderr, "hakmem-sweep: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	json_t *json = json_load_file(path, 0, &error);

	if (json == NULL)
		fprintf(stderr, "hakmem-sweep: %s, line %d: %s\n", path, error.line, error.text);
	return json;
}

json_t *
document_load_texts(const char *path)
{
	json_t *texts = document_load_json(path), *value;
	bool ok = json_is_object(texts);
	const char *key;

	json_object_foreach(texts, key, value)
	{
		ok = ok && json_is_string(value);
	}
	if (ok || texts == NULL)
		return texts;
	fprintf(stderr, "hakmem-sweep: %s is no JSON object of texts\n", path);
	json_decref(texts);
	return NULL;
}

json_t *
document_load(const char *path)
{
	json_t *document = document_load_json(path);

	if (document == NULL)
		return NULL;
	char *fault = document_fault(document);

	if (fault == NULL)
		return document;
	fprintf(stderr, "hakmem-sweep: %s is no results.json of hakmem-sweep: %s\n", path, fault);
	free(fault);
	json_decref(document);
	return NULL;
}

static bool
document_has_machine(const json_t *machines, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(machines, i, item)
	{
		if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
			return true;
	}
	return false;
}

/* Adds a machine; one whose name is taken gets a number behind it. */
static void
document_add_machine(json_t *machines, const json_t *machine)
{
	json_t *copy = json_copy((json_t *)machine);
	const char *name = json_string_value(json_object_get(machine, "name"));
	char *unique = text_format("%s", name);

	for (int i = 2; document_has_machine(machines, unique); i++) {
		free(unique);
		unique = text_format("%s (%d)", name, i);
	}
	json_object_set_new(copy, "name", document_string(unique));
	free(unique);
	json_array_append_new(machines, copy);
}

static void
document_append(json_t *all, const json_t *one)
{
	json_t *machines = json_object_get(all, "machines"), *run, *machine;
	json_int_t shift = (json_int_t)json_array_size(machines);
	json_t *causes = json_object_get(one, "causes");
	size_t i;

	/* The first file's word counts. */
	if (json_is_object(causes) && json_object_get(all, "causes") == NULL)
		json_object_set_new(all, "causes", json_object());
	json_object_update_missing(json_object_get(all, "causes"), causes);
	json_array_foreach(json_object_get(one, "machines"), i, machine)
	{
		document_add_machine(machines, machine);
	}
	json_array_foreach(json_object_get(one, "runs"), i, run)
	{
		json_t *copy = json_copy(run);
		json_int_t index = json_integer_value(json_object_get(run, "machine"));

		json_object_set_new(copy, "machine", json_integer(index + shift));
		json_array_append_new(json_object_get(all, "runs"), copy);
	}
}

json_t *
document_merge(char *const *paths, size_t n)
{
	json_t *all = NULL;

	for (size_t i = 0; i < n; i++) {
		json_t *one = document_load(paths[i]);

		if (one == NULL) {
			json_decref(all);
			return NULL;
		}
		if (all == NULL)
			all = document_new(json_string_value(json_object_get(one, "base")));
		document_append(all, one);
		json_decref(one);
	}
	return all;
}

static void
document_complain(const char *directory, const char *name)
{
	fprintf(stderr, "hakmem-sweep: cannot write %s/%s: %s\n", directory, name, strerror(errno));
}

FILE *
document_open(const char *directory, const char *name)
{
	char *aside = text_format("%s/%s.new", directory, name);
	FILE *file = fopen(aside, "we");

	if (file == NULL)
		document_complain(directory, name);
	free(aside);
	return file;
}

bool
document_close(FILE *file, const char *directory, const char *name)
{
	char *path = text_format("%s/%s", directory, name);
	char *aside = text_format("%s.new", path);
	bool ok = !ferror(file);

	ok = fclose(file) == 0 && ok && rename(aside, path) == 0;
	if (!ok)
		document_complain(directory, name);
	free(aside);
	free(path);
	return ok;
}

bool
document_write(const json_t *document, const char *directory)
{
	static const char name[] = "results.json";
	FILE *file = document_open(directory, name);

	if (file == NULL)
		return false;
	if (json_dumpf(document, file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0)
		fputs("hakmem-sweep: the results are no JSON\n", stderr);
	putc('\n', file);
	return document_close(file, directory, name);
}
