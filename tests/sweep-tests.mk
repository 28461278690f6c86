# SPDX-License-Identifier: MIT
# tests/sweep-tests.mk - the tests of hakmem-sweep; included after stress/sweep/sweep.mk.

check_PROGRAMS += test_sweep
TESTS += test_sweep
test_sweep_SOURCES = tests/test_sweep.c tests/check_main.h $(sweep_modules)
test_sweep_CPPFLAGS = $(sweep_cppflags) -I$(top_srcdir)/include \
	-DTEST_LAUNCHER='"$(abs_top_builddir)/hakmem-launch"'
test_sweep_CFLAGS = $(AM_CFLAGS) $(GSL_CFLAGS) $(CHECK_CFLAGS)
test_sweep_LDADD = $(GSL_LIBS) $(CHECK_LIBS)
