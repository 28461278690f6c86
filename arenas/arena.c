/* SPDX-License-Identifier: MIT
 * arenas/arena.c - refill, drain and the growth of the number of arenas. */
#include "arenas/arena.h"

#include <string.h>

#include "arenas/internal.h"
#include "arenas/pressure.h"
#include "arenas/rules.h"
#include "arenas/select.h"
#include "arenas/sites.h"
#include "arenas/transfer.h"
#include "arenas/tune.h"
#include "backends/emergency.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "backends/seal.h"
#include "base/config.h"
#include "base/inject.h"
#include "base/lock.h"
#include "base/probe.h"

/* What an arena's depots may hold together before blocks go on to their slabs. */
#define DEPOT_BYTES ((size_t)8 << 20)
/* Before an arena with more than this in its depots maps a slab, those that have been idle for the
 * second figure give theirs up; all do where they are a large part of a heap that would grow. So a
 * program that goes over to other sizes grows by little. The same goes for transfer caches that
 * hold more than the least. */
#define DEPOT_KEEP ((size_t)1 << 20)
#define DEPOT_IDLE_MS 20
/* So many contended acquisitions within so many ms bring the next doubling. Less than that costs
 * little, and more arenas cost affinity: a thread's blocks come back from where other CPUs' do. */
#define CONTENTION_STEP 256
#define CONTENTION_MS 8

struct arenas hak_arenas;

static struct lock growth_lock = LOCK_INITIALIZER(RANK_GROWTH);

static struct arena *
arena_create(unsigned index)
{
	struct arena *a = pages_meta_alloc(sizeof(*a));

	if (!a)
		return NULL;
	a->lock.rank = RANK_ARENA;
	a->index = index;
	a->bit = (uint64_t)1 << index % MAX_ARENAS;
	a->nonempty = hak_arenas.nonempty[index / MAX_ARENAS];
	unsigned group = index / MAX_ARENAS;
	a->seals = hak_arenas.seals_from && group >= hak_arenas.seals_from;
	backend_arena_init(
		&a->backend, (uint16_t)index, a->seals ? group : 0, hak_arenas.group_bins);
	if (group > 0 && !a->seals)
		backend_arena_apart(&a->backend);
	/* Release pairs with the acquire in arena_at. */
	atomic_store_explicit(&hak_arenas.all[index], a, memory_order_release);
	return a;
}

/* Makes arenas up to `wanted` of them, a power of two; false when memory is exhausted. */
static bool
arenas_activate(unsigned wanted)
{
	unsigned i = 0;

	while (i < wanted && (arena_at(i) || arena_create(i)))
		i++;
	if (i == wanted)
		/* Release: the arenas are there before they are selected. */
		atomic_store_explicit(&hak_arenas.active, wanted, memory_order_release);
	return i == wanted;
}

void
arena_init(void)
{
	unsigned fixed = (unsigned)CONFIG(arenas);

	/* 0, unknown: the CPUs are counted when the number is to grow, which most processes never
	 * come to, and it takes as long as a tenth of the start of a small one. */
	RELAXED_SET(hak_arenas.limit, 0);
	if (fixed || CONFIG(selector) == SELECTOR_SINGLE)
		arena_set_limit(fixed);
	/* The first arena is made when it is needed. */
	RELAXED_SET(hak_arenas.active, 1);
	for (unsigned n = fixed ? arena_limit() : 1; n > 1 && !arenas_activate(n);)
		n /= 2;
	sites_init();
	if (CONFIG_PATH(rules))
		rules_load(CONFIG_PATH(rules));
	pressure_init();
	tune_begin();
}

void
arena_isolate(unsigned first, unsigned bins)
{
	hak_arenas.group_bins = bins;
	hak_arenas.groups_above = BACKEND_GROUPS;
	hak_arenas.seals_from = first;
}

void
arena_split(void)
{
	if (hak_arenas.groups_above == 0)
		hak_arenas.groups_above = 1;
}

unsigned
arena_end(void)
{
	return (1 + hak_arenas.groups_above) * MAX_ARENAS;
}

void
arena_set_limit(unsigned limit)
{
	limit = limit > MAX_ARENAS ? MAX_ARENAS : limit ? limit : 1;
	/* More would only ever lend to the one that is selected. */
	if (CONFIG(selector) == SELECTOR_SINGLE)
		limit = 1;
	RELAXED_SET(hak_arenas.limit, 1u << log2_floor(limit));
}

unsigned
arena_limit(void)
{
	if (RELAXED(hak_arenas.limit) == 0)
		arena_set_limit(os_cpus() * 2);
	return RELAXED(hak_arenas.limit);
}

/* Doubles the number of active arenas. */
static HAK_COLD void
arenas_grow(void)
{
	/* May read files: before the lock. */
	unsigned limit = arena_limit();

	if (!lock_try(&growth_lock))
		return;
	unsigned twice = 2 * RELAXED(hak_arenas.active);
	if (twice <= limit)
		arenas_activate(twice);
	lock_release(&growth_lock);
}

void
arena_note_contention(void)
{
	size_t n = atomic_fetch_add_explicit(&hak_arenas.contended, 1, memory_order_relaxed) + 1;

	if (n % CONTENTION_STEP != 0)
		return;
	uint32_t now_ms = os_now_ms();
	uint32_t before_ms =
		atomic_exchange_explicit(&hak_arenas.contended_ms, now_ms, memory_order_relaxed);
	if (now_ms - before_ms <= CONTENTION_MS)
		arenas_grow();
}

/* arena_try for the arena that was chosen: a held lock is contention. */
static bool
try_arena(struct arena *a)
{
	if (HAK_LIKELY(arena_try(a)))
		return true;
	atomic_fetch_add_explicit(&a->contended, 1, memory_order_relaxed);
	PROBE1(hakmem, lock_contended, a->index);
	arena_note_contention();
	return false;
}

/* After a try that failed: waits. */
static bool
wait_arena(struct arena *a)
{
	uint64_t before_ns = CONFIG(stats) ? os_now_ns() : 0;

	if (!lock_acquire(&a->lock))
		return false;
	a->counts.acquisitions++;
	if (before_ns)
		a->counts.wait_ns += os_now_ns() - before_ns;
	return true;
}

bool
arena_lock(struct arena *a)
{
	return try_arena(a) || wait_arena(a);
}

/* The index of the arena for the site's blocks of the class. */
static unsigned
index_of_site(uintptr_t site, unsigned cls, unsigned active)
{
	int ruled = rules_any() ? rules_arena(site, sizeclass_size(cls)) : -1;

	if (ruled >= 0)
		return (unsigned)ruled;
	return active == 1 ? 0 : select_arena(site, active);
}

/* The group's arena for the site, created if it is the group's first or a rule's; NULL when memory
 * is exhausted. */
static struct arena *
arena_of_site(unsigned group, uintptr_t site, unsigned cls)
{
	/* Acquire pairs with the release in arenas_activate. */
	unsigned active = atomic_load_explicit(&hak_arenas.active, memory_order_acquire);
	unsigned index = group * MAX_ARENAS + index_of_site(site, cls, active);
	struct arena *a = arena_at(index);

	sites_count(site);
	if (HAK_LIKELY(a != NULL))
		return a;
	if (!lock_acquire(&growth_lock))
		return NULL;
	a = arena_at(index);
	if (!a)
		a = arena_create(index);
	lock_release(&growth_lock);
	return a;
}

/* --- refill ---------------------------------------------------------------------------------- */

/* Joins the parts of a batch into one list; touches the blocks, so no lock is held. */
static struct magazine
batch_join(struct batch *b, unsigned cls)
{
	size_t size = sizeclass_size(cls);
	struct magazine m = {NULL, b->count};

	for (uint32_t i = b->nfresh; i-- > 0;) {
		void *p = b->fresh + i * size;
		*(void **)p = m.head;
		m.head = p;
	}
	for (uint32_t i = b->nblocks; i-- > 0;) {
		*(void **)b->blocks[i] = m.head;
		m.head = b->blocks[i];
	}
	for (uint32_t i = 0; i < b->nchains; i++)
		m.head = magazine_join(
			(struct magazine){b->chains[i].head, b->chains[i].count}, m.head);
	return m;
}

/* The same of an isolated group, whose blocks come in no chains: a sealed list. */
static struct magazine
batch_seal(struct batch *b, unsigned cls)
{
	size_t size = sizeclass_size(cls);
	struct magazine m = {NULL, b->count};

	for (uint32_t i = b->nfresh; i-- > 0; m.head = b->fresh + i * size)
		seal_set(b->fresh + i * size, m.head);
	for (uint32_t i = b->nblocks; i-- > 0; m.head = b->blocks[i])
		seal_set(b->blocks[i], m.head);
	return m;
}

/* How many blocks a refill is after, and the arena that was chosen for it. */
struct demand {
	const struct arena *chosen;
	unsigned cls;
	uint32_t want, most;
	uint32_t now_ms;
	uint16_t lessee; /* of what the chosen arena has */
};

/* take_blocks of an isolated group: a waiting magazine, else blocks of the slabs. */
static bool
take_sealed(
	struct arena *a, const struct demand *d, bool birth, struct magazine *m, struct batch *b)
{
	*m = arena_pop_sealed(a, d->cls);
	if (!m->head && (birth || !backend_dry(&a->backend, d->cls)))
		backend_refill(&a->backend, d->cls, d->want, d->most, b);
	a->counts.blocks += m->count + b->count;
	a->counts.handed[d->cls] += m->count + b->count;
	arena_note_room(a, d->cls);
	return m->head || b->count > 0;
}

/* A magazine that this CPU filled, else blocks from the arena's slabs into b, else a magazine that
 * another CPU filled, whose caches hold its blocks (for L2 and above before the slabs'); arena
 * lock. False when there are none; `birth` allows a new slab. */
static bool
take_blocks(
	struct arena *a, const struct demand *d, bool birth, struct magazine *m, struct batch *b)
{
	struct depot *depot = &a->depots[d->cls];
	bool lent = a != d->chosen, foreign = false;

	b->lessee = lent ? 0 : d->lessee;
	if (HAK_UNLIKELY(a->seals))
		return take_sealed(a, d, birth, m, b);

	*m = depot_pop_own(depot, os_cpu(), d->now_ms);
	if (!m->head && d->cls >= CLASS_MID) {
		/* Of larger blocks fewer bytes are in another CPU's caches than fresh ones cost. */
		*m = depot_pop(depot, d->now_ms);
		foreign = m->head != NULL;
	}
	if (!m->head && !backend_dry(&a->backend, d->cls))
		backend_refill(&a->backend, d->cls, d->want, d->most, b);
	if (!m->head && b->count == 0) {
		*m = depot_pop(depot, d->now_ms);
		foreign = true;
	}
	if (!m->head && b->count == 0 && birth)
		backend_refill(&a->backend, d->cls, d->want, d->most, b);
	a->depot_bytes -= m->count * sizeclass_size(d->cls);
	a->counts.blocks += m->count + b->count;
	a->counts.handed[d->cls] += m->count + b->count;
	a->counts.remote_magazines += m->head && (lent || foreign);
	/* A magazine or blocks of slabs, never both. */
	a->counts.remote_blocks += (lent || foreign) && m->head ? m->count : lent ? b->count : 0;
	arena_note_room(a, d->cls);
	return m->head || b->count > 0;
}

/* The same from another arena that has some, by a trylock each. `wait` waits for the last of them:
 * before new memory is mapped, since that is there to stay. */
static bool
borrow(const struct demand *d, bool wait, struct magazine *m, struct batch *b)
{
	unsigned group = d->chosen->index / MAX_ARENAS;
	uint64_t bits = RELAXED(d->chosen->nonempty[d->cls]) & ~d->chosen->bit;
	bool got = false;

	for (; bits && !got; bits &= bits - 1) {
		struct arena *a = arena_at(group * MAX_ARENAS + (unsigned)__builtin_ctzll(bits));
		bool last = (bits & (bits - 1)) == 0;
		if (!arena_try(a) && !(wait && last && wait_arena(a)))
			continue;
		got = take_blocks(a, d, false, m, b);
		a->counts.borrowed += got;
		lock_release(&a->lock);
	}
	return got;
}

/* The same from a new slab, where the arena has got nothing meanwhile. */
static bool
map_blocks(struct arena *a, const struct demand *d, struct magazine *m, struct batch *b)
{
	if (pages_over_soft(sizeclass_size(d->cls)))
		arena_make_room();
	size_t excess = transfer_excess();
	if (excess > 0)
		arena_age_transfers(d->now_ms, pages_need(excess) ? 0 : DEPOT_IDLE_MS);
	if (!arena_lock(a))
		return false;
	if (a->depot_bytes > DEPOT_KEEP) {
		bool all = pages_need(a->depot_bytes);
		lock_release(&a->lock);
		arena_age_depots(a, d->now_ms, all ? 0 : DEPOT_IDLE_MS);
		if (!arena_lock(a))
			return false;
	}
	bool got = take_blocks(a, d, true, m, b);
	lock_release(&a->lock);
	return got;
}

/* Of this thread's cache; 0 where there is none. */
static HAK_TLS uint16_t cache_number;

static uint16_t
lease_number(uintptr_t n)
{
	return (uint16_t)(1 + n % UINT16_MAX);
}

void
arena_lease_to(const void *cache)
{
	cache_number = cache ? lease_number((uintptr_t)cache / CACHE_LINE) : 0;
}

/* Whom fresh blocks of the class are for; anybody above a soft limit, so that no slab is mapped
 * while another has some. */
static uint16_t
lessee(unsigned cls)
{
	if (pages_over_soft(sizeclass_size(cls)))
		return 0;
	return cache_number ? cache_number : lease_number(os_cpu());
}

struct magazine
arena_refill_in(unsigned group, unsigned cls, uintptr_t site, uint32_t want, uint32_t most)
{
	struct arena *a = arena_of_site(group, site, cls);
	const struct demand d = {a, cls, want, most, os_now_ms(), lessee(cls)};
	struct magazine m = {NULL, 0};
	struct batch b;
	bool got;

	b.nchains = b.nblocks = b.nfresh = b.count = 0;
	if (!a)
		return m;
	/* Another thread is in there, perhaps without a CPU: others may have what is wanted. */
	if (!try_arena(a) && !borrow(&d, false, &m, &b) && !wait_arena(a))
		return m;
	if (!m.head && b.count == 0) {
		a->counts.refills++;
		arena_note_use(a);
		got = take_blocks(a, &d, false, &m, &b);
		lock_release(&a->lock);
		if (!got && !borrow(&d, true, &m, &b)) {
			if (group == 0)
				m = transfer_take_any(cls);
			if (!m.head && !map_blocks(a, &d, &m, &b))
				return m;
		}
	}
	PROBE3(hakmem, refill, cls, site, m.head ? m.count : b.count);
	HAK_INJECT(INJECT_REFILL);
	if (HAK_UNLIKELY(a->seals && !m.head))
		return batch_seal(&b, cls);
	return m.head ? m : batch_join(&b, cls);
}

/* Locks the arena, or another active one of its group if a trylock gets that sooner: a depot may
 * hold blocks of any arena, and a block may come from any. NULL when a fork holds the locks. */
static struct arena *
lock_any(struct arena *a)
{
	unsigned active = atomic_load_explicit(&hak_arenas.active, memory_order_acquire);

	if (HAK_LIKELY(try_arena(a)))
		return a;
	for (unsigned i = 1; i < active; i++) {
		struct arena *other =
			arena_at((a->index & ~(MAX_ARENAS - 1u)) + ((a->index + i) & (active - 1)));
		/* Only group 0's are all made at once. */
		if (other && arena_try(other))
			return other;
	}
	return wait_arena(a) ? a : NULL;
}

/* The first block of a magazine that waits in the arena's depot, so that what front-ends give there
 * is used before fresh memory; NULL where none does. Arena lock. */
static void *
take_from_depot(struct arena *a, unsigned cls)
{
	struct depot *depot = &a->depots[cls];
	uint32_t now_ms = depot->used_ms;
	struct magazine m = depot_pop(depot, now_ms);

	if (!m.head)
		return NULL;
	a->depot_bytes -= sizeclass_size(cls);
	if (m.count > 1)
		depot_push(
			depot, os_cpu(), (struct magazine){*(void **)m.head, m.count - 1}, now_ms);
	return m.head;
}

void *
arena_take_in(unsigned group, unsigned cls, uintptr_t site, bool *zeroed)
{
	struct arena *a = arena_of_site(group, site, cls);
	bool wanted = *zeroed;

	*zeroed = false;
	if (pages_over_soft(sizeclass_size(cls)))
		arena_make_room();
	a = a ? lock_any(a) : NULL;
	if (!a)
		return NULL;
	a->counts.singles++;
	void *p = a->depots[cls].blocks ? take_from_depot(a, cls) : NULL;
	if (!p) {
		*zeroed = wanted;
		p = backend_take(&a->backend, cls, zeroed);
	}
	a->counts.handed[cls] += p != NULL;
	arena_note_room(a, cls);
	lock_release(&a->lock);
	return p;
}

void *
arena_take_sampled(unsigned cls, uintptr_t site)
{
	struct arena *a = arena_of_site(0, site, cls);

	a = a ? lock_any(a) : NULL;
	if (!a)
		return NULL;
	a->counts.singles++;
	void *p = backend_take_sampled(&a->backend, cls);
	lock_release(&a->lock);
	return p;
}

/* --- return ---------------------------------------------------------------------------------- */

bool
arena_drain(unsigned cls, struct magazine m)
{
	unsigned owned_cls;
	struct arena *a = arena_at(backend_owner(m.head, &owned_cls));
	size_t bytes = m.count * sizeclass_size(cls);
	uint32_t now_ms = os_now_ms();
	void *excess = NULL;

	PROBE2(hakmem, drain, cls, m.count);
	if (HAK_UNLIKELY(owned_cls != cls))
		log_fatal("corrupt heap: %p is no block of %u bytes", m.head, sizeclass_size(cls));
	a = lock_any(a);
	if (!a)
		return false;
	a->counts.drains++;
	if (a->depot_bytes + bytes <= DEPOT_BYTES) {
		depot_push(&a->depots[cls], os_cpu(), m, now_ms);
		a->depot_bytes += bytes;
	} else {
		depot_link(m, NULL);
		excess = arena_pop_stack(a, cls, m.head, ARENA_FLUSH_TOGETHER - 1, now_ms);
	}
	arena_note_room(a, cls);
	lock_release(&a->lock);
	arena_flush_stack(excess);
	return true;
}

/* The class's sealed depot, made with the arena's first; arena lock. */
static struct sealed_depot *
sealed_depot(struct arena *a, unsigned cls)
{
	if (HAK_UNLIKELY(!a->sealed))
		a->sealed = pages_meta_alloc(BIN_CLASSES * sizeof(*a->sealed));
	return a->sealed ? &a->sealed[cls] : NULL;
}

bool
arena_drain_sealed(unsigned cls, struct magazine m)
{
	unsigned owned_cls;
	struct arena *a = arena_at(backend_owner(m.head, &owned_cls));
	size_t bytes = m.count * sizeclass_size(cls);
	uint32_t now_ms = os_now_ms();

	a = lock_any(a);
	if (!a)
		return false;
	struct sealed_depot *d = sealed_depot(a, cls);
	bool fits = d && d->count < SEALED_DEPOT_MOST && a->depot_bytes + bytes <= DEPOT_BYTES;
	if (fits) {
		d->full[d->count++] = m;
		a->depots[cls].blocks += m.count;
		a->depots[cls].used_ms = now_ms;
		a->depot_bytes += bytes;
		a->counts.drains++;
		arena_note_room(a, cls);
	}
	lock_release(&a->lock);
	return fits;
}

void
arena_flush(void *list)
{
	uint32_t now_ms = os_now_ms();
	unsigned cls;

	while (list) {
		uint16_t owner = backend_owner(list, &cls);
		if (HAK_UNLIKELY(owner == BACKEND_NO_ARENA))
			log_fatal("corrupt heap: %p on a free list", list);
		struct arena *a = arena_at(owner);
		if (arena_lock(a)) {
			list = backend_return(&a->backend, list, now_ms);
			arena_note_room(a, cls);
			lock_release(&a->lock);
		} else {
			/* A fork; waiting for it block by block would take for ever. */
			emergency_defer(list);
			return;
		}
	}
}

void
arena_give(void *p)
{
	link_set(p, NULL);
	arena_flush(p);
}

bool
arena_resize(void *p, size_t size)
{
	unsigned cls;
	uint16_t owner = backend_owner(p, &cls);
	struct arena *a = owner != BACKEND_NO_ARENA ? arena_at(owner) : NULL;

	if (!a || cls < CLASS_LARGE || !arena_lock(a))
		return false;
	bool resized = backend_resize(&a->backend, p, size);
	lock_release(&a->lock);
	return resized;
}

/* --- reports and forks ----------------------------------------------------------------------- */

struct arena_totals
arena_totals(void)
{
	struct arena_totals t = {0};

	struct transfer_totals transfer = transfer_totals();

	t.depot_bytes = transfer.bytes;
	t.refills = transfer.takes;
	t.drains = transfer.puts;
	t.arenas = atomic_load_explicit(&hak_arenas.active, memory_order_relaxed);
	t.contended = atomic_load_explicit(&hak_arenas.contended, memory_order_relaxed);
	for (unsigned i = 0; i < arena_end(); i++) {
		struct arena *a = arena_at(i);
		if (!a)
			continue;
		lock_acquire_wait(&a->lock);
		t.depot_bytes += a->depot_bytes;
		t.handed_out += backend_arena_live(&a->backend);
		t.refills += a->counts.refills;
		t.drains += a->counts.drains;
		t.borrowed += a->counts.borrowed;
		lock_release(&a->lock);
	}
	return t;
}

struct backend_class
arena_class(unsigned group, unsigned cls)
{
	struct backend_class sum = {0};

	for (unsigned i = 0; i < MAX_ARENAS; i++) {
		struct arena *a = arena_at(group * MAX_ARENAS + i);
		if (!a)
			continue;
		lock_acquire_wait(&a->lock);
		struct backend_class c = backend_arena_class(&a->backend, cls);
		lock_release(&a->lock);
		c.slabs += sum.slabs;
		c.blocks += sum.blocks;
		sum = c;
	}
	return sum;
}

bool
arena_activity(struct learn_window *out)
{
	struct backend_totals all = backend_totals();
	struct transfer_totals transfer = transfer_totals();
	struct transfer_class classes[BIN_CLASSES];

	transfer_classes(classes);
	out->events = all.big_allocs + transfer.puts + transfer.takes;
	memset(out->sizes, 0, sizeof(out->sizes));
	out->sizes[LEARN_SIZES - 1] = all.big_alloc_bytes;
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
		size_t size = sizeclass_size(cls);
		out->sizes[learn_size_index(size)] += classes[cls].handed * size;
	}
	for (unsigned i = 0; i < arena_end(); i++) {
		struct arena *a = arena_at(i);
		if (!a)
			continue;
		if (!arena_lock(a))
			return false;
		out->events += a->counts.refills + a->counts.drains + a->counts.singles;
		for (unsigned cls = 1; cls < CLASS_END; cls++) {
			size_t size = sizeclass_size(cls);
			out->sizes[learn_size_index(size)] += a->counts.handed[cls] * size;
		}
		lock_release(&a->lock);
	}
	return true;
}

bool
arena_report(unsigned index, struct arena_report *out, struct backend_tiers *tiers)
{
	struct arena *a = index < arena_end() ? arena_at(index) : NULL;
	struct backend_tiers own = {0};

	if (!a)
		return false;
	lock_acquire_wait(&a->lock);
	*out = (struct arena_report){a->counts, RELAXED(a->contended), a->depot_bytes};
	backend_arena_tiers(&a->backend, &own);
	for (unsigned cls = 1; cls < BIN_CLASSES; cls++)
		backend_tiers_cache(&own, cls, a->depots[cls].blocks);
	lock_release(&a->lock);
	for (int i = 0; i < TIERS; i++) {
		tiers->of[i].active += own.of[i].active;
		tiers->of[i].cached += own.of[i].cached;
		tiers->of[i].purged += own.of[i].purged;
	}
	return true;
}

static void
audit_sealed(const struct arena *a, unsigned cls)
{
	const struct sealed_depot *d = &a->sealed[cls];
	uint32_t blocks = 0;

	for (uint32_t i = 0; i < d->count; i++) {
		uint32_t n = 0;
		for (void *p = d->full[i].head; p; p = seal_next(p))
			n++;
		HAK_CHECK(n == d->full[i].count);
		blocks += n;
	}
	HAK_CHECK(blocks == a->depots[cls].blocks);
}

void
arena_audit(void)
{
	for (unsigned i = 0; i < arena_end(); i++) {
		struct arena *a = arena_at(i);
		if (!a)
			continue;
		size_t depot_bytes = 0;
		lock_acquire_wait(&a->lock);
		for (unsigned cls = 1; cls < BIN_CLASSES; cls++) {
			if (a->sealed)
				audit_sealed(a, cls);
			else
				depot_audit(&a->depots[cls]);
			depot_bytes += a->depots[cls].blocks * sizeclass_size(cls);
		}
		HAK_CHECK(depot_bytes == a->depot_bytes);
		backend_audit(&a->backend);
		lock_release(&a->lock);
	}
	transfer_audit();
	pages_audit();
}

void
arena_fork_prepare(void)
{
	tune_fork_prepare();
	lock_acquire_wait(&growth_lock);
	transfer_fork_prepare();
	for (unsigned i = 0; i < arena_end(); i++)
		if (arena_at(i))
			lock_acquire_wait(&arena_at(i)->lock);
	backend_fork_prepare();
}

void
arena_fork_parent(void)
{
	backend_fork_parent();
	for (unsigned i = 0; i < arena_end(); i++)
		if (arena_at(i))
			lock_release(&arena_at(i)->lock);
	transfer_fork_parent();
	lock_release(&growth_lock);
	tune_fork_parent();
}

void
arena_fork_child(void)
{
	backend_fork_child();
	for (unsigned i = 0; i < arena_end(); i++)
		if (arena_at(i))
			lock_reset(&arena_at(i)->lock);
	transfer_fork_child();
	lock_reset(&growth_lock);
	tune_fork_child();
}
