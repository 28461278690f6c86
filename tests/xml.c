/* SPDX-License-Identifier: MIT
 * tests/xml.c - one pass over the text with a stack of the open elements' names. */
#include "xml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define NAME_MAX_BYTES 64

struct parser {
	const char *at;
	size_t depth;
	size_t roots;
	char open[DEPTH_MAX][NAME_MAX_BYTES];
};

static void
skip_space(struct parser *x)
{
	while (isspace((unsigned char)*x->at))
		x->at++;
}

static bool
read_name(struct parser *x, char *name)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*x->at) && *x->at != '_')
		return false;
	while (isalnum((unsigned char)*x->at) || (*x->at && strchr("_-.:", *x->at))) {
		if (n + 1 == NAME_MAX_BYTES)
			return false;
		name[n++] = *x->at++;
	}
	name[n] = '\0';
	return true;
}

/* Steps over one character of text or of an attribute's value. */
static bool
skip_character(struct parser *x)
{
	static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};

	if (*x->at != '&') {
		x->at++;
		return true;
	}
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		size_t n = strlen(entities[i]);

		if (strncmp(x->at, entities[i], n) == 0) {
			x->at += n;
			return true;
		}
	}
	return false;
}

static const char *
read_attribute(struct parser *x)
{
	char name[NAME_MAX_BYTES], quote;

	if (!read_name(x, name))
		return "an attribute's name expected";
	skip_space(x);
	if (*x->at++ != '=')
		return "'=' expected";
	skip_space(x);
	quote = *x->at++;
	if (quote != '"' && quote != '\'')
		return "a quote expected";
	while (*x->at != quote)
		if (!*x->at || *x->at == '<' || !skip_character(x))
			return "a bad character in an attribute's value";
	x->at++;
	return NULL;
}

static const char *
read_end_tag(struct parser *x)
{
	char name[NAME_MAX_BYTES];

	if (!read_name(x, name))
		return "a name expected";
	skip_space(x);
	if (*x->at++ != '>')
		return "'>' expected";
	if (x->depth == 0 || strcmp(x->open[x->depth - 1], name) != 0)
		return "an end tag that closes nothing";
	x->depth--;
	return NULL;
}

static const char *
read_start_tag(struct parser *x)
{
	if (x->depth == DEPTH_MAX)
		return "nested too deeply";
	if (x->depth == 0 && x->roots++ > 0)
		return "a second root element";
	if (!read_name(x, x->open[x->depth]))
		return "a name expected";
	for (;;) {
		const char *space = x->at, *error;

		skip_space(x);
		if (*x->at == '>') {
			x->at++;
			x->depth++;
			return NULL;
		}
		if (x->at[0] == '/' && x->at[1] == '>') {
			x->at += 2;
			return NULL;
		}
		if (x->at == space)
			return "a space expected";
		error = read_attribute(x);
		if (error)
			return error;
	}
}

static const char *
read_document(struct parser *x)
{
	const char *error = NULL;

	if (strncmp(x->at, "<?xml ", 6) == 0) {
		x->at = strstr(x->at, "?>");
		if (!x->at)
			return "an XML declaration without an end";
		x->at += 2;
	}
	while (*x->at && !error) {
		if (*x->at != '<') {
			if (x->depth == 0 && !isspace((unsigned char)*x->at))
				error = "text outside of the root element";
			else if (!skip_character(x))
				error = "a bare '&'";
		} else if (*++x->at == '/') {
			x->at++;
			error = read_end_tag(x);
		} else {
			error = read_start_tag(x);
		}
	}
	if (!error && x->depth > 0)
		error = "an element without an end tag";
	return !error && x->roots == 0 ? "no element" : error;
}

const char *
xml_error(const char *text, size_t *offset)
{
	struct parser x = {.at = text};
	const char *error = read_document(&x);

	*offset = error && x.at ? (size_t)(x.at - text) : 0;
	return error;
}

/* The attribute's value inside of the tag that ends at `end`; NULL where it has none. */
static const char *
find_attribute(const char *tag, const char *end, const char *key)
{
	char pattern[NAME_MAX_BYTES + 4];
	const char *found;

	snprintf(pattern, sizeof(pattern), " %s=\"", key);
	found = strstr(tag, pattern);
	return found && found < end ? found + strlen(pattern) : NULL;
}

bool
xml_number(const char *text, const char *name, const char *key, const char *value,
	const char *wanted, size_t *number)
{
	char start[NAME_MAX_BYTES + 4];
	const char *tag = text;

	snprintf(start, sizeof(start), "<%s ", name);
	while ((tag = strstr(tag, start)) != NULL) {
		const char *end = strchr(tag, '>');
		const char *found = find_attribute(tag, end, key);
		const char *digits = find_attribute(tag, end, wanted);
		size_t n = strlen(value);

		if (found && digits && strncmp(found, value, n) == 0 && found[n] == '"') {
			char *stop;

			*number = strtoull(digits, &stop, 10);
			return stop != digits && *stop == '"';
		}
		tag = end;
	}
	return false;
}
