/* SPDX-License-Identifier: MIT
 * stress/sweep/places.c - finds the sweep's parts, libraries and programs. */
#include "stress/sweep/places.h"
#include "stress/sweep/launch.h"
#include "stress/sweep/text.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ASK_LIMIT_S = 20, WALK_FDS = 8 };

static char *
places_own_directory(void)
{
	char *path = realpath("/proc/self/exe", NULL);

	if (path != NULL)
		*strrchr(path, '/') = '\0';
	return path;
}

static bool
places_temp(struct places *p)
{
	const char *base = getenv("TMPDIR");

	p->temp = text_format("%s/hakmem-sweep.XXXXXX", base != NULL && *base ? base : "/tmp");
	if (mkdtemp(p->temp) == NULL) {
		fprintf(stderr,
			"hakmem-sweep: cannot make %s: %s; set TMPDIR to a directory "
			"that can be written\n",
			p->temp, strerror(errno));
		return false;
	}
	p->out = text_format("%s/out", p->temp);
	p->err = text_format("%s/err", p->temp);
	return true;
}

/* The source tree of a build directory, which its Makefile tells; the directory itself where that
 * is not so. To be freed. */
static char *
places_source(const char *build)
{
	static const char variable[] = "\nabs_top_srcdir = ";
	char *path = text_format("%s/Makefile", build), *makefile = text_read(path);
	const char *found = makefile != NULL ? strstr(makefile, variable) : NULL;

	if (found != NULL)
		found += strlen(variable);
	char *source = found != NULL ? text_format("%.*s", (int)strcspn(found, "\n"), found)
				     : text_format("%s", build);

	free(makefile);
	free(path);
	return source;
}

/* Where an installed directory is now: under the prefix that this program itself was installed or
 * moved to. To be freed. */
static char *
places_installed(const char *own, const char *directory)
{
	static const char prefix[] = SWEEP_PREFIX, bin[] = SWEEP_BINDIR;
	size_t root = strlen(prefix), length = strlen(own);
	bool below = strncmp(bin, prefix, root) == 0 && strncmp(directory, prefix, root) == 0;
	size_t tail = below ? strlen(bin) - root : 0;

	if (!below || length < tail || strcmp(own + length - tail, bin + root) != 0)
		return text_format("%s", directory);
	return text_format("%.*s%s", (int)(length - tail), own, directory + root);
}

bool
places_open(struct places *p, const char *programs)
{
	char *own = places_own_directory();

	*p = (struct places){0};
	if (own == NULL) {
		perror("hakmem-sweep: /proc/self/exe");
		return false;
	}
	p->launcher = text_format("%s/hakmem-launch", own);
	if (access(p->launcher, X_OK) == 0) {
		p->programs = text_format("%s/stress", own);
		p->libraries = text_format("%s/.libs", own);
		p->source = places_source(own);
		p->scripts = text_format("%s/stress/apps", p->source);
		free(own);
	} else {
		free(p->launcher);
		p->programs = places_installed(own, SWEEP_LIBEXECDIR);
		p->libraries = places_installed(own, SWEEP_LIBDIR);
		p->launcher = text_format("%s/hakmem-launch", p->programs);
		p->scripts = text_format("%s/apps", p->programs);
		free(own);
	}
	if (access(p->launcher, X_OK) != 0) {
		fprintf(stderr, "hakmem-sweep: %s is missing; run make, or make install\n",
			p->launcher);
		return false;
	}
	if (programs != NULL) {
		free(p->programs);
		p->programs = realpath(programs, NULL);
		if (p->programs == NULL) {
			fprintf(stderr, "hakmem-sweep: --programs %s: %s\n", programs,
				strerror(errno));
			return false;
		}
	}
	if (!places_temp(p))
		return false;
	p->libc = places_resolve(p, "libc.so.6");
	if (p->libc == NULL)
		fputs("hakmem-sweep: the dynamic linker finds no libc.so.6\n", stderr);
	return p->libc != NULL;
}

static int
places_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
places_close(struct places *p)
{
	if (p->out != NULL)
		nftw(p->temp, places_remove, WALK_FDS, FTW_DEPTH | FTW_PHYS);
	free(p->launcher);
	free(p->programs);
	free(p->libraries);
	free(p->libc);
	free(p->source);
	free(p->scripts);
	free(p->temp);
	free(p->out);
	free(p->err);
	*p = (struct places){0};
}

struct launch
places_launch(const struct places *p, const char *const *argv, double limit_s)
{
	return (struct launch){.launcher = p->launcher,
		.argv = argv,
		.limit_s = limit_s,
		.out = p->out,
		.err = p->err};
}

/* Finds the path in a trace: "NAME => PATH (0x...)", or "PATH (0x...)" for what had a path. */
static char *
places_from_trace(const char *trace, const char *name)
{
	for (const char *line = trace; line != NULL; line = strchr(line, '\n')) {
		line += strspn(line, " \t\n");
		size_t length = strcspn(line, " \n");

		if (*line == '\0')
			break;
		if (length != strlen(name) || strncmp(line, name, length) != 0)
			continue;
		const char *path =
			strncmp(line + length, " => ", 4) == 0 ? line + length + 4 : line;

		if (*path == '/')
			return text_format("%.*s", (int)strcspn(path, " \n"), path);
	}
	return NULL;
}

char *
places_resolve(const struct places *p, const char *name)
{
	const char *argv[] = {p->launcher, NULL};
	struct launch l = places_launch(p, argv, ASK_LIMIT_S);
	struct usage u;
	char *preload = text_format("LD_PRELOAD=%s", name), *path = NULL;

	l.env[0] = preload;
	l.env[1] = "LD_TRACE_LOADED_OBJECTS=1";
	if (launch_run(&l, &u) && u.exit_code == 0) {
		char *trace = text_read(p->out);

		if (trace != NULL)
			path = places_from_trace(trace, name);
		free(trace);
	}
	free(preload);
	return path;
}

char *
places_program(const char *name)
{
	const char *path = getenv("PATH");
	char *all = text_format("%s:/usr/local/bin:/usr/bin:/bin:/usr/sbin", path ? path : "");
	char *rest = all, *found = NULL;

	for (char *dir; found == NULL && (dir = strsep(&rest, ":")) != NULL;) {
		char *candidate = text_format("%s/%s", dir, name);

		if (*dir == '/' && access(candidate, X_OK) == 0)
			found = candidate;
		else
			free(candidate);
	}
	free(all);
	return found;
}

bool
places_same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

char *
places_ask(const struct places *p, const char *const *argv)
{
	char *program = places_program(argv[0]), *answer = NULL;
	const char *command[LAUNCH_ARG_MAX] = {program};
	struct usage u;

	if (program == NULL)
		return NULL;
	for (size_t i = 1; argv[i] != NULL && i < LAUNCH_ARG_MAX - 1; i++)
		command[i] = argv[i];
	struct launch l = places_launch(p, command, ASK_LIMIT_S);

	if (launch_run(&l, &u) && u.exit_code == 0)
		answer = text_read(p->out);
	if (answer != NULL)
		answer[strcspn(answer, "\n")] = '\0';
	free(program);
	return answer;
}

char *
places_directory(const char *name, const char *asked)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm local;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime_r(&now, &local));
	char *path = asked != NULL ? text_format("%s", asked) : text_format("%s-%s", name, stamp);

	if (mkdir(path, 0777) == 0 || (errno == EEXIST && access(path, W_OK | X_OK) == 0))
		return path;
	fprintf(stderr, "hakmem-%s: --out %s: %s\n", name, path, strerror(errno));
	free(path);
	return NULL;
}
