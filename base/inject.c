/* SPDX-License-Identifier: MIT
 * base/inject.c - the hook behind the injection points; test builds only. */
#include "base/inject.h"

#ifdef HAK_TESTING
void (*inject_hook)(enum inject_point point);
#endif
