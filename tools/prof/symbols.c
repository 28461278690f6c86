/* SPDX-License-Identifier: MIT
 * tools/prof/symbols.c - frames to names by libdw. Each module has a session (Dwfl) of its own, in
 * which its file lies at the addresses that it was linked for, so that a frame's offset is the
 * address to ask for. */
#include "tools/prof/symbols.h"
#include "stress/sweep/text.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <err.h>
#include <gelf.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBUG_DIRECTORY "/usr/lib/debug"

/* Of the C++ runtime; its header is for C++. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

struct file {
	bool tried;
	Dwfl *dwfl;          /* NULL where nothing serves */
	Dwfl_Module *module; /* of that session */
};

/* An answer, found again by its frame. */
struct answer {
	struct frame frame;
	struct symbol *symbols;
	size_t n;
};

struct symbols {
	const struct profile *profile;
	const char *sysroot; /* "" for none */
	bool none;
	char *debug_path;
	Dwfl_Callbacks callbacks;
	struct file *files; /* one for each module */
	void *answers;      /* a tree by tsearch */
};

const char *
symbols_module(const struct profile *p, int module)
{
	if (module == PROFILE_NO_MODULE || *p->modules[module].path == '\0')
		return "?";
	return basename(p->modules[module].path);
}

char *
symbols_place(const struct profile *p, struct frame frame)
{
	unsigned long long offset = frame.offset;

	if (frame.module == PROFILE_NO_MODULE)
		return text_format("0x%llx", offset);
	return text_format("%s+0x%llx", symbols_module(p, frame.module), offset);
}

/* --- files ----------------------------------------------------------------------------------- */

static char *
build_id_of(Dwfl_Module *module)
{
	const unsigned char *bits;
	GElf_Addr address;
	int n = dwfl_module_build_id(module, &bits, &address);
	char *text = text_alloc(n > 0 ? 2 * (size_t)n + 1 : 1, 1);

	for (int i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", bits[i]);
	return text;
}

/* Opens one file, whose build id has to be `wanted` unless that is empty. What is wrong, to be
 * freed; NULL where the file serves. */
static char *
file_open(struct symbols *s, struct file *f, const char *path, const char *wanted)
{
	if (access(path, R_OK) != 0)
		return text_format("%s: %m", path);
	f->dwfl = dwfl_begin(&s->callbacks);
	dwfl_report_begin(f->dwfl);
	f->module = dwfl_report_elf(f->dwfl, basename(path), path, -1, 0, true);
	dwfl_report_end(f->dwfl, NULL, NULL);
	char *found = f->module != NULL ? build_id_of(f->module) : NULL, *fault = NULL;

	if (f->module == NULL)
		fault = text_format("%s: %s", path, dwfl_errmsg(-1));
	else if (*wanted != '\0' && *found == '\0')
		fault = text_format("%s has no build id, and the profile's is %s", path, wanted);
	else if (*wanted != '\0' && strcmp(found, wanted) != 0)
		fault = text_format(
			"%s has the build id %s, and the profile's is %s", path, found, wanted);
	free(found);
	if (fault != NULL) {
		dwfl_end(f->dwfl);
		*f = (struct file){.tried = true};
	}
	return fault;
}

/* The debugging information that a distribution's packages put in place by build id. */
static bool
file_open_debug(struct symbols *s, struct file *f, const char *build_id)
{
	if (strlen(build_id) <= 2)
		return false;
	char *path = text_format("%s" DEBUG_DIRECTORY "/.build-id/%.2s/%s.debug", s->sysroot,
		build_id, build_id + 2);
	char *fault = file_open(s, f, path, build_id);

	free(path);
	free(fault);
	return fault == NULL;
}

/* The module's file, opened at the first call; its `module` is NULL where there is none. */
static struct file *
file_of(struct symbols *s, int module)
{
	struct file *f = &s->files[module];
	const struct module *m = &s->profile->modules[module];

	/* What the kernel maps, [vdso] or linux-vdso.so.1, has no file to look for. */
	if (f->tried || s->none || *m->path != '/')
		return f;
	f->tried = true;
	char *path = text_format("%s%s", s->sysroot, m->path);
	char *fault = file_open(s, f, path, m->build_id);

	if (fault != NULL && !file_open_debug(s, f, m->build_id))
		warnx("warning: %s: its frames have no names", fault);
	free(fault);
	free(path);
	return f;
}

struct segment *
symbols_segments(struct symbols *s, int module, size_t *n)
{
	struct file *f = file_of(s, module);
	GElf_Addr bias;
	Elf *elf = f->module != NULL ? dwfl_module_getelf(f->module, &bias) : NULL;
	size_t count = 0;

	*n = 0;
	if (elf == NULL || elf_getphdrnum(elf, &count) != 0)
		count = 0;
	struct segment *list = text_alloc(count, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (gelf_getphdr(elf, (int)i, &header) != NULL && header.p_type == PT_LOAD)
			list[(*n)++] = (struct segment){.address = header.p_vaddr,
				.size = header.p_memsz,
				.offset = header.p_offset,
				.executable = (header.p_flags & PF_X) != 0};
	}
	return list;
}

/* --- names ----------------------------------------------------------------------------------- */

static char *
demangled(const char *name)
{
	int status = -1;
	char *plain =
		strncmp(name, "_Z", 2) == 0 ? __cxa_demangle(name, NULL, NULL, &status) : NULL;

	return status == 0 ? plain : text_format("%s", name);
}

static void
answer_add(struct answer *a, const char *function, const char *file, int line)
{
	a->symbols = text_grow(a->symbols, (a->n + 1) * sizeof(*a->symbols));
	a->symbols[a->n++] =
		(struct symbol){.function = function != NULL ? demangled(function) : NULL,
			.file = file != NULL ? text_format("%s", file) : NULL,
			.line = file != NULL ? line : 0};
}

static const char *
die_name(Dwarf_Die *die)
{
	static const unsigned linkage[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
	Dwarf_Attribute attribute;

	for (size_t i = 0; i < sizeof(linkage) / sizeof(*linkage); i++) {
		const char *name =
			dwarf_formstring(dwarf_attr_integrate(die, linkage[i], &attribute));

		if (name != NULL)
			return name;
	}
	return dwarf_diename(die);
}

static int
die_number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? (int)value : 0;
}

/* The scopes around an address in the concrete function, innermost first: an array of *n, to be
 * freed. What dwarf_getscopes tells is the nesting in the abstract one, where it was inlined. */
static Dwarf_Die *
scopes_of(Dwarf_Die *unit, Dwarf_Addr address, int *n)
{
	Dwarf_Die *scopes = NULL, *concrete = NULL;

	*n = dwarf_getscopes(unit, address, &scopes);
	if (*n > 0)
		*n = dwarf_getscopes_die(&scopes[0], &concrete);
	free(scopes);
	return concrete;
}

/* The compilation unit around an address, of which *bias has to be taken away in DWARF's terms. The
 * index of addresses (.debug_aranges) is quick, but clang writes none. */
static Dwarf_Die *
unit_of(Dwfl_Module *module, Dwarf_Addr address, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, bias);

	if (unit != NULL)
		return unit;
	while ((unit = dwfl_module_nextcu(module, unit, bias)) != NULL)
		if (dwarf_haspc(unit, address - *bias) > 0)
			return unit;
	return NULL;
}

/* Adds the functions that DWARF knows at the address; `outer` is the symbol table's name. */
static void
answer_from_dwarf(struct answer *a, Dwfl_Module *module, Dwarf_Addr address, const char *outer)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = unit_of(module, address, &bias);
	Dwarf_Line *place = unit != NULL ? dwarf_getsrc_die(unit, address - bias) : NULL;
	Dwarf_Files *files = NULL;
	size_t nfiles = 0;
	int n = 0, line = 0;
	const char *file = place != NULL ? dwarf_linesrc(place, NULL, NULL) : NULL;
	Dwarf_Die *scopes = unit != NULL ? scopes_of(unit, address - bias, &n) : NULL;

	if (place != NULL && dwarf_lineno(place, &line) != 0)
		line = 0;
	if (unit != NULL && dwarf_getsrcfiles(unit, &files, &nfiles) != 0)
		files = NULL;
	for (int i = 0; i < n; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag == DW_TAG_subprogram && outer == NULL)
			outer = die_name(&scopes[i]);
		if (tag == DW_TAG_subprogram)
			break;
		if (tag != DW_TAG_inlined_subroutine)
			continue;
		answer_add(a, die_name(&scopes[i]), file, line);
		/* What follows is where that one was called from. */
		size_t number = (size_t)die_number(&scopes[i], DW_AT_call_file);

		file = files != NULL && number < nfiles ? dwarf_filesrc(files, number, NULL, NULL)
							: NULL;
		line = die_number(&scopes[i], DW_AT_call_line);
	}
	answer_add(a, outer, file, line);
	free(scopes);
}

static int
compare_answers(const void *a, const void *b)
{
	const struct frame *x = &((const struct answer *)a)->frame;
	const struct frame *y = &((const struct answer *)b)->frame;

	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

const struct symbol *
symbols_of(struct symbols *s, struct frame frame, size_t *n)
{
	struct answer *a = text_alloc(1, sizeof(*a));

	a->frame = frame;
	struct answer *kept = *(struct answer **)tsearch(a, &s->answers, compare_answers);

	if (kept != a) {
		free(a);
		*n = kept->n;
		return kept->symbols;
	}
	struct file *f = frame.module != PROFILE_NO_MODULE ? file_of(s, frame.module) : NULL;

	if (f != NULL && f->module != NULL) {
		Dwarf_Addr call = frame.offset - 1;

		answer_from_dwarf(a, f->module, call, dwfl_module_addrname(f->module, call));
	} else {
		answer_add(a, NULL, NULL, 0);
	}
	*n = a->n;
	return a->symbols;
}

/* --- birth and death ------------------------------------------------------------------------- */

struct symbols *
symbols_open(const struct profile *p, const char *sysroot, bool none)
{
	struct symbols *s = text_alloc(1, sizeof(*s));

	*s = (struct symbols){.profile = p,
		.sysroot = sysroot != NULL ? sysroot : "",
		.none = none,
		.debug_path =
			text_format(":.debug:%s" DEBUG_DIRECTORY, sysroot != NULL ? sysroot : ""),
		.callbacks = {.find_elf = dwfl_build_id_find_elf,
			.find_debuginfo = dwfl_standard_find_debuginfo,
			.section_address = dwfl_offline_section_address},
		.files = text_alloc(p->nmodules, sizeof(*s->files))};
	s->callbacks.debuginfo_path = &s->debug_path;
	return s;
}

static void
answer_free(void *node)
{
	struct answer *a = node;

	for (size_t i = 0; i < a->n; i++) {
		free(a->symbols[i].function);
		free(a->symbols[i].file);
	}
	free(a->symbols);
	free(a);
}

void
symbols_close(struct symbols *s)
{
	tdestroy(s->answers, answer_free);
	for (size_t i = 0; i < s->profile->nmodules; i++)
		if (s->files[i].dwfl != NULL)
			dwfl_end(s->files[i].dwfl);
	free(s->files);
	free(s->debug_path);
	free(s);
}
