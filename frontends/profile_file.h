/* SPDX-License-Identifier: MIT
 * frontends/profile_file.h - the profile as a file: at exit, on a signal, when the program asks.
 *
 * The handler of HAKMEM_PROFILE_SIGNAL only sets a flag (site.h). Slow paths of allocation look at
 * it, and write the file when they are done: with nothing but system calls and the profile's own
 * lock. docs/profile.md describes file and settings. */
#ifndef HAK_FRONTENDS_PROFILE_FILE_H
#define HAK_FRONTENDS_PROFILE_FILE_H

#include "base/compiler.h"

/* When the library is loaded, after the heap's start: where files go, and the signal's handler. */
void profile_file_init(void);
/* Writes the profile of a process that ends. */
void profile_file_at_exit(void);
/* Writes the profile that a signal has asked for; not between frontend_enter and frontend_leave.
 * Preserves errno. */
void profile_file_requested(void) HAK_HIDDEN HAK_COLD;

#endif
