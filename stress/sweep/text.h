/* SPDX-License-Identifier: MIT
 * stress/sweep/text.h - the small text formats that the sweep reads and writes: comma lists,
 * lines of key=value pairs, CSV fields, whole files. No state; what is returned is the caller's. */
#ifndef HAKMEM_SWEEP_TEXT_H
#define HAKMEM_SWEEP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* malloc's family with an end of the program in place of NULL. */
void *text_alloc(size_t n, size_t size);
void *text_grow(void *p, size_t size);
/* A formatted string, to be freed by the caller. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The content of a file as a string, to be freed; NULL and errno where it cannot be read. */
char *text_read(const char *path);
/* Cuts `list` at its commas: a NULL-terminated array of trimmed items, in one block to be freed.
 * Empty items are dropped. */
char **text_split(const char *list, size_t *count);
/* Copies the last line of `text` that holds `key=`, without its newline; false if none does. */
bool text_last_line(const char *text, const char *key, char *out, size_t size);
/* Copies the value of `key` in a line of blank-separated key=value pairs; false if absent. */
bool text_value(const char *line, const char *key, char *out, size_t size);
/* The same as a finite number. */
bool text_number(const char *line, const char *key, double *out);
/* Copies field `index` of a line of comma-separated, perhaps quoted fields; false if absent. */
bool text_csv_get(const char *line, size_t index, char *out, size_t size);
/* Writes one CSV field, quoted where its content asks for it. */
void text_csv_put(FILE *out, const char *field);
/* Writes `text` with control characters turned into blanks, so that it stays on one line. */
void text_one_line(FILE *out, const char *text);

#endif
