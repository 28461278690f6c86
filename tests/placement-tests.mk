# SPDX-License-Identifier: MIT
# tests/placement-tests.mk - the tests of HAKMEM_PLACEMENT. The top Makefile.am includes this after
# frontends/variants.mk, tests/api-tests.mk and tests/unit/unit-tests.mk, whose flags it shares.

check_PROGRAMS += test_groups
TESTS += test_groups
test_groups_SOURCES = tests/unit/test_groups.c $(unit_headers)
test_groups_CPPFLAGS = $(unit_cppflags)
test_groups_CFLAGS = $(unit_cflags)
test_groups_LDADD = $(unit_ldadd)
