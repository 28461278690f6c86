# SPDX-License-Identifier: MIT
# The reliability tests; the top Makefile.am includes this file. AM_TESTS_ENVIRONMENT must set
# HAKMEM_TEST_VARIANTS, see tests/test_reliability.c.
#
# The programs have flags of their own: they are preloaded, so that no sanitizer may be in them, and
# the compiler must leave their calls of malloc as they are.

RELIABILITY_CASES = \
	tests/reliability/fork \
	tests/reliability/threads \
	tests/reliability/destructors \
	tests/reliability/dlopen \
	tests/reliability/limits \
	tests/reliability/enomem \
	tests/reliability/mlock \
	tests/reliability/load \
	tests/reliability/signals \
	tests/reliability/misuse \
	tests/reliability/purge \
	tests/reliability/background \
	tests/reliability/memory

RELIABILITY_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/include
RELIABILITY_CFLAGS = -fno-builtin -pthread -Wall -Wextra -Wundef -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes
RELIABILITY_CASE = tests/reliability/case.c tests/reliability/case.h

# The libraries that are preloaded are not built under a sanitizer.
if !SANITIZED
check_PROGRAMS += $(RELIABILITY_CASES) test_reliability test_reliability_idle
check_LTLIBRARIES += tests/reliability/plugin.la
endif
EXTRA_DIST += tests/apps

tests_reliability_fork_SOURCES = tests/reliability/fork.c $(RELIABILITY_CASE)
tests_reliability_fork_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_fork_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_threads_SOURCES = tests/reliability/threads.c $(RELIABILITY_CASE)
tests_reliability_threads_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_threads_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_destructors_SOURCES = tests/reliability/destructors.c $(RELIABILITY_CASE)
tests_reliability_destructors_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_destructors_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_dlopen_SOURCES = tests/reliability/dlopen.c $(RELIABILITY_CASE)
tests_reliability_dlopen_CPPFLAGS = $(RELIABILITY_CPPFLAGS) \
	-DPLUGIN_PATH=\"$(abs_builddir)/tests/reliability/.libs/plugin.so\"
tests_reliability_dlopen_CFLAGS = $(RELIABILITY_CFLAGS)
tests_reliability_dlopen_LDFLAGS = -Wl,--enable-new-dtags,-rpath,$(abs_builddir)/tests/reliability/.libs

tests_reliability_limits_SOURCES = tests/reliability/limits.c $(RELIABILITY_CASE)
tests_reliability_limits_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_limits_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_enomem_SOURCES = tests/reliability/enomem.c $(RELIABILITY_CASE)
tests_reliability_enomem_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_enomem_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_mlock_SOURCES = tests/reliability/mlock.c $(RELIABILITY_CASE)
tests_reliability_mlock_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_mlock_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_load_SOURCES = tests/reliability/load.c $(RELIABILITY_CASE)
tests_reliability_load_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_load_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_signals_SOURCES = tests/reliability/signals.c $(RELIABILITY_CASE)
tests_reliability_signals_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_signals_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_misuse_SOURCES = tests/reliability/misuse.c $(RELIABILITY_CASE)
tests_reliability_misuse_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_misuse_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_purge_SOURCES = tests/reliability/purge.c $(RELIABILITY_CASE)
tests_reliability_purge_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_purge_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_background_SOURCES = tests/reliability/background.c $(RELIABILITY_CASE)
tests_reliability_background_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_background_CFLAGS = $(RELIABILITY_CFLAGS)

tests_reliability_memory_SOURCES = tests/reliability/memory.c $(RELIABILITY_CASE)
tests_reliability_memory_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_memory_CFLAGS = $(RELIABILITY_CFLAGS)

# A module that isn't installed still needs an -rpath, or libtool builds no shared object.
tests_reliability_plugin_la_SOURCES = tests/reliability/plugin.c
tests_reliability_plugin_la_CPPFLAGS = $(RELIABILITY_CPPFLAGS)
tests_reliability_plugin_la_CFLAGS = $(RELIABILITY_CFLAGS)
tests_reliability_plugin_la_LDFLAGS = -module -avoid-version -shared -rpath $(abs_builddir)

test_reliability_SOURCES = tests/test_reliability.c tests/check_main.h \
	tests/reliability/spawn.c tests/reliability/spawn.h
reliability_test_cppflags = $(RELIABILITY_CPPFLAGS) -I$(srcdir)/tests \
	-DRELIABILITY_PATH=\"$(abs_builddir)/tests/reliability\"
test_reliability_CPPFLAGS = $(reliability_test_cppflags) -DRELIABILITY_IDLE=0
test_reliability_CFLAGS = $(RELIABILITY_CFLAGS) $(CHECK_CFLAGS)
test_reliability_LDADD = $(CHECK_LIBS)

test_reliability_idle_SOURCES = $(test_reliability_SOURCES)
test_reliability_idle_CPPFLAGS = $(reliability_test_cppflags) -DRELIABILITY_IDLE=1
test_reliability_idle_CFLAGS = $(test_reliability_CFLAGS)
test_reliability_idle_LDADD = $(test_reliability_LDADD)
