# SPDX-License-Identifier: MIT
# tests/unit/unit-tests.mk - the tests of the internals, by module. The top Makefile.am includes this
# after it has set check_PROGRAMS and TESTS.
#
# They are linked with the convenience library of what lies below the front-ends, built for testing;
# test_faults and test_inject need a front-end and are built once per variant
# (frontends/variants.mk). Check keeps the C library's malloc.

unit_tests = \
	test_assert test_config test_lock test_sizeclass test_pages test_pagemap test_backend \
	test_big test_long test_arena test_emergency test_learn test_policy test_tune
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)

unit_cppflags = $(AM_CPPFLAGS) -DHAK_TESTING
unit_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
unit_ldadd = libtesting_hakmem.la $(CHECK_LIBS) -lpthread
unit_headers = tests/unit/unit.h tests/check_main.h tests/pattern.h

test_assert_SOURCES = tests/unit/test_assert.c $(unit_headers)
test_assert_CPPFLAGS = $(unit_cppflags)
test_assert_CFLAGS = $(unit_cflags)
test_assert_LDADD = $(unit_ldadd)

test_config_SOURCES = tests/unit/test_config.c $(unit_headers)
test_config_CPPFLAGS = $(unit_cppflags)
test_config_CFLAGS = $(unit_cflags)
test_config_LDADD = $(unit_ldadd)

test_learn_SOURCES = tests/unit/test_learn.c tests/unit/learn_unit.h $(unit_headers)
test_learn_CPPFLAGS = $(unit_cppflags)
test_learn_CFLAGS = $(unit_cflags)
test_learn_LDADD = $(unit_ldadd) -lm

test_policy_SOURCES = tests/unit/test_policy.c tests/unit/learn_unit.h $(unit_headers)
test_policy_CPPFLAGS = $(unit_cppflags)
test_policy_CFLAGS = $(unit_cflags)
test_policy_LDADD = $(unit_ldadd) -lm

test_tune_SOURCES = tests/unit/test_tune.c $(unit_headers)
test_tune_CPPFLAGS = $(unit_cppflags)
test_tune_CFLAGS = $(unit_cflags)
test_tune_LDADD = $(unit_ldadd)

test_lock_SOURCES = tests/unit/test_lock.c $(unit_headers)
test_lock_CPPFLAGS = $(unit_cppflags)
test_lock_CFLAGS = $(unit_cflags)
test_lock_LDADD = $(unit_ldadd)

test_sizeclass_SOURCES = tests/unit/test_sizeclass.c $(unit_headers)
test_sizeclass_CPPFLAGS = $(unit_cppflags)
test_sizeclass_CFLAGS = $(unit_cflags)
test_sizeclass_LDADD = $(unit_ldadd)

test_pages_SOURCES = tests/unit/test_pages.c $(unit_headers)
test_pages_CPPFLAGS = $(unit_cppflags)
test_pages_CFLAGS = $(unit_cflags)
test_pages_LDADD = $(unit_ldadd)

test_pagemap_SOURCES = tests/unit/test_pagemap.c $(unit_headers)
test_pagemap_CPPFLAGS = $(unit_cppflags)
test_pagemap_CFLAGS = $(unit_cflags)
test_pagemap_LDADD = $(unit_ldadd)

test_backend_SOURCES = tests/unit/test_backend.c tests/unit/samples_unit.h $(unit_headers)
test_backend_CPPFLAGS = $(unit_cppflags)
test_backend_CFLAGS = $(unit_cflags)
test_backend_LDADD = $(unit_ldadd)

test_big_SOURCES = tests/unit/test_big.c tests/unit/big_unit.h $(unit_headers)
test_big_CPPFLAGS = $(unit_cppflags)
test_big_CFLAGS = $(unit_cflags)
test_big_LDADD = $(unit_ldadd)

test_long_SOURCES = tests/unit/test_long.c tests/unit/big_unit.h $(unit_headers)
test_long_CPPFLAGS = $(unit_cppflags)
test_long_CFLAGS = $(unit_cflags)
test_long_LDADD = $(unit_ldadd)

test_arena_SOURCES = tests/unit/test_arena.c tests/unit/arena_unit.h $(unit_headers)
test_arena_CPPFLAGS = $(unit_cppflags)
test_arena_CFLAGS = $(unit_cflags)
test_arena_LDADD = $(unit_ldadd)

test_emergency_SOURCES = tests/unit/test_emergency.c $(unit_headers)
test_emergency_CPPFLAGS = $(unit_cppflags)
test_emergency_CFLAGS = $(unit_cflags)
test_emergency_LDADD = $(unit_ldadd)

if BUILD_JEMALLOC
check_PROGRAMS += test_backend_jemalloc
TESTS += test_backend_jemalloc
test_backend_jemalloc_SOURCES = tests/unit/test_backend_jemalloc.c tests/unit/samples_unit.h $(unit_headers)
test_backend_jemalloc_CPPFLAGS = $(unit_cppflags) $(jemalloc_cppflags)
test_backend_jemalloc_CFLAGS = $(unit_cflags)
test_backend_jemalloc_LDADD = libtesting_jemalloc.la $(CHECK_LIBS) -lpthread
endif

faults_sources = tests/unit/test_faults.c $(unit_headers)
inject_sources = tests/unit/test_inject.c $(unit_headers)

check_PROGRAMS += test_bins_tls_hakmem
TESTS += test_bins_tls_hakmem
test_bins_tls_hakmem_SOURCES = tests/unit/test_bins.c $(unit_headers)
test_bins_tls_hakmem_CPPFLAGS = $(unit_cppflags) -DHAK_FRONTEND_TLS
test_bins_tls_hakmem_CFLAGS = $(unit_cflags)
test_bins_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread
