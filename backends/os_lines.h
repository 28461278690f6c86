/* SPDX-License-Identifier: MIT
 * backends/os_lines.h - the lines of a file of the kernel's, without stdio and without memory.
 *
 * The reader belongs to one thread. By raw system calls: the C library's open and read are
 * cancellation points, and a thread must not end in the allocator. errno is preserved. */
#ifndef HAK_BACKENDS_OS_LINES_H
#define HAK_BACKENDS_OS_LINES_H

#include "base/compiler.h"

struct os_lines {
	int fd;
	size_t start, end; /* what has been read and not yet handed out */
	char buf[512];
};

/* False when the file cannot be opened. */
bool os_lines_open(struct os_lines *l, const char *path);
/* The next line without its end, cut at `size` bytes and terminated; false behind the last. */
bool os_lines_next(struct os_lines *l, char *line, size_t size);
void os_lines_close(struct os_lines *l);
/* Opens the file, takes its first line, closes it. */
bool os_first_line(const char *path, char *line, size_t size);

#endif
