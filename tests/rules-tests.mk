# SPDX-License-Identifier: MIT
# tests/rules-tests.mk - the tests of Site Rules. The top Makefile.am includes this after
# tests/unit/unit-tests.mk and tests/report-tests.mk, whose flags it shares.

rules_unit_tests = test_rules test_resolve_tls_hakmem
check_PROGRAMS += $(rules_unit_tests)
TESTS += $(rules_unit_tests)

test_rules_SOURCES = tests/unit/test_rules.c $(unit_headers)
test_rules_CPPFLAGS = $(unit_cppflags)
test_rules_CFLAGS = $(unit_cflags)
test_rules_LDADD = $(unit_ldadd)

test_resolve_tls_hakmem_SOURCES = tests/unit/test_resolve.c $(unit_headers)
test_resolve_tls_hakmem_CPPFLAGS = $(unit_cppflags) -DHAK_FRONTEND_TLS
test_resolve_tls_hakmem_CFLAGS = $(unit_cflags)
test_resolve_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

# Preloaded libraries serve this one: no sanitizer.
if !SANITIZED
check_PROGRAMS += tests/rules_program
check_LTLIBRARIES += tests/rules_plugin.la
TESTS += tests/test_rules.py
endif
EXTRA_DIST += tests/test_rules.py

tests_rules_program_SOURCES = tests/rules_program.c
tests_rules_program_CPPFLAGS = $(report_cppflags)
tests_rules_program_CFLAGS = $(report_cflags) -fno-omit-frame-pointer
tests_rules_program_LDFLAGS = -Wl,--build-id
tests_rules_program_LDADD = -ldl

tests_rules_plugin_la_SOURCES = tests/rules_plugin.c
tests_rules_plugin_la_CPPFLAGS = $(report_cppflags)
tests_rules_plugin_la_CFLAGS = $(report_cflags)
tests_rules_plugin_la_LDFLAGS = -module -avoid-version -shared -rpath $(abs_builddir)
