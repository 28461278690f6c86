/* SPDX-License-Identifier: MIT
 * stress/sweep/app_script.c - Lua, Ruby, Python and SQLite: each runs a script of stress/apps.
 *
 * The scripts build strings, fill dictionaries and churn objects; SQLite's inserts into a database
 * in memory, and sorts and groups it. The workload's argument is the number of rounds or rows. Each
 * script prints ops= and checksum=; the time is that of the whole process. */
#include "stress/sweep/app.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct script {
	const char *workload, *program, *package, *file;
	const char *variable; /* one more of the environment, or NULL */
} scripts[] = {
	{"lua", "lua5.4", "lua5.4", "churn.lua", NULL},
	{"ruby", "ruby", "ruby", "churn.rb", NULL},
	/* Without it Python's own pools serve what is small. */
	{"python", "python3", "python3", "churn.py", "PYTHONMALLOC=malloc"},
	{"sqlite", "sqlite3", "sqlite3", "churn.sql", NULL},
};

static const struct script *
script_of(const char *workload)
{
	const struct script *s = scripts;

	while (strcmp(s->workload, workload) != 0)
		s++;
	return s;
}

static bool
script_available(const char *workload)
{
	const struct script *s = script_of(workload);

	return app_has(s->workload, s->program, s->package);
}

bool
lua_available(void)
{
	return script_available("lua");
}

bool
ruby_available(void)
{
	return script_available("ruby");
}

bool
python_available(void)
{
	return script_available("python");
}

bool
sqlite_available(void)
{
	return script_available("sqlite");
}

/* The line that the script printed, with the rate behind it. */
static void
script_result(const char *text, struct run *run)
{
	char line[sizeof(run->result) / 2];
	double ops;

	if (!text_last_line(text, "checksum", line, sizeof(line)) ||
		!text_number(line, "ops", &ops)) {
		run_fail(run, RUN_RESULT, "printed no line with ops= and checksum=");
		return;
	}
	snprintf(run->result, sizeof(run->result), "%s ops_per_s=%.0f", line,
		run->usage.wall_s > 0 ? ops / run->usage.wall_s : 0);
	run_judge_result(run);
}

void
script_run(const struct job *job, struct run *run)
{
	const struct script *s = script_of(workload_program(job->workload));
	struct workload_command command;
	char *program = places_program(s->program);
	char *path = text_format("%s/%s", job->places->scripts, s->file);

	workload_command(job->workload, program, job, &command);
	char *rows = text_format(".parameter set :rows %s", command.argv[1]);
	char *read = text_format(".read '%s'", path);
	const char *script[] = {program, path, command.argv[1], NULL};
	const char *sql[] = {program, ":memory:", "-cmd", rows, read, NULL};
	bool is_sql = strcmp(s->workload, "sqlite") == 0;

	if (program == NULL) {
		run_fail(run, RUN_EXIT, "%s is gone", s->program);
	} else {
		char *text = app_output(job, is_sql ? sql : script, s->variable, run);

		if (text != NULL)
			script_result(text, run);
		free(text);
	}
	free(read);
	free(rows);
	free(path);
	free(program);
}
