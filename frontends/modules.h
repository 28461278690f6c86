/* SPDX-License-Identifier: MIT
 * frontends/modules.h - the files that are loaded into the process, for reports: where they are,
 * and which build they are.
 *
 * From /proc/self/maps and the ELF headers in memory, without memory of the library's and without
 * libc's locks: dl_iterate_phdr and dladdr take the dynamic linker's, which the thread that reports
 * may hold. What is unloaded meanwhile cannot fault, since headers are read by way of the kernel.
 * Slow. */
#ifndef HAK_FRONTENDS_MODULES_H
#define HAK_FRONTENDS_MODULES_H

#include "backends/os_lines.h"
#include "base/compiler.h"

/* Build ids have 20 bytes as a rule; longer ones are cut. */
#define MODULE_BUILD_ID 32
#define MODULE_PATH 1024

/* A file's mappings that belong together. */
struct module {
	uintptr_t start, end; /* from the first mapping's beginning to the last one's end */
	uintptr_t bias;       /* an address minus this is the one in the file's ELF headers */
	bool code;            /* one of them is executable */
	bool elf;             /* there are ELF headers; else the bias is a guess */
	uint64_t inode;       /* of the first mapping */
	unsigned id_bytes;    /* of the build id; 0: none found */
	uint8_t build_id[MODULE_BUILD_ID];
	char path[MODULE_PATH]; /* longer ones are cut */
};

/* A walk over the modules by rising address; belongs to one thread. */
struct modules {
	struct os_lines lines;
	bool ahead; /* the line below has been read and belongs to the next module */
	char line[MODULE_PATH + 128];
};

/* False where the maps cannot be opened; else modules_close has to follow. */
bool modules_open(struct modules *m);
/* The next file; false behind the last. */
bool modules_next(struct modules *m, struct module *out);
void modules_close(struct modules *m);

/* The module that the address is in; false where it is in no mapping of a file, or, with *readable
 * false, where the process's maps cannot be read. */
bool module_find(uintptr_t address, struct module *out, bool *readable);
/* The same for those who do not mind which. */
bool module_of(uintptr_t address, struct module *out);
/* A path's part after the last slash. */
const char *module_base_name(const char *path);

/* Adds one frame to a site's id, which is the same in every process; so_far is 0 for the innermost
 * frame, whose caller is added next. The offset is the return address less the module's bias; what
 * stands for the module is module_identity, and 0 bytes, with the address as offset, where there is
 * none. */
uint64_t site_id_add(uint64_t so_far, const void *identity, size_t bytes, uint64_t offset);
/* The same from a module, NULL for none. */
uint64_t module_site_id(uint64_t so_far, const struct module *m, uintptr_t address);
/* What stands for the module wherever it is loaded: its build id, or where it has none its base
 * name; the number of bytes. */
unsigned module_identity(const struct module *m, uint8_t out[MODULE_BUILD_ID]);

#endif
