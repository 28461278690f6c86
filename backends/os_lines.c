/* SPDX-License-Identifier: MIT
 * backends/os_lines.c - files of the kernel's, line by line. */
#include "backends/os_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
os_lines_open(struct os_lines *l, const char *path)
{
	int saved = errno;

	l->start = l->end = 0;
	l->fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	errno = saved;
	return l->fd >= 0;
}

static bool
refill(struct os_lines *l)
{
	int saved = errno;
	long n;

	do
		n = syscall(SYS_read, l->fd, l->buf, sizeof(l->buf));
	while (n < 0 && errno == EINTR);
	errno = saved;
	l->start = 0;
	l->end = n > 0 ? (size_t)n : 0;
	return n > 0;
}

bool
os_lines_next(struct os_lines *l, char *line, size_t size)
{
	size_t n = 0;
	bool any = false;

	while (l->start < l->end || refill(l)) {
		char c = l->buf[l->start++];
		any = true;
		if (c == '\n')
			break;
		if (n + 1 < size)
			line[n++] = c;
	}
	line[n] = '\0';
	return any;
}

void
os_lines_close(struct os_lines *l)
{
	int saved = errno;

	syscall(SYS_close, l->fd);
	errno = saved;
}

bool
os_first_line(const char *path, char *line, size_t size)
{
	struct os_lines l;

	if (!os_lines_open(&l, path))
		return false;
	bool any = os_lines_next(&l, line, size);
	os_lines_close(&l);
	return any;
}
