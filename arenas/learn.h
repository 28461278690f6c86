/* SPDX-License-Identifier: MIT
 * arenas/learn.h - which of a few policies serves a program best: a tournament, and what becomes of
 * its winner.
 *
 * Time is cut into windows, each played under one policy. While it learns, windows of the incumbent
 * and of a challenger take turns. A challenger's window is compared with the mean of the
 * incumbent's on either side of it, so that what changes steadily favours neither; who is cheaper
 * by more than the noise has won, and Elo ratings move. A challenger who wins twice in a row, or
 * who wins and is rated higher by LEARN_PROMOTION, becomes the incumbent: ratings alone would
 * favour who has met many weak ones. Who challenges: whoever has just won; whoever has played fewer
 * games than LEARN_PLACEMENT; then mostly the runner-up, and anybody in one of LEARN_EXPLORE cases.
 *
 *     LEARN -> FROZEN  the ratings rest with the incumbent's the highest, or time is up: the
 *                      incumbent is played alone, measured first
 *     FROZEN -> CANARY then the runner-up gets one of LEARN_CANARY windows, and may still win
 *     both -> LEARN    the sizes that are allocated have changed, or it costs a fifth more
 *
 * The cost of a window is a weighted geometric mean: of CPU time in the slow path (0.4) and page
 * faults (0.3), each by the byte that was allocated, and of the mean resident memory (0.3). So the
 * ratio of two windows' costs does not depend on what else there is to compare with, and three
 * policies cannot beat each other in a circle. Memory is not divided by the bytes: with its time it
 * would be a rate of work, which a busy machine changes more than any policy does.
 *
 * Plain arithmetic: no clock, no input or output, no allocation; the same seed and windows give the
 * same decisions. A learner belongs to whoever calls; nothing here locks. */
#ifndef HAK_ARENAS_LEARN_H
#define HAK_ARENAS_LEARN_H

#include "base/compiler.h"

#define LEARN_POLICIES 8
/* Allocation volume is told apart by powers of two from 16 bytes to 1 MiB, and above. */
#define LEARN_SIZES 18

#define LEARN_PROMOTION 16.0
#define LEARN_STREAK 2
#define LEARN_PLACEMENT 5
#define LEARN_EXPLORE 10
#define LEARN_CANARY 20
/* Ratings rest when so many games have moved none by more than 1 %. */
#define LEARN_REST_GAMES 3
#define LEARN_REST 0.01
#define LEARN_MOST_MS 180000
/* So many windows make the measure of a policy that has been chosen, and as many in a row that
 * differ from it end the choice: by a cost of 6/5, or by this share of the bytes in other sizes. */
#define LEARN_WINDOWS 3
#define LEARN_WORSE 1.2
#define LEARN_SIZES_MOVED 0.3
#define LEARN_STRETCH 8
/* Windows with less are not judged. */
#define LEARN_LEAST_EVENTS 200
#define LEARN_LEAST_BYTES ((uint64_t)1 << 20)

/* What happened in a window. */
struct learn_window {
	uint64_t ns;                 /* how long it was */
	uint64_t cpu_ns;             /* CPU time of the whole process */
	uint64_t events;             /* slow-path events (a number) */
	uint64_t slow_ns;            /* CPU time in the slow path */
	uint64_t faults;             /* page faults (a number) */
	double byte_ns;              /* resident memory, summed over the time: bytes * ns */
	uint64_t sizes[LEARN_SIZES]; /* bytes allocated by the slow path, by size */
};

enum learn_state { LEARNER_LEARNS, LEARNER_FROZEN, LEARNER_CANARY, LEARNER_STATES };

/* Why the next window is played as it is. */
#define LEARN_REASONS(X)                                                                           \
	X(LEARN_BEGIN, "the learner begins")                                                       \
	X(LEARN_IDLE, "too little happened to judge")                                              \
	X(LEARN_TURN, "the incumbent's turn")                                                      \
	X(LEARN_REMATCH, "it has won once")                                                        \
	X(LEARN_TRY, "it has played too few games")                                                \
	X(LEARN_RUNNER_UP, "it is the runner-up")                                                  \
	X(LEARN_BY_CHANCE, "chosen by chance")                                                     \
	X(LEARN_PROMOTED, "the challenger has become the incumbent")                               \
	X(LEARN_RESTED, "the ratings rest: frozen")                                                \
	X(LEARN_TIMED_OUT, "time is up: frozen")                                                   \
	X(LEARN_CHOSEN, "the chosen policy")                                                       \
	X(LEARN_MEASURED, "the chosen policy has been measured: canary")                           \
	X(LEARN_CANARY_TRY, "a canary's window for the runner-up")                                 \
	X(LEARN_SIZES_CHANGED, "other sizes are allocated: learns again")                          \
	X(LEARN_GOT_WORSE, "the chosen policy costs a fifth more: learns again")

enum learn_reason {
#define X(name, text) name,
	LEARN_REASONS(X)
#undef X
		LEARN_REASON_COUNT
};

/* The end of a game, which some windows bring. */
enum learn_result { LEARN_NONE, LEARN_WON, LEARN_DREW, LEARN_LOST };

struct learn_decision {
	enum learn_reason reason;
	unsigned play; /* in the next window */
	/* The game that this window ended, from the challenger's view: its cost is so many times
	 * the incumbent's. */
	enum learn_result result;
	unsigned challenger, incumbent;
	double ratio;
};

struct learn_player {
	double rating;
	uint32_t games; /* since learning last began: placement goes by it */
	uint32_t won, drawn, lost;
	uint32_t streak; /* games won in a row against the present incumbent */
};

struct learner {
	unsigned count; /* of policies */
	struct learn_player players[LEARN_POLICIES];
	enum learn_state state;
	bool held; /* stays frozen */
	unsigned incumbent, challenger, playing;
	uint64_t rng;
	uint64_t since_ms; /* when it last began to learn */
	uint32_t windows;
	/* The game under way: costs as log2. */
	bool have_before, have_challenger;
	double before, challenger_cost;
	double noise; /* mean difference of the incumbent's neighbouring windows */
	/* How many times longer than they need be windows should last: 1 to LEARN_STRETCH, a power
	 * of two. It grows with the noise: a program that works in bursts is to have some of them
	 * in each. */
	unsigned stretch;
	/* Ratings before each of the last games, for rest. */
	double past[LEARN_REST_GAMES][LEARN_POLICIES];
	uint32_t games; /* since learning last began */
	/* The measure of the chosen policy: sums until `measured` windows are LEARN_WINDOWS. */
	unsigned measured, worse, moved;
	double cost;
	bool sizes_known;
	double sizes[LEARN_SIZES]; /* shares of the bytes */
};

/* Prepares a learner of `count` policies, 2 to LEARN_POLICIES, that starts with `incumbent`. */
void learn_begin(
	struct learner *l, unsigned count, unsigned incumbent, uint64_t seed, uint64_t now_ms);
/* From now on plays its incumbent as one that has been chosen; `held`: for good. */
void learn_freeze(struct learner *l, bool held);
/* What follows from the window that was just played under l->playing. */
struct learn_decision learn_step(struct learner *l, const struct learn_window *w, uint64_t now_ms);
/* log2 of a window's cost. */
double learn_cost(const struct learn_window *w);
/* The bytes of its slow path. */
uint64_t learn_volume(const struct learn_window *w);
/* log2 of the ratio of costs up to which a game is drawn. */
double learn_band(const struct learner *l);
/* Where blocks of so many bytes are counted. */
unsigned learn_size_index(size_t size);
const char *learn_reason_text(enum learn_reason reason);
const char *learn_state_name(enum learn_state state);

#endif
