# SPDX-License-Identifier: MIT
# tests/run-tests.mk - the tests of hakmem-run, and what runs under Debian's kernel; included after
# tools/run/run.mk and tests/reliability/reliability.mk.

# The libraries that hakmem-run finds are not built under a sanitizer.
if !SANITIZED
check_PROGRAMS += test_run
TESTS += test_run
endif
test_run_SOURCES = tests/test_run.c tests/check_main.h \
	tests/reliability/spawn.c tests/reliability/spawn.h \
	tools/run/libraries.c tools/run/libraries.h \
	stress/sweep/text.c stress/sweep/text.h
test_run_CPPFLAGS = $(AM_CPPFLAGS) $(run_places) \
	-DTEST_RUN='"$(abs_top_builddir)/hakmem-run"' \
	-DTEST_BUILT='"$(abs_top_builddir)/.libs"' \
	-DTEST_FRONTEND='"$(FRONTEND)"' -DTEST_BACKEND='"$(BACKEND)"' \
	-DTEST_FOREIGN='"$(abs_top_builddir)/tests/reliability/.libs/plugin.so"'
test_run_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_run_LDADD = $(CHECK_LIBS)

EXTRA_DIST += tests/test_kernel.py
