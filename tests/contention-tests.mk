# SPDX-License-Identifier: MIT
# tests/contention-tests.mk - the tests of hakmem-contention; included after
# stress/contention/contention.mk. The tiny real run needs the program itself, the launcher and the
# workloads, which `make all` builds.

check_PROGRAMS += test_contention
TESTS += test_contention
test_contention_SOURCES = tests/test_contention.c tests/check_main.h
test_contention_CPPFLAGS = $(contention_cppflags) -I$(top_srcdir)/include \
	-DTEST_BUILD='"$(abs_top_builddir)"'
test_contention_CFLAGS = $(sweep_cflags) $(CHECK_CFLAGS)
test_contention_LDADD = libcontention.la $(CHECK_LIBS)
