# SPDX-License-Identifier: MIT
# stress/stress.mk - the workloads, included by the top Makefile.am. They are plain malloc programs
# and are not linked to hakmem: the library under test is preloaded. AM_CFLAGS and AM_LDFLAGS hold
# -pthread. Automake wants each source spelt out once for every program; the objects are shared.

stress_harness = stress/harness.c stress/harness.h stress/latency.c stress/latency.h

pkglibexec_PROGRAMS += stress/larson stress/threadtest stress/xmalloc stress/cfrac stress/mstress \
	stress/sh6 stress/sh8 stress/alloc-test stress/cache-scratch stress/cache-thrash \
	stress/churn stress/scenario stress/fragment stress/burst

stress_larson_SOURCES = stress/larson.c $(stress_harness)
stress_threadtest_SOURCES = stress/threadtest.c $(stress_harness)
stress_xmalloc_SOURCES = stress/xmalloc.c $(stress_harness)
stress_cfrac_SOURCES = stress/cfrac.c stress/bignum.c stress/bignum.h $(stress_harness)

stress_mstress_SOURCES = stress/mstress.c $(stress_harness)
stress_alloc_test_SOURCES = stress/alloc_test.c $(stress_harness)
stress_churn_SOURCES = stress/churn.c $(stress_harness)
stress_scenario_SOURCES = stress/scenario.c $(stress_harness)
stress_fragment_SOURCES = stress/fragment.c $(stress_harness)
stress_burst_SOURCES = stress/burst.c $(stress_harness)

# Not part of a sweep: a study has each.
noinst_PROGRAMS += stress/buffers stress/vectors
stress_buffers_SOURCES = stress/buffers.c $(stress_harness)
stress_vectors_SOURCES = stress/vectors.c $(stress_harness)

stress_smartheap = stress/smartheap.c stress/smartheap.h $(stress_harness)
stress_sh6_SOURCES = stress/sh6.c $(stress_smartheap)
stress_sh8_SOURCES = stress/sh8.c $(stress_smartheap)

stress_false_sharing = stress/false_sharing.c stress/false_sharing.h $(stress_harness)
stress_cache_scratch_SOURCES = stress/cache_scratch.c $(stress_false_sharing)
stress_cache_thrash_SOURCES = stress/cache_thrash.c $(stress_false_sharing)
