/* SPDX-License-Identifier: MIT
 * frontends/stats.c - what the heap says of itself: hak_stats_get and glibc's reports. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "arenas/arena.h"
#include "backends/pagemap.h"
#include "base/assert.h"
#include "base/config.h"
#include "frontends/api.h"
#include "frontends/frontend.h"
#include "frontends/report.h"
#include "frontends/slow.h"
#include "hakmem/hakmem.h"

HAK_EXPORT void
hak_stats_get(struct hak_stats *out)
{
	struct frontend_totals f;
	bool entered = frontend_enter();

	frontend_totals(&f);
	struct arena_totals a = arena_totals();
	struct backend_totals b = backend_totals();
	if (entered)
		frontend_leave();
	size_t cached = f.cached_bytes + a.depot_bytes;
	*out = (struct hak_stats){
		.live_bytes =
			a.handed_out + b.big - (cached < a.handed_out ? cached : a.handed_out),
		.cached_bytes = cached,
		.slab_bytes = b.used,
		.dirty_bytes = b.resident,
		.committed_bytes = b.committed,
		.big_bytes = b.big,
		.big_cached_bytes = b.big_cached,
		.big_count = b.big_count,
		.peak_bytes = b.peak,
		.arenas = a.arenas,
		.caches = f.caches,
		.slow_allocs = f.slow_allocs,
		.slow_frees = f.slow_frees,
		.purges = b.purges,
		.purged_bytes = b.purged,
	};
}

HAK_EXPORT const char *
hak_variant(void)
{
	return FRONTEND_NAME "-" BACKEND_NAME;
}

HAK_EXPORT const char *
hak_mechanism(void)
{
	slow_startup();
	return frontend_mechanism();
}

HAK_EXPORT bool
hak_is_in_heap(const void *p)
{
	return pagemap_contains(p);
}

HAK_EXPORT void
hak_audit(void)
{
	if (!frontend_enter())
		return;
	frontend_audit();
	arena_audit();
	frontend_leave();
}

/* --- glibc's reports ------------------------------------------------------------------------- */

HAK_EXPORT void
hak_malloc_stats(void)
{
	slow_startup();
	report_write(CONFIG(stats) == STATS_JSON);
}

HAK_EXPORT int
hak_malloc_info(int options, FILE *out)
{
	struct hak_stats s;
	char text[2048];

	if (options != 0 || !out) {
		errno = EINVAL;
		return -1;
	}
	hak_stats_get(&s);
	log_text(text, sizeof(text),
		"<malloc version=\"hakmem-" HAKMEM_VERSION "\">\n"
		"<variant>%s</variant>\n"
		"<heap nr=\"0\">\n"
		"<total type=\"fast\" count=\"%u\" size=\"%u\"/>\n"
		"<total type=\"rest\" count=\"0\" size=\"%u\"/>\n"
		"<system type=\"current\" size=\"%u\"/>\n"
		"<system type=\"max\" size=\"%u\"/>\n"
		"<aspace type=\"total\" size=\"%u\"/>\n"
		"</heap>\n"
		"<total type=\"live\" size=\"%u\"/>\n"
		"<total type=\"fast\" count=\"%u\" size=\"%u\"/>\n"
		"<total type=\"rest\" count=\"0\" size=\"%u\"/>\n"
		"<total type=\"mmap\" count=\"%u\" size=\"%u\"/>\n"
		"<system type=\"current\" size=\"%u\"/>\n"
		"<system type=\"max\" size=\"%u\"/>\n"
		"<aspace type=\"total\" size=\"%u\"/>\n"
		"</malloc>\n",
		hak_variant(), s.caches, s.cached_bytes, s.dirty_bytes,
		s.slab_bytes + s.dirty_bytes, s.peak_bytes, s.committed_bytes, s.live_bytes,
		s.caches, s.cached_bytes, s.dirty_bytes, s.big_count, s.big_bytes,
		s.slab_bytes + s.dirty_bytes, s.peak_bytes, s.committed_bytes);
	return fputs(text, out) < 0 ? -1 : 0;
}

HAK_EXPORT int
hak_malloc_trim(size_t pad)
{
	if (!frontend_enter())
		return 0;
	frontend_flush();
	size_t given_back = arena_trim(pad);
	frontend_leave();
	return given_back > 0;
}

HAK_EXPORT int
hak_mallopt(int param, int value)
{
	slow_startup();
	if (param == M_ARENA_MAX && value >= 1) {
		arena_set_limit((unsigned)value);
		return 1;
	}
	if (param == M_TRIM_THRESHOLD && value >= -1) {
		/* -1: nothing is given back. */
		CONFIG_GIVE(keep, value < 0 ? PTRDIFF_MAX : (size_t)value);
		return 1;
	}
	if (param == M_MMAP_THRESHOLD && value >= LARGE_MAX) {
		CONFIG_GIVE(giveback, (size_t)value);
		return 1;
	}
	return 0;
}

/* --- the usual names ------------------------------------------------------------------------- */

#ifdef HAK_OVERRIDE
int malloc_trim(size_t pad) OVERRIDES(hak_malloc_trim);
void malloc_stats(void) OVERRIDES(hak_malloc_stats);
int mallopt(int param, int value) OVERRIDES(hak_mallopt);
int malloc_info(int options, FILE *out) OVERRIDES(hak_malloc_info);

HAK_EXPORT struct mallinfo2
mallinfo2(void)
{
	struct hak_stats s;

	hak_stats_get(&s);
	return (struct mallinfo2){
		.arena = s.slab_bytes + s.dirty_bytes - s.big_bytes,
		.ordblks = s.caches,
		.hblks = s.big_count,
		.hblkhd = s.big_bytes,
		.fsmblks = s.cached_bytes,
		.uordblks = s.live_bytes - s.big_bytes,
		.fordblks = s.cached_bytes + s.dirty_bytes,
		.keepcost = s.dirty_bytes,
	};
}

/* The old form counts in int: what does not fit is cut off, as in glibc. */
HAK_EXPORT struct mallinfo
mallinfo(void)
{
	struct mallinfo2 m = mallinfo2();

	return (struct mallinfo){
		.arena = (int)m.arena,
		.ordblks = (int)m.ordblks,
		.hblks = (int)m.hblks,
		.hblkhd = (int)m.hblkhd,
		.fsmblks = (int)m.fsmblks,
		.uordblks = (int)m.uordblks,
		.fordblks = (int)m.fordblks,
		.keepcost = (int)m.keepcost,
	};
}
#endif
