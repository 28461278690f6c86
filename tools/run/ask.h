/* SPDX-License-Identifier: MIT
 * tools/run/ask.h - asks a library which variant it is and by what mechanism it works here.
 * Only a process that has the library preloaded can tell: the mechanism depends on what the kernel,
 * the C library, the environment and a tool such as valgrind give it. So this program is started
 * once more with the library preloaded, by a hidden option that leads to ask_report.
 * For programs of one thread; memory that cannot be had ends the program. */
#ifndef HAKMEM_RUN_ASK_H
#define HAKMEM_RUN_ASK_H

#include <stdbool.h>

/* The hidden option, with the library's path as its value. */
#define ASK_OPTION "report-mechanism"

/* Either an error, or a variant and a mechanism. */
struct answer {
	char *variant;   /* "tls-hakmem" and the like */
	char *mechanism; /* in a few words */
	char *error;     /* the loader's message, or what else went wrong: one line */
};

/* Starts `self`, a program that knows ASK_OPTION, with `library` preloaded; gives up after some
 * seconds. The caller's environment is the library's too. */
void ask_library(const char *self, const char *library, struct answer *a);
void ask_free(struct answer *a);
/* The other side: writes what the preloaded `library` says to standard output, or nothing where
 * that library is not in this process or is none of hakmem's. The result is main's. */
int ask_report(const char *library);

#endif
