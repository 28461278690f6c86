/* SPDX-License-Identifier: MIT
 * tools/run/hakmem-run.c - hakmem-run: runs a command with a chosen variant of hakmem as its
 * malloc.
 *
 * It finds the library, sets the environment and becomes the command; nothing of it stays in the
 * process. Exit status: the command's own; 127 where there is no such command, 126 where it cannot
 * be executed, 125 for bad options or a missing library. */
#include "base/config.h"
#include "include/hakmem/hakmem.h"
#include "stress/sweep/text.h"
#include "tools/run/ask.h"
#include "tools/run/libraries.h"
#include "tools/run/target.h"

#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OWN = 125, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

#define LIST_LINE "%-24s %-48s %s\n"

enum mode { MODE_RUN, MODE_LIST, MODE_WHICH, MODE_REPORT };

struct options {
	enum mode mode;
	const char *frontend, *backend, *selector, *stats, *arenas; /* NULL where not given */
	const char *report;                                         /* MODE_REPORT's library */
	char **command;
};

static const char *const formats[] = {"text", "json", NULL};

/* What the settings take, from the library's own table. A unit with | in it is the list of the
 * values' names. */
struct setting {
	const char *unit;
	unsigned long long least, most;
};

static const struct {
#define X(field, ...) struct setting field;
	CONFIG_SETTINGS(X)
#undef X
} settings = {
#define X(field, standard, lower, upper, names, ...) .field = {names, lower, upper},
	CONFIG_SETTINGS(X)
#undef X
};

enum {
	KEY_FRONTEND = 0x100,
	KEY_BACKEND,
	KEY_SELECTOR,
	KEY_STATS,
	KEY_ARENAS,
	KEY_LIST,
	KEY_WHICH,
	KEY_REPORT
};

static const struct argp_option option_table[] = {
	{"frontend", KEY_FRONTEND, "NAME", 0,
		"tls, lock or rseq (default: that of " RUN_FRONTEND "-" RUN_BACKEND ")", 0},
	{"backend", KEY_BACKEND, "NAME", 0, "hakmem or jemalloc (default: likewise)", 0},
	{"selector", KEY_SELECTOR, "NAME", 0,
		"what chooses an allocation's arena: site, thread, cpu or single", 0},
	{"arenas", KEY_ARENAS, "N", 0, "the number of arenas; 0 leaves it to the library", 0},
	{"stats", KEY_STATS, "FORMAT", OPTION_ARG_OPTIONAL,
		"statistics on standard error at exit: text (default) or json", 0},
	{"list", KEY_LIST, NULL, 0, "list the variants found, and how each would work here", 0},
	{"which", KEY_WHICH, NULL, 0, "tell the chosen library, its variant and mechanism", 0},
	{ASK_OPTION, KEY_REPORT, "LIBRARY", OPTION_HIDDEN, NULL, 0}, {NULL, 0, NULL, 0, NULL, 0}};

/* The names with commas between them; to be freed. */
static char *
joined(const char *const *names)
{
	char *list = text_format("%s", names[0]);

	for (size_t i = 1; names[i] != NULL; i++) {
		char *longer = text_format("%s, %s", list, names[i]);

		free(list);
		list = longer;
	}
	return list;
}

/* `name` if it is one of the names, or the end of the program with a message. */
static const char *
checked_name(const char *what, const char *name, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return name;
	errx(EXIT_OWN, "no %s '%s'; there are: %s", what, name, joined(names));
}

static const char *
checked_selector(const char *name)
{
	char *copy = text_format("%s", settings.selector.unit), *rest = copy;
	/* There are fewer names than characters. */
	const char **names = text_alloc(strlen(copy) + 1, sizeof(*names));

	for (size_t n = 0; rest != NULL; n++)
		names[n] = strsep(&rest, "|");
	checked_name("selector", name, names);
	free(names);
	free(copy);
	return name;
}

static const char *
checked_arenas(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	/* strtoull would take a sign and blanks, the library does not. */
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
		value < settings.arenas.least || value > settings.arenas.most)
		errx(EXIT_OWN, "--arenas '%s' is not a whole number from %llu to %llu", text,
			settings.arenas.least, settings.arenas.most);
	return text;
}

static error_t
take_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case KEY_FRONTEND:
		o->frontend = checked_name("front-end", arg, libraries_frontends);
		return 0;
	case KEY_BACKEND:
		o->backend = checked_name("back-end", arg, libraries_backends);
		return 0;
	case KEY_SELECTOR:
		o->selector = checked_selector(arg);
		return 0;
	case KEY_STATS:
		o->stats = checked_name("format of --stats", arg ? arg : formats[0], formats);
		return 0;
	case KEY_ARENAS:
		o->arenas = checked_arenas(arg);
		return 0;
	case KEY_LIST:
	case KEY_WHICH:
		o->mode = key == KEY_LIST ? MODE_LIST : MODE_WHICH;
		return 0;
	case KEY_REPORT:
		o->mode = MODE_REPORT;
		o->report = arg;
		return 0;
	case ARGP_KEY_ARG:
		/* The rest is the command's own. */
		o->command = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (o->mode == MODE_RUN && o->command == NULL)
			argp_error(state, "no command was given");
		if (o->mode != MODE_RUN && o->command != NULL)
			argp_error(state, "--list and --which run no command");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The path of the library that was asked for, or the end of the program with a message. What was
 * left open is as in the one that configure chose. */
static char *
chosen_library(const struct options *o, const struct libraries *l)
{
	bool any = o->frontend == NULL && o->backend == NULL;
	const char *frontend = o->frontend != NULL ? o->frontend : RUN_FRONTEND;
	const char *backend = o->backend != NULL ? o->backend : RUN_BACKEND;
	char *path = any ? text_format("%s", l->chosen) : libraries_path(l, frontend, backend);

	if (any && access(path, F_OK) != 0)
		errx(EXIT_OWN, "no %s; run make, or make install", path);
	if (access(path, F_OK) != 0)
		errx(EXIT_OWN,
			"%s-%s: no %s: that variant was not built; configure with "
			"--enable-variants=%s-%s (or all)%s, make and make install",
			frontend, backend, path, frontend, backend,
			strcmp(backend, "jemalloc") == 0 ? ", libjemalloc-dev installed" : "");
	if (strpbrk(path, " :") != NULL)
		errx(EXIT_OWN,
			"%s: LD_PRELOAD cannot hold a path with a blank or a colon; move the "
			"installation",
			path);
	return path;
}

static void
set_variable(const char *name, const char *value)
{
	if (value != NULL && setenv(name, value, 1) != 0)
		err(EXIT_OWN, "%s", name);
}

/* The settings, for the command and for a library that is asked. */
static void
set_settings(const struct options *o)
{
	set_variable("HAKMEM_SELECTOR", o->selector);
	set_variable("HAKMEM_ARENAS", o->arenas);
	if (o->stats != NULL)
		set_variable("HAKMEM_STATS", strcmp(o->stats, "text") == 0 ? "1" : o->stats);
}

static _Noreturn void
run(const struct options *o, const struct libraries *l)
{
	const char *library = chosen_library(o, l);

	target_warn(o->command[0], library);
	set_variable("LD_PRELOAD", libraries_preload(library));
	execvp(o->command[0], o->command);
	err(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE, "%s", o->command[0]);
}

static int
which(const struct options *o, const struct libraries *l)
{
	char *path = chosen_library(o, l);
	struct answer a;
	int status = EXIT_SUCCESS;

	ask_library(l->self, path, &a);
	if (a.error != NULL) {
		warnx("%s: %s", path, a.error);
		status = EXIT_OWN;
	} else {
		printf("library: %s\nvariant: %s\nmechanism: %s\n", path, a.variant, a.mechanism);
	}
	ask_free(&a);
	free(path);
	return status;
}

/* One line of the list, if there is such a library; false where there is but cannot be used. */
static bool
list_one(const struct libraries *l, const char *name, const char *path, const char *note, bool *any)
{
	struct answer a;

	if (access(path, F_OK) != 0)
		return true;
	if (!*any)
		printf(LIST_LINE, "variant", "mechanism", "library");
	*any = true;
	ask_library(l->self, path, &a);
	bool good = a.error == NULL;
	char *variant = text_format("%s%s", good ? a.variant : name, note);

	printf(LIST_LINE, variant, good ? a.mechanism : "cannot be used", path);
	/* Each answer takes a process: show it before the next one is asked. */
	fflush(stdout);
	if (!good)
		warnx("%s: %s", path, a.error);
	free(variant);
	ask_free(&a);
	return good;
}

static int
list(const struct libraries *l)
{
	bool any = false;
	bool good = list_one(l, RUN_FRONTEND "-" RUN_BACKEND, l->chosen, " (default)", &any);

	for (size_t f = 0; libraries_frontends[f] != NULL; f++) {
		for (size_t b = 0; libraries_backends[b] != NULL; b++) {
			const char *frontend = libraries_frontends[f];
			const char *backend = libraries_backends[b];
			char *name = text_format("%s-%s", frontend, backend);
			char *path = libraries_path(l, frontend, backend);

			good &= list_one(l, name, path, "", &any);
			free(path);
			free(name);
		}
	}
	if (!any)
		warnx("neither %s nor a libhakmem-*-*.so in %s; run make, or make install",
			l->chosen, l->variants);
	return good && any ? EXIT_SUCCESS : EXIT_OWN;
}

int
main(int argc, char **argv)
{
	static const struct argp parser = {.options = option_table,
		.parser = take_option,
		.args_doc = "[--] COMMAND [ARGUMENT...]\n--list\n--which",
		.doc = "Runs a command with hakmem as its malloc.\v"
		       "The status is the command's own; 127 where there is no such command, 126 "
		       "where it cannot be executed, 125 for bad options or a missing library."};
	struct options o = {.mode = MODE_RUN};
	struct libraries l;

	argp_program_version = "hakmem-run " HAKMEM_VERSION;
	argp_err_exit_status = EXIT_OWN;
	argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &o);
	if (o.mode == MODE_REPORT)
		return ask_report(o.report);
	if (!libraries_open(&l, RUN_BINDIR, RUN_LIBDIR))
		return EXIT_OWN;
	set_settings(&o);
	if (o.mode == MODE_RUN)
		run(&o, &l);
	int status = o.mode == MODE_LIST ? list(&l) : which(&o, &l);

	libraries_close(&l);
	return status;
}
