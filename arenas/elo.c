/* SPDX-License-Identifier: MIT
 * arenas/elo.c - the logistic curve and the update. */
#include "arenas/elo.h"

#include "base/maths.h"

/* 400 points are a factor of 10: log2(10) / 400. */
#define OCTAVES_PER_POINT (3.32192809488736234787 / 400)

double
elo_expected(double own, double other)
{
	return 1 / (1 + maths_exp2((other - own) * OCTAVES_PER_POINT));
}

void
elo_update(double *own, double *other, double result)
{
	double change = ELO_K * (result - elo_expected(*own, *other));

	*own += change;
	*other -= change;
}
