/* SPDX-License-Identifier: MIT
 * tools/prof/format.c - the profile's file by Jansson: one table of members serves the reader, the
 * checks and the writer. */
#include "stress/sweep/text.h"
#include "tools/prof/profile.h"

#include <err.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "hakmem-profile"

enum kind { KIND_NUMBER, KIND_REAL, KIND_TEXT, KIND_HEX };

/* A member of a JSON object and its place in the struct. */
struct member {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define MEMBER(type, kind, field)                                                                  \
	{                                                                                          \
#field, kind, offsetof(type, field)                                                \
	}

static const struct member profile_members[] = {MEMBER(struct profile, KIND_TEXT, program),
	MEMBER(struct profile, KIND_TEXT, host), MEMBER(struct profile, KIND_NUMBER, pid),
	MEMBER(struct profile, KIND_NUMBER, time_ms),
	MEMBER(struct profile, KIND_NUMBER, uptime_ms), MEMBER(struct profile, KIND_TEXT, variant),
	MEMBER(struct profile, KIND_TEXT, reason),
	MEMBER(struct profile, KIND_NUMBER, sample_bytes),
	MEMBER(struct profile, KIND_NUMBER, allocated_bytes),
	MEMBER(struct profile, KIND_NUMBER, live_bytes),
	MEMBER(struct profile, KIND_NUMBER, peak_live_bytes),
	MEMBER(struct profile, KIND_NUMBER, dropped_samples), {NULL, KIND_NUMBER, 0}};

static const struct member module_members[] = {MEMBER(struct module, KIND_TEXT, path),
	MEMBER(struct module, KIND_TEXT, build_id), MEMBER(struct module, KIND_HEX, start),
	MEMBER(struct module, KIND_HEX, end), MEMBER(struct module, KIND_HEX, bias),
	{NULL, KIND_NUMBER, 0}};

static const struct member site_members[] = {MEMBER(struct site, KIND_NUMBER, samples),
	MEMBER(struct site, KIND_NUMBER, live_samples),
	MEMBER(struct site, KIND_NUMBER, alloc_count),
	MEMBER(struct site, KIND_NUMBER, alloc_bytes), MEMBER(struct site, KIND_NUMBER, live_count),
	MEMBER(struct site, KIND_NUMBER, live_bytes), MEMBER(struct site, KIND_REAL, live_variance),
	MEMBER(struct site, KIND_REAL, alloc_variance),
	MEMBER(struct site, KIND_NUMBER, peak_live_bytes),
	MEMBER(struct site, KIND_NUMBER, threads), {NULL, KIND_NUMBER, 0}};

/* --- reading: each function gives NULL, or what is wrong, to be freed ------------------------ */

static bool
read_number(const json_t *value, uint64_t *out)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static bool
read_hex(const json_t *value, uint64_t *out)
{
	const char *text = json_string_value(value);
	char *end;

	if (text == NULL || text[strspn(text, "0123456789abcdef")] != '\0' || *text == '\0')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 16);
	return errno == 0;
}

static char *
read_member(const json_t *object, const struct member *m, void *to)
{
	const json_t *value = json_object_get(object, m->name);
	void *place = (char *)to + m->offset;
	double real;

	if (value == NULL)
		return text_format("has no \"%s\"", m->name);
	switch (m->kind) {
	case KIND_NUMBER:
		if (read_number(value, place))
			return NULL;
		return text_format("\"%s\" is not a whole number from 0", m->name);
	case KIND_REAL:
		real = json_number_value(value);
		if (!json_is_number(value) || !(real >= 0) || isinf(real))
			return text_format("\"%s\" is not a number from 0", m->name);
		memcpy(place, &real, sizeof(real));
		return NULL;
	case KIND_HEX:
		if (read_hex(value, place))
			return NULL;
		return text_format("\"%s\" is not a string of hex digits", m->name);
	default:
		if (!json_is_string(value))
			return text_format("\"%s\" is not a string", m->name);
		*(char **)place = text_format("%s", json_string_value(value));
		return NULL;
	}
}

static char *
read_members(const json_t *object, const struct member *m, void *to)
{
	char *fault = json_is_object(object) ? NULL : text_format("is not an object");

	for (; fault == NULL && m->name != NULL; m++)
		fault = read_member(object, m, to);
	return fault;
}

/* An array of numbers of at most `most` items; the rest is 0. */
static char *
read_buckets(const json_t *site, const char *name, uint64_t *buckets, size_t most)
{
	const json_t *list = json_object_get(site, name), *item;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > most)
		return text_format("\"%s\" is not a list of at most %zu numbers", name, most);
	json_array_foreach(list, i, item)
	{
		if (!read_number(item, &buckets[i]))
			return text_format("%s[%zu] is not a whole number from 0", name, i);
	}
	return NULL;
}

static char *
read_sizes(const json_t *object, struct site *s)
{
	const json_t *list = json_object_get(object, "sizes"), *item;
	size_t i;

	if (!json_is_array(list))
		return text_format("\"sizes\" is not a list");
	s->sizes = text_alloc(json_array_size(list), sizeof(*s->sizes));
	json_array_foreach(list, i, item)
	{
		struct size_count *c = &s->sizes[i];

		if (json_array_size(item) != 2 || !read_number(json_array_get(item, 0), &c->size) ||
			!read_number(json_array_get(item, 1), &c->samples))
			return text_format("sizes[%zu] is not [size, samples]", i);
		if (i > 0 && c->size <= c[-1].size)
			return text_format("sizes[%zu] is not in rising order", i);
		s->nsizes++;
	}
	return NULL;
}

static char *
read_frames(const json_t *object, size_t nmodules, struct site *s)
{
	const json_t *list = json_object_get(object, "frames"), *item;
	size_t i;

	if (!json_is_array(list))
		return text_format("\"frames\" is not a list");
	s->frames = text_alloc(json_array_size(list), sizeof(*s->frames));
	json_array_foreach(list, i, item)
	{
		const json_t *module = json_array_get(item, 0);
		json_int_t index = json_integer_value(module);

		if (json_array_size(item) != 2 || !json_is_integer(module) ||
			!read_hex(json_array_get(item, 1), &s->frames[i].offset))
			return text_format("frames[%zu] is not [module, \"offset\"]", i);
		if (index < PROFILE_NO_MODULE || index >= (json_int_t)nmodules)
			return text_format("frames[%zu] names module %lld of %zu", i,
				(long long)index, nmodules);
		s->frames[i].module = (int)index;
		s->nframes++;
	}
	return NULL;
}

static char *
read_site(const json_t *object, size_t nmodules, struct site *s)
{
	enum { ID_DIGITS = 16 };
	const json_t *id = json_object_get(object, "id");
	char *fault = read_members(object, site_members, s);

	if (fault == NULL && (!read_hex(id, &s->id) || json_string_length(id) != ID_DIGITS))
		fault = text_format("\"id\" is not a string of %d hex digits", ID_DIGITS);
	if (fault == NULL)
		fault = read_frames(object, nmodules, s);
	if (fault == NULL)
		fault = read_sizes(object, s);
	if (fault == NULL)
		fault = read_buckets(
			object, "lifetime_bytes", s->lifetime_bytes, PROFILE_BYTE_BUCKETS);
	if (fault == NULL)
		fault = read_buckets(object, "lifetime_ms", s->lifetime_ms, PROFILE_MS_BUCKETS);
	return fault;
}

/* Puts the place in front of what is wrong there. */
static char *
at(const char *list, size_t i, char *fault)
{
	char *whole = text_format("%s[%zu]: %s", list, i, fault);

	free(fault);
	return whole;
}

static char *
read_lists(const json_t *modules, const json_t *sites, struct profile *p)
{
	json_t *item;
	size_t i;

	p->modules = text_alloc(json_array_size(modules), sizeof(*p->modules));
	p->sites = text_alloc(json_array_size(sites), sizeof(*p->sites));
	json_array_foreach(modules, i, item)
	{
		p->nmodules++;
		char *fault = read_members(item, module_members, &p->modules[i]);

		if (fault != NULL)
			return at("modules", i, fault);
	}
	json_array_foreach(sites, i, item)
	{
		p->nsites++;
		char *fault = read_site(item, p->nmodules, &p->sites[i]);

		if (fault != NULL)
			return at("sites", i, fault);
	}
	return NULL;
}

static char *
read_profile(const json_t *document, struct profile *p)
{
	const char *format = json_string_value(json_object_get(document, "format"));
	const json_t *version = json_object_get(document, "version");
	const json_t *modules = json_object_get(document, "modules");
	const json_t *sites = json_object_get(document, "sites");

	if (format == NULL || strcmp(format, FORMAT) != 0)
		return text_format("is no profile of hakmem: its \"format\" is not \"" FORMAT "\"");
	if (!json_is_integer(version))
		return text_format("has no \"version\"");
	if (json_integer_value(version) != PROFILE_VERSION)
		return text_format("is of version %lld, and this hakmem-prof reads version %d",
			(long long)json_integer_value(version), PROFILE_VERSION);
	char *fault = read_members(document, profile_members, p);

	if (fault == NULL && p->sample_bytes == 0)
		fault = text_format("\"sample_bytes\" is 0");
	if (fault == NULL && (!json_is_array(modules) || !json_is_array(sites)))
		fault = text_format(
			"has no list of %s", json_is_array(modules) ? "sites" : "modules");
	return fault != NULL ? fault : read_lists(modules, sites, p);
}

bool
profile_load(const char *path, struct profile *p)
{
	json_error_t error;
	FILE *in = fopen(path, "re");
	json_t *document = in != NULL ? json_loadf(in, 0, &error) : NULL;

	*p = (struct profile){0};
	if (in == NULL) {
		warn("%s", path);
		return false;
	}
	/* A directory can be opened, but not read. */
	if (document == NULL && ferror(in))
		warn("%s: cannot be read", path);
	else if (document == NULL)
		warnx("%s, line %d: %s", path, error.line, error.text);
	fclose(in);
	if (document == NULL)
		return false;
	char *fault = read_profile(document, p);

	json_decref(document);
	if (fault == NULL) {
		profile_order(p);
		return true;
	}
	warnx("%s: %s", path, fault);
	free(fault);
	profile_free(p);
	return false;
}

/* --- writing --------------------------------------------------------------------------------- */

static json_t *
hex(uint64_t value)
{
	return json_sprintf("%llx", (unsigned long long)value);
}

static json_t *
member_json(const struct member *m, const void *from)
{
	const void *place = (const char *)from + m->offset;

	switch (m->kind) {
	case KIND_NUMBER:
		return json_integer((json_int_t) * (const uint64_t *)place);
	case KIND_REAL:
		return json_real(*(const double *)place);
	case KIND_HEX:
		return hex(*(const uint64_t *)place);
	default:
		return json_string(*(char *const *)place);
	}
}

static void
put_members(json_t *object, const struct member *m, const void *from)
{
	for (; m->name != NULL; m++)
		json_object_set_new(object, m->name, member_json(m, from));
}

json_t *
profile_buckets_json(const uint64_t *buckets, size_t n)
{
	json_t *list = json_array();

	while (n > 0 && buckets[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer((json_int_t)buckets[i]));
	return list;
}

static json_t *
site_json(const struct site *s)
{
	json_t *object = json_object(), *frames = json_array(), *sizes = json_array();

	for (size_t i = 0; i < s->nframes; i++)
		json_array_append_new(
			frames, json_pack("[i, o]", s->frames[i].module, hex(s->frames[i].offset)));
	for (size_t i = 0; i < s->nsizes; i++)
		json_array_append_new(sizes, json_pack("[I, I]", (json_int_t)s->sizes[i].size,
						     (json_int_t)s->sizes[i].samples));
	json_object_set_new(object, "id", json_sprintf("%016llx", (unsigned long long)s->id));
	json_object_set_new(object, "frames", frames);
	put_members(object, site_members, s);
	json_object_set_new(object, "sizes", sizes);
	json_object_set_new(object, "lifetime_bytes",
		profile_buckets_json(s->lifetime_bytes, PROFILE_BYTE_BUCKETS));
	json_object_set_new(
		object, "lifetime_ms", profile_buckets_json(s->lifetime_ms, PROFILE_MS_BUCKETS));
	return object;
}

json_t *
profile_head_json(const struct profile *p)
{
	json_t *head = json_pack("{s:s, s:i}", "format", FORMAT, "version", PROFILE_VERSION);

	put_members(head, profile_members, p);
	return head;
}

json_t *
profile_json(const struct profile *p)
{
	json_t *document = profile_head_json(p), *modules = json_array(), *sites = json_array();

	for (size_t i = 0; i < p->nmodules; i++) {
		json_t *module = json_object();

		put_members(module, module_members, &p->modules[i]);
		json_array_append_new(modules, module);
	}
	for (size_t i = 0; i < p->nsites; i++)
		json_array_append_new(sites, site_json(&p->sites[i]));
	json_object_set_new(document, "modules", modules);
	json_object_set_new(document, "sites", sites);
	return document;
}
