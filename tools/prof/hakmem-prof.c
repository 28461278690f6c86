/* SPDX-License-Identifier: MIT
 * tools/prof/hakmem-prof.c - hakmem-prof: reads the profiles that the library writes, and tells
 * what they say. It needs neither the library nor the profiled process, only the files of its
 * modules where frames are to have names.
 *
 * Exit status: 0; 1 where a file cannot be read, is no profile or cannot be written; 2 for bad
 * options. */
#include "stress/sweep/text.h"
#include "tools/prof/heap_v2.h"
#include "tools/prof/merge.h"
#include "tools/prof/options.h"
#include "tools/prof/profile.h"
#include "tools/prof/report.h"
#include "tools/prof/suggest.h"
#include "tools/prof/symbols.h"
#include "tools/prof/view.h"

#include <err.h>
#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

static void
load(const char *path, struct profile *p)
{
	if (!profile_load(path, p))
		exit(OPTIONS_EXIT_FAILED);
}

/* A profile that cannot be written as JSON holds text that is no UTF-8, which no reader gave us. */
static void
write_profile(FILE *out, const struct profile *p)
{
	json_t *document = profile_json(p);

	if (json_dumpf(document, out, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) != 0 &&
		!ferror(out))
		errx(OPTIONS_EXIT_FAILED, "the profile cannot be written as JSON");
	putc('\n', out);
	json_decref(document);
}

static void
run_merge(FILE *out, const struct options *o)
{
	struct profile total = {0};

	for (size_t i = 0; i < o->nfiles; i++) {
		struct profile one;

		load(o->files[i], &one);
		if (i > 0 && one.sample_bytes != total.sample_bytes)
			warnx("warning: %s: sampled every %llu bytes, others every %llu; intervals "
			      "of sites without samples go by the larger",
				o->files[i], (unsigned long long)one.sample_bytes,
				(unsigned long long)total.sample_bytes);
		merge_add(&total, &one);
		profile_free(&one);
	}
	if (o->format == FORMAT_HEAP_V2) {
		struct symbols *symbols = symbols_open(&total, o->sysroot, o->no_symbols);

		heap_v2_write(out, &total, symbols);
		symbols_close(symbols);
	} else {
		write_profile(out, &total);
	}
	profile_free(&total);
}

/* One profile, and what it is asked for. */
static void
run_one(FILE *out, const struct options *o)
{
	struct profile p;

	load(o->files[0], &p);
	struct symbols *symbols = symbols_open(&p, o->sysroot, o->no_symbols);

	if (o->command == COMMAND_SUGGEST) {
		suggest_write(out, &p, symbols, o->confidence);
	} else if (o->format == FORMAT_HEAP_V2) {
		heap_v2_write(out, &p, symbols);
	} else {
		struct view v;

		view_open(&v, &p, symbols, o->by);
		report_view(out, o, &v);
		view_close(&v);
	}
	symbols_close(symbols);
	profile_free(&p);
}

static void
run_diff(FILE *out, const struct options *o)
{
	struct profile profiles[2];
	struct symbols *symbols[2];
	struct view views[2];

	for (size_t i = 0; i < 2; i++)
		load(o->files[i], &profiles[i]);
	for (size_t i = 0; i < 2; i++) {
		symbols[i] = symbols_open(&profiles[i], o->sysroot, o->no_symbols);
		view_open(&views[i], &profiles[i], symbols[i], o->by);
	}
	report_diff(out, o, &views[0], &views[1]);
	for (size_t i = 0; i < 2; i++) {
		view_close(&views[i]);
		symbols_close(symbols[i]);
		profile_free(&profiles[i]);
	}
}

/* Writes all at once at the end, so that an input may be the output too and a bad input leaves it
 * as it was. */
static void
deliver(const char *path, const char *text, size_t size)
{
	FILE *out = path != NULL ? fopen(path, "we") : stdout;

	if (out == NULL)
		err(OPTIONS_EXIT_FAILED, "%s", path);
	fwrite(text, 1, size, out);
	if (fflush(out) != 0 || ferror(out))
		err(OPTIONS_EXIT_FAILED, "%s", path != NULL ? path : "standard output");
	if (path != NULL)
		fclose(out);
}

int
main(int argc, char **argv)
{
	struct options o;
	char *text = NULL;
	size_t size = 0;

	options_parse(argc, argv, &o);
	/* What GSL cannot compute is a NaN to us, not the end of the program. */
	gsl_set_error_handler_off();
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		err(OPTIONS_EXIT_FAILED, "no memory for the report");
	if (o.command == COMMAND_MERGE)
		run_merge(out, &o);
	else if (o.command == COMMAND_DIFF)
		run_diff(out, &o);
	else
		run_one(out, &o);
	if (fclose(out) != 0)
		err(OPTIONS_EXIT_FAILED, "no memory for the report");
	deliver(o.output, text, size);
	free(text);
	return EXIT_SUCCESS;
}
