# SPDX-License-Identifier: MIT
# tests/rseq-tests.mk - what only the rseq front-end has: its sequences under interruption, and its
# mechanisms where the system has more or less to offer. The top Makefile.am includes this after
# frontends/variants.mk and tests/unit/unit-tests.mk.

if BUILD_RSEQ_HAKMEM
check_PROGRAMS += test_rseq
TESTS += test_rseq
test_rseq_SOURCES = tests/unit/test_rseq.c $(unit_headers)
test_rseq_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_TESTING
test_rseq_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_rseq_LDADD = libcore_rseq_hakmem.la $(CHECK_LIBS) -lpthread

# Preloads the library into itself, so that no sanitizer may be in it.
if !SANITIZED
check_PROGRAMS += test_rseq_modes
TESTS += test_rseq_modes
test_rseq_modes_SOURCES = tests/test_rseq_modes.c tests/check_main.h tests/pattern.h \
	tests/reliability/spawn.c tests/reliability/spawn.h
test_rseq_modes_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/include -I$(top_srcdir) \
	-DTEST_VALGRIND='"$(VALGRIND)"'
test_rseq_modes_CFLAGS = $(AM_CFLAGS) -fno-builtin $(CHECK_CFLAGS)
test_rseq_modes_LDADD = $(CHECK_LIBS) -lpthread
endif
endif
