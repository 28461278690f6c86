/* SPDX-License-Identifier: MIT
 * stress/sweep/resume.c - turns the plan of a results.json back into options. */
#include "stress/sweep/resume.h"
#include "stress/sweep/allocators.h"
#include "stress/sweep/document.h"
#include "stress/sweep/machine.h"
#include "stress/sweep/options.h"
#include "stress/sweep/places.h"
#include "stress/sweep/record.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "a,b,c" of the names in an array of objects; to be freed. Allocators that only a path finds
 * become NAME=PATH. */
static char *
resume_join(const json_t *array, bool paths)
{
	char *list = text_format("%s", "");
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));
		const char *path = json_string_value(json_object_get(item, "path"));
		bool by_path = paths && path != NULL && !allocators_is_peer(name) &&
			       !json_is_true(json_object_get(item, "hakmem"));
		char *longer = text_format("%s%s%s%s%s", list, i > 0 ? "," : "", name,
			by_path ? "=" : "", by_path ? path : "");

		free(list);
		list = longer;
	}
	return list;
}

static char *
resume_join_threads(const json_t *array)
{
	char *list = text_format("%s", "");
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		char *longer = text_format("%s%s%" JSON_INTEGER_FORMAT, list, i > 0 ? "," : "",
			json_integer_value(item));

		free(list);
		list = longer;
	}
	return list;
}

static json_t *
resume_machine(const struct resumed *r)
{
	return json_array_get(json_object_get(r->document, "machines"), 0);
}

bool
resume_open(struct options *o, struct resumed *r)
{
	char *path = text_format("%s/results.json", o->resume);

	*r = (struct resumed){.document = document_load(path)};
	free(path);
	if (r->document == NULL)
		return false;
	json_t *machine = resume_machine(r), *choices = json_object_get(machine, "plan");

	r->workloads = resume_join(json_object_get(machine, "workloads"), false);
	r->allocators = resume_join(json_object_get(machine, "allocators"), true);
	r->threads = resume_join_threads(json_object_get(choices, "threads"));
	o->workloads = r->workloads;
	o->choice.only = r->allocators;
	o->threads = r->threads;
	o->quick = json_is_true(json_object_get(choices, "quick"));
	o->profile_share =
		o->profile_share || json_is_true(json_object_get(choices, "profile_share"));
	o->runs = (int)json_integer_value(json_object_get(choices, "runs"));
	if (o->limit_s == 0)
		o->limit_s = (int)json_number_value(json_object_get(choices, "limit_s"));
	if (o->base == NULL)
		o->base = json_string_value(json_object_get(r->document, "base"));
	if (json_array_size(json_object_get(r->document, "machines")) == 1 && o->runs >= 1 &&
		*r->threads != '\0')
		return true;
	fprintf(stderr, "hakmem-sweep: --resume %s: these are no results of one sweep\n",
		o->resume);
	return false;
}

void
resume_close(struct resumed *r)
{
	free(r->workloads);
	free(r->allocators);
	free(r->threads);
	json_decref(r->document);
	*r = (struct resumed){0};
}

json_t *
resume_shares(const struct resumed *r)
{
	return json_object_get(resume_machine(r), "shares");
}

static const char *
resume_value(const json_t *environment, const char *key)
{
	const char *text = json_string_value(json_object_get(environment, key));

	return text != NULL ? text : "not known";
}

/* Whether all of `some` is the same in the other environment; `now` tells which of them is that of
 * this moment. */
static bool
resume_agrees(const struct options *o, json_t *some, const json_t *then, const json_t *now)
{
	const char *key;
	json_t *value;

	json_object_foreach(some, key, value)
	{
		const char *was = resume_value(then, key), *is = resume_value(now, key);

		if (strcmp(key, "date") == 0 || strcmp(was, is) == 0)
			continue;
		if (strcmp(key, "commit") == 0) {
			/* Once, though both environments are gone through. */
			if (some == then)
				fprintf(stderr,
					"hakmem-sweep: the commit was %s and is %s; what is run is "
					"the same\n",
					was, is);
			continue;
		}
		fprintf(stderr,
			"hakmem-sweep: --resume %s: another machine or build began that sweep: %s "
			"was %s, is %s; start a new one\n",
			o->resume, key, was, is);
		return false;
	}
	return true;
}

bool
resume_check(const struct options *o, const struct resumed *r, const char *now)
{
	json_t *then = json_object_get(resume_machine(r), "environment");
	json_t *present = record_environment(now);
	bool ok = resume_agrees(o, then, then, present) && resume_agrees(o, present, then, present);

	json_decref(present);
	return ok;
}

char *
resume_fingerprint(const struct places *p, const struct workload *const *w)
{
	uint64_t hash = MACHINE_DIGEST_START;
	char *pattern = text_format("%s/*", p->scripts);
	glob_t scripts;

	for (; *w != NULL; w++) {
		char *path = text_format("%s/%s", p->programs, workload_program(*w));

		if ((*w)->run == NULL)
			hash = machine_digest(path, hash);
		free(path);
	}
	if (glob(pattern, 0, NULL, &scripts) == 0) {
		for (size_t i = 0; i < scripts.gl_pathc; i++)
			hash = machine_digest(scripts.gl_pathv[i], hash);
		globfree(&scripts);
	}
	free(pattern);
	return text_format("# workloads: digest %016" PRIx64 "\n", hash);
}
