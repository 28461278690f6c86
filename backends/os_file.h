/* SPDX-License-Identifier: MIT
 * backends/os_file.h - a file that appears under its name when it is whole, and names of the
 * system's.
 *
 * By raw system calls: the C library's are cancellation points, and a thread must not end in the
 * allocator. Thread-safe and async-signal-safe. What fails sets errno; what succeeds preserves it.
 */
#ifndef HAK_BACKENDS_OS_FILE_H
#define HAK_BACKENDS_OS_FILE_H

#include "base/compiler.h"

/* A new file for writing, for its owner's eyes only. One of that name from before is removed. The
 * descriptor, or -1. */
int os_file_create(const char *path);
/* Closes it and gives it its name, in place of a file that has that name. A device, a pipe, a
 * socket or a symbolic link is left alone: EEXIST. The file is gone when it fails. */
bool os_file_finish(int fd, const char *path, const char *name);
/* Closes and removes it. Preserves errno. */
void os_file_discard(int fd, const char *path);
/* What a symbolic link says, terminated; false where it does not fit, too. */
bool os_file_link(const char *path, char *out, size_t size);
/* The working directory, terminated; false where it does not fit, too. */
bool os_file_directory(char *out, size_t size);

/* The longest path, without its end, that can be replaced. */
#define OS_FILE_PATH 1023

/* Preserves errno. */
bool os_file_exists(const char *path);
/* Makes the file hold these bytes. They are written to PATH.PROCESS.new beside it, which then takes
 * its name: who reads at the same time sees the old file or the new one, never a part. False, and
 * everything as before, where that fails. Preserves errno. */
bool os_file_replace(const char *path, const char *bytes, size_t n);

#endif
