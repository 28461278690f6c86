/* SPDX-License-Identifier: MIT
 * tools/run/target.h - whether a command can be given another allocator.
 * No state. What cannot be found out (a file that may be executed but not read) is passed over. */
#ifndef HAKMEM_RUN_TARGET_H
#define HAKMEM_RUN_TARGET_H

/* Writes a warning to standard error where the loader will not preload `library` into `command`,
 * which is looked up in PATH as execvp does: a program that gains privileges, that is statically
 * linked, or that is for another architecture. Of a script the interpreter counts. */
void target_warn(const char *command, const char *library);

#endif
