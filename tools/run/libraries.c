/* SPDX-License-Identifier: MIT
 * tools/run/libraries.c - finds the variants' libraries. */
#include "tools/run/libraries.h"
#include "stress/sweep/text.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIBRARY_STEM "libhakmem"

const char *const libraries_frontends[] = {"tls", "lock", "rseq", NULL};
const char *const libraries_backends[] = {"hakmem", "jemalloc", NULL};

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What comes before `bindir` in the program's own directory; nothing where it lies elsewhere. */
static char *
root_of(const char *own, const char *bindir)
{
	size_t length = strlen(own), tail = strlen(bindir);

	if (length < tail || strcmp(own + length - tail, bindir) != 0)
		tail = length;
	return text_format("%.*s", (int)(length - tail), own);
}

bool
libraries_open(struct libraries *l, const char *bindir, const char *libdir)
{
	*l = (struct libraries){.self = realpath("/proc/self/exe", NULL)};
	if (l->self == NULL) {
		warn("/proc/self/exe");
		return false;
	}
	char *own = text_format("%.*s", (int)(strrchr(l->self, '/') - l->self), l->self);
	char *built = text_format("%s/.libs", own), *root = root_of(own, bindir);

	if (is_directory(built)) {
		l->chosen = text_format("%s/" LIBRARY_STEM ".so", built);
		l->variants = text_format("%s", built);
	} else {
		l->chosen = text_format("%s%s/" LIBRARY_STEM ".so", root, libdir);
		l->variants = text_format("%s%s/hakmem", root, libdir);
	}
	free(root);
	free(built);
	free(own);
	return true;
}

void
libraries_close(struct libraries *l)
{
	free(l->self);
	free(l->chosen);
	free(l->variants);
	*l = (struct libraries){0};
}

char *
libraries_path(const struct libraries *l, const char *frontend, const char *backend)
{
	return text_format("%s/" LIBRARY_STEM "-%s-%s.so", l->variants, frontend, backend);
}

char *
libraries_preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *value = text_format("%s", library);
	char *copy = text_format("%s", old != NULL ? old : ""), *rest = copy;

	/* The loader takes blanks as well as colons between the items. */
	for (char *item; (item = strsep(&rest, " :")) != NULL;) {
		const char *slash = strrchr(item, '/');
		const char *name = slash != NULL ? slash + 1 : item;

		if (*item == '\0' || strncmp(name, LIBRARY_STEM, strlen(LIBRARY_STEM)) == 0)
			continue;
		char *longer = text_format("%s:%s", value, item);

		free(value);
		value = longer;
	}
	free(copy);
	return value;
}
