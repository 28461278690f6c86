/* SPDX-License-Identifier: MIT
 * base/writer.h - a report as JSON on one line, or as text, written by write(2).
 *
 * The same calls make both, so that both say the same. A writer belongs to one thread and lives on
 * its stack; it allocates nothing and preserves errno. What cannot be written is dropped.
 *
 * As text, an object is a heading with a line for each of its values below; an object that is an
 * element of an array is one line of key=value. */
#ifndef HAK_BASE_WRITER_H
#define HAK_BASE_WRITER_H

#include "base/compiler.h"

#define WRITER_DEPTH 8

struct writer {
	int fd;
	bool json;
	bool failed; /* nothing more is written */
	int error;   /* errno of what failed; 0 where nothing did */
	unsigned depth;
	/* The objects and arrays that are open, the outermost first. */
	struct {
		bool array, any; /* any: has had a member */
		bool in_line;    /* text: key=value */
		unsigned indent; /* text */
		const char *key;
	} levels[WRITER_DEPTH];
	size_t used;
	char buf[1024];
};

/* Starts a report on a file descriptor: the object that is the one member `key` of another, or
 * where that is NULL, an object of its own. Text has no heading for it. */
void writer_begin(struct writer *w, int fd, bool json, const char *key);
/* Ends it, and writes what is left. */
void writer_finish(struct writer *w);

/* A member that is an object or an array; key is NULL in an array. Ended by writer_end. */
void writer_object(struct writer *w, const char *key);
void writer_array(struct writer *w, const char *key);
void writer_end(struct writer *w);

/* Members; key is NULL in an array. */
void writer_number(struct writer *w, const char *key, uint64_t value);
void writer_signed(struct writer *w, const char *key, int64_t value);
/* A value that may be too large for a whole number of 64 bits: to the nearest whole number, with an
 * exponent from 10^18 on; null as below. */
void writer_large(struct writer *w, const char *key, double value);
/* With so many decimals, at most 6; null where it is negative, infinite or no number. */
void writer_fixed(struct writer *w, const char *key, double value, unsigned decimals);
/* Any bytes up to the NUL: escaped, and what is not UTF-8 replaced by U+FFFD. */
void writer_string(struct writer *w, const char *key, const char *value);
/* An address, as the string 0x... */
void writer_address(struct writer *w, const char *key, uintptr_t value);
/* At least so many hexadecimal digits, as a string without 0x. */
void writer_hex(struct writer *w, const char *key, uint64_t value, unsigned digits);
void writer_null(struct writer *w, const char *key);

#endif
