/* SPDX-License-Identifier: MIT
 * tools/prof/merge.c - adds a profile to another. */
#include "tools/prof/merge.h"
#include "stress/sweep/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEVERAL "(several)"

static void
merge_text(char **text, const char *more)
{
	if (*text != NULL && strcmp(*text, more) == 0)
		return;
	const char *now = *text == NULL ? more : SEVERAL;

	free(*text);
	*text = text_format("%s", now);
}

/* Puts a module where it meets no other: processes have theirs at different addresses, which a
 * reader of addresses would take for each other's. */
static void
merge_place(const struct profile *total, struct module *m)
{
	const uint64_t alignment = 1 << 21;
	bool meets = false;
	uint64_t top = 0;

	for (size_t i = 0; i < total->nmodules; i++) {
		const struct module *other = &total->modules[i];

		meets |= m->start < other->end && other->start < m->end;
		if (other->end > top)
			top = other->end;
	}
	if (!meets)
		return;
	uint64_t shift = ((top + alignment) & ~(alignment - 1)) - (m->start & ~(alignment - 1));

	m->start += shift;
	m->end += shift;
	m->bias += shift;
}

/* The module's index in `total`, where it is added if it is new. */
static int
merge_module(struct profile *total, const struct module *m)
{
	for (size_t i = 0; i < total->nmodules; i++)
		if (strcmp(total->modules[i].path, m->path) == 0 &&
			strcmp(total->modules[i].build_id, m->build_id) == 0)
			return (int)i;
	struct module copy = {.path = text_format("%s", m->path),
		.build_id = text_format("%s", m->build_id),
		.start = m->start,
		.end = m->end,
		.bias = m->bias};

	merge_place(total, &copy);
	total->modules = text_grow(total->modules, (total->nmodules + 1) * sizeof(*total->modules));
	total->modules[total->nmodules] = copy;
	return (int)total->nmodules++;
}

static struct site
merge_site(const struct site *s, const int *modules)
{
	struct site copy = {.id = s->id, .nframes = s->nframes};

	copy.frames = text_alloc(s->nframes, sizeof(*copy.frames));
	for (size_t i = 0; i < s->nframes; i++) {
		copy.frames[i] = s->frames[i];
		if (s->frames[i].module != PROFILE_NO_MODULE)
			copy.frames[i].module = modules[s->frames[i].module];
	}
	site_add(&copy, s);
	return copy;
}

void
merge_add(struct profile *total, const struct profile *more)
{
	int *modules = text_alloc(more->nmodules, sizeof(*modules));

	merge_text(&total->program, more->program);
	merge_text(&total->host, more->host);
	merge_text(&total->variant, more->variant);
	free(total->reason);
	total->reason = text_format("merge");
	if (more->time_ms > total->time_ms)
		total->time_ms = more->time_ms;
	if (more->sample_bytes > total->sample_bytes)
		total->sample_bytes = more->sample_bytes;
	total->uptime_ms = profile_sum(total->uptime_ms, more->uptime_ms);
	total->allocated_bytes = profile_sum(total->allocated_bytes, more->allocated_bytes);
	total->live_bytes = profile_sum(total->live_bytes, more->live_bytes);
	total->peak_live_bytes = profile_sum(total->peak_live_bytes, more->peak_live_bytes);
	total->dropped_samples = profile_sum(total->dropped_samples, more->dropped_samples);
	for (size_t i = 0; i < more->nmodules; i++)
		modules[i] = merge_module(total, &more->modules[i]);
	total->sites =
		text_grow(total->sites, (total->nsites + more->nsites + 1) * sizeof(*total->sites));
	for (size_t i = 0; i < more->nsites; i++)
		total->sites[total->nsites++] = merge_site(&more->sites[i], modules);
	profile_order(total);
	free(modules);
}
