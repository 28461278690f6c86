/* SPDX-License-Identifier: MIT
 * tests/rules_plugin.c - a shared object with a call site, for rules_program.c. */
#include <stdlib.h>
#include <string.h>

#define BYTES ((size_t)140000)

void *plugin_site(void);

void *
plugin_site(void)
{
	void *p = malloc(BYTES);

	return p ? memset(p, 1, BYTES) : NULL;
}
