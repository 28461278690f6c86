/* SPDX-License-Identifier: MIT
 * stress/sweep/share.c - runs a server under callgrind and reads what that wrote.
 *
 * The format, as far as it is used here: "ob=" and "fn=" name the object and the function that the
 * lines below tell of, "cob=" and "cfn=" those that the next "calls=" line calls; the line after
 * that one ends with the cost of these calls, inclusive. Without "cob=" the object is the caller's
 * own. Names are numbered: "(3) name" at first, then "(3)". */
#include "stress/sweep/share.h"
#include "stress/sweep/allocators.h"
#include "stress/sweep/document.h"
#include "stress/sweep/places.h"
#include "stress/sweep/sweep.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the shortened run: requests of each command, size of a value, pipeline. */
static const char share_workload[] = "redis-1k", share_arguments[] = "2000 1024 16";

enum { SHARE_LIMIT_S = 300 };

bool
share_available(void)
{
	char *path = places_program("valgrind");

	if (path == NULL)
		fputs("hakmem-sweep: --profile-share needs valgrind; apt-get install valgrind\n",
			stderr);
	free(path);
	return path != NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Numbered names, of which only one property counts. */
struct names {
	bool *marked;
	size_t n;
};

/* What callgrind's text is read into. */
struct reading {
	const char *library;
	bool is_libc;
	struct names objects, functions; /* is the library; is malloc, free, ... */
	size_t object, function;         /* present ones */
	size_t callee_object, callee;
	double inside;
};

static bool
share_is_entry(const char *name)
{
	static const char *const entries[] = {"malloc", "free", "calloc", "realloc", "cfree",
		"memalign", "posix_memalign", "aligned_alloc", "malloc_usable_size", "valloc"};
	static const char internal[] = "__libc_";

	if (strncmp(name, internal, strlen(internal)) == 0)
		name += strlen(internal);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (strcmp(name, entries[i]) == 0)
			return true;
	return false;
}

/* The number of "(number) name"; a name that is new is marked where `object` says of what it is. */
static size_t
share_name(struct reading *r, const char *text, bool object)
{
	struct names *names = object ? &r->objects : &r->functions;
	char *end;
	size_t id = *text == '(' ? strtoul(text + 1, &end, 10) : 0;

	if (id == 0)
		return 0;
	if (id >= names->n) {
		names->marked = text_grow(names->marked, (id + 1) * sizeof(*names->marked));
		while (names->n <= id)
			names->marked[names->n++] = false;
	}
	const char *name = strchr(end, ' ');

	if (name != NULL)
		names->marked[id] =
			object ? places_same_file(name + 1, r->library) : share_is_entry(name + 1);
	return id;
}

static bool
share_marked(const struct names *names, size_t id)
{
	return id < names->n && names->marked[id];
}

/* Whether the call that was just read leads from outside into the allocator. */
static bool
share_enters(const struct reading *r)
{
	bool within = share_marked(&r->objects, r->object);

	if (!share_marked(&r->objects, r->callee_object))
		return false;
	if (!r->is_libc)
		return !within;
	return share_marked(&r->functions, r->callee) &&
	       !(within && share_marked(&r->functions, r->function));
}

static void
share_line(struct reading *r, const char *line, bool *calls)
{
	if (*calls) {
		const char *cost = strchr(line, ' ');

		if (cost != NULL && share_enters(r))
			r->inside += strtod(cost, NULL);
		*calls = false;
		r->callee_object = r->object;
	} else if (strncmp(line, "ob=", 3) == 0) {
		r->object = r->callee_object = share_name(r, line + 3, true);
	} else if (strncmp(line, "fn=", 3) == 0) {
		r->function = share_name(r, line + 3, false);
	} else if (strncmp(line, "cob=", 4) == 0) {
		r->callee_object = share_name(r, line + 4, true);
	} else if (strncmp(line, "cfn=", 4) == 0) {
		r->callee = share_name(r, line + 4, false);
	} else {
		*calls = strncmp(line, "calls=", 6) == 0;
	}
}

bool
share_parse(const char *text, const char *library, bool is_libc, double *inside, double *total)
{
	static const char totals[] = "totals: ";
	struct reading r = {.library = library, .is_libc = is_libc};
	char *copy = text_format("%s", text), *rest = copy;
	bool calls = false;

	*total = 0;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (strncmp(line, totals, strlen(totals)) == 0)
			*total = strtod(line + strlen(totals), NULL);
		else
			share_line(&r, line, &calls);
	}
	*inside = r.inside;
	free(r.objects.marked);
	free(r.functions.marked);
	free(copy);
	return *total > 0;
}

/* --- running --------------------------------------------------------------------------------- */

static bool
share_known(const json_t *shares, const struct allocator *a)
{
	json_t *item;
	size_t i;

	json_array_foreach(shares, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "allocator"));

		if (name != NULL && strcmp(name, a->name) == 0)
			return true;
	}
	return false;
}

/* Runs the workload under callgrind and sets counts or a reason in *object. */
static void
share_run(const struct plan *plan, const struct workload *w, const struct allocator *a,
	json_t *object)
{
	char *valgrind = places_program("valgrind");
	char *file = text_format("%s/callgrind", plan->places->temp);
	char *out = text_format("--callgrind-out-file=%s", file);
	const char *const wrapper[] = {valgrind, "--tool=callgrind", out, NULL};
	struct job job = {.places = plan->places,
		.allocator = a,
		.workload = w,
		.threads = 1,
		.arguments = share_arguments,
		.wrapper = wrapper,
		.limit_s = SHARE_LIMIT_S};
	struct run run = {.round = 1};
	double inside, total;

	run_execute(&job, &run);
	char *text = run.status == RUN_OK ? text_read(file) : NULL;

	if (text != NULL && share_parse(text, a->path, a->is_libc, &inside, &total)) {
		json_object_set_new(object, "inside", json_real(inside));
		json_object_set_new(object, "total", json_real(total));
	} else {
		json_object_set_new(object, "reason",
			document_string(
				run.status != RUN_OK ? run.detail : "callgrind wrote no counts"));
	}
	remove(file);
	free(text);
	free(out);
	free(file);
	free(valgrind);
}

void
share_measure(const struct plan *plan, json_t *shares)
{
	static const char per_cpu[] = "rseq-";
	const struct workload **found = workloads_find(share_workload, false);

	for (size_t i = 0; found != NULL && i < plan->allocators.n; i++) {
		const struct allocator *a = &plan->allocators.items[i];

		if (share_known(shares, a))
			continue;
		json_t *object = json_pack("{s:s, s:s, s:s, s:o}", "workload", share_workload,
			"arguments", share_arguments, "tool", "callgrind", "allocator",
			document_string(a->name));

		if (a->is_variant && strncmp(a->name, per_cpu, strlen(per_cpu)) == 0) {
			json_object_set_new(object, "reason",
				json_string("valgrind has no restartable sequences, so that locks "
					    "would be counted"));
		} else {
			fprintf(stderr, "callgrind: %s under %s\n", share_workload, a->name);
			share_run(plan, found[0], a, object);
		}
		if (launch_interrupted()) {
			json_decref(object);
			break;
		}
		json_array_append_new(shares, object);
	}
	free(found);
}
