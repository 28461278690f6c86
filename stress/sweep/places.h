/* SPDX-License-Identifier: MIT
 * stress/sweep/places.h - where the sweep's parts are: in the build tree beside the program, or
 * where `make install` put them. */
#ifndef HAKMEM_SWEEP_PLACES_H
#define HAKMEM_SWEEP_PLACES_H

#include <stdbool.h>

struct launch;
struct usage;

struct places {
	char *launcher;  /* hakmem-launch */
	char *programs;  /* directory of the workloads */
	char *libraries; /* directory of libhakmem-*-*.so */
	char *libc;      /* the C library that programs get */
	char *source;    /* top of the source tree, NULL where installed */
	char *scripts;   /* directory of the applications' scripts */
	char *temp;      /* scratch directory, removed by places_close */
	char *out, *err; /* files in it that take a program's output */
};

/* Fills *p; false with a line on standard error. `programs` replaces the workloads' directory
 * where it is not NULL. */
bool places_open(struct places *p, const char *programs);
void places_close(struct places *p);
/* A launch with the launcher and output files filled in. */
struct launch places_launch(const struct places *p, const char *const *argv, double limit_s);
/* The path of the library that the dynamic linker preloads for `name` (a soname or a path): its
 * own answer, so that its whole search path counts. NULL where it finds none; to be freed. */
char *places_resolve(const struct places *p, const char *name);
/* The path of a program in PATH or the system's own directories; NULL if absent; to be freed. */
char *places_program(const char *name);
/* Whether both paths are one file. */
bool places_same_file(const char *a, const char *b);
/* The directory for a program's results, made now where it is not there: `asked`, or where that is
 * NULL one called after `name` and the time. hakmem-NAME says why on standard error and the result
 * is NULL where it cannot be; else to be freed. */
char *places_directory(const char *name, const char *asked);
/* The first line that a command prints, or NULL where it fails; to be freed. */
char *places_ask(const struct places *p, const char *const *argv);

#endif
