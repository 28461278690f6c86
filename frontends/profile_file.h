/* SPDX-License-Identifier: MIT
 * frontends/profile_file.h - the profile as a file: at exit, on a signal, when the program asks.
 *
 * The handler of HAKMEM_PROFILE_SIGNAL only sets a flag. Slow paths of allocation look at it when
 * they are done, outside frontend_enter and frontend_leave, and write the file: with nothing but
 * system calls and the profile's own lock. docs/profile.md describes file and settings. */
#ifndef HAK_FRONTENDS_PROFILE_FILE_H
#define HAK_FRONTENDS_PROFILE_FILE_H

#include "base/compiler.h"

/* A signal has asked for a profile. */
extern _Atomic bool hak_profile_requested HAK_HIDDEN;

/* When the library is loaded, after the heap's start: where files go, and the signal's handler. */
void profile_file_init(void);
/* Writes the profile of a process that ends. */
void profile_file_at_exit(void);
/* Writes the profile that was requested; preserves errno. */
void profile_file_requested(void) HAK_HIDDEN HAK_COLD;

/* To be called on slow paths, not between frontend_enter and frontend_leave. */
HAK_INLINE void
profile_tick(void)
{
	if (HAK_UNLIKELY(RELAXED(hak_profile_requested)))
		profile_file_requested();
}

#endif
