/* SPDX-License-Identifier: MIT
 * stress/sweep/text.c - comma lists, key=value lines, CSV fields and whole files. */
#include "stress/sweep/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void *
text_checked(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
		exit(2);
	}
	return p;
}

void *
text_alloc(size_t n, size_t size)
{
	return text_checked(calloc(n != 0 ? n : 1, size));
}

void *
text_grow(void *p, size_t size)
{
	return text_checked(realloc(p, size));
}

char *
text_format(const char *format, ...)
{
	va_list args;
	char *out = NULL;

	va_start(args, format);
	int length = vasprintf(&out, format, args);
	va_end(args);
	return text_checked(length < 0 ? NULL : out);
}

char *
text_read(const char *path)
{
	FILE *in = fopen(path, "re");

	if (in == NULL)
		return NULL;
	size_t used = 0, room = 4096;
	char *text = text_alloc(room, 1);

	/* Files under /proc tell no size, hence the reading until the end. */
	for (size_t got; (got = fread(text + used, 1, room - used - 1, in)) > 0;) {
		used += got;
		if (room - used < 2)
			text = text_grow(text, room *= 2);
	}
	text[used] = '\0';
	fclose(in);
	return text;
}

char **
text_split(const char *list, size_t *count)
{
	size_t length = strlen(list), most = 2, n = 0;

	for (const char *p = list; *p != '\0'; p++)
		most += *p == ',';
	char **items = text_alloc(1, most * sizeof(*items) + length + 1);
	char *copy = memcpy((char *)(items + most), list, length + 1);
	char *rest = copy;

	for (char *item; (item = strsep(&rest, ",")) != NULL;) {
		while (isspace((unsigned char)*item))
			item++;
		char *end = item + strlen(item);

		while (end > item && isspace((unsigned char)end[-1]))
			*--end = '\0';
		if (*item != '\0')
			items[n++] = item;
	}
	if (count != NULL)
		*count = n;
	return items;
}

/* Where the value of `key` starts in [line, end), or NULL. A key starts the line or follows a
 * blank, so that "ops=" is not found inside "max_ops=". */
static const char *
text_find(const char *line, const char *end, const char *key)
{
	size_t length = strlen(key);

	for (const char *p = line; p + length < end; p++) {
		bool starts = p == line || isspace((unsigned char)p[-1]);

		if (starts && strncmp(p, key, length) == 0 && p[length] == '=')
			return p + length + 1;
	}
	return NULL;
}

static bool
text_copy(const char *start, size_t length, char *out, size_t size)
{
	if (length >= size)
		return false;
	memcpy(out, start, length);
	out[length] = '\0';
	return true;
}

bool
text_last_line(const char *text, const char *key, char *out, size_t size)
{
	const char *end = text + strlen(text);

	while (end > text) {
		if (end[-1] == '\n')
			end--;
		const char *line = end;

		while (line > text && line[-1] != '\n')
			line--;
		if (text_find(line, end, key) != NULL)
			return text_copy(line, (size_t)(end - line), out, size);
		end = line;
	}
	return false;
}

bool
text_value(const char *line, const char *key, char *out, size_t size)
{
	const char *start = text_find(line, line + strlen(line), key);

	return start != NULL && text_copy(start, strcspn(start, " \t\r\n"), out, size);
}

bool
text_number(const char *line, const char *key, double *out)
{
	char word[64], *end;

	if (!text_value(line, key, word, sizeof(word)) || word[0] == '\0')
		return false;
	*out = strtod(word, &end);
	return *end == '\0' && isfinite(*out);
}

bool
text_csv_get(const char *line, size_t index, char *out, size_t size)
{
	for (const char *p = line;; index--) {
		bool quoted = *p == '"';
		const char *start = quoted ? p + 1 : p;
		size_t length = strcspn(start, quoted ? "\"\n" : ",\n");

		if (index == 0)
			return text_copy(start, length, out, size);
		p = start + length;
		p += strcspn(p, ",\n");
		if (*p++ != ',')
			return false;
	}
}

void
text_csv_put(FILE *out, const char *field)
{
	if (strpbrk(field, ",\"\r\n") == NULL) {
		fputs(field, out);
		return;
	}
	putc('"', out);
	for (; *field != '\0'; field++) {
		if (*field == '"')
			putc('"', out);
		putc(*field, out);
	}
	putc('"', out);
}

void
text_one_line(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		putc(iscntrl((unsigned char)*text) ? ' ' : *text, out);
}
