/* SPDX-License-Identifier: MIT
 * base/config.c - the settings, from the tables and the environment. */
#include "base/config.h"

#include <string.h>
#include <sys/auxv.h>

#include "base/assert.h"

#define PREFIX "HAKMEM_"
/* The test suite's own variables; they are none of the library's business. */
#define TEST_PREFIX "HAKMEM_TEST_"

struct config hak_config = {
#define X(field, standard, least, most, unit, doc) .field = standard,
	CONFIG_SETTINGS(X)
#undef X
};

const struct config_setting config_settings[] = {
#define X(field, standard, least, most, unit, doc)                                                 \
	{PREFIX #field, standard, least, most, unit, doc, offsetof(struct config, field)},
	CONFIG_SETTINGS(X)
#undef X
};

const size_t config_setting_count = sizeof(config_settings) / sizeof(config_settings[0]);

_Atomic bool hak_config_given[sizeof(config_settings) / sizeof(config_settings[0])];

struct config_path_values hak_config_paths;

const struct config_path config_paths[] = {
#define X(field, doc) {PREFIX #field, doc, hak_config_paths.field},
	CONFIG_PATHS(X)
#undef X
};

const size_t config_path_count = sizeof(config_paths) / sizeof(config_paths[0]);

/* The table spells fields in lower case, the environment in upper case. Only ASCII. */
static bool
same_name(const char *variable, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = variable[i];
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c != text[i])
			return false;
	}
	return variable[n] == '\0';
}

static const struct config_setting *
find_setting(const char *text, size_t n)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (strlen(config_settings[i].variable) >= n &&
			same_name(config_settings[i].variable, text, n))
			return &config_settings[i];
	return NULL;
}

static const struct config_path *
find_path(const char *text, size_t n)
{
	for (size_t i = 0; i < config_path_count; i++)
		if (strlen(config_paths[i].variable) >= n &&
			same_name(config_paths[i].variable, text, n))
			return &config_paths[i];
	return NULL;
}

/* Decimal digits only; false for anything else or above 2^60. */
static bool
parse_number(const char *text, size_t *out)
{
	size_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > ((size_t)1 << 60) / 10)
			return false;
		value = value * 10 + (size_t)(*text - '0');
	}
	*out = value;
	return true;
}

/* The names of a setting's values, and the bytes of the first; NULL for a number. */
static const char *
names_of(const struct config_setting *s, size_t *n)
{
	*n = strcspn(s->unit, "|");
	return s->unit[*n] ? s->unit : NULL;
}

/* Goes on to the next name. */
static const char *
next_name(const char *name, size_t *n)
{
	name += *n + (name[*n] == '|');
	*n = strcspn(name, "|");
	return name;
}

bool
config_name(const struct config_setting *s, size_t value, char out[CONFIG_NAME_BYTES])
{
	size_t n;
	const char *name = names_of(s, &n);

	if (!name)
		return false;
	while (value-- > 0)
		name = next_name(name, &n);
	n = n < CONFIG_NAME_BYTES ? n : CONFIG_NAME_BYTES - 1;
	memcpy(out, name, n);
	out[n] = '\0';
	return true;
}

/* The value that the text stands for; false, and a line, where there is none. */
static bool
parse_name(const struct config_setting *s, const char *entry, const char *text, size_t *out)
{
	char standard[CONFIG_NAME_BYTES];
	size_t n;
	const char *name = names_of(s, &n);

	for (*out = 0; *name; name = next_name(name, &n), ++*out)
		if (strlen(text) == n && strncmp(name, text, n) == 0)
			return true;
	config_name(s, s->standard, standard);
	log_line("%s: not one of %s; using %s", entry, s->unit, standard);
	return false;
}

static _Atomic size_t *
field_of(const struct config_setting *s)
{
	return (_Atomic size_t *)((char *)&hak_config + s->offset);
}

size_t
config_value(const struct config_setting *s)
{
	return atomic_load_explicit(field_of(s), memory_order_relaxed);
}

/* An empty path is none. The environment's copy may be written over by the program, as by those
 * that set their title, so the path is copied. In a program that runs with more rights than its
 * user has, no path is taken: it would read and write files with those rights. */
static void
take_path(const struct config_path *p, const char *entry, const char *text)
{
	size_t length = strlen(text), name_bytes = (size_t)(text - entry);
	char name[64];

	if (getauxval(AT_SECURE))
		return;
	if (length < CONFIG_PATH_BYTES) {
		memcpy(p->value, text, length + 1);
		return;
	}
	name_bytes = name_bytes < sizeof(name) ? name_bytes : sizeof(name);
	memcpy(name, entry, name_bytes);
	name[name_bytes - 1] = '\0';
	log_line("%s: a path of %u bytes, and %u are the most; left out", name, length,
		(size_t)CONFIG_PATH_BYTES - 1);
}

static void
take_setting(const char *entry)
{
	const char *equals = strchr(entry, '=');
	size_t value;

	if (!equals)
		return;
	const struct config_setting *s = find_setting(entry, (size_t)(equals - entry));
	const struct config_path *p = find_path(entry, (size_t)(equals - entry));
	if (p) {
		take_path(p, entry, equals + 1);
		return;
	}
	if (!s) {
		log_line("%s: there is no such setting; docs/config.md lists them", entry);
		return;
	}
	if (strchr(s->unit, '|')) {
		if (!parse_name(s, entry, equals + 1, &value))
			return;
	} else if (!parse_number(equals + 1, &value) || value < s->least || value > s->most) {
		log_line("%s: not a number from %u to %u (%s); using %u", entry, s->least, s->most,
			s->unit, s->standard);
		return;
	}
	atomic_store_explicit(field_of(s), value, memory_order_relaxed);
	RELAXED_SET(hak_config_given[s - config_settings], true);
}

void
config_load(char **environment)
{
	if (!environment)
		return;
	for (; *environment; environment++)
		if (strncmp(*environment, PREFIX, strlen(PREFIX)) == 0 &&
			strncmp(*environment, TEST_PREFIX, strlen(TEST_PREFIX)) != 0)
			take_setting(*environment);
}
