/* SPDX-License-Identifier: MIT
 * base/maths.h - logarithm and power to the base 2: the library is not linked with libm. */
#ifndef HAK_BASE_MATHS_H
#define HAK_BASE_MATHS_H

/* log2(x), to within 1e-15 of it or of 1, whichever is more; x is finite and above 0, and no
 * denormal. */
double maths_log2(double x);
/* 2^x, to a relative 1e-14; x outside of -1000 to 1000 counts as the nearer of these. */
double maths_exp2(double x);

#endif
