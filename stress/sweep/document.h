/* SPDX-License-Identifier: MIT
 * stress/sweep/document.h - results.json as a whole: made, read and checked, joined, written.
 * docs/results.md has the schema. Documents are released by json_decref. */
#ifndef HAKMEM_SWEEP_DOCUMENT_H
#define HAKMEM_SWEEP_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A document without machine and run. */
json_t *document_new(const char *base);
/* A JSON string of bytes that may be no UTF-8: those that are none become question marks. */
json_t *document_string(const char *text);
/* Reads and checks a file; NULL with a line on standard error that names what is wrong. */
json_t *document_load(const char *path);
/* Reads a file that holds an object of texts; NULL with a line on standard error. */
json_t *document_load_texts(const char *path);
/* All machines and runs of the files as one document, with the base of the first. NULL with a line
 * on standard error. */
json_t *document_merge(char *const *paths, size_t n);
/* Writes the document to DIRECTORY/results.json, put in place as a whole; false with a line. */
bool document_write(const json_t *document, const char *directory);
/* Opens DIRECTORY/NAME aside; document_close puts it in place. NULL, false: with a line. */
FILE *document_open(const char *directory, const char *name);
bool document_close(FILE *file, const char *directory, const char *name);

#endif
