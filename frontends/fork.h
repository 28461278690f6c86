/* SPDX-License-Identifier: MIT
 * frontends/fork.h - the fork handlers' registration. */
#ifndef HAK_FRONTENDS_FORK_H
#define HAK_FRONTENDS_FORK_H

#include "base/compiler.h"

/* Registers the handlers; once, when the library is loaded. */
void fork_register(void) HAK_HIDDEN;

#endif
