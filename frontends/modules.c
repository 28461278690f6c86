/* SPDX-License-Identifier: MIT
 * frontends/modules.c - the process's mappings, from /proc/self/maps, and what ELF headers say of
 * them. */
#include "frontends/modules.h"

#include <elf.h>
#include <string.h>

#include "backends/os.h"
#include "base/digits.h"

#define MAPS "/proc/self/maps"
/* START-END PERMISSIONS OFFSET DEVICE INODE, and then the path. */
#define INODE_WORD 4
#define WORDS_BEFORE_PATH 5
/* More program headers, or notes, than any file has. */
#define MOST_HEADERS 128
#define MOST_NOTES 64

struct mapping {
	uintptr_t start, end, offset;
	uint64_t inode;
	bool code;
	const char *path; /* "": no file's */
};

/* --- lines ----------------------------------------------------------------------------------- */

static const char *
next_word(const char *text)
{
	text += strcspn(text, " ");
	return text + strspn(text, " ");
}

static struct mapping
parse(const char *line)
{
	struct mapping m;
	const char *text = line;

	m.start = digits_number(&text, 16);
	text += *text == '-';
	m.end = digits_number(&text, 16);
	text = next_word(text);
	m.code = strcspn(text, "x ") < strcspn(text, " ");
	text = next_word(text);
	m.offset = digits_number(&text, 16);
	for (int i = 3; i <= WORDS_BEFORE_PATH; i++) {
		text = next_word(text);
		if (i == INODE_WORD)
			m.inode = digits_number(&text, 10);
	}
	/* One in brackets ("[heap]") is none. */
	m.path = text[0] == '[' ? "" : text;
	return m;
}

/* --- ELF ------------------------------------------------------------------------------------- */

/* The build id among the notes in memory from `at` on. */
static void
read_notes(struct module *out, uintptr_t at, uintptr_t end)
{
	struct {
		Elf64_Nhdr head;
		char name[4];
	} note;

	for (int i = 0; i < MOST_NOTES && at + sizeof(note) <= end; i++) {
		if (!os_read_own(&note, (const void *)at, sizeof(note)))
			return;
		size_t name = round_up(note.head.n_namesz, 4), id = note.head.n_descsz;
		if (note.head.n_type == NT_GNU_BUILD_ID && name == sizeof(note.name) &&
			memcmp(note.name, "GNU", sizeof(note.name)) == 0) {
			id = id < MODULE_BUILD_ID ? id : MODULE_BUILD_ID;
			if (os_read_own(out->build_id, (const void *)(at + sizeof(note)), id))
				out->id_bytes = (unsigned)id;
			return;
		}
		at += sizeof(note.head) + name + round_up(id, 4);
	}
}

static bool
read_segment(const Elf64_Ehdr *file, uintptr_t first, unsigned i, Elf64_Phdr *out)
{
	return i < file->e_phnum && i < MOST_HEADERS &&
	       os_read_own(
		       out, (const void *)(first + file->e_phoff + i * sizeof(*out)), sizeof(*out));
}

/* If the first mapping has an ELF header: the bias and the build id. The address behind the last
 * segment; UINTPTR_MAX where there is no header. */
static uintptr_t
read_headers(struct module *out, uintptr_t first)
{
	Elf64_Ehdr file;
	Elf64_Phdr segment;
	uintptr_t end = 0;

	if (!os_read_own(&file, (const void *)first, sizeof(file)) ||
		memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 ||
		file.e_ident[EI_CLASS] != ELFCLASS64 || file.e_phentsize != sizeof(segment))
		return UINTPTR_MAX;
	for (unsigned i = 0; read_segment(&file, first, i, &segment); i++) {
		if (segment.p_type != PT_LOAD)
			continue;
		/* The first one in the file is the first one in memory. */
		if (end == 0)
			out->bias = first - (segment.p_vaddr - segment.p_offset);
		end = segment.p_vaddr + segment.p_memsz;
	}
	for (unsigned i = 0; read_segment(&file, first, i, &segment) && !out->id_bytes; i++)
		if (segment.p_type == PT_NOTE)
			read_notes(out, out->bias + segment.p_vaddr,
				out->bias + segment.p_vaddr + segment.p_memsz);
	return end ? out->bias + end : UINTPTR_MAX;
}

/* --- modules --------------------------------------------------------------------------------- */

bool
modules_open(struct modules *m)
{
	m->ahead = false;
	return os_lines_open(&m->lines, MAPS);
}

void
modules_close(struct modules *m)
{
	os_lines_close(&m->lines);
}

static bool
same_path(const struct module *module, const char *path)
{
	return strncmp(path, module->path, MODULE_PATH - 1) == 0;
}

/* A module begins with its first mapping; the address that its mappings lie below. */
static uintptr_t
begin(struct module *out, const struct mapping *first)
{
	size_t n = strlen(first->path);

	out->start = first->start;
	out->end = first->end;
	out->code = first->code;
	out->inode = first->inode;
	out->id_bytes = 0;
	out->bias = first->start - first->offset;
	n = n < MODULE_PATH ? n : MODULE_PATH - 1;
	memcpy(out->path, first->path, n);
	out->path[n] = '\0';
	uintptr_t end = first->offset == 0 ? read_headers(out, first->start) : UINTPTR_MAX;
	out->elf = end != UINTPTR_MAX;
	return end;
}

bool
modules_next(struct modules *m, struct module *out)
{
	uintptr_t limit = 0;
	bool any = false;

	while (m->ahead || os_lines_next(&m->lines, m->line, sizeof(m->line))) {
		struct mapping next = parse(m->line);
		m->ahead = false;
		/* Between a file's mappings there may be some of no file: what it has no bytes
		 * for. */
		if (next.path[0] == '\0')
			continue;
		/* A file that is loaded twice has two modules. */
		if (any && (!same_path(out, next.path) || next.start >= limit)) {
			m->ahead = true;
			return true;
		}
		if (!any)
			limit = begin(out, &next);
		any = true;
		out->end = next.end;
		out->code = out->code || next.code;
	}
	return any;
}

bool
module_find(uintptr_t address, struct module *out, bool *readable)
{
	struct modules m;
	bool found = false;

	*readable = false;
	if (!modules_open(&m))
		return false;
	while (!found && modules_next(&m, out)) {
		found = address >= out->start && address < out->end;
		*readable = true;
	}
	modules_close(&m);
	return found;
}

bool
module_of(uintptr_t address, struct module *out)
{
	bool readable;

	return module_find(address, out, &readable);
}

const char *
module_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- the id of a site ------------------------------------------------------------------------ */

unsigned
module_identity(const struct module *m, uint8_t out[MODULE_BUILD_ID])
{
	const char *name = module_base_name(m->path);
	size_t n = m->id_bytes ? m->id_bytes : strlen(name);

	n = n < MODULE_BUILD_ID ? n : MODULE_BUILD_ID;
	memcpy(out, m->id_bytes ? (const void *)m->build_id : name, n);
	return (unsigned)n;
}

/* Up to eight bytes as a number, the first the lowest. */
static uint64_t
word_of(const uint8_t *bytes, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n && i < sizeof(word); i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

uint64_t
site_id_add(uint64_t so_far, const void *identity, size_t bytes, uint64_t offset)
{
	uint64_t id = mix64(so_far + 1);

	for (size_t at = 0; at < bytes; at += sizeof(uint64_t))
		id = mix64(id ^ word_of((const uint8_t *)identity + at, bytes - at));
	id = mix64(id ^ bytes);
	return mix64(id ^ offset);
}

uint64_t
module_site_id(uint64_t so_far, const struct module *m, uintptr_t address)
{
	uint8_t identity[MODULE_BUILD_ID];

	if (!m)
		return site_id_add(so_far, NULL, 0, address);
	unsigned n = module_identity(m, identity);
	return site_id_add(so_far, identity, n, address - m->bias);
}
