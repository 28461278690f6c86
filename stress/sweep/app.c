/* SPDX-License-Identifier: MIT
 * stress/sweep/app.c - what the applications share. */
#include "stress/sweep/app.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
app_has(const char *workload, const char *program, const char *package)
{
	char *path = places_program(program);

	if (path == NULL)
		fprintf(stderr, "hakmem-sweep: %s is left out: no %s; apt-get install %s\n",
			workload, program, package);
	free(path);
	return path != NULL;
}

char *
app_output(const struct job *job, const char *const *argv, const char *variable, struct run *run)
{
	struct run_environment vars;
	struct child child;
	struct launch l = places_launch(job->places, argv, job->limit_s);
	size_t n = 0;

	run_environment(job, false, &l, &vars);
	while (l.env[n] != NULL)
		n++;
	l.env[n] = variable;
	bool launched = launch_start(&l, &child);
	pid_t pid = child.pid;

	launched = launched && launch_wait(&child, &run->usage);
	run_environment_free(&vars);
	if (!run_judge_end(job, launched, run) || !run_judge_bindings(job, pid, NULL, run))
		return NULL;
	char *text = text_read(job->places->out);

	if (text == NULL)
		run_fail(run, RUN_RESULT, "it printed nothing");
	return text;
}

double
app_peak_kb(pid_t pid)
{
	char *path = text_format("/proc/%d/status", (int)pid), *status = text_read(path);
	const char *field = status != NULL ? strstr(status, "VmHWM:") : NULL;
	double kb = field != NULL ? strtod(field + strlen("VmHWM:"), NULL) : 0;

	free(status);
	free(path);
	return kb;
}
