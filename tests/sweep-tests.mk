# SPDX-License-Identifier: MIT
# tests/sweep-tests.mk - the tests of hakmem-sweep; included after stress/sweep/sweep.mk.

sweep_test_cppflags = $(sweep_cppflags) -I$(top_srcdir)/include \
	-DTEST_LAUNCHER='"$(abs_top_builddir)/hakmem-launch"'
sweep_test_cflags = $(sweep_cflags) $(CHECK_CFLAGS)
sweep_test_ldadd = libsweep.la $(CHECK_LIBS)

check_PROGRAMS += test_sweep test_sweep_study
TESTS += test_sweep test_sweep_study

test_sweep_SOURCES = tests/test_sweep.c tests/check_main.h
test_sweep_CPPFLAGS = $(sweep_test_cppflags)
test_sweep_CFLAGS = $(sweep_test_cflags)
test_sweep_LDADD = $(sweep_test_ldadd)

test_sweep_study_SOURCES = tests/test_sweep_study.c tests/check_main.h
test_sweep_study_CPPFLAGS = $(sweep_test_cppflags)
test_sweep_study_CFLAGS = $(sweep_test_cflags)
test_sweep_study_LDADD = $(sweep_test_ldadd)

TESTS += tests/test_sweep_cli tests/test_sweep_install tests/test_mimalloc_bench
dist_check_SCRIPTS = tests/test_sweep_cli tests/test_sweep_install tests/test_mimalloc_bench
EXTRA_DIST += tests/mimalloc-bench/bench.sh
