/* SPDX-License-Identifier: MIT
 * tools/run/ask.c - asks a library for its variant and mechanism, in a process of its own. */
#include "tools/run/ask.h"
#include "stress/sweep/text.h"
#include "tools/run/libraries.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_S = 10, FAILED = 125 };

#define VARIANT_KEY "variant="
#define MECHANISM_KEY "mechanism="

/* --- in the process that has the library ----------------------------------------------------- */

typedef const char *describe(void);

/* The function of that name, if it is `library` that defines it. Another hakmem may be here too,
 * by /etc/ld.so.preload for one, and must not answer in its place. */
static describe *
function_of(const char *library, const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);
	describe *function;
	Dl_info info;

	if (address == NULL || dladdr(address, &info) == 0 || strcmp(info.dli_fname, library) != 0)
		return NULL;
	/* C has no conversion from void * to a function. */
	memcpy(&function, &address, sizeof(function));
	return function;
}

int
ask_report(const char *library)
{
	describe *variant = function_of(library, "hak_variant");
	describe *mechanism = function_of(library, "hak_mechanism");

	if (variant != NULL)
		printf(VARIANT_KEY "%s\n", variant());
	if (mechanism != NULL)
		printf(MECHANISM_KEY "%s\n", mechanism());
	return fflush(stdout) == 0 ? EXIT_SUCCESS : FAILED;
}

/* --- in the process that asks ---------------------------------------------------------------- */

/* The child between fork and exec. The alarm outlives the exec: a library that hangs while it is
 * loaded is ended too. */
static _Noreturn void
become(const char *self, const char *library, int out, int err)
{
	char *option = text_format("--" ASK_OPTION "=%s", library);
	char *preload = libraries_preload(library);
	char *const argv[] = {(char *)self, option, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGALRM, SIG_DFL);
	alarm(LIMIT_S);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	setenv("LD_PRELOAD", preload, 1);
	execv(self, argv);
	dprintf(STDERR_FILENO, "%s: %s\n", self, strerror(errno));
	_exit(FAILED);
}

/* What was written to a file without a name, which is closed. */
static char *
take_back(int file)
{
	off_t size = lseek(file, 0, SEEK_END);
	char *text = text_alloc((size_t)size + 1, 1);
	ssize_t got = pread(file, text, (size_t)size, 0);

	text[got > 0 ? got : 0] = '\0';
	close(file);
	return text;
}

/* The rest of the line that begins with `key`, or NULL; to be freed. */
static char *
value_of(const char *text, const char *key)
{
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, strlen(key)) == 0) {
			line += strlen(key);
			return text_format("%.*s", (int)strcspn(line, "\n"), line);
		}
	}
	return NULL;
}

static char *
error_of(const char *words, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return text_format("no answer within %d s", LIMIT_S);
	/* The preloaded library is the first that the loader complains of. */
	if (*words != '\0')
		return text_format("%.*s", (int)strcspn(words, "\n"), words);
	if (WIFSIGNALED(status))
		return text_format("a program with it was ended by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (status != 0)
		return text_format("a program with it ended with status %d", WEXITSTATUS(status));
	return text_format("not a library of hakmem: it has no hak_variant");
}

void
ask_library(const char *self, const char *library, struct answer *a)
{
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	int status = 0;
	pid_t child = out < 0 || err < 0 ? -1 : fork();

	*a = (struct answer){0};
	if (child == 0)
		become(self, library, out, err);
	if (child < 0) {
		a->error = text_format("cannot start a process: %s", strerror(errno));
		if (out >= 0)
			close(out);
		if (err >= 0)
			close(err);
		return;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	char *said = take_back(out), *words = take_back(err);

	a->variant = value_of(said, VARIANT_KEY);
	a->mechanism = value_of(said, MECHANISM_KEY);
	if (a->variant == NULL)
		a->error = error_of(words, status);
	else if (a->mechanism == NULL)
		a->mechanism = text_format("unknown: this library is older");
	free(words);
	free(said);
}

void
ask_free(struct answer *a)
{
	free(a->variant);
	free(a->mechanism);
	free(a->error);
	*a = (struct answer){0};
}
