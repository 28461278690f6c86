# SPDX-License-Identifier: MIT
# tests/profile-tests.mk - the tests of the profile engine, from its arithmetic to the file. The top
# Makefile.am includes this after tests/unit/unit-tests.mk, whose flags it shares.

profile_tests = test_profile test_profile_file_tls_hakmem
check_PROGRAMS += $(profile_tests)
TESTS += $(profile_tests)

test_profile_SOURCES = tests/unit/test_profile.c $(unit_headers)
test_profile_CPPFLAGS = $(unit_cppflags)
test_profile_CFLAGS = $(unit_cflags)
test_profile_LDADD = $(unit_ldadd) -lm

test_profile_file_tls_hakmem_SOURCES = tests/unit/test_profile_file.c $(unit_headers)
test_profile_file_tls_hakmem_CPPFLAGS = $(unit_cppflags) $(hakmem_cppflags) -DHAK_FRONTEND_TLS
test_profile_file_tls_hakmem_CFLAGS = $(unit_cflags) $(JANSSON_CFLAGS)
test_profile_file_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) $(JANSSON_LIBS) -lpthread

# The library is preloaded to the program, whose calls the compiler leaves as they are.
if !SANITIZED
check_PROGRAMS += tests/profile_program
TESTS += tests/test_profile.py tests/test_owners.py
endif
EXTRA_DIST += tests/test_profile.py tests/test_owners.py

tests_profile_program_SOURCES = tests/profile_program.c
tests_profile_program_CPPFLAGS = $(report_cppflags)
tests_profile_program_CFLAGS = $(report_cflags) -g -O2

# A build without <sys/sdt.h> has no probes.
if !SANITIZED
if HAVE_SDT
TESTS += tests/test_probes.py
endif
endif
EXTRA_DIST += tests/test_probes.py
