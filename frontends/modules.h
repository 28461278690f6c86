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

/* The module that the address is in; false where it is in no mapping of a file. */
bool module_of(uintptr_t address, struct module *out);

#endif
