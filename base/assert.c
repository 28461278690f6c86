/* SPDX-License-Identifier: MIT
 * base/assert.c - formatting without stdio, and the one way to stop. */
#include "base/assert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 512

struct sink {
	char *buf;
	size_t size;
	size_t used;
};

static void
put_char(struct sink *s, char c)
{
	if (s->used + 1 < s->size)
		s->buf[s->used++] = c;
}

static void
put_string(struct sink *s, const char *text)
{
	while (*text)
		put_char(s, *text++);
}

static void
put_number(struct sink *s, size_t value, unsigned base, int least)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0 || n < least);
	while (n > 0)
		put_char(s, digits[--n]);
}

size_t
log_format(char *buf, size_t size, const char *format, va_list args)
{
	struct sink s = {buf, size, 0};

	for (; *format; format++) {
		if (*format != '%') {
			put_char(&s, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_string(&s, va_arg(args, const char *));
			break;
		case 'p':
			put_string(&s, "0x");
			put_number(&s, (size_t)va_arg(args, void *), 16, 1);
			break;
		case 'u':
			put_number(&s, va_arg(args, size_t), 10, 1);
			break;
		case 'x':
			put_number(&s, va_arg(args, size_t), 16, 16);
			break;
		default:
			put_char(&s, *format);
		}
	}
	buf[s.used] = '\0';
	return s.used;
}

size_t
log_text(char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	size_t n = log_format(buf, size, format, args);
	va_end(args);
	return n;
}

static void
write_line(const char *format, va_list args)
{
	char line[LINE_BYTES] = "hakmem: ";
	size_t head = strlen(line);
	size_t n = head + log_format(line + head, sizeof(line) - head - 1, format, args);
	int saved = errno;

	line[n++] = '\n';
	/* Standard error may be closed; there is nowhere else to say so. */
	ssize_t written = write(STDERR_FILENO, line, n);
	(void)written;
	errno = saved;
}

void
log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
}

void
log_fatal(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
	abort();
}
