/* SPDX-License-Identifier: MIT
 * base/writer.c - JSON and text from the same calls, through a small buffer. */
#include "base/writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

/* The column of the values in text. */
#define VALUE_COLUMN 24
/* Of a double; what is above is infinite. */
#define LARGEST 1.7976931348623157e308

static void
flush(struct writer *w)
{
	int saved = errno;
	size_t done = 0;

	while (!w->failed && done < w->used) {
		ssize_t n = write(w->fd, w->buf + done, w->used - done);
		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			w->failed = true;
			w->error = n == 0 ? EIO : errno;
		}
	}
	w->used = 0;
	errno = saved;
}

static void
put(struct writer *w, char c)
{
	if (w->used == sizeof(w->buf))
		flush(w);
	w->buf[w->used++] = c;
}

static void
put_text(struct writer *w, const char *text)
{
	while (*text)
		put(w, *text++);
}

/* At least `least` digits. */
static void
put_digits(struct writer *w, uint64_t value, unsigned base, unsigned least)
{
	char digits[64];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0 || n < least);
	while (n > 0)
		put(w, digits[--n]);
}

/* --- strings --------------------------------------------------------------------------------- */

/* The length of the well-formed UTF-8 sequence at s (RFC 3629); 0 where there is none. */
static unsigned
utf8_length(const unsigned char *s)
{
	unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, surrogates, above U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void
put_escaped(struct writer *w, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		unsigned n = utf8_length(s);
		if (n == 0) {
			put_text(w, "\\ufffd");
			s++;
		} else if (*s < 0x20 || *s == 0x7f) {
			/* As text too: a path must not break the line. */
			put_text(w, "\\u");
			put_digits(w, *s++, 16, 4);
		} else {
			if (w->json && (*s == '"' || *s == '\\'))
				put(w, '\\');
			while (n-- > 0)
				put(w, (char)*s++);
		}
	}
}

/* --- structure ------------------------------------------------------------------------------- */

static void
json_member(struct writer *w, const char *key, bool first)
{
	if (!first)
		put(w, ',');
	if (!key)
		return;
	put(w, '"');
	put_escaped(w, key);
	put_text(w, "\":");
}

/* What comes before a member; `key` as in the header. */
static void
member(struct writer *w, const char *key, bool container)
{
	bool first = !w->levels[w->depth].any;
	unsigned indent = w->levels[w->depth].indent;

	w->levels[w->depth].any = true;
	if (w->json) {
		json_member(w, key, first);
		return;
	}
	/* As text an element has its array's name. */
	key = key ? key : w->levels[w->depth].key;
	if (w->levels[w->depth].in_line) {
		put(w, ' ');
		put_text(w, key);
		put(w, '=');
		return;
	}
	for (unsigned i = 0; i < indent; i++)
		put(w, ' ');
	put_text(w, key);
	if (container)
		put(w, ':');
	for (size_t i = indent + strlen(key); !container && i < VALUE_COLUMN; i++)
		put(w, ' ');
}

/* The end of a value. */
static void
ended(struct writer *w)
{
	if (!w->json && !w->levels[w->depth].in_line)
		put(w, '\n');
}

static void
open_level(struct writer *w, const char *key, bool array)
{
	bool in_line = w->levels[w->depth].in_line;
	unsigned indent = w->levels[w->depth].indent;

	/* As text an array is nothing but its elements. */
	if (w->json || !array)
		member(w, key, true);
	if (w->json) {
		put(w, array ? '[' : '{');
	} else if (!array) {
		in_line = in_line || w->levels[w->depth].array;
		indent += 2;
		if (!in_line)
			put(w, '\n');
	}
	HAK_CHECK(w->depth + 1 < WRITER_DEPTH);
	w->depth++;
	w->levels[w->depth].array = array;
	w->levels[w->depth].any = false;
	w->levels[w->depth].in_line = in_line;
	w->levels[w->depth].indent = indent;
	w->levels[w->depth].key = key;
}

void
writer_begin(struct writer *w, int fd, bool json, const char *key)
{
	w->fd = fd;
	w->json = json;
	w->failed = false;
	w->error = 0;
	w->depth = 0;
	w->used = 0;
	memset(w->levels, 0, sizeof(w->levels));
	w->levels[0].key = key;
	if (json) {
		put(w, '{');
		json_member(w, key, true);
		if (key)
			put(w, '{');
	}
}

void
writer_finish(struct writer *w)
{
	HAK_CHECK(w->depth == 0);
	if (w->json)
		put_text(w, w->levels[0].key ? "}}\n" : "}\n");
	flush(w);
}

void
writer_object(struct writer *w, const char *key)
{
	open_level(w, key, false);
}

void
writer_array(struct writer *w, const char *key)
{
	open_level(w, key, true);
}

void
writer_end(struct writer *w)
{
	bool array = w->levels[w->depth].array;
	bool in_line = w->levels[w->depth].in_line;

	HAK_CHECK(w->depth > 0);
	w->depth--;
	if (w->json)
		put(w, array ? ']' : '}');
	else if (in_line && !array)
		ended(w);
}

/* --- values ---------------------------------------------------------------------------------- */

void
writer_number(struct writer *w, const char *key, uint64_t value)
{
	member(w, key, false);
	put_digits(w, value, 10, 1);
	ended(w);
}

void
writer_signed(struct writer *w, const char *key, int64_t value)
{
	member(w, key, false);
	if (value < 0)
		put(w, '-');
	put_digits(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, 1);
	ended(w);
}

void
writer_large(struct writer *w, const char *key, double value)
{
	unsigned exponent = 0;

	/* False for what is no number, too. */
	if (!(value >= 0 && value <= LARGEST)) {
		writer_null(w, key);
		return;
	}
	for (; value >= 1e18; value /= 10)
		exponent++;
	member(w, key, false);
	/* From 2^52 on there is nothing behind the point. */
	put_digits(w, (uint64_t)(value < 0x1p52 ? value + 0.5 : value), 10, 1);
	if (exponent) {
		put(w, 'e');
		put_digits(w, exponent, 10, 1);
	}
	ended(w);
}

void
writer_fixed(struct writer *w, const char *key, double value, unsigned decimals)
{
	uint64_t scale = 1;

	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	/* False for what is no number, too. */
	if (!(value >= 0 && value < (double)UINT32_MAX * 1e3)) {
		writer_null(w, key);
		return;
	}
	uint64_t scaled = (uint64_t)(value * (double)scale + 0.5);
	member(w, key, false);
	put_digits(w, scaled / scale, 10, 1);
	if (decimals) {
		put(w, '.');
		put_digits(w, scaled % scale, 10, decimals);
	}
	ended(w);
}

void
writer_string(struct writer *w, const char *key, const char *value)
{
	member(w, key, false);
	if (w->json)
		put(w, '"');
	put_escaped(w, value);
	if (w->json)
		put(w, '"');
	ended(w);
}

void
writer_address(struct writer *w, const char *key, uintptr_t value)
{
	member(w, key, false);
	put_text(w, w->json ? "\"0x" : "0x");
	put_digits(w, value, 16, 1);
	if (w->json)
		put(w, '"');
	ended(w);
}

void
writer_hex(struct writer *w, const char *key, uint64_t value, unsigned digits)
{
	member(w, key, false);
	if (w->json)
		put(w, '"');
	put_digits(w, value, 16, digits);
	if (w->json)
		put(w, '"');
	ended(w);
}

void
writer_null(struct writer *w, const char *key)
{
	member(w, key, false);
	put_text(w, w->json ? "null" : "-");
	ended(w);
}
