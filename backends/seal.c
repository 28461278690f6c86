/* SPDX-License-Identifier: MIT
 * backends/seal.c - the secrets of sealed blocks. */
#include "backends/seal.h"

#include "backends/os.h"
#include "base/assert.h"

struct seal_secrets hak_seal;

void
seal_init(void)
{
	hak_seal.link = os_random();
	hak_seal.mark = os_random();
}

void
seal_broken(const void *p)
{
	log_fatal("free block %p was written to after it was freed", p);
}
