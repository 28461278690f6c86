/* SPDX-License-Identifier: MIT
 * tools/prof/symbols.h - what a profile's frames are called: functions from the symbol tables,
 * source lines and inlined functions from DWARF, by libdw, from the files that the profile names.
 *
 * A file counts when its build id is the profile's, or the profile has none; else, and where there
 * is no file, debugging information found by the build id serves, and failing that frames stay
 * without a name. What a module lacks is told on standard error once. Answers are kept until
 * symbols_close. For programs of one thread; memory that cannot be had ends the program. */
#ifndef HAKMEM_PROF_SYMBOLS_H
#define HAKMEM_PROF_SYMBOLS_H

#include "tools/prof/profile.h"

/* One function at a frame. A frame has several where the compiler has inlined: all but the last
 * stand inside the one that follows. */
struct symbol {
	char *function; /* demangled; NULL where it is not known */
	char *file;     /* NULL where it is not known */
	int line;       /* 0 where it is not known */
};

/* A loaded part of a module's file, in ELF's terms. */
struct segment {
	uint64_t address, size, offset;
	bool executable;
};

struct symbols;

/* For the frames of that profile, which has to live longer. Files are looked for below `sysroot`,
 * or where the profile has them for NULL; not at all with `none`. */
struct symbols *symbols_open(const struct profile *p, const char *sysroot, bool none);
void symbols_close(struct symbols *s);
/* What is known of a frame, innermost first: *n is 1 or more. The frame's offset is a return
 * address; the call before it is looked up. */
const struct symbol *symbols_of(struct symbols *s, struct frame frame, size_t *n);
/* The segments of a module's file: an array of *n, to be freed. */
struct segment *symbols_segments(struct symbols *s, int module, size_t *n);
/* "libc.so.6+0x1234", or the address of a frame that belongs to no module; to be freed. */
char *symbols_place(const struct profile *p, struct frame frame);
/* The file's name without its directory; "?" for no module. */
const char *symbols_module(const struct profile *p, int module);

#endif
