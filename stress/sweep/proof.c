/* SPDX-License-Identifier: MIT
 * stress/sweep/proof.c - reads what the dynamic linker and the kernel say of a program. */
#include "stress/sweep/proof.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes " [0]" with its number off the end of a name; the linker adds the namespace so. */
static void
proof_strip(char *name)
{
	char *bracket = strrchr(name, '[');

	if (bracket != NULL && bracket > name && bracket[-1] == ' ')
		bracket[-1] = '\0';
}

/* Cuts "...binding file FROM [n] to TO [n]: normal symbol `NAME' ..." in place. */
static bool
proof_cut(char *line, char **from, char **to, char **symbol)
{
	static const char before_from[] = "binding file ", before_to[] = " to ",
			  before_symbol[] = ": normal symbol `";

	*from = strstr(line, before_from);
	if (*from == NULL)
		return false;
	*from += strlen(before_from);
	char *colon = strstr(*from, before_symbol);

	if (colon == NULL)
		return false;
	*colon = '\0';
	*symbol = colon + strlen(before_symbol);
	(*symbol)[strcspn(*symbol, "'")] = '\0';
	*to = strstr(*from, before_to);
	if (*to == NULL)
		return false;
	**to = '\0';
	*to += strlen(before_to);
	proof_strip(*from);
	proof_strip(*to);
	return true;
}

bool
proof_bindings(const char *list, const char *program, const char *library, char *why, size_t size)
{
	static const char *const symbols[] = {"malloc", "free"};
	size_t bound[2] = {0};
	char *copy = text_format("%s", list), *rest = copy;
	bool ok = true;

	for (char *line; ok && (line = strsep(&rest, "\n")) != NULL;) {
		char *from, *to, *symbol;

		if (!proof_cut(line, &from, &to, &symbol) ||
			(program != NULL ? strcmp(from, program) != 0
					 : places_same_file(from, library)))
			continue;
		for (size_t i = 0; i < 2; i++) {
			if (strcmp(symbol, symbols[i]) != 0)
				continue;
			bound[i]++;
			if (!places_same_file(to, library)) {
				snprintf(why, size, "%s is bound to %s", symbol, to);
				ok = false;
			}
		}
	}
	for (size_t i = 0; ok && i < 2; i++) {
		if (bound[i] == 0) {
			snprintf(why, size, "the linker tells no binding of %s", symbols[i]);
			ok = false;
		}
	}
	free(copy);
	return ok;
}

bool
proof_maps(const char *maps, const char *library)
{
	char *copy = text_format("%s", maps), *rest = copy;
	bool found = false;

	for (char *line; !found && (line = strsep(&rest, "\n")) != NULL;) {
		char *path = strchr(line, '/');

		found = path != NULL && places_same_file(path, library);
	}
	free(copy);
	return found;
}

bool
proof_process(pid_t pid, const char *library, char *why, size_t size)
{
	char *path = text_format("/proc/%d/maps", (int)pid), *maps = text_read(path);
	bool found = maps != NULL && proof_maps(maps, library);

	if (!found)
		snprintf(why, size, "%s does not hold %s", path, library);
	free(maps);
	free(path);
	return found;
}
