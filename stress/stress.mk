# SPDX-License-Identifier: MIT
# stress/stress.mk - the workloads, included by the top Makefile.am. They are plain malloc programs
# and are not linked to hakmem: the library under test is preloaded. AM_CFLAGS and AM_LDFLAGS hold
# -pthread. Automake wants each source spelt out once for every program; the objects are shared.

stress_harness = stress/harness.c stress/harness.h

noinst_PROGRAMS += stress/larson stress/threadtest stress/xmalloc stress/cfrac

stress_larson_SOURCES = stress/larson.c $(stress_harness)
stress_threadtest_SOURCES = stress/threadtest.c $(stress_harness)
stress_xmalloc_SOURCES = stress/xmalloc.c $(stress_harness)
stress_cfrac_SOURCES = stress/cfrac.c stress/bignum.c stress/bignum.h $(stress_harness)
