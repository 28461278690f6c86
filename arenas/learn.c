/* SPDX-License-Identifier: MIT
 * arenas/learn.c - the tournament and the life cycle. */
#include "arenas/learn.h"

#include <string.h>

#include "arenas/elo.h"
#include "base/maths.h"

#define CPU_WEIGHT 0.40
#define FAULT_WEIGHT 0.30
#define MEMORY_WEIGHT 0.30
/* What nobody notices counts as nothing: 0.2 % of the program's CPU time, the faults that take
 * about as long, and 1 MiB. Added to both sides of a ratio it draws games about trifles. */
#define TRIFLE_TIME 0.002
#define TRIFLE_FAULTS_PER_MS 1.0
#define TRIFLE_BYTES 1048576.0
/* A game is drawn within so many times the noise, and at least and at most within these, as log2:
 * 2 % and 10 %. */
#define BAND_NOISES 2.0
#define BAND_LEAST 0.0286
#define BAND_MOST 0.1375
/* The noise before it is known, and what one window adds to what is known. */
#define NOISE_FIRST 0.05
#define NOISE_NEW 0.2

/* Windows become twice as long above this noise, half as long below the second: 15 % and 4 %. */
#define STRETCH_NOISE 0.2
#define SHRINK_NOISE 0.057

const char *
learn_reason_text(enum learn_reason reason)
{
	static const char *const texts[] = {
#define X(name, text) text,
		LEARN_REASONS(X)
#undef X
	};

	return texts[reason];
}

const char *
learn_state_name(enum learn_state state)
{
	static const char *const names[LEARNER_STATES] = {
		[LEARNER_LEARNS] = "learn",
		[LEARNER_FROZEN] = "frozen",
		[LEARNER_CANARY] = "canary",
	};

	return names[state];
}

unsigned
learn_size_index(size_t size)
{
	unsigned power = size <= 16 ? 4 : log2_floor(size - 1) + 1;

	return power - 4 < LEARN_SIZES - 1 ? power - 4 : LEARN_SIZES - 1;
}

uint64_t
learn_volume(const struct learn_window *w)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LEARN_SIZES; i++)
		sum += w->sizes[i];
	return sum;
}

double
learn_cost(const struct learn_window *w)
{
	double trifle = (double)w->cpu_ns;
	double cpu = (double)w->slow_ns + TRIFLE_TIME * trifle;
	double faults = (double)w->faults + TRIFLE_FAULTS_PER_MS * trifle / 1e6;
	double memory = w->byte_ns / (double)w->ns + TRIFLE_BYTES;
	double volume = (double)learn_volume(w);

	return CPU_WEIGHT * maths_log2(cpu / volume) + FAULT_WEIGHT * maths_log2(faults / volume) +
	       MEMORY_WEIGHT * maths_log2(memory);
}

/* --- the tournament -------------------------------------------------------------------------- */

/* A number below n; n is small. */
static unsigned
draw(struct learner *l, unsigned n)
{
	l->rng += 0x9e3779b97f4a7c15u;
	return (unsigned)((mix64(l->rng) >> 32) * n >> 32);
}

double
learn_band(const struct learner *l)
{
	double band = BAND_NOISES * l->noise;

	return band < BAND_LEAST ? BAND_LEAST : band > BAND_MOST ? BAND_MOST : band;
}

/* The best of all but `except`, which may be nobody (count); the first of equals. */
static unsigned
best_but(const struct learner *l, unsigned except)
{
	unsigned best = l->count;

	for (unsigned i = 0; i < l->count; i++)
		if (i != except &&
			(best == l->count || l->players[i].rating > l->players[best].rating))
			best = i;
	return best;
}

/* Any but the incumbent. */
static unsigned
anybody(struct learner *l)
{
	unsigned i = draw(l, l->count - 1);

	return i + (i >= l->incumbent);
}

/* Whoever has played fewest games, if these are too few; the incumbent has met all of them. */
static unsigned
unplaced(const struct learner *l)
{
	unsigned fewest = l->count;

	for (unsigned i = 0; i < l->count; i++)
		if (i != l->incumbent && l->players[i].games < LEARN_PLACEMENT &&
			(fewest == l->count || l->players[i].games < l->players[fewest].games))
			fewest = i;
	return fewest;
}

static enum learn_reason
choose_challenger(struct learner *l)
{
	unsigned i = unplaced(l);

	if (l->players[l->challenger].streak > 0) {
		l->playing = l->challenger;
		return LEARN_REMATCH;
	}
	if (i < l->count) {
		l->playing = l->challenger = i;
		return LEARN_TRY;
	}
	bool explore = draw(l, LEARN_EXPLORE) == 0;
	l->playing = l->challenger = explore ? anybody(l) : best_but(l, l->incumbent);
	return explore ? LEARN_BY_CHANCE : LEARN_RUNNER_UP;
}

/* Takes a difference that was noise into account. */
static void
note_noise(struct learner *l, double difference)
{
	l->noise += NOISE_NEW * (difference - l->noise);
	if (l->noise > STRETCH_NOISE && l->stretch < LEARN_STRETCH) {
		l->stretch *= 2;
		/* What is known of shorter windows is too much. */
		l->noise /= 2;
	} else if (l->noise < SHRINK_NOISE && l->stretch > 1) {
		l->stretch /= 2;
	}
}

/* The game whose last window is the incumbent's of cost `after`. */
static void
end_game(struct learner *l, double after, struct learn_decision *d)
{
	struct learn_player *challenger = &l->players[l->challenger];
	struct learn_player *incumbent = &l->players[l->incumbent];
	double difference = l->challenger_cost - (l->before + after) / 2;
	double apart = after > l->before ? after - l->before : l->before - after;
	double band = learn_band(l);

	for (unsigned i = 0; i < l->count; i++)
		l->past[l->games % LEARN_REST_GAMES][i] = l->players[i].rating;
	l->games++;
	challenger->games++;
	incumbent->games++;
	d->challenger = l->challenger;
	d->incumbent = l->incumbent;
	d->ratio = maths_exp2(difference);
	if (difference < -band) {
		d->result = LEARN_WON;
		challenger->won++;
		challenger->streak++;
		incumbent->lost++;
		elo_update(&challenger->rating, &incumbent->rating, ELO_WIN);
	} else if (difference > band) {
		d->result = LEARN_LOST;
		challenger->lost++;
		challenger->streak = 0;
		incumbent->won++;
		elo_update(&challenger->rating, &incumbent->rating, ELO_LOSS);
	} else {
		d->result = LEARN_DREW;
		challenger->drawn++;
		challenger->streak = 0;
		incumbent->drawn++;
		elo_update(&challenger->rating, &incumbent->rating, ELO_DRAW);
	}
	note_noise(l, apart);
}

/* True where the window ended a game after which the challenger takes over. A window of the
 * incumbent's then has no neighbour any more. */
static bool
play_on(struct learner *l, double cost, struct learn_decision *d)
{
	if (l->playing != l->incumbent) {
		l->challenger_cost = cost;
		l->have_challenger = true;
		return false;
	}
	if (l->have_challenger && l->have_before)
		end_game(l, cost, d);
	l->have_challenger = false;
	l->have_before = true;
	l->before = cost;
	const struct learn_player *challenger = &l->players[l->challenger];
	if (d->result != LEARN_WON ||
		(challenger->streak < LEARN_STREAK &&
			challenger->rating < l->players[l->incumbent].rating + LEARN_PROMOTION))
		return false;
	l->incumbent = l->challenger;
	for (unsigned i = 0; i < l->count; i++)
		l->players[i].streak = 0;
	l->have_before = false;
	return true;
}

static bool
at_rest(const struct learner *l)
{
	double highest = l->players[best_but(l, l->count)].rating;

	if (l->games < LEARN_REST_GAMES || unplaced(l) < l->count ||
		l->players[l->incumbent].rating < highest)
		return false;
	for (unsigned i = 0; i < l->count; i++) {
		double before = l->past[l->games % LEARN_REST_GAMES][i];
		double moved = l->players[i].rating - before;
		if (moved > LEARN_REST * before || moved < -LEARN_REST * before)
			return false;
	}
	return true;
}

static enum learn_reason
step_learning(struct learner *l, double cost, uint64_t now_ms, struct learn_decision *d)
{
	bool promoted = play_on(l, cost, d);

	if (l->playing != l->incumbent || !l->have_before) {
		l->playing = l->incumbent;
		return promoted ? LEARN_PROMOTED : LEARN_TURN;
	}
	bool rests = d->result != LEARN_NONE && at_rest(l);
	if (rests || now_ms - l->since_ms >= LEARN_MOST_MS) {
		l->sizes_known = false;
		learn_freeze(l, false);
		return rests ? LEARN_RESTED : LEARN_TIMED_OUT;
	}
	return choose_challenger(l);
}

/* --- what has been chosen -------------------------------------------------------------------- */

void
learn_freeze(struct learner *l, bool held)
{
	l->state = LEARNER_FROZEN;
	l->held = held;
	l->playing = l->incumbent;
	l->have_before = l->have_challenger = false;
	l->measured = l->worse = l->moved = 0;
	l->cost = 0;
}

/* Begins anew. What was learned counts for half: the program has changed, but is the same one. */
static void
learn_again(struct learner *l, uint64_t now_ms)
{
	for (unsigned i = 0; i < l->count; i++) {
		l->players[i].rating = (l->players[i].rating + ELO_FIRST) / 2;
		l->players[i].games = l->players[i].streak = 0;
	}
	l->state = LEARNER_LEARNS;
	l->since_ms = now_ms;
	l->games = 0;
	l->playing = l->incumbent;
	l->have_before = l->have_challenger = false;
}

/* Adds the window to the measure of the chosen policy, as one of `n`. */
static void
measure(struct learner *l, const struct learn_window *w, double cost)
{
	double volume = (double)learn_volume(w);

	l->cost += cost / LEARN_WINDOWS;
	l->measured++;
	if (l->sizes_known)
		return;
	for (unsigned i = 0; i < LEARN_SIZES; i++) {
		double sum = l->measured == 1 ? 0 : l->sizes[i];
		l->sizes[i] = sum + (double)w->sizes[i] / volume / LEARN_WINDOWS;
	}
	l->sizes_known = l->measured == LEARN_WINDOWS;
}

/* The share of the bytes that are of other sizes than when the policy was chosen. */
static double
sizes_moved(const struct learner *l, const struct learn_window *w)
{
	double volume = (double)learn_volume(w), sum = 0;

	for (unsigned i = 0; l->sizes_known && i < LEARN_SIZES; i++) {
		double more = (double)w->sizes[i] / volume - l->sizes[i];
		sum += more > 0 ? more : 0;
	}
	return sum;
}

/* Whether to learn again; LEARN_CHOSEN where not. */
static enum learn_reason
watch(struct learner *l, const struct learn_window *w, double cost)
{
	bool measured = l->measured == LEARN_WINDOWS;

	l->moved = sizes_moved(l, w) > LEARN_SIZES_MOVED ? l->moved + 1 : 0;
	l->worse = measured && cost > l->cost + maths_log2(LEARN_WORSE) ? l->worse + 1 : 0;
	if (l->moved >= LEARN_WINDOWS)
		return LEARN_SIZES_CHANGED;
	return l->worse >= LEARN_WINDOWS ? LEARN_GOT_WORSE : LEARN_CHOSEN;
}

static enum learn_reason
step_chosen(struct learner *l, const struct learn_window *w, double cost, uint64_t now_ms,
	struct learn_decision *d)
{
	bool own = l->playing == l->incumbent;

	if (play_on(l, cost, d)) {
		/* The sizes are still those that it was measured with. */
		learn_freeze(l, false);
		return LEARN_PROMOTED;
	}
	l->playing = l->incumbent;
	if (!own)
		return LEARN_TURN;
	enum learn_reason change = watch(l, w, cost);
	if (change != LEARN_CHOSEN) {
		learn_again(l, now_ms);
		return change;
	}
	if (l->measured < LEARN_WINDOWS) {
		measure(l, w, cost);
		if (l->measured < LEARN_WINDOWS)
			return LEARN_CHOSEN;
		l->state = LEARNER_CANARY;
		return LEARN_MEASURED;
	}
	if (draw(l, LEARN_CANARY) != 0)
		return LEARN_CHOSEN;
	l->playing = l->challenger = best_but(l, l->incumbent);
	return LEARN_CANARY_TRY;
}

/* --- from outside ---------------------------------------------------------------------------- */

void
learn_begin(struct learner *l, unsigned count, unsigned incumbent, uint64_t seed, uint64_t now_ms)
{
	memset(l, 0, sizeof(*l));
	l->count = count;
	l->incumbent = l->playing = incumbent;
	l->rng = seed;
	l->since_ms = now_ms;
	l->noise = NOISE_FIRST;
	l->stretch = 1;
	for (unsigned i = 0; i < count; i++)
		l->players[i].rating = ELO_FIRST;
}

struct learn_decision
learn_step(struct learner *l, const struct learn_window *w, uint64_t now_ms)
{
	struct learn_decision d = {.reason = LEARN_CHOSEN};
	bool judged = w->events >= LEARN_LEAST_EVENTS && learn_volume(w) >= LEARN_LEAST_BYTES;

	l->windows++;
	if (!judged)
		d.reason = LEARN_IDLE;
	else if (l->state == LEARNER_LEARNS)
		d.reason = step_learning(l, learn_cost(w), now_ms, &d);
	else if (!l->held)
		d.reason = step_chosen(l, w, learn_cost(w), now_ms, &d);
	d.play = l->playing;
	return d;
}
