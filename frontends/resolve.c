/* SPDX-License-Identifier: MIT
 * frontends/resolve.c - from return addresses to the rules they meet. */
#include "frontends/resolve.h"

#include "backends/os.h"
#include "base/config.h"
#include "base/lock.h"
#include "frontends/elf.h"
#include "frontends/placement.h"

#define FRAMES 2
/* After the process's maps could not be read they are left alone for so long. */
#define PAUSE_MS 1000

static struct lock resolving = LOCK_INITIALIZER(RANK_RULES);

/* All below: the lock. */
static struct module modules[FRAMES];
static bool failed;
static uint32_t failed_ms;

static void
note_function(void *frame, const char *name)
{
	rules_note_function(frame, name);
}

/* The frame of a return address; its id goes on from that of the frame before. False where it
 * cannot be told now. */
static bool
read_frame(uintptr_t address, uint64_t id, struct module *module, struct rules_frame *out)
{
	bool readable;
	bool found = module_find(address, module, &readable);

	if (!found && !readable)
		return false;
	*out = (struct rules_frame){.id = module_site_id(id, found ? module : NULL, address)};
	if (!found)
		return true;
	out->path = module->path;
	out->name = module_base_name(out->path);
	out->exact = module->elf;
	out->offset = address - module->bias;
	/* The call may be the function's last instruction. */
	if (rules_need_functions())
		elf_functions_at(module, address - 1, note_function, out);
	return true;
}

/* Lock held. */
static void
resolve_locked(uintptr_t site, const uintptr_t *addresses, unsigned n)
{
	struct rules_frame frames[FRAMES];
	uint32_t now_ms = os_now_ms();

	if (failed && !idle_for(now_ms, failed_ms, PAUSE_MS))
		return;
	failed = false;
	for (unsigned i = 0; i < n && !failed; i++)
		failed = !read_frame(
			addresses[i], i ? frames[i - 1].id : 0, &modules[i], &frames[i]);
	if (failed)
		failed_ms = now_ms;
	else
		rules_settle(site, frames, n);
}

/* Where rules place blocks the first of a site are to be placed too, so that the lock is waited
 * for. Its holders are then between frontend_enter and frontend_leave, where no signal handler
 * comes here on top of one, as long as no call's frames are read before. */
static bool
enter(void)
{
	if (lock_try(&resolving))
		return true;
	return placement_is_ruled() && CONFIG(site) == SITE_RETURN && lock_acquire(&resolving);
}

void
resolve_frames(uintptr_t site, const uintptr_t *addresses, unsigned n)
{
	if (rules_know(site) || !enter())
		return;
	resolve_locked(site, addresses, n);
	lock_release(&resolving);
}

void
resolve_site(uintptr_t site)
{
	if (!(site & SITE_MIXED))
		resolve_frames(site, &site, 1);
}

uint64_t
resolve_id(uintptr_t site)
{
	struct module module;
	bool readable;

	if (site & SITE_MIXED)
		return LIFETIME_NAMELESS;
	if (module_find(site, &module, &readable))
		return module_site_id(0, &module, site);
	return readable ? LIFETIME_NAMELESS : 0;
}

void
resolve_fork_prepare(void)
{
	lock_acquire_wait(&resolving);
}

void
resolve_fork_parent(void)
{
	lock_release(&resolving);
}

void
resolve_fork_child(void)
{
	lock_reset(&resolving);
}
