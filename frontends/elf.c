/* SPDX-License-Identifier: MIT
 * frontends/elf.c - symbol tables, by pread. */
#include "frontends/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_BYTES 256
/* Symbols are read so many at a time. */
#define SYMBOLS 64

#if UINTPTR_MAX > UINT32_MAX
#define NATIVE_CLASS ELFCLASS64
#else
#define NATIVE_CLASS ELFCLASS32
#endif

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Shdr) elf_section;
typedef ElfW(Sym) elf_symbol;

/* How many bytes could be read. */
static size_t
read_some(int fd, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		long got = syscall(SYS_pread64, fd, (char *)to + done, n - done, offset + done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static bool
read_all(int fd, void *to, size_t n, uint64_t offset)
{
	return read_some(fd, to, n, offset) == n;
}

/* The module's file, if it is still the one that is mapped, and its header; -1 where not. */
static int
open_file(const struct module *m, elf_header *header)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == m->inode &&
		read_all(fd, header, sizeof(*header), 0) &&
		memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
		header->e_ident[EI_CLASS] == NATIVE_CLASS)
		return fd;
	syscall(SYS_close, fd);
	return -1;
}

static void
close_file(int fd)
{
	syscall(SYS_close, fd);
}

/* --- functions ------------------------------------------------------------------------------- */

/* The file's symbol table, or that of its dynamic symbols, and the names that go with it. */
static bool
find_symbols(int fd, const elf_header *header, elf_section *symbols, elf_section *names)
{
	elf_section section;

	memset(symbols, 0, sizeof(*symbols));
	for (unsigned i = 0; i < header->e_shnum && symbols->sh_type != SHT_SYMTAB; i++) {
		if (!read_all(fd, &section, sizeof(section), header->e_shoff + i * sizeof(section)))
			return false;
		if (section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM)
			*symbols = section;
	}
	return symbols->sh_type != SHT_NULL && symbols->sh_entsize == sizeof(elf_symbol) &&
	       symbols->sh_link < header->e_shnum &&
	       read_all(fd, names, sizeof(*names),
		       header->e_shoff + symbols->sh_link * sizeof(section));
}

static bool
contains(const elf_symbol *symbol, uintptr_t offset)
{
	/* The kind is in the same bits for both classes. */
	unsigned kind = ELF64_ST_TYPE(symbol->st_info);

	return (kind == STT_FUNC || kind == STT_GNU_IFUNC || kind == STT_NOTYPE) &&
	       symbol->st_shndx != SHN_UNDEF && offset >= symbol->st_value &&
	       offset - symbol->st_value < symbol->st_size;
}

static void
visit_symbols(int fd, const elf_header *header, uintptr_t offset,
	void (*visit)(void *context, const char *name), void *context)
{
	elf_section symbols, names;
	elf_symbol some[SYMBOLS];
	char name[NAME_BYTES];

	if (header->e_shentsize != sizeof(elf_section) ||
		!find_symbols(fd, header, &symbols, &names))
		return;
	for (uint64_t at = 0; at < symbols.sh_size; at += sizeof(some)) {
		uint64_t left = symbols.sh_size - at;
		size_t n = read_some(fd, some, left < sizeof(some) ? left : sizeof(some),
				   symbols.sh_offset + at) /
			   sizeof(elf_symbol);
		if (n == 0)
			return;
		for (size_t i = 0; i < n; i++) {
			if (!contains(&some[i], offset) || some[i].st_name >= names.sh_size)
				continue;
			size_t length = read_some(
				fd, name, sizeof(name) - 1, names.sh_offset + some[i].st_name);
			name[length] = '\0';
			visit(context, name);
		}
	}
}

void
elf_functions_at(const struct module *m, uintptr_t address,
	void (*visit)(void *context, const char *name), void *context)
{
	int saved = errno;
	elf_header header;
	int fd = m->elf ? open_file(m, &header) : -1;

	if (fd >= 0) {
		visit_symbols(fd, &header, address - m->bias, visit, context);
		close_file(fd);
	}
	errno = saved;
}
