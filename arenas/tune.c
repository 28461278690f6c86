/* SPDX-License-Identifier: MIT
 * arenas/tune.c - windows, from counters that are there anyway. */
#include "arenas/tune.h"

#include <string.h>

#include "arenas/arena.h"
#include "arenas/profile.h"
#include "backends/os.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/lock.h"

#define NS_PER_MS ((uint64_t)1000000)
/* The least of so many means of so many readings tells what reading the clock itself takes. */
#define CALIBRATIONS 4
#define CALIBRATION_READINGS 4
/* To read the clock twice takes less than a tenth of that. */
#define LONG_NS 16384

_Atomic bool hak_tune_on;

/* CPU time in slow paths, as sampled; and what one reading of the clock adds to a sample. */
static _Atomic uint64_t slow_ns, clock_ns;
/* Of the thread's Big blocks, as far as it knows. */
static HAK_TLS bool big_is_long;

/* Synchronization: `lock`. */
static struct {
	struct lock lock;
	struct learner learner;
	struct learn_window first; /* all counters when the learner began */
	struct learn_window start; /* and at the start of the window */
	struct learn_window now;   /* and at the last tick: ns is the time, byte_ns a sum */
	struct learn_window chosen;
	uint64_t settled_ns; /* the window starts then, or has started */
	bool open;
	size_t resident;
	uint32_t saved_games; /* games when the file was last written or read */
	bool keeps;           /* there is a file, which is to be written; fixed at start */
} tune = {.lock = LOCK_INITIALIZER(RANK_LEARN)};

/* --- the slow paths' clock ------------------------------------------------------------------- */

/* One in TUNE_SAMPLE: the high bits of a Weyl sequence of the thread's own. A counter would fall
 * into step with programs that take as many slow paths in each round. */
static bool
sampled(void)
{
	static HAK_TLS uint64_t state;

	state += (uintptr_t)&state | 1;
	return (state * 0x9e3779b97f4a7c15u) >> 32 < UINT32_MAX / TUNE_SAMPLE;
}

/* Whether it is read is decided before what it will tell is known, so that sums are right in the
 * mean. */
struct tune_clock
tune_clock_read(enum tune_path path)
{
	bool always = path == TUNE_LONG || (path == TUNE_BIG && big_is_long);

	if (!always && !sampled())
		return (struct tune_clock){0, 0};
	int64_t weight = always ? 1 : TUNE_SAMPLE;
	return (struct tune_clock){os_thread_ns(), path == TUNE_BIG ? -weight : weight};
}

void
tune_clock_add(struct tune_clock c)
{
	uint64_t ns = os_thread_ns() - c.began_ns, reading = RELAXED(clock_ns);

	ns = ns > reading ? ns - reading : 0;
	if (c.weight < 0)
		big_is_long = ns > LONG_NS;
	/* A sum; nothing else goes with it. */
	atomic_fetch_add_explicit(&slow_ns, ns * tune_clock_weight(c), memory_order_relaxed);
}

/* Now and then, since the machine may become faster or slower. */
static void
calibrate(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < CALIBRATIONS; i++) {
		uint64_t before = os_thread_ns(), after = before;
		for (int n = 0; n < CALIBRATION_READINGS; n++)
			after = os_thread_ns();
		uint64_t ns = (after - before) / CALIBRATION_READINGS;
		least = ns < least ? ns : least;
	}
	RELAXED_SET(clock_ns, least);
}

/* --- counters -------------------------------------------------------------------------------- */

/* Brings tune.now up to date; lock held. */
static bool
look(void)
{
	struct learn_window *now = &tune.now;
	struct os_faults faults = os_faults();
	uint64_t ns = os_now_ns();
	size_t resident = os_resident();

	if (!arena_activity(now))
		return false;
	if (resident == 0) {
		struct backend_totals all = backend_totals();
		resident = all.used + all.resident;
	}
	/* The mean of both ends, over the time between. */
	now->byte_ns += (double)(ns - now->ns) * ((double)tune.resident + (double)resident) / 2;
	now->ns = ns;
	now->cpu_ns = os_process_ns();
	now->slow_ns = RELAXED(slow_ns);
	now->faults = faults.minor + faults.major;
	tune.resident = resident;
	return true;
}

static struct learn_window
since(const struct learn_window *from, const struct learn_window *to)
{
	struct learn_window w = {
		.ns = to->ns - from->ns,
		.cpu_ns = to->cpu_ns - from->cpu_ns,
		.events = to->events - from->events,
		.slow_ns = to->slow_ns - from->slow_ns,
		.faults = to->faults - from->faults,
		.byte_ns = to->byte_ns - from->byte_ns,
	};

	for (unsigned i = 0; i < LEARN_SIZES; i++)
		w.sizes[i] = to->sizes[i] - from->sizes[i];
	return w;
}

static void
add(struct learn_window *sum, const struct learn_window *w)
{
	sum->ns += w->ns;
	sum->cpu_ns += w->cpu_ns;
	sum->events += w->events;
	sum->slow_ns += w->slow_ns;
	sum->faults += w->faults;
	sum->byte_ns += w->byte_ns;
	for (unsigned i = 0; i < LEARN_SIZES; i++)
		sum->sizes[i] += w->sizes[i];
}

/* --- windows --------------------------------------------------------------------------------- */

static void
log_decision(const struct learner *l, const struct learn_decision *d)
{
	static const char *const results[] = {
		[LEARN_WON] = "won", [LEARN_DREW] = "drew", [LEARN_LOST] = "lost"};

	if (d->result != LEARN_NONE)
		log_line("learner: window %u: %s %s against %s, at %u %% of its cost; ratings %u "
			 "and %u",
			(size_t)l->windows, policies[d->challenger].name, results[d->result],
			policies[d->incumbent].name, (size_t)(d->ratio * 100 + 0.5),
			(size_t)(l->players[d->challenger].rating + 0.5),
			(size_t)(l->players[d->incumbent].rating + 0.5));
	log_line("learner: window %u: next plays %s (%s): %s", (size_t)l->windows,
		policies[d->play].name, learn_state_name(l->state), learn_reason_text(d->reason));
}

/* All that were ever played, each counted for both. */
static uint32_t
games_played(void)
{
	uint32_t games = 0;

	for (unsigned i = 0; i < POLICIES; i++) {
		const struct learn_player *p = &tune.learner.players[i];
		games += p->won + p->drawn + p->lost;
	}
	return games;
}

/* Lock held. */
static void
save(const struct lifetime_site *sites, unsigned nsites)
{
	/* Once, whether it goes well or not: it would not the next time either. */
	tune.saved_games = games_played();
	policy_save(&tune.learner, sites, nsites, CONFIG_PATH(policy));
}

/* What the learner has learned since; which sites last is asked at the end. Lock held. */
static void
save_games(void)
{
	if (tune.keeps && games_played() != tune.saved_games)
		save(hak_lifetime_known.sites, hak_lifetime_known.count);
}

/* The window is over: asks what comes next, and does it. Lock held. */
static void
close_window(const struct learn_window *w)
{
	struct learner *l = &tune.learner;
	unsigned played = l->playing, incumbent = l->incumbent;
	enum learn_state before = l->state;
	struct learn_decision d = learn_step(l, w, tune.now.ns / NS_PER_MS);

	if (CONFIG(learn) == LEARN_LOG)
		log_decision(l, &d);
	if (before != LEARNER_LEARNS && played == incumbent)
		add(&tune.chosen, w);
	if (l->incumbent != incumbent || (before == LEARNER_LEARNS) != (l->state == LEARNER_LEARNS))
		memset(&tune.chosen, 0, sizeof(tune.chosen));
	if (before == LEARNER_LEARNS && l->state == LEARNER_FROZEN)
		save_games();
	tune.start = tune.now;
	if (d.play == played)
		return;
	policy_publish(&policies[d.play]);
	tune.open = false;
	tune.settled_ns = tune.now.ns + TUNE_SETTLE_MS * NS_PER_MS;
}

void
tune_tick(void)
{
	if (!RELAXED(hak_tune_on) || !lock_try(&tune.lock))
		return;
	calibrate();
	if (look()) {
		if (!tune.open && tune.now.ns >= tune.settled_ns) {
			tune.open = true;
			tune.start = tune.now;
		}
		struct learn_window w = since(&tune.start, &tune.now);
		if (tune.open && w.ns >= tune.learner.stretch * TUNE_LEAST_MS * NS_PER_MS &&
			(w.events >= TUNE_EVENTS || w.ns >= TUNE_MOST_MS * NS_PER_MS))
			close_window(&w);
	}
	lock_release(&tune.lock);
}

/* --- from start to end ----------------------------------------------------------------------- */

void
tune_begin(void)
{
	const char *path = CONFIG_PATH(policy);
	bool held = CONFIG(learn) == LEARN_HELD, off = CONFIG(learn) == LEARN_OFF;
	uint64_t ns;

	if (off && !(path && lifetime_is_learned()))
		return;
	ns = os_now_ns();
	/* A seed of its own for each process, so that a fleet does not explore in step. */
	learn_begin(&tune.learner, POLICIES, 0, mix64(ns), ns / NS_PER_MS);
	if (held)
		learn_freeze(&tune.learner, true);
	tune.keeps = path && policy_load(&tune.learner, path, held) && !held;
	tune.saved_games = games_played();
	/* What the file says of policies goes back into it as it was. */
	if (off)
		return;
	policy_publish(&policies[tune.learner.playing]);
	calibrate();
	tune.now.ns = ns;
	tune.resident = os_resident();
	look();
	tune.first = tune.now;
	tune.settled_ns = ns + TUNE_START_MS * NS_PER_MS;
	RELAXED_SET(hak_tune_on, true);
}

void
tune_end(void)
{
	size_t bytes = LIFETIME_KNOWN * sizeof(struct lifetime_site);
	struct lifetime_site *sites = NULL;
	unsigned n = 0;

	if (!tune.keeps)
		return;
	if (lifetime_is_learned())
		sites = os_map(bytes);
	bool found = sites && profile_lasting(sites, LIFETIME_KNOWN, &n);
	/* Who holds it is saving, or the process ends in the middle of a tick. */
	if (lock_try(&tune.lock)) {
		if (found && (n > 0 || hak_lifetime_known.count > 0))
			save(sites, n);
		else
			save_games();
		lock_release(&tune.lock);
	}
	if (sites)
		os_unmap(sites, bytes);
}

bool
tune_report(struct tune_report *out)
{
	if (!RELAXED(hak_tune_on))
		return false;
	lock_acquire_wait(&tune.lock);
	look();
	*out = (struct tune_report){tune.learner, since(&tune.first, &tune.now), tune.chosen};
	lock_release(&tune.lock);
	return true;
}

void
tune_fork_prepare(void)
{
	lock_acquire_wait(&tune.lock);
}

void
tune_fork_parent(void)
{
	lock_release(&tune.lock);
}

void
tune_fork_child(void)
{
	/* The kernel counts the child's CPU time and page faults from 0. Windows begin anew. */
	tune.now.cpu_ns = tune.now.faults = 0;
	tune.first = tune.now;
	tune.open = false;
	tune.settled_ns = 0;
	lock_reset(&tune.lock);
}
