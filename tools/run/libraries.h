/* SPDX-License-Identifier: MIT
 * tools/run/libraries.h - where the variants' libraries are: in the build tree beside the program,
 * or where `make install` put them. A variant is libhakmem-<front-end>-<back-end>.so; the one that
 * configure was told to choose is there as libhakmem.so too.
 * For programs of one thread; memory that cannot be had ends the program. */
#ifndef HAKMEM_RUN_LIBRARIES_H
#define HAKMEM_RUN_LIBRARIES_H

#include <stdbool.h>

struct libraries {
	char *self;     /* path of the running program */
	char *chosen;   /* path of libhakmem.so, whether it exists or not */
	char *variants; /* directory of libhakmem-*-*.so */
};

/* What there may be, each list ended by NULL. */
extern const char *const libraries_frontends[];
extern const char *const libraries_backends[];

/* Finds the directories: .libs beside the running program where there is one, else `libdir`. Where
 * the program lies in a copy of `bindir` below another root (make install DESTDIR=ROOT), so do the
 * libraries. False with a line on standard error where the program's own path cannot be had. */
bool libraries_open(struct libraries *l, const char *bindir, const char *libdir);
void libraries_close(struct libraries *l);
/* The path that the variant has if it was built; to be freed. */
char *libraries_path(const struct libraries *l, const char *frontend, const char *backend);
/* The value of LD_PRELOAD with `library` in front of what is there now, less other libraries of
 * hakmem: two of them in a process would each print statistics. To be freed. */
char *libraries_preload(const char *library);

#endif
