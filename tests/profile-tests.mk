# SPDX-License-Identifier: MIT
# tests/profile-tests.mk - the tests of the profile engine, from its arithmetic to the file. The top
# Makefile.am includes this after tests/unit/unit-tests.mk, whose flags it shares.

check_PROGRAMS += test_profile
TESTS += test_profile

test_profile_SOURCES = tests/unit/test_profile.c $(unit_headers)
test_profile_CPPFLAGS = $(unit_cppflags)
test_profile_CFLAGS = $(unit_cflags)
test_profile_LDADD = $(unit_ldadd) -lm
