/* SPDX-License-Identifier: MIT
 * frontends/report.c - the statistics as a report, part by part.
 *
 * Each part is gathered under its locks and written after they have been released: standard error
 * may be a pipe whose reader waits for one of them. The parts are therefore no one snapshot. */
#include "frontends/report.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arenas/arena.h"
#include "arenas/background.h"
#include "arenas/lifetime.h"
#include "arenas/pressure.h"
#include "arenas/profile.h"
#include "arenas/rules.h"
#include "arenas/sites.h"
#include "arenas/transfer.h"
#include "arenas/tune.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "base/config.h"
#include "base/maths.h"
#include "base/writer.h"
#include "frontends/frontend.h"
#include "frontends/modules.h"
#include "frontends/slow.h"
#include "hakmem/hakmem.h"

/* The report lives on the stack of whichever thread asks for it: more caches are not listed. */
#define CACHES_LISTED 128

#ifdef HAK_COUNTERS
#define HITS_ARE_COUNTED true
#else
#define HITS_ARE_COUNTED false
#endif

static const char *const tier_names[TIERS] = {"tiny", "l2", "l2_5", "big"};

/* 0 of 0 is no share. */
static void
write_share(struct writer *w, const char *key, uint64_t part, uint64_t whole)
{
	if (whole)
		writer_fixed(w, key, (double)part / (double)whole, 6);
	else
		writer_null(w, key);
}

/* --- settings -------------------------------------------------------------------------------- */

static void
write_setting(struct writer *w, const char *key, const struct config_setting *s)
{
	char name[CONFIG_NAME_BYTES];
	size_t value = config_value(s);

	if (config_name(s, value, name))
		writer_string(w, key, name);
	else
		writer_number(w, key, value);
}

/* The setting whose field is at that offset in struct config. */
static void
write_setting_at(struct writer *w, const char *key, size_t offset)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (config_settings[i].offset == offset)
			write_setting(w, key, &config_settings[i]);
}

/* A setting's name as the environment has it. */
static const char *
upper_case(char out[64], const char *name)
{
	size_t i = 0;

	for (; name[i] && i < 63; i++)
		out[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
	out[i] = '\0';
	return out;
}

static void
write_path(struct writer *w, const char *key, const char *path)
{
	if (*path)
		writer_string(w, key, path);
	else
		writer_null(w, key);
}

static void
write_settings(struct writer *w)
{
	char name[64];

	writer_object(w, "settings");
	for (size_t i = 0; i < config_setting_count; i++)
		write_setting(
			w, upper_case(name, config_settings[i].variable), &config_settings[i]);
	for (size_t i = 0; i < config_path_count; i++)
		write_path(w, upper_case(name, config_paths[i].variable), config_paths[i].value);
	writer_end(w);
}

/* --- the heap as a whole --------------------------------------------------------------------- */

static void
write_heading(struct writer *w)
{
	writer_string(w, "version", HAKMEM_VERSION);
	writer_string(w, "variant", hak_variant());
	writer_string(w, "mechanism", hak_mechanism());
	write_setting_at(w, "selector", offsetof(struct config, selector));
	write_setting_at(w, "site", offsetof(struct config, site));
	writer_number(w, "arenas_active", arena_totals().arenas);
	writer_number(w, "arenas_limit", arena_limit());
}

static void
write_stats(struct writer *w)
{
	struct hak_stats s;

	hak_stats_get(&s);
	writer_object(w, "stats");
#define FIELD(name) writer_number(w, #name, s.name)
	FIELD(live_bytes);
	FIELD(cached_bytes);
	FIELD(slab_bytes);
	FIELD(dirty_bytes);
	FIELD(committed_bytes);
	FIELD(big_bytes);
	FIELD(big_cached_bytes);
	FIELD(big_count);
	FIELD(peak_bytes);
	FIELD(arenas);
	FIELD(caches);
	FIELD(slow_allocs);
	FIELD(slow_frees);
	FIELD(purges);
	FIELD(purged_bytes);
#undef FIELD
	writer_end(w);
}

static void
write_system(struct writer *w)
{
	struct os_faults faults = os_faults();
	struct os_advice advice = os_advice();

	writer_object(w, "faults");
	writer_number(w, "minor", faults.minor);
	writer_number(w, "major", faults.major);
	writer_end(w);
	writer_object(w, "madvise");
	writer_number(w, "purge_calls", advice.purges);
	writer_number(w, "purge_bytes", advice.purged_bytes);
	writer_number(w, "offer_calls", advice.offers);
	writer_number(w, "offer_bytes", advice.offered_bytes);
	writer_number(w, "huge_calls", advice.huges);
	writer_number(w, "huge_bytes", advice.huge_bytes);
	writer_end(w);
}

/* --- the background thread, limits and pressure ---------------------------------------------- */

static void
write_background(struct writer *w)
{
	static const char *const states[] = {"off", "none yet", "wanted", "running", "ended"};
	struct background_report b;

	background_report(&b);
	writer_object(w, "background");
	writer_string(w, "state", states[b.state]);
	writer_number(w, "started", b.started);
	writer_number(w, "failures", b.failures);
	writer_number(w, "wakeups", b.wakeups);
	writer_number(w, "ticks", b.ticks);
	writer_number(w, "purged_bytes", b.purged);
	writer_end(w);
}

/* SIZE_MAX and UINT64_MAX, which are the same, stand for none. */
static void
write_limit(struct writer *w, const char *key, uint64_t bytes)
{
	if (bytes != UINT64_MAX)
		writer_number(w, key, bytes);
	else
		writer_null(w, key);
}

static void
write_pressure(struct writer *w)
{
	static const char *const stalls[] = {"unreadable", "cgroup", "system"};
	struct pressure_report p;
	struct pages_totals pages = pages_totals();

	pressure_report(&p);
	writer_object(w, "limits");
	write_limit(w, "soft_bytes", p.soft);
	write_limit(w, "hard_bytes", p.hard);
	writer_number(w, "held_bytes", pages.used + pages.resident);
	writer_number(w, "refused", pages.refused);
	writer_end(w);
	writer_object(w, "pressure");
	writer_number(w, "looks", p.looks);
	writer_string(w, "stalls", p.looks ? stalls[p.stall] : "not read");
	writer_string(w, "cgroup", !p.looks ? "not read" : p.group ? "readable" : "unreadable");
	write_limit(w, "cgroup_limit_bytes", p.group_limit);
	if (p.group)
		writer_number(w, "cgroup_used_bytes", p.group_used);
	else
		writer_null(w, "cgroup_used_bytes");
	writer_number(w, "on", p.on);
	writer_number(w, "episodes", p.episodes);
	writer_end(w);
}

/* --- the front-end --------------------------------------------------------------------------- */

struct cache_list {
	unsigned n, omitted;
	struct {
		unsigned id;
		size_t bytes;
	} caches[CACHES_LISTED];
};

static void
note_cache(void *context, unsigned id, size_t bytes)
{
	struct cache_list *list = context;

	if (list->n == CACHES_LISTED) {
		list->omitted++;
		return;
	}
	list->caches[list->n].id = id;
	list->caches[list->n++].bytes = bytes;
}

static HAK_NOINLINE void
write_caches(struct writer *w)
{
	struct cache_list list;
	bool entered = frontend_enter();

	list.n = list.omitted = 0;
	frontend_each_cache(note_cache, &list);
	if (entered)
		frontend_leave();
	writer_array(w, "caches");
	for (unsigned i = 0; i < list.n; i++) {
		writer_object(w, NULL);
		writer_number(w, "id", list.caches[i].id);
		writer_number(w, "bytes", list.caches[i].bytes);
		writer_end(w);
	}
	writer_end(w);
	writer_number(w, "caches_omitted", list.omitted);
}

static void
write_frontend(struct writer *w)
{
	struct frontend_totals totals;
	bool entered = frontend_enter();

	frontend_totals(&totals);
	if (entered)
		frontend_leave();
	writer_object(w, "frontend");
	writer_number(w, "caches", totals.caches);
	writer_number(w, "cached_bytes", totals.cached_bytes);
	writer_number(w, "slow_allocs", totals.slow_allocs);
	writer_number(w, "slow_frees", totals.slow_frees);
	writer_number(w, "restarts", totals.restarts);
	writer_end(w);
}

static void
write_class(struct writer *w, unsigned cls, const struct frontend_class *c)
{
	writer_object(w, NULL);
	writer_number(w, "class", cls);
	writer_number(w, "size", sizeclass_size(cls));
	writer_string(w, "tier", tier_names[tier_of_class(cls)]);
	if (HITS_ARE_COUNTED)
		writer_number(w, "hits", c->hits);
	else
		writer_null(w, "hits");
	writer_number(w, "misses", c->misses);
	writer_number(w, "overflows", c->overflows);
	writer_number(w, "refills", c->refills);
	writer_number(w, "drains", c->drains);
	write_share(w, "hit_rate", c->hits, HITS_ARE_COUNTED ? c->hits + c->misses : 0);
	writer_end(w);
}

static HAK_NOINLINE void
write_classes(struct writer *w)
{
	struct frontend_class classes[BIN_CLASSES];
	bool entered = frontend_enter();

	frontend_classes(classes);
	if (entered)
		frontend_leave();
	writer_array(w, "classes");
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		const struct frontend_class *c = &classes[cls];
		if (c->hits | c->misses | c->overflows | c->refills | c->drains)
			write_class(w, cls, c);
	}
	writer_end(w);
}

/* --- arenas ---------------------------------------------------------------------------------- */

static void
write_counts(struct writer *w, const struct arena_report *r)
{
	writer_number(w, "lock_acquisitions", r->counts.acquisitions);
	writer_number(w, "lock_contended", r->contended);
	writer_fixed(w, "lock_wait_us", (double)r->counts.wait_ns / 1000, 1);
	writer_number(w, "refills", r->counts.refills);
	writer_number(w, "drains", r->counts.drains);
	writer_number(w, "borrowed", r->counts.borrowed);
	writer_number(w, "singles", r->counts.singles);
	writer_number(w, "blocks", r->counts.blocks);
	writer_number(w, "remote_magazines", r->counts.remote_magazines);
	writer_number(w, "remote_blocks", r->counts.remote_blocks);
	writer_number(w, "depot_bytes", r->depot_bytes);
}

static void
add_report(struct arena_report *sum, const struct arena_report *r)
{
#define ADD(field) sum->field += r->field
	ADD(counts.acquisitions);
	ADD(counts.wait_ns);
	ADD(counts.refills);
	ADD(counts.drains);
	ADD(counts.borrowed);
	ADD(counts.singles);
	ADD(counts.blocks);
	ADD(counts.remote_magazines);
	ADD(counts.remote_blocks);
	ADD(contended);
	ADD(depot_bytes);
#undef ADD
}

static bool
read_arena(unsigned index, struct arena_report *r, struct backend_tiers *tiers)
{
	bool entered = frontend_enter();
	bool there = arena_report(index, r, tiers);

	if (entered)
		frontend_leave();
	return there;
}

static void
write_tiers(struct writer *w, const struct backend_tiers *tiers)
{
	writer_object(w, "tiers");
	for (int i = 0; i < TIERS; i++) {
		writer_object(w, tier_names[i]);
		writer_number(w, "active", tiers->of[i].active);
		writer_number(w, "cached", tiers->of[i].cached);
		writer_number(w, "purged", tiers->of[i].purged);
		writer_end(w);
	}
	writer_end(w);
}

static void
write_transfer(struct writer *w, struct backend_tiers *tiers)
{
	struct transfer_class classes[BIN_CLASSES];
	bool entered = frontend_enter();
	struct transfer_totals t = transfer_totals();

	transfer_classes(classes);
	if (entered)
		frontend_leave();
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++)
		backend_tiers_cache(tiers, cls, classes[cls].blocks);
	writer_object(w, "transfer");
	writer_number(w, "caches", t.caches);
	writer_number(w, "puts", t.puts);
	writer_number(w, "takes", t.takes);
	writer_number(w, "sent", t.sent);
	writer_number(w, "bytes", t.bytes);
	writer_end(w);
}

static void
write_arenas(struct writer *w)
{
	struct arena_report r, sum = {0};
	struct backend_tiers tiers = {0};

	writer_array(w, "arenas");
	for (unsigned i = 0; i < arena_end(); i++) {
		if (!read_arena(i, &r, &tiers))
			continue;
		writer_object(w, NULL);
		writer_number(w, "index", i);
		write_counts(w, &r);
		writer_end(w);
		add_report(&sum, &r);
	}
	writer_end(w);
	writer_object(w, "totals");
	write_counts(w, &sum);
	write_share(w, "contended_share", sum.contended, sum.counts.acquisitions);
	write_share(w, "remote_share", sum.counts.remote_blocks, sum.counts.blocks);
	writer_end(w);
	write_transfer(w, &tiers);
	struct backend_totals all = backend_totals();
	tiers.of[TIER_BIG].active = all.big;
	tiers.of[TIER_BIG].cached = all.big_cached;
	write_tiers(w, &tiers);
}

/* Classes without any activity are not listed. */
static void
write_bigcache(struct writer *w)
{
	struct backend_bigcache c;

	writer_array(w, "bigcache");
	for (unsigned i = 0; backend_bigcache(i, &c); i++) {
		if ((c.hits | c.misses | c.puts | c.past) == 0)
			continue;
		writer_object(w, NULL);
		writer_number(w, "from", (uint64_t)1 << (20 + i));
		writer_number(w, "hits", c.hits);
		writer_number(w, "misses", c.misses);
		write_share(w, "hit_rate", c.hits, c.hits + c.misses);
		writer_number(w, "puts", c.puts);
		writer_number(w, "past", c.past);
		writer_number(w, "pushed", c.pushed);
		writer_number(w, "aged", c.aged);
		writer_end(w);
	}
	writer_end(w);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void
write_rules(struct writer *w)
{
	const struct rules *r = RELAXED(hak_rules);

	writer_object(w, "rules");
	writer_number(w, "loaded", r ? r->count : 0);
	writer_number(w, "refused", r ? r->refused : 0);
	writer_number(w, "sites", r ? RELAXED(r->settled) : 0);
	writer_number(w, "overflow", r ? RELAXED(r->overflows) : 0);
	writer_array(w, "list");
	for (unsigned i = 0; r && i < r->count; i++) {
		writer_object(w, NULL);
		writer_number(w, "line", r->rules[i].line);
		writer_number(w, "sites", RELAXED(r->rules[i].sites));
		writer_number(w, "acted", RELAXED(r->rules[i].acted));
		writer_end(w);
	}
	writer_end(w);
	writer_end(w);
}

/* --- sites ----------------------------------------------------------------------------------- */

/* An address, the file it is in, and where there. */
static HAK_NOINLINE void
write_place(struct writer *w, const char *const keys[3], uintptr_t address)
{
	struct module module;
	bool found = address && module_of(address, &module);

	if (address)
		writer_address(w, keys[0], address);
	else
		writer_null(w, keys[0]);
	if (found) {
		writer_string(w, keys[1], module.path);
		writer_address(w, keys[2], address - module.start);
	} else {
		writer_null(w, keys[1]);
		writer_null(w, keys[2]);
	}
}

/* As Site Rules and profiles have it. */
static HAK_NOINLINE void
write_id(struct writer *w, uintptr_t address, uintptr_t caller)
{
	const uintptr_t frames[] = {address, caller};
	struct module module;
	uint64_t id = 0;

	for (int i = 0; i < 2 && frames[i]; i++)
		id = module_site_id(id, module_of(frames[i], &module) ? &module : NULL, frames[i]);
	writer_hex(w, "id", id, 16);
}

static void
write_sites(struct writer *w)
{
	static const char *const callee[] = {"address", "module", "offset"};
	static const char *const caller[] = {"caller", "caller_module", "caller_offset"};
	struct sites_summary s;

	sites_summary(&s);
	writer_object(w, "sites");
	writer_number(w, "seen", s.seen);
	writer_number(w, "events", s.events);
	writer_number(w, "overflow", s.overflow);
	writer_fixed(w, "entropy_bits", s.entropy, 4);
	writer_array(w, "hottest");
	for (unsigned i = 0; i < s.nhottest; i++) {
		writer_object(w, NULL);
		writer_number(w, "events", s.hottest[i].events);
		write_share(w, "share", s.hottest[i].events, s.events);
		write_place(w, callee, s.hottest[i].address);
		write_place(w, caller, s.hottest[i].caller);
		write_id(w, s.hottest[i].address, s.hottest[i].caller);
		writer_end(w);
	}
	writer_end(w);
	writer_end(w);
}

/* --- the learner ----------------------------------------------------------------------------- */

static void
write_window(struct writer *w, const char *key, const struct learn_window *m)
{
	writer_object(w, key);
	writer_fixed(w, "seconds", (double)m->ns / 1e9, 3);
	writer_fixed(w, "cpu_ms", (double)m->cpu_ns / 1e6, 3);
	writer_number(w, "slow_events", m->events);
	writer_number(w, "slow_bytes", learn_volume(m));
	writer_fixed(w, "slow_ms", (double)m->slow_ns / 1e6, 3);
	writer_number(w, "faults", m->faults);
	if (m->ns)
		writer_number(w, "resident_mean", (uint64_t)(m->byte_ns / (double)m->ns));
	else
		writer_null(w, "resident_mean");
	if (m->ns && m->cpu_ns && learn_volume(m))
		writer_fixed(w, "cost", maths_exp2(learn_cost(m)), 6);
	else
		writer_null(w, "cost");
	writer_end(w);
}

static HAK_NOINLINE void
write_learner(struct writer *w)
{
	struct tune_report r;
	bool entered = frontend_enter();
	bool there = tune_report(&r);

	if (entered)
		frontend_leave();
	writer_object(w, "learner");
	if (there) {
		writer_string(w, "state", learn_state_name(r.learner.state));
		writer_string(w, "policy", policies[r.learner.incumbent].name);
		writer_number(w, "windows", r.learner.windows);
		write_window(w, "all", &r.all);
		write_window(w, "chosen", &r.chosen);
		writer_array(w, "leaderboard");
		for (unsigned i = 0; i < POLICIES; i++) {
			const struct learn_player *p = &r.learner.players[i];
			writer_object(w, NULL);
			writer_string(w, "policy", policies[i].name);
			writer_fixed(w, "rating", p->rating, 1);
			writer_number(w, "won", p->won);
			writer_number(w, "drawn", p->drawn);
			writer_number(w, "lost", p->lost);
			writer_end(w);
		}
		writer_end(w);
	} else {
		writer_string(w, "state", "off");
	}
	writer_end(w);
}

/* --- lifetimes ------------------------------------------------------------------------------- */

/* How many of the class's slabs would do without: at most, since each kind of block is taken to
 * fill its own slabs. */
static size_t
spare_slabs(const struct backend_class *c, size_t lasting)
{
	if (lasting == 0 || c->slabs == 0)
		return 0;
	lasting = lasting < c->blocks ? lasting : c->blocks;
	size_t others = c->blocks - lasting, n = c->slab_blocks;
	size_t enough = (lasting + n - 1) / n + (others + n - 1) / n;
	return c->slabs > enough ? c->slabs - enough : 0;
}

static HAK_NOINLINE void
write_lifetime(struct writer *w)
{
	struct profile_lifetime found;
	size_t lasting_slabs = 0, lasting_pages = 0, spare = 0, spare_pages = 0;
	bool dry = CONFIG(placement) == PLACEMENT_LIFETIME_DRY;
	bool entered = frontend_enter();
	bool there = profile_lifetime(&found);

	for (unsigned cls = CLASS_TINY; there && cls < CLASS_LARGE; cls++) {
		struct backend_class c = arena_class(dry ? 0 : LIFETIME_GROUP, cls);
		size_t n = dry ? spare_slabs(&c, found.live_bytes[cls] / sizeclass_size(cls)) : 0;
		spare += n;
		spare_pages += n * c.slab_pages;
		lasting_slabs += dry ? 0 : c.slabs;
		lasting_pages += dry ? 0 : c.slabs * c.slab_pages;
	}
	if (entered)
		frontend_leave();
	writer_object(w, "lifetime");
	writer_string(w, "state", !there ? "off" : dry ? "dry" : "on");
	if (there) {
		writer_number(w, "threshold_bytes", found.threshold);
		writer_number(w, "sites", found.sites);
		writer_number(w, "lasting_sites", found.lasting);
		writer_number(w, "known_sites", hak_lifetime_known.count);
		writer_number(w, "lasting_slabs", lasting_slabs);
		writer_number(w, "lasting_pages", lasting_pages);
		writer_number(w, "spare_slabs", spare);
		writer_number(w, "spare_pages", spare_pages);
	}
	writer_end(w);
}

/* --- where it goes --------------------------------------------------------------------------- */

/* Many programs close standard error before they end (the core utilities do): a second descriptor
 * for it then has the report. Written when the library is loaded. */
static struct {
	int fd;
	dev_t device;
	ino_t inode;
} spare = {.fd = -1};
/* Out of the way of programs that count on low numbers. */
#define SPARE_FD 100L

static bool
identify(int fd, dev_t *device, ino_t *inode)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return false;
	*device = status.st_dev;
	*inode = status.st_ino;
	return true;
}

static void __attribute__((constructor)) keep_standard_error(void)
{
	int saved = errno;

	slow_startup();
	if (CONFIG(stats))
		spare.fd = (int)syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, SPARE_FD);
	if (spare.fd >= 0 && !identify(spare.fd, &spare.device, &spare.inode))
		spare.fd = -1;
	errno = saved;
}

/* Standard error, or its other descriptor where that is closed and the program has not opened
 * something else under the number. */
static int
report_fd(void)
{
	dev_t device;
	ino_t inode;

	if (spare.fd >= 0 && !identify(STDERR_FILENO, &device, &inode) &&
		identify(spare.fd, &device, &inode) && device == spare.device &&
		inode == spare.inode)
		return spare.fd;
	return STDERR_FILENO;
}

/* --- all of it ------------------------------------------------------------------------------- */

void
report_write(bool json)
{
	struct writer w;
	int saved = errno;

	writer_begin(&w, report_fd(), json, "hakmem");
	write_heading(&w);
	write_stats(&w);
	write_frontend(&w);
	write_caches(&w);
	write_classes(&w);
	write_arenas(&w);
	write_bigcache(&w);
	write_rules(&w);
	write_sites(&w);
	write_system(&w);
	write_background(&w);
	write_pressure(&w);
	write_learner(&w);
	write_lifetime(&w);
	write_settings(&w);
	writer_finish(&w);
	errno = saved;
}
