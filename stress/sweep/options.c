/* SPDX-License-Identifier: MIT
 * stress/sweep/options.c - parses the command line by argp. */
#include "stress/sweep/options.h"
#include "include/hakmem/hakmem.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_RUNS = 1000, MAX_LIMIT_S = 86400, MAX_PROCS = 4096 };

enum {
	KEY_FULL = 0x100,
	KEY_VARIANTS,
	KEY_PEERS,
	KEY_BASE,
	KEY_PROGRAMS,
	KEY_LIMIT,
	KEY_ESTIMATE,
	KEY_PROFILE_SHARE,
	KEY_CAUSES,
	KEY_FOCUS,
	KEY_COMPARE,
	KEY_RESUME,
	KEY_MERGE,
	KEY_IMPORT,
	KEY_PROCS,
};

static const struct argp_option option_table[] = {{NULL, 0, NULL, 0, "What to run:", 1},
	{"allocators", 'a', "LIST", 0, "exactly these allocators (variants, peers, NAME=PATH)", 1},
	{"variants", KEY_VARIANTS, "LIST", 0,
		"the hakmem variants; hakmem stands for all that are built (default: tls-hakmem, "
		"rseq-hakmem, lock-hakmem; quick: the first two)",
		1},
	{"peers", KEY_PEERS, "LIST", 0,
		"glibc, jemalloc, mimalloc, tcmalloc, tbbmalloc, NAME=PATH or none (default: all; "
		"quick: all but tbbmalloc)",
		1},
	{"workloads", 'w', "LIST", 0,
		"names of workloads, or of their families (default: all; a wrong name lists them)",
		1},
	{"threads", 't', "LIST", 0, "thread counts (default: 1,2,4,16; quick: 1,4)", 1},
	{"runs", 'r', "N", 0, "counted runs of each (default: 5; quick: 3)", 1},
	{"quick", 'q', NULL, 0, "smaller parameters, below ten minutes in all", 1},
	{"full", KEY_FULL, NULL, 0, "the opposite of --quick (default)", 1},
	{"limit", KEY_LIMIT, "SECONDS", 0,
		"a run is killed after that long, and its allocator sits out the rest of the cell "
		"(default: 10 and ten times what the workload usually takes)",
		1},
	{"estimate", KEY_ESTIMATE, NULL, 0, "say how many minutes it would take; run nothing", 1},
	{"programs", KEY_PROGRAMS, "DIR", 0, "where the workloads' programs are", 1},
	{"resume", KEY_RESUME, "DIR", 0, "go on with the interrupted sweep of that directory", 1},
	{"profile-share", KEY_PROFILE_SHARE, NULL, 0,
		"count the share of Redis's instructions in each allocator as well, by valgrind",
		1},
	{NULL, 0, NULL, 0, "What to make of it:", 2},
	{"base", KEY_BASE, "NAME", 0, "what ratios refer to (default: mimalloc, else glibc)", 2},
	{"focus", KEY_FOCUS, "NAME", 0,
		"whose strengths and weaknesses are told (default: the fastest hakmem variant)", 2},
	{"causes", KEY_CAUSES, "FILE", 0,
		"a JSON object of workloads and the causes of what they show; told beside the "
		"worst three",
		2},
	{"out", 'o', "DIR", 0, "directory of the results (default: sweep-DATE-TIME)", 2},
	{"compare", KEY_COMPARE, "OLD.json", 0,
		"name what changed beyond noise since that results.json", 2},
	{"merge", KEY_MERGE, NULL, 0,
		"run nothing: one report of the results.json files that follow", 2},
	{"import-mimalloc-bench", KEY_IMPORT, "FILE", 0,
		"run nothing: a report of the benchres.csv of mimalloc-bench", 2},
	{"procs", KEY_PROCS, "N", 0,
		"threads of its tests with an N in their names (default: the processors)", 2},
	{NULL, 0, NULL, 0, NULL, 0}};

/* A whole number from 1 to `most`, or the end of the program with a message. */
static int
options_number(struct argp_state *state, const char *what, const char *text, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < 1 || value > most)
		argp_error(state, "%s '%s' is not a whole number from 1 to %d", what, text, most);
	return (int)value;
}

/* What excludes what. */
static void
options_check(struct argp_state *state, const struct options *o)
{
	bool selects = o->choice.only != NULL || o->choice.variants != NULL ||
		       o->choice.peers != NULL || o->workloads != NULL || o->threads != NULL ||
		       o->runs != 0 || o->quick;

	if (o->choice.only != NULL && (o->choice.variants != NULL || o->choice.peers != NULL))
		argp_error(state, "--allocators excludes --variants and --peers");
	if ((o->resume != NULL) + o->merge + (o->import != NULL) > 1)
		argp_error(
			state, "--resume, --merge and --import-mimalloc-bench exclude each other");
	if (o->resume != NULL && (selects || o->out != NULL))
		argp_error(state, "--resume takes its plan from the directory; "
				  "only --base, --focus, --causes, --compare and --programs "
				  "go with it");
	if ((o->merge || o->import != NULL) && (selects || o->estimate || o->profile_share))
		argp_error(state, "nothing is run here; only --base, --focus, --causes, --out "
				  "and --compare apply");
	if (o->merge && o->nfiles == 0)
		argp_error(state, "--merge needs the names of results.json files");
}

static error_t
options_text(int key, const char *arg, struct options *o)
{
	switch (key) {
	case 'a':
		o->choice.only = arg;
		return 0;
	case KEY_VARIANTS:
		o->choice.variants = arg;
		return 0;
	case KEY_PEERS:
		o->choice.peers = arg;
		return 0;
	case 'w':
		o->workloads = arg;
		return 0;
	case 't':
		o->threads = arg;
		return 0;
	case KEY_BASE:
		o->base = arg;
		return 0;
	case 'o':
		o->out = arg;
		return 0;
	case KEY_PROGRAMS:
		o->programs = arg;
		return 0;
	case KEY_COMPARE:
		o->compare = arg;
		return 0;
	case KEY_RESUME:
		o->resume = arg;
		return 0;
	case KEY_CAUSES:
		o->causes = arg;
		return 0;
	case KEY_FOCUS:
		o->focus = arg;
		return 0;
	case KEY_IMPORT:
		o->import = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t
options_one(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'r':
		o->runs = options_number(state, "--runs", arg, MAX_RUNS);
		return 0;
	case 'q':
	case KEY_FULL:
		o->quick = key == 'q';
		return 0;
	case KEY_LIMIT:
		o->limit_s = options_number(state, "--limit", arg, MAX_LIMIT_S);
		return 0;
	case KEY_PROFILE_SHARE:
		o->profile_share = true;
		return 0;
	case KEY_ESTIMATE:
		o->estimate = true;
		return 0;
	case KEY_PROCS:
		o->procs = options_number(state, "--procs", arg, MAX_PROCS);
		return 0;
	case KEY_MERGE:
		o->merge = true;
		return 0;
	case ARGP_KEY_ARG:
		/* The files may stand before --merge; whether it is there is known at the end. */
		return ARGP_ERR_UNKNOWN;
	case ARGP_KEY_ARGS:
		if (!o->merge)
			argp_error(state, "'%s' is not an option", state->argv[state->next]);
		o->files = state->argv + state->next;
		o->nfiles = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		options_check(state, o);
		return 0;
	default:
		return options_text(key, arg, o);
	}
}

void
options_parse(int argc, char **argv, struct options *o)
{
	static const struct argp parser = {.options = option_table,
		.parser = options_one,
		.args_doc = "[--merge A.json B.json ...]",
		.doc = "Compares allocators: runs every workload under every allocator in turns, "
		       "proves which library served it, and reports time and peak RSS relative to "
		       "one of them, as a table, report.html, report.md, results.json and CSV."};

	argp_program_version = "hakmem-sweep " HAKMEM_VERSION;
	argp_err_exit_status = OPTIONS_EXIT;
	argp_parse(&parser, argc, argv, 0, NULL, o);
}
