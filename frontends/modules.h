/* SPDX-License-Identifier: MIT
 * frontends/modules.h - which loaded file an address belongs to, for reports. */
#ifndef HAK_FRONTENDS_MODULES_H
#define HAK_FRONTENDS_MODULES_H

#include "base/compiler.h"

struct module {
	uintptr_t offset; /* of the address from where the file's first mapping begins */
	char path[1024];  /* longer ones are cut */
};

/* Reads the process's maps, without memory and without libc's locks; false where the address is in
 * no mapping of a file. Slow. */
bool module_of(uintptr_t address, struct module *out);

#endif
