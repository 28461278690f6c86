/* SPDX-License-Identifier: MIT
 * arenas/elo.h - Elo's rating of players who meet in pairs (Elo, "The Rating of Chessplayers, Past
 * and Present", 1978). Plain arithmetic: no state, no clock, any thread. */
#ifndef HAK_ARENAS_ELO_H
#define HAK_ARENAS_ELO_H

/* The rating of whoever has not played yet, and how far one game can move a rating. */
#define ELO_FIRST 1500.0
#define ELO_K 32.0
/* Results, from the view of the first of the two. */
#define ELO_WIN 1.0
#define ELO_DRAW 0.5
#define ELO_LOSS 0.0

/* The result to be expected: 0.5 for equals, 10 to 1 for 400 points more. */
double elo_expected(double own, double other);
/* Both ratings after a game; their sum stays. */
void elo_update(double *own, double *other, double result);

#endif
