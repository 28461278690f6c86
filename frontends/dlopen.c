/* SPDX-License-Identifier: MIT
 * frontends/dlopen.c - modules that look for symbols in what they depend on first.
 *
 * A module that is loaded with RTLD_DEEPBIND finds malloc and free in libc before it looks at what
 * is preloaded, while libc itself, whose strdup or getline gives that module blocks, calls those
 * that are preloaded. The module's free then hands libc's heap a block of this one, and the process
 * dies; PHP loads its extensions so. So dlopen is replaced: it leaves that flag out and is else
 * libc's. libc goes by its caller's address (search paths, namespace), hence the jump. */
#include <dlfcn.h>
#include <stdatomic.h>

#include "base/compiler.h"

/* libtool's PIC: not in the archive. A program that is static has no next dlopen to find. */
#if defined(HAK_OVERRIDE) && defined(PIC)

typedef void *(*dlopen_function)(const char *file, int mode);

/* dlopen - POSIX. mode: as libc's, RTLD_DEEPBIND (a GNU extension) left out. Returns NULL with an
 * error for dlerror() as libc does. Any thread. */
HAK_EXPORT HAK_TAIL_CALLER void *
dlopen(const char *file, int mode)
{
	static _Atomic(dlopen_function) next;
	dlopen_function libc_dlopen = RELAXED(next);

	if (!libc_dlopen) {
		*(void **)&libc_dlopen = dlsym(RTLD_NEXT, "dlopen");
		if (!libc_dlopen)
			return NULL;
		RELAXED_SET(next, libc_dlopen);
	}
	HAK_TAIL return libc_dlopen(file, mode & ~RTLD_DEEPBIND);
}

#endif
