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
