# SPDX-License-Identifier: MIT
# tests/placement-tests.mk - the tests of HAKMEM_PLACEMENT. The top Makefile.am includes this after
# frontends/variants.mk, tests/api-tests.mk and tests/unit/unit-tests.mk, whose flags it shares.

check_PROGRAMS += test_groups test_lifetime
TESTS += test_groups test_lifetime
test_groups_SOURCES = tests/unit/test_groups.c $(unit_headers)
test_groups_CPPFLAGS = $(unit_cppflags)
test_groups_CFLAGS = $(unit_cflags)
test_groups_LDADD = $(unit_ldadd)

test_lifetime_SOURCES = tests/unit/test_lifetime.c $(unit_headers)
test_lifetime_CPPFLAGS = $(unit_cppflags)
test_lifetime_CFLAGS = $(unit_cflags)
test_lifetime_LDADD = $(unit_ldadd) -lm

# Preloaded libraries serve this one: no sanitizer.
if !SANITIZED
check_PROGRAMS += tests/placement_program
TESTS += tests/test_placement.py
endif
EXTRA_DIST += tests/test_placement.py

tests_placement_program_SOURCES = tests/placement_program.c
tests_placement_program_CPPFLAGS = $(report_cppflags)
tests_placement_program_CFLAGS = $(report_cflags)
tests_placement_program_LDADD = -lpthread
