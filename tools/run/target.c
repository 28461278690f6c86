/* SPDX-License-Identifier: MIT
 * tools/run/target.c - looks at a command's file: its mode, its capabilities, its ELF header. */
#include "tools/run/target.h"
#include "stress/sweep/text.h"

#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* As many interpreters in a row as the kernel follows, and as much of the line as it reads. */
enum { MOST_INTERPRETERS = 5, HEAD_BYTES = 256 };

struct elf {
	bool is_elf, has_interpreter;
	unsigned char class, data; /* of e_ident */
	uint16_t machine;
};

static char *
target_find(const char *command)
{
	const char *path = getenv("PATH");
	char *all = text_format("%s", path != NULL ? path : "/bin:/usr/bin"), *rest = all;
	char *found = strchr(command, '/') != NULL ? text_format("%s", command) : NULL;

	for (char *dir; found == NULL && (dir = strsep(&rest, ":")) != NULL;) {
		char *candidate = text_format("%s/%s", *dir != '\0' ? dir : ".", command);
		struct stat st;

		if (stat(candidate, &st) == 0 && S_ISREG(st.st_mode) &&
			access(candidate, X_OK) == 0)
			found = candidate;
		else
			free(candidate);
	}
	free(all);
	return found;
}

/* Reads the beginning of a file, padded by zeros; false where it cannot be read. */
static bool
target_head(const char *path, char head[HEAD_BYTES + 1])
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = file < 0 ? -1 : pread(file, head, HEAD_BYTES, 0);

	if (file >= 0)
		close(file);
	if (got < 0)
		return false;
	memset(head + got, 0, (size_t)(HEAD_BYTES + 1 - got));
	return true;
}

/* Whether one of `count` program headers is PT_INTERP. In both classes an entry begins with its
 * type. */
static bool
elf_has_interpreter(const char *path, uint64_t offset, unsigned count, unsigned size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	bool found = false;

	for (unsigned i = 0; file >= 0 && !found && i < count; i++) {
		uint32_t type = PT_NULL;

		found = pread(file, &type, sizeof(type), (off_t)(offset + (uint64_t)i * size)) ==
				sizeof(type) &&
			type == PT_INTERP;
	}
	if (file >= 0)
		close(file);
	return found;
}

static struct elf
elf_of(const char *path)
{
	char head[HEAD_BYTES + 1];
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;

	if (!target_head(path, head) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return (struct elf){0};
	memcpy(&wide, head, sizeof(wide));
	memcpy(&narrow, head, sizeof(narrow));
	struct elf e = {.is_elf = true,
		.class = wide.e_ident[EI_CLASS],
		.data = wide.e_ident[EI_DATA],
		.machine = wide.e_machine};

	e.has_interpreter = e.class == ELFCLASS64 ? elf_has_interpreter(path, wide.e_phoff,
							    wide.e_phnum, wide.e_phentsize)
						  : elf_has_interpreter(path, narrow.e_phoff,
							    narrow.e_phnum, narrow.e_phentsize);
	return e;
}

/* The interpreter of a script, to be freed; NULL for any other file. */
static char *
script_interpreter(const char *path)
{
	char head[HEAD_BYTES + 1];

	if (!target_head(path, head) || strncmp(head, "#!", 2) != 0)
		return NULL;
	const char *start = head + 2 + strspn(head + 2, " \t");

	return text_format("%.*s", (int)strcspn(start, " \t\n"), start);
}

/* Whether the kernel will run the file with more rights than this process has, in which case the
 * loader trusts no environment. A file of the caller's own, or below a mount that honours no such
 * bits, gives nothing. */
static bool
target_gains_privileges(const char *path)
{
	struct stat st;
	struct statvfs fs;

	if (stat(path, &st) != 0 || (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID)))
		return false;
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		return true;
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
		return true;
	return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static void
target_judge(const char *path, const char *library)
{
	struct elf program = elf_of(path), ours = elf_of(library);
	const char *reason = NULL;

	if (target_gains_privileges(path))
		reason = "gains privileges (setuid, setgid or file capabilities), and the loader "
			 "ignores LD_PRELOAD then";
	else if (program.is_elf && !program.has_interpreter)
		reason = "is statically linked, and no loader sees LD_PRELOAD";
	else if (program.is_elf && ours.is_elf &&
		 (program.class != ours.class || program.data != ours.data ||
			 program.machine != ours.machine))
		reason = "is for another architecture than the library";
	if (reason != NULL)
		warnx("warning: %s %s: it runs with its own allocator", path, reason);
}

void
target_warn(const char *command, const char *library)
{
	char *path = target_find(command);

	for (int i = 0; path != NULL && i < MOST_INTERPRETERS; i++) {
		char *interpreter = script_interpreter(path);

		if (interpreter == NULL) {
			target_judge(path, library);
			break;
		}
		free(path);
		path = interpreter;
	}
	free(path);
}
