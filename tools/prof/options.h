/* SPDX-License-Identifier: MIT
 * tools/prof/options.h - the command line of hakmem-prof. */
#ifndef HAKMEM_PROF_OPTIONS_H
#define HAKMEM_PROF_OPTIONS_H

#include "tools/prof/view.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	OPTIONS_EXIT_FAILED = 1, /* a file that cannot be read, is no profile, cannot be written */
	OPTIONS_EXIT_USAGE = 2,  /* a bad option */
};

enum command {
	COMMAND_TOP,
	COMMAND_LEAKS,
	COMMAND_LIFETIMES,
	COMMAND_DIFF,
	COMMAND_MERGE,
	COMMAND_SUGGEST,
	COMMANDS
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HEAP_V2 };

struct options {
	enum command command;
	enum format format;
	enum view_by by;
	enum view_sort sort;
	size_t limit; /* rows; SIZE_MAX for all */
	double confidence;
	const char *output, *sysroot; /* NULL where not given */
	bool no_symbols;
	char *const *files;
	size_t nfiles;
};

/* Parses the command line; ends the program with a message for a bad one, and after --help. */
void options_parse(int argc, char **argv, struct options *o);

#endif
