# SPDX-License-Identifier: MIT
# frontends/variants.mk - the variants: their libraries and the conformance suite of each.
# Written by tools/gen-variants.py; `make update-generated` renews it.

core_tests =
variant_tests =

# --- on the hakmem back-end -----------------------------------------------------------------------

if BUILD_HAKMEM
if !SANITIZED
noinst_LTLIBRARIES += libheap_hakmem.la
libheap_hakmem_la_SOURCES = $(heap_hakmem_sources)
libheap_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags)
libheap_hakmem_la_CFLAGS = $(library_cflags)
libheap_hakmem_la_LIBADD = $(hakmem_libs)
endif

check_LTLIBRARIES += libtesting_hakmem.la
libtesting_hakmem_la_SOURCES = $(heap_hakmem_sources)
libtesting_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING
libtesting_hakmem_la_CFLAGS = $(library_cflags)
libtesting_hakmem_la_LIBADD = $(hakmem_libs)
endif

if BUILD_TLS_HAKMEM
if !SANITIZED
variant_LTLIBRARIES += libhakmem-tls-hakmem.la
libhakmem_tls_hakmem_la_SOURCES = $(tls_sources)
libhakmem_tls_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_TLS -DHAK_OVERRIDE
libhakmem_tls_hakmem_la_CFLAGS = $(library_cflags)
libhakmem_tls_hakmem_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_tls_hakmem_la_LIBADD = libheap_hakmem.la

check_PROGRAMS += tests/fastpath-tls-hakmem
tests_fastpath_tls_hakmem_SOURCES = tests/fastpath.c
tests_fastpath_tls_hakmem_CFLAGS = $(fastpath_cflags)
tests_fastpath_tls_hakmem_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_tls_hakmem_LDADD = libhakmem-tls-hakmem.la

variant_tests += test_override_tls_hakmem test_cxx_tls_hakmem
test_override_tls_hakmem_SOURCES = $(override_sources)
test_override_tls_hakmem_CFLAGS = $(override_cflags)
test_override_tls_hakmem_LDADD = libhakmem-tls-hakmem.la -lpthread
test_cxx_tls_hakmem_SOURCES = tests/test_cxx.cpp
test_cxx_tls_hakmem_CXXFLAGS = $(cxx_flags)
test_cxx_tls_hakmem_LDADD = libhakmem-tls-hakmem.la -lpthread
endif

check_LTLIBRARIES += libcore_tls_hakmem.la
libcore_tls_hakmem_la_SOURCES = $(tls_sources)
libcore_tls_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_TLS -DHAK_TESTING
libcore_tls_hakmem_la_CFLAGS = $(library_cflags)
libcore_tls_hakmem_la_LIBADD = libtesting_hakmem.la

core_tests += test_api_tls_hakmem
test_api_tls_hakmem_SOURCES = $(api_sources)
test_api_tls_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-hakmem"'
test_api_tls_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_model_tls_hakmem
test_model_tls_hakmem_SOURCES = $(model_sources)
test_model_tls_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-hakmem"'
test_model_tls_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_faults_tls_hakmem
test_faults_tls_hakmem_SOURCES = $(faults_sources)
test_faults_tls_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-hakmem"'
test_faults_tls_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_faults_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_inject_tls_hakmem
test_inject_tls_hakmem_SOURCES = $(inject_sources)
test_inject_tls_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-hakmem"'
test_inject_tls_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_inject_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread
endif

if BUILD_LOCK_HAKMEM
if !SANITIZED
variant_LTLIBRARIES += libhakmem-lock-hakmem.la
libhakmem_lock_hakmem_la_SOURCES = $(lock_sources)
libhakmem_lock_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_LOCK -DHAK_OVERRIDE
libhakmem_lock_hakmem_la_CFLAGS = $(library_cflags)
libhakmem_lock_hakmem_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_lock_hakmem_la_LIBADD = libheap_hakmem.la

check_PROGRAMS += tests/fastpath-lock-hakmem
tests_fastpath_lock_hakmem_SOURCES = tests/fastpath.c
tests_fastpath_lock_hakmem_CFLAGS = $(fastpath_cflags)
tests_fastpath_lock_hakmem_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_lock_hakmem_LDADD = libhakmem-lock-hakmem.la

variant_tests += test_override_lock_hakmem test_cxx_lock_hakmem
test_override_lock_hakmem_SOURCES = $(override_sources)
test_override_lock_hakmem_CFLAGS = $(override_cflags)
test_override_lock_hakmem_LDADD = libhakmem-lock-hakmem.la -lpthread
test_cxx_lock_hakmem_SOURCES = tests/test_cxx.cpp
test_cxx_lock_hakmem_CXXFLAGS = $(cxx_flags)
test_cxx_lock_hakmem_LDADD = libhakmem-lock-hakmem.la -lpthread
endif

check_LTLIBRARIES += libcore_lock_hakmem.la
libcore_lock_hakmem_la_SOURCES = $(lock_sources)
libcore_lock_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_LOCK -DHAK_TESTING
libcore_lock_hakmem_la_CFLAGS = $(library_cflags)
libcore_lock_hakmem_la_LIBADD = libtesting_hakmem.la

core_tests += test_api_lock_hakmem
test_api_lock_hakmem_SOURCES = $(api_sources)
test_api_lock_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-hakmem"'
test_api_lock_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_lock_hakmem_LDADD = libcore_lock_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_model_lock_hakmem
test_model_lock_hakmem_SOURCES = $(model_sources)
test_model_lock_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-hakmem"'
test_model_lock_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_lock_hakmem_LDADD = libcore_lock_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_faults_lock_hakmem
test_faults_lock_hakmem_SOURCES = $(faults_sources)
test_faults_lock_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-hakmem"'
test_faults_lock_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_faults_lock_hakmem_LDADD = libcore_lock_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_inject_lock_hakmem
test_inject_lock_hakmem_SOURCES = $(inject_sources)
test_inject_lock_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-hakmem"'
test_inject_lock_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_inject_lock_hakmem_LDADD = libcore_lock_hakmem.la $(CHECK_LIBS) -lpthread
endif

if BUILD_RSEQ_HAKMEM
if !SANITIZED
variant_LTLIBRARIES += libhakmem-rseq-hakmem.la
libhakmem_rseq_hakmem_la_SOURCES = $(rseq_sources)
libhakmem_rseq_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_OVERRIDE
libhakmem_rseq_hakmem_la_CFLAGS = $(library_cflags)
libhakmem_rseq_hakmem_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_rseq_hakmem_la_LIBADD = libheap_hakmem.la

check_PROGRAMS += tests/fastpath-rseq-hakmem
tests_fastpath_rseq_hakmem_SOURCES = tests/fastpath.c
tests_fastpath_rseq_hakmem_CFLAGS = $(fastpath_cflags)
tests_fastpath_rseq_hakmem_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_rseq_hakmem_LDADD = libhakmem-rseq-hakmem.la

variant_tests += test_override_rseq_hakmem test_cxx_rseq_hakmem
test_override_rseq_hakmem_SOURCES = $(override_sources)
test_override_rseq_hakmem_CFLAGS = $(override_cflags)
test_override_rseq_hakmem_LDADD = libhakmem-rseq-hakmem.la -lpthread
test_cxx_rseq_hakmem_SOURCES = tests/test_cxx.cpp
test_cxx_rseq_hakmem_CXXFLAGS = $(cxx_flags)
test_cxx_rseq_hakmem_LDADD = libhakmem-rseq-hakmem.la -lpthread
endif

check_LTLIBRARIES += libcore_rseq_hakmem.la
libcore_rseq_hakmem_la_SOURCES = $(rseq_sources)
libcore_rseq_hakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_TESTING
libcore_rseq_hakmem_la_CFLAGS = $(library_cflags)
libcore_rseq_hakmem_la_LIBADD = libtesting_hakmem.la

core_tests += test_api_rseq_hakmem
test_api_rseq_hakmem_SOURCES = $(api_sources)
test_api_rseq_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-hakmem"'
test_api_rseq_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_rseq_hakmem_LDADD = libcore_rseq_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_model_rseq_hakmem
test_model_rseq_hakmem_SOURCES = $(model_sources)
test_model_rseq_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-hakmem"'
test_model_rseq_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_rseq_hakmem_LDADD = libcore_rseq_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_faults_rseq_hakmem
test_faults_rseq_hakmem_SOURCES = $(faults_sources)
test_faults_rseq_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-hakmem"'
test_faults_rseq_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_faults_rseq_hakmem_LDADD = libcore_rseq_hakmem.la $(CHECK_LIBS) -lpthread

core_tests += test_inject_rseq_hakmem
test_inject_rseq_hakmem_SOURCES = $(inject_sources)
test_inject_rseq_hakmem_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-hakmem"'
test_inject_rseq_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_inject_rseq_hakmem_LDADD = libcore_rseq_hakmem.la $(CHECK_LIBS) -lpthread
endif

# --- on the jemalloc back-end ---------------------------------------------------------------------

if BUILD_JEMALLOC
if !SANITIZED
noinst_LTLIBRARIES += libheap_jemalloc.la
libheap_jemalloc_la_SOURCES = $(heap_jemalloc_sources)
libheap_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags)
libheap_jemalloc_la_CFLAGS = $(library_cflags)
libheap_jemalloc_la_LIBADD = $(jemalloc_libs)
endif

check_LTLIBRARIES += libtesting_jemalloc.la
libtesting_jemalloc_la_SOURCES = $(heap_jemalloc_sources)
libtesting_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING
libtesting_jemalloc_la_CFLAGS = $(library_cflags)
libtesting_jemalloc_la_LIBADD = $(jemalloc_libs)
endif

if BUILD_TLS_JEMALLOC
if !SANITIZED
variant_LTLIBRARIES += libhakmem-tls-jemalloc.la
libhakmem_tls_jemalloc_la_SOURCES = $(tls_sources)
libhakmem_tls_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_TLS -DHAK_OVERRIDE
libhakmem_tls_jemalloc_la_CFLAGS = $(library_cflags)
libhakmem_tls_jemalloc_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_tls_jemalloc_la_LIBADD = libheap_jemalloc.la

check_PROGRAMS += tests/fastpath-tls-jemalloc
tests_fastpath_tls_jemalloc_SOURCES = tests/fastpath.c
tests_fastpath_tls_jemalloc_CFLAGS = $(fastpath_cflags)
tests_fastpath_tls_jemalloc_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_tls_jemalloc_LDADD = libhakmem-tls-jemalloc.la

variant_tests += test_override_tls_jemalloc test_cxx_tls_jemalloc
test_override_tls_jemalloc_SOURCES = $(override_sources)
test_override_tls_jemalloc_CFLAGS = $(override_cflags)
test_override_tls_jemalloc_LDADD = libhakmem-tls-jemalloc.la -lpthread
test_cxx_tls_jemalloc_SOURCES = tests/test_cxx.cpp
test_cxx_tls_jemalloc_CXXFLAGS = $(cxx_flags)
test_cxx_tls_jemalloc_LDADD = libhakmem-tls-jemalloc.la -lpthread
endif

check_LTLIBRARIES += libcore_tls_jemalloc.la
libcore_tls_jemalloc_la_SOURCES = $(tls_sources)
libcore_tls_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_TLS -DHAK_TESTING
libcore_tls_jemalloc_la_CFLAGS = $(library_cflags)
libcore_tls_jemalloc_la_LIBADD = libtesting_jemalloc.la

core_tests += test_api_tls_jemalloc
test_api_tls_jemalloc_SOURCES = $(api_sources)
test_api_tls_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-jemalloc"'
test_api_tls_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_tls_jemalloc_LDADD = libcore_tls_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_model_tls_jemalloc
test_model_tls_jemalloc_SOURCES = $(model_sources)
test_model_tls_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-jemalloc"'
test_model_tls_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_tls_jemalloc_LDADD = libcore_tls_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_faults_tls_jemalloc
test_faults_tls_jemalloc_SOURCES = $(faults_sources)
test_faults_tls_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-jemalloc"'
test_faults_tls_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_faults_tls_jemalloc_LDADD = libcore_tls_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_inject_tls_jemalloc
test_inject_tls_jemalloc_SOURCES = $(inject_sources)
test_inject_tls_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"tls-jemalloc"'
test_inject_tls_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_inject_tls_jemalloc_LDADD = libcore_tls_jemalloc.la $(CHECK_LIBS) -lpthread
endif

if BUILD_LOCK_JEMALLOC
if !SANITIZED
variant_LTLIBRARIES += libhakmem-lock-jemalloc.la
libhakmem_lock_jemalloc_la_SOURCES = $(lock_sources)
libhakmem_lock_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_LOCK -DHAK_OVERRIDE
libhakmem_lock_jemalloc_la_CFLAGS = $(library_cflags)
libhakmem_lock_jemalloc_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_lock_jemalloc_la_LIBADD = libheap_jemalloc.la

check_PROGRAMS += tests/fastpath-lock-jemalloc
tests_fastpath_lock_jemalloc_SOURCES = tests/fastpath.c
tests_fastpath_lock_jemalloc_CFLAGS = $(fastpath_cflags)
tests_fastpath_lock_jemalloc_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_lock_jemalloc_LDADD = libhakmem-lock-jemalloc.la

variant_tests += test_override_lock_jemalloc test_cxx_lock_jemalloc
test_override_lock_jemalloc_SOURCES = $(override_sources)
test_override_lock_jemalloc_CFLAGS = $(override_cflags)
test_override_lock_jemalloc_LDADD = libhakmem-lock-jemalloc.la -lpthread
test_cxx_lock_jemalloc_SOURCES = tests/test_cxx.cpp
test_cxx_lock_jemalloc_CXXFLAGS = $(cxx_flags)
test_cxx_lock_jemalloc_LDADD = libhakmem-lock-jemalloc.la -lpthread
endif

check_LTLIBRARIES += libcore_lock_jemalloc.la
libcore_lock_jemalloc_la_SOURCES = $(lock_sources)
libcore_lock_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_LOCK -DHAK_TESTING
libcore_lock_jemalloc_la_CFLAGS = $(library_cflags)
libcore_lock_jemalloc_la_LIBADD = libtesting_jemalloc.la

core_tests += test_api_lock_jemalloc
test_api_lock_jemalloc_SOURCES = $(api_sources)
test_api_lock_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-jemalloc"'
test_api_lock_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_lock_jemalloc_LDADD = libcore_lock_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_model_lock_jemalloc
test_model_lock_jemalloc_SOURCES = $(model_sources)
test_model_lock_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-jemalloc"'
test_model_lock_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_lock_jemalloc_LDADD = libcore_lock_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_faults_lock_jemalloc
test_faults_lock_jemalloc_SOURCES = $(faults_sources)
test_faults_lock_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-jemalloc"'
test_faults_lock_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_faults_lock_jemalloc_LDADD = libcore_lock_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_inject_lock_jemalloc
test_inject_lock_jemalloc_SOURCES = $(inject_sources)
test_inject_lock_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"lock-jemalloc"'
test_inject_lock_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_inject_lock_jemalloc_LDADD = libcore_lock_jemalloc.la $(CHECK_LIBS) -lpthread
endif

if BUILD_RSEQ_JEMALLOC
if !SANITIZED
variant_LTLIBRARIES += libhakmem-rseq-jemalloc.la
libhakmem_rseq_jemalloc_la_SOURCES = $(rseq_sources)
libhakmem_rseq_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_OVERRIDE
libhakmem_rseq_jemalloc_la_CFLAGS = $(library_cflags)
libhakmem_rseq_jemalloc_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_rseq_jemalloc_la_LIBADD = libheap_jemalloc.la

check_PROGRAMS += tests/fastpath-rseq-jemalloc
tests_fastpath_rseq_jemalloc_SOURCES = tests/fastpath.c
tests_fastpath_rseq_jemalloc_CFLAGS = $(fastpath_cflags)
tests_fastpath_rseq_jemalloc_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_rseq_jemalloc_LDADD = libhakmem-rseq-jemalloc.la

variant_tests += test_override_rseq_jemalloc test_cxx_rseq_jemalloc
test_override_rseq_jemalloc_SOURCES = $(override_sources)
test_override_rseq_jemalloc_CFLAGS = $(override_cflags)
test_override_rseq_jemalloc_LDADD = libhakmem-rseq-jemalloc.la -lpthread
test_cxx_rseq_jemalloc_SOURCES = tests/test_cxx.cpp
test_cxx_rseq_jemalloc_CXXFLAGS = $(cxx_flags)
test_cxx_rseq_jemalloc_LDADD = libhakmem-rseq-jemalloc.la -lpthread
endif

check_LTLIBRARIES += libcore_rseq_jemalloc.la
libcore_rseq_jemalloc_la_SOURCES = $(rseq_sources)
libcore_rseq_jemalloc_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_TESTING
libcore_rseq_jemalloc_la_CFLAGS = $(library_cflags)
libcore_rseq_jemalloc_la_LIBADD = libtesting_jemalloc.la

core_tests += test_api_rseq_jemalloc
test_api_rseq_jemalloc_SOURCES = $(api_sources)
test_api_rseq_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-jemalloc"'
test_api_rseq_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_rseq_jemalloc_LDADD = libcore_rseq_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_model_rseq_jemalloc
test_model_rseq_jemalloc_SOURCES = $(model_sources)
test_model_rseq_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-jemalloc"'
test_model_rseq_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_rseq_jemalloc_LDADD = libcore_rseq_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_faults_rseq_jemalloc
test_faults_rseq_jemalloc_SOURCES = $(faults_sources)
test_faults_rseq_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-jemalloc"'
test_faults_rseq_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_faults_rseq_jemalloc_LDADD = libcore_rseq_jemalloc.la $(CHECK_LIBS) -lpthread

core_tests += test_inject_rseq_jemalloc
test_inject_rseq_jemalloc_SOURCES = $(inject_sources)
test_inject_rseq_jemalloc_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_TESTING -DTEST_VARIANT='"rseq-jemalloc"'
test_inject_rseq_jemalloc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_inject_rseq_jemalloc_LDADD = libcore_rseq_jemalloc.la $(CHECK_LIBS) -lpthread
endif

# --- the one called libhakmem ----------------------------------------------------------------------

if !SANITIZED

if CHOSEN_TLS_HAKMEM
libhakmem_la_SOURCES = $(tls_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_TLS -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_hakmem.la
endif

if CHOSEN_LOCK_HAKMEM
libhakmem_la_SOURCES = $(lock_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_LOCK -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_hakmem.la
endif

if CHOSEN_RSEQ_HAKMEM
libhakmem_la_SOURCES = $(rseq_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(hakmem_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_hakmem.la
endif

if CHOSEN_TLS_JEMALLOC
libhakmem_la_SOURCES = $(tls_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_TLS -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_jemalloc.la
endif

if CHOSEN_LOCK_JEMALLOC
libhakmem_la_SOURCES = $(lock_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_LOCK -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_jemalloc.la
endif

if CHOSEN_RSEQ_JEMALLOC
libhakmem_la_SOURCES = $(rseq_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $(jemalloc_cppflags) -DHAK_FRONTEND_RSEQ -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_jemalloc.la
endif
endif

check_PROGRAMS += $(core_tests) $(variant_tests)
TESTS += $(core_tests) $(variant_tests)
