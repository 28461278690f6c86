# SPDX-License-Identifier: MIT
# tests/report-tests.mk - the tests of selectors, counters, call sites and the report. The top
# Makefile.am includes this after tests/unit/unit-tests.mk, whose flags it shares.

report_unit_tests = test_select test_scatter test_transfer test_sites test_cgroup test_pressure \
	test_writer
report_frontend_tests = test_site_tls_hakmem
check_PROGRAMS += $(report_unit_tests) $(report_frontend_tests)
TESTS += $(report_unit_tests) $(report_frontend_tests)

test_select_SOURCES = tests/unit/test_select.c tests/unit/arena_unit.h $(unit_headers)
test_select_CPPFLAGS = $(unit_cppflags)
test_select_CFLAGS = $(unit_cflags)
test_select_LDADD = $(unit_ldadd)

test_scatter_SOURCES = tests/unit/test_scatter.c tests/unit/arena_unit.h $(unit_headers)
test_scatter_CPPFLAGS = $(unit_cppflags)
test_scatter_CFLAGS = $(unit_cflags)
test_scatter_LDADD = $(unit_ldadd)

test_transfer_SOURCES = tests/unit/test_transfer.c tests/unit/arena_unit.h $(unit_headers)
test_transfer_CPPFLAGS = $(unit_cppflags)
test_transfer_CFLAGS = $(unit_cflags)
test_transfer_LDADD = $(unit_ldadd)

test_sites_SOURCES = tests/unit/test_sites.c $(unit_headers)
test_sites_CPPFLAGS = $(unit_cppflags)
test_sites_CFLAGS = $(unit_cflags)
test_sites_LDADD = $(unit_ldadd) -lm

test_cgroup_SOURCES = tests/unit/test_cgroup.c tests/unit/tree.h $(unit_headers)
test_cgroup_CPPFLAGS = $(unit_cppflags)
test_cgroup_CFLAGS = $(unit_cflags)
test_cgroup_LDADD = $(unit_ldadd)

test_pressure_SOURCES = tests/unit/test_pressure.c tests/unit/tree.h $(unit_headers)
test_pressure_CPPFLAGS = $(unit_cppflags)
test_pressure_CFLAGS = $(unit_cflags)
test_pressure_LDADD = $(unit_ldadd)

test_writer_SOURCES = tests/unit/test_writer.c $(unit_headers)
test_writer_CPPFLAGS = $(unit_cppflags)
test_writer_CFLAGS = $(unit_cflags)
test_writer_LDADD = $(unit_ldadd) -lm

test_site_tls_hakmem_SOURCES = tests/unit/test_site.c $(unit_headers)
test_site_tls_hakmem_CPPFLAGS = $(unit_cppflags) -DHAK_FRONTEND_TLS
test_site_tls_hakmem_CFLAGS = $(unit_cflags)
test_site_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

# Preloaded libraries serve these: no sanitizer, and the compiler leaves their calls as they are.
report_cppflags = -D_GNU_SOURCE
report_cflags = -fno-builtin -fno-optimize-sibling-calls -pthread -Wall -Wextra -Wundef -Wshadow \
	-Wmissing-prototypes -Wstrict-prototypes
if !SANITIZED
check_PROGRAMS += tests/report_frames tests/report_bare
TESTS += tests/test_report.py
endif
EXTRA_DIST += tests/test_report.py tests/preloaded.py

tests_report_frames_SOURCES = tests/report_program.c
tests_report_frames_CPPFLAGS = $(report_cppflags)
tests_report_frames_CFLAGS = $(report_cflags) -fno-omit-frame-pointer

tests_report_bare_SOURCES = tests/report_program.c
tests_report_bare_CPPFLAGS = $(report_cppflags)
tests_report_bare_CFLAGS = $(report_cflags) -O2 -fomit-frame-pointer
