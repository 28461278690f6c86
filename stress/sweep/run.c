/* SPDX-License-Identifier: MIT
 * stress/sweep/run.c - runs one job and judges its end. */
#include "stress/sweep/run.h"
#include "stress/sweep/allocators.h"
#include "stress/sweep/places.h"
#include "stress/sweep/proof.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const status_names[] = {[RUN_OK] = "ok",
	[RUN_EXIT] = "exit",
	[RUN_CRASH] = "crash",
	[RUN_TIMEOUT] = "timeout",
	[RUN_RESULT] = "result",
	[RUN_CHECKSUM] = "checksum",
	[RUN_PROOF] = "proof",
	[RUN_INTERRUPTED] = "interrupted"};

const char *
run_status_name(enum run_status status)
{
	return status_names[status];
}

bool
run_status_named(const char *name, enum run_status *status)
{
	for (size_t i = 0; i < sizeof(status_names) / sizeof(status_names[0]); i++) {
		if (strcmp(name, status_names[i]) == 0) {
			*status = (enum run_status)i;
			return true;
		}
	}
	return false;
}

void
run_fail(struct run *run, enum run_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(run->detail, sizeof(run->detail), format, args);
	va_end(args);
	run->status = status;
}

void
run_environment(
	const struct job *job, bool preload_libc, struct launch *l, struct run_environment *vars)
{
	size_t n = 0;

	*vars = (struct run_environment){0};
	if (!job->allocator->is_libc || preload_libc) {
		vars->preload = text_format("LD_PRELOAD=%s", job->allocator->path);
		l->env[n++] = vars->preload;
	}
	if (job->proof) {
		vars->debug_output = text_format("LD_DEBUG_OUTPUT=%s/bindings", job->places->temp);
		l->env[n++] = "LD_DEBUG=bindings";
		l->env[n++] = vars->debug_output;
	}
	l->env[n] = NULL;
}

void
run_environment_free(struct run_environment *vars)
{
	free(vars->preload);
	free(vars->debug_output);
}

/* Adds the last line that the program wrote to standard error to the detail. */
static void
run_add_last_words(const struct places *p, struct run *run)
{
	char *text = text_read(p->err);

	if (text == NULL)
		return;
	size_t length = strlen(text), used = strlen(run->detail);

	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	const char *line = strrchr(text, '\n');

	line = line != NULL ? line + 1 : text;
	if (*line != '\0')
		snprintf(run->detail + used, sizeof(run->detail) - used, ": %s", line);
	free(text);
}

bool
run_judge_end(const struct job *job, bool launched, struct run *run)
{
	const struct usage *u = &run->usage;

	if (launch_interrupted())
		run_fail(run, RUN_INTERRUPTED, "interrupted");
	else if (!launched)
		run_fail(run, RUN_EXIT, "the launcher %s failed", job->places->launcher);
	else if (u->exec_errno != 0)
		run_fail(run, RUN_EXIT, "cannot be started: %s", strerror(u->exec_errno));
	else if (u->timed_out)
		run_fail(run, RUN_TIMEOUT, "killed after %.0f s", job->limit_s);
	else if (u->signal != 0)
		run_fail(run, RUN_CRASH, "%s", strsignal(u->signal));
	else if (u->exit_code != 0)
		run_fail(run, RUN_EXIT, "exit status %d", u->exit_code);
	else
		return true;
	if (run->status != RUN_INTERRUPTED)
		run_add_last_words(job->places, run);
	return false;
}

bool
run_judge_bindings(const struct job *job, pid_t pid, const char *program, struct run *run)
{
	char why[160];

	if (!job->proof)
		return true;
	char *path = text_format("%s/bindings.%d", job->places->temp, (int)pid);
	char *list = text_read(path);
	bool ok = list != NULL;

	if (!ok)
		run_fail(run, RUN_PROOF, "the dynamic linker wrote no list of bindings");
	else if (!proof_bindings(list, program, job->allocator->path, why, sizeof(why))) {
		run_fail(run, RUN_PROOF, "%s, not to %s", why, job->allocator->path);
		ok = false;
	}
	unlink(path);
	free(list);
	free(path);
	return ok;
}

bool
run_judge_result(struct run *run)
{
	if (!text_number(run->result, "ops_per_s", &run->ops_per_s) || run->ops_per_s <= 0)
		run_fail(run, RUN_RESULT, "no ops_per_s= above 0 in its last line");
	else if (!text_value(run->result, "checksum", run->checksum, sizeof(run->checksum)))
		run_fail(run, RUN_RESULT, "no checksum= in its last line");
	else
		return true;
	return false;
}

/* A workload that is one program of ours: run it, read its last line. */
static void
run_program(const struct job *job, struct run *run)
{
	struct run_environment vars;
	struct child child;
	char *program =
		text_format("%s/%s", job->places->programs, workload_program(job->workload));
	struct workload_command command;

	workload_command(job->workload, program, job, &command);
	struct launch l = places_launch(job->places, command.argv, job->limit_s);

	run_environment(job, false, &l, &vars);
	bool launched = launch_start(&l, &child);
	pid_t pid = child.pid;

	launched = launched && launch_wait(&child, &run->usage);
	if (run_judge_end(job, launched, run) && run_judge_bindings(job, pid, program, run)) {
		char *text = text_read(job->places->out);

		if (text == NULL ||
			!text_last_line(text, "ops_per_s", run->result, sizeof(run->result)))
			run_fail(run, RUN_RESULT, "printed no line with ops_per_s=");
		else
			run_judge_result(run);
		free(text);
	}
	run_environment_free(&vars);
	free(program);
}

void
run_execute(const struct job *job, struct run *run)
{
	int round = run->round;

	*run = (struct run){.allocator = job->allocator,
		.workload = job->workload,
		.threads = job->threads,
		.round = round};
	if (job->workload->run != NULL)
		job->workload->run(job, run);
	else
		run_program(job, run);
}
