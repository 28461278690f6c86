/* SPDX-License-Identifier: MIT
 * tools/prof/options.c - parses the command line by argp. */
#include "tools/prof/options.h"
#include "include/hakmem/hakmem.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_ROWS = 20 };

enum {
	KEY_FORMAT = 0x100,
	KEY_BY,
	KEY_SORT,
	KEY_LIMIT,
	KEY_SYSROOT,
	KEY_NO_SYMBOLS,
	KEY_CONFIDENCE,
};

#define BIT(value) (1u << (value))

static const char *const format_names[] = {
	[FORMAT_TEXT] = "text", [FORMAT_JSON] = "json", [FORMAT_HEAP_V2] = "heap_v2", NULL};
static const char *const by_names[] = {[VIEW_BY_SITE] = "site",
	[VIEW_BY_FUNCTION] = "function",
	[VIEW_BY_MODULE] = "module",
	NULL};
static const char *const sort_names[] = {[VIEW_SORT_LIVE] = "live",
	[VIEW_SORT_ALLOCATED] = "allocated",
	[VIEW_SORT_COUNT] = "count",
	[VIEW_SORT_PEAK] = "peak",
	[VIEW_SORT_SAMPLES] = "samples",
	[VIEW_SORT_LIFETIME] = "lifetime",
	[VIEW_SORT_GROWTH] = "growth",
	[VIEW_SORT_NAME] = "name",
	NULL};

#define SORTS_OF_ROWS (~BIT(VIEW_SORT_GROWTH))

/* What goes with which command; the first format and the named order are its own. */
static const struct {
	const char *name;
	size_t least, most; /* files */
	unsigned formats, sorts;
	enum format format;
	enum view_sort sort;
} commands[] = {
	[COMMAND_TOP] = {"top", 1, 1, BIT(FORMAT_TEXT) | BIT(FORMAT_JSON) | BIT(FORMAT_HEAP_V2),
		SORTS_OF_ROWS, FORMAT_TEXT, VIEW_SORT_LIVE},
	[COMMAND_LEAKS] = {"leaks", 1, 1, BIT(FORMAT_TEXT) | BIT(FORMAT_JSON), SORTS_OF_ROWS,
		FORMAT_TEXT, VIEW_SORT_LIVE},
	[COMMAND_LIFETIMES] = {"lifetimes", 1, 1, BIT(FORMAT_TEXT) | BIT(FORMAT_JSON),
		SORTS_OF_ROWS, FORMAT_TEXT, VIEW_SORT_ALLOCATED},
	[COMMAND_DIFF] = {"diff", 2, 2, BIT(FORMAT_TEXT) | BIT(FORMAT_JSON),
		BIT(VIEW_SORT_GROWTH) | BIT(VIEW_SORT_LIVE) | BIT(VIEW_SORT_NAME), FORMAT_TEXT,
		VIEW_SORT_GROWTH},
	[COMMAND_MERGE] = {"merge", 1, SIZE_MAX, BIT(FORMAT_JSON) | BIT(FORMAT_HEAP_V2), 0,
		FORMAT_JSON, VIEW_SORT_LIVE},
	[COMMAND_SUGGEST] = {"suggest", 1, 1, BIT(FORMAT_TEXT), 0, FORMAT_TEXT, VIEW_SORT_LIVE},
};

/* Options as they were given, to be judged once the command is known. */
struct given {
	struct options *options;
	const char *command;
	bool format, by, sort, limit, confidence;
};

static const struct argp_option option_table[] = {
	{"format", KEY_FORMAT, "FORMAT", 0, "text, json or heap_v2 (the text that jeprof reads)",
		1},
	{"by", KEY_BY, "WHAT", 0, "one row for each site (default), function or module", 1},
	{"sort", KEY_SORT, "KEY", 0,
		"live, allocated, count, peak, samples, lifetime or name; diff: growth, live or "
		"name",
		1},
	{"limit", KEY_LIMIT, "N", 0, "so many rows (default: 20); 0 for all", 1},
	{"output", 'o', "FILE", 0, "write to FILE (default: standard output)", 1},
	{"confidence", KEY_CONFIDENCE, "SHARE", 0,
		"suggest: the least share of a site's samples that has to be shown (default: 0.9)",
		1},
	{"sysroot", KEY_SYSROOT, "DIR", 0, "look for programs and libraries below DIR", 2},
	{"no-symbols", KEY_NO_SYMBOLS, NULL, 0, "look for none: frames are module+offset", 2},
	{NULL, 0, NULL, 0, NULL, 0}};

/* The index of `name` among the names, or the end of the program with a message. */
static unsigned
one_of(struct argp_state *state, const char *what, const char *name, const char *const *names)
{
	unsigned i = 0;

	while (names[i] != NULL && strcmp(names[i], name) != 0)
		i++;
	if (names[i] == NULL)
		argp_error(state, "%s '%s' is unknown", what, name);
	return i;
}

static size_t
whole_number(struct argp_state *state, const char *what, const char *text)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);

	/* strtoul would take a sign and blanks. */
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
		argp_error(state, "%s '%s' is not a whole number", what, text);
	return value;
}

static double
share(struct argp_state *state, const char *what, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0.5) || !(value < 1))
		argp_error(state, "%s '%s' is not a number from 0.5 to below 1", what, text);
	return value;
}

static void
judge_heap_v2(struct argp_state *state, const struct given *g)
{
	if (g->options->format == FORMAT_HEAP_V2 && (g->by || g->sort || g->limit))
		argp_error(state, "a heap_v2 file has every site: --by, --sort and --limit do not "
				  "go with it");
}

/* Fills in what the command has as its own, and refuses what does not go with it. */
static void
judge(struct argp_state *state, struct given *g)
{
	struct options *o = g->options;
	unsigned i = 0;

	if (g->command == NULL)
		argp_error(state, "no command was given");
	while (i < COMMANDS && strcmp(commands[i].name, g->command) != 0)
		i++;
	if (i == COMMANDS)
		argp_error(state, "there is no command '%s'", g->command);
	o->command = (enum command)i;
	if (o->nfiles < commands[i].least || o->nfiles > commands[i].most)
		argp_error(state, "%s takes %s, not %zu", g->command,
			commands[i].most == 1   ? "one profile"
			: commands[i].most == 2 ? "two profiles"
						: "one or more profiles",
			o->nfiles);
	if (!g->format)
		o->format = commands[i].format;
	if (!g->sort)
		o->sort = commands[i].sort;
	if ((commands[i].formats & BIT(o->format)) == 0)
		argp_error(state, "%s has no format %s", g->command, format_names[o->format]);
	if (g->sort && (commands[i].sorts & BIT(o->sort)) == 0)
		argp_error(state, "%s cannot be sorted by %s", g->command, sort_names[o->sort]);
	if ((g->by || g->limit) && commands[i].sorts == 0)
		argp_error(state, "--by and --limit do not go with %s", g->command);
	if (g->confidence && o->command != COMMAND_SUGGEST)
		argp_error(state, "--confidence goes with suggest alone");
	judge_heap_v2(state, g);
}

static error_t
take_option(int key, char *arg, struct argp_state *state)
{
	struct given *g = state->input;
	struct options *o = g->options;

	switch (key) {
	case KEY_FORMAT:
		o->format = (enum format)one_of(state, "--format", arg, format_names);
		g->format = true;
		return 0;
	case KEY_BY:
		o->by = (enum view_by)one_of(state, "--by", arg, by_names);
		g->by = true;
		return 0;
	case KEY_SORT:
		o->sort = (enum view_sort)one_of(state, "--sort", arg, sort_names);
		g->sort = true;
		return 0;
	case KEY_LIMIT:
		o->limit = whole_number(state, "--limit", arg);
		o->limit = o->limit == 0 ? SIZE_MAX : o->limit;
		g->limit = true;
		return 0;
	case KEY_CONFIDENCE:
		o->confidence = share(state, "--confidence", arg);
		g->confidence = true;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case KEY_SYSROOT:
		o->sysroot = arg;
		return 0;
	case KEY_NO_SYMBOLS:
		o->no_symbols = true;
		return 0;
	case ARGP_KEY_ARGS:
		g->command = state->argv[state->next];
		o->files = state->argv + state->next + 1;
		o->nfiles = (size_t)(state->argc - state->next - 1);
		return 0;
	case ARGP_KEY_END:
		judge(state, g);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void
options_parse(int argc, char **argv, struct options *o)
{
	static const struct argp parser = {.options = option_table,
		.parser = take_option,
		.args_doc = "top PROFILE\nleaks PROFILE\nlifetimes PROFILE\ndiff OLD NEW\n"
			    "merge PROFILE...\nsuggest PROFILE",
		.doc = "Reads profiles of hakmem: which call sites own the memory (top), what was "
		       "alive at the end (leaks), how long blocks lived (lifetimes), what grew "
		       "(diff), several profiles as one (merge), Site Rules for them (suggest).\v"
		       "The status is 0; 1 where a file cannot be read, is no profile or cannot be "
		       "written, 2 for bad options."};
	struct given g = {.options = o};

	*o = (struct options){.limit = DEFAULT_ROWS, .confidence = 0.9};
	argp_program_version = "hakmem-prof " HAKMEM_VERSION;
	argp_err_exit_status = OPTIONS_EXIT_USAGE;
	argp_parse(&parser, argc, argv, 0, NULL, &g);
}
