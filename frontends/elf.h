/* SPDX-License-Identifier: MIT
 * frontends/elf.h - which functions a file has around an address.
 *
 * Read from the file by system calls, since symbol tables need not be loaded. All functions are
 * thread-safe and async-signal-safe, allocate nothing, use up to 4 KiB of stack and preserve errno.
 * They are slow: tens of microseconds, and more for large symbol tables. */
#ifndef HAK_FRONTENDS_ELF_H
#define HAK_FRONTENDS_ELF_H

#include "base/compiler.h"
#include "frontends/modules.h"

/* Calls visit with the name of each function of the module's file that contains the address (not in
 * ELF's terms), cut at 255 bytes. With none where the file is no longer there, or cannot be read.
 */
void elf_functions_at(const struct module *m, uintptr_t address,
	void (*visit)(void *context, const char *name), void *context);

#endif
