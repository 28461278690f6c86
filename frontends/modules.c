/* SPDX-License-Identifier: MIT
 * frontends/modules.c - the process's mappings, from /proc/self/maps.
 *
 * dladdr would take the dynamic linker's lock, which the thread that reports may hold. */
#include "frontends/modules.h"

#include <string.h>

#include "backends/os_lines.h"

#define MAPS "/proc/self/maps"
/* START-END PERMISSIONS OFFSET DEVICE INODE, and then the path. */
#define WORDS_BEFORE_PATH 5

static uintptr_t
take_hex(const char **text)
{
	uintptr_t value = 0;

	for (;; ++*text) {
		char c = **text;
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: 16;
		if (digit == 16)
			return value;
		value = value << 4 | digit;
	}
}

/* The path of a line; "" where the mapping has none, or one in brackets ("[heap]"). */
static const char *
path_in(const char *line)
{
	for (int i = 0; i < WORDS_BEFORE_PATH; i++) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	return line[0] == '[' ? "" : line;
}

bool
module_of(uintptr_t address, struct module *out)
{
	struct os_lines lines;
	char line[sizeof(out->path) + 128];
	uintptr_t base = 0;
	bool found = false;

	out->path[0] = '\0';
	if (!os_lines_open(&lines, MAPS))
		return false;
	while (!found && os_lines_next(&lines, line, sizeof(line))) {
		const char *text = line;
		uintptr_t start = take_hex(&text);
		if (*text++ != '-')
			continue;
		uintptr_t end = take_hex(&text);
		const char *path = path_in(line);
		/* A file's mappings follow each other; the first has its beginning. */
		if (strncmp(path, out->path, sizeof(out->path) - 1) != 0) {
			size_t n = strlen(path);
			n = n < sizeof(out->path) ? n : sizeof(out->path) - 1;
			memcpy(out->path, path, n);
			out->path[n] = '\0';
			base = start;
		}
		found = address >= start && address < end && path[0] != '\0';
	}
	os_lines_close(&lines);
	out->offset = address - base;
	return found;
}
