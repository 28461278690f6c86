/* SPDX-License-Identifier: MIT
 * backends/os_file.c - files by system calls. */
#include "backends/os_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

#define OWNER_ONLY 0600L

static int
create(const char *path)
{
	return (int)syscall(SYS_openat, (long)AT_FDCWD, path,
		(long)(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC), OWNER_ONLY);
}

static void
remove_file(const char *path)
{
	syscall(SYS_unlinkat, (long)AT_FDCWD, path, 0L);
}

int
os_file_create(const char *path)
{
	int saved = errno, fd = create(path);

	if (fd < 0 && errno == EEXIST) {
		remove_file(path);
		fd = create(path);
	}
	if (fd >= 0)
		errno = saved;
	return fd;
}

/* Nothing has that name, or a file. The system itself refuses to replace a directory. */
static bool
may_replace(const char *name)
{
	struct stat status;

	if (syscall(SYS_newfstatat, (long)AT_FDCWD, name, &status, (long)AT_SYMLINK_NOFOLLOW) !=
			0 ||
		S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
		return true;
	errno = EEXIST;
	return false;
}

bool
os_file_finish(int fd, const char *path, const char *name)
{
	/* Some file systems tell only now that there was no room. */
	if (syscall(SYS_close, (long)fd) == 0 && may_replace(name) &&
		syscall(SYS_renameat2, (long)AT_FDCWD, path, (long)AT_FDCWD, name, 0L) == 0)
		return true;
	int error = errno;
	remove_file(path);
	errno = error;
	return false;
}

void
os_file_discard(int fd, const char *path)
{
	int saved = errno;

	syscall(SYS_close, (long)fd);
	remove_file(path);
	errno = saved;
}

/* What a call for a text came to: its length, or less than 0. */
static bool
terminated(long n, char *out, size_t size)
{
	bool fits = n >= 0 && (size_t)n < size;

	out[fits ? n : 0] = '\0';
	if (n >= 0 && !fits)
		errno = ENAMETOOLONG;
	return fits;
}

bool
os_file_link(const char *path, char *out, size_t size)
{
	return terminated(
		syscall(SYS_readlinkat, (long)AT_FDCWD, path, out, (long)size), out, size);
}

bool
os_file_directory(char *out, size_t size)
{
	/* The length that the kernel tells counts the end. */
	long n = syscall(SYS_getcwd, out, (long)size);

	return terminated(n > 0 ? n - 1 : n, out, size);
}

/* --- a small file at once -------------------------------------------------------------------- */

bool
os_file_exists(const char *path)
{
	int saved = errno;
	long status = syscall(SYS_faccessat, (long)AT_FDCWD, path, (long)F_OK);

	errno = saved;
	return status == 0;
}

static bool
write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		long written = syscall(SYS_write, (long)fd, bytes, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		n -= (size_t)written;
	}
	return true;
}

bool
os_file_replace(const char *path, const char *bytes, size_t n)
{
	char name[OS_FILE_PATH + 40];
	int saved = errno;
	bool ok = false;

	/* Cut: the path is too long. */
	if (log_text(name, sizeof(name), "%s.%u.new", path, (size_t)getpid()) >= sizeof(name) - 1)
		return false;
	int fd = os_file_create(name);
	if (fd >= 0) {
		ok = write_all(fd, bytes, n);
		if (ok)
			ok = os_file_finish(fd, name, path);
		else
			os_file_discard(fd, name);
	}
	errno = saved;
	return ok;
}
