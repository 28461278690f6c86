# SPDX-License-Identifier: MIT
# tests/api-tests.mk - the tests of the public interface, once per variant. The top Makefile.am
# includes this after it has set check_PROGRAMS and TESTS.
#
# test_api and test_model use the hak_ names of a variant's convenience library, so that Check keeps
# the C library's malloc. test_override and test_cxx are linked with the variant's shared library,
# whose malloc is theirs; no Check there.

core_api_tests = \
	test_api_tls_hakmem test_api_lock_hakmem \
	test_model_tls_hakmem test_model_lock_hakmem
check_PROGRAMS += $(core_api_tests)
TESTS += $(core_api_tests)

# A sanitizer brings a malloc of its own; there is no library to override it then.
if !SANITIZED
override_api_tests = \
	test_override_tls_hakmem test_override_lock_hakmem \
	test_cxx_tls_hakmem test_cxx_lock_hakmem
check_PROGRAMS += $(override_api_tests)
TESTS += $(override_api_tests)
endif

api_test_cppflags = $(AM_CPPFLAGS)
# The compiler must neither leave out a malloc that is tested nor assume what it does.
override_cflags = $(AM_CFLAGS) -fno-builtin
cxx_flags = $(AM_CXXFLAGS) -std=c++17 -fsized-deallocation -fno-builtin

# --- test_api ---------------------------------------------------------------------------------

api_sources = tests/test_api.c tests/test_api_realloc.c tests/test_api_alignment.c \
	tests/test_api_stats.c tests/test_api_misuse.c tests/api_suite.h \
	tests/xml.c tests/xml.h tests/check_main.h tests/pattern.h

test_api_tls_hakmem_SOURCES = $(api_sources)
test_api_tls_hakmem_CPPFLAGS = $(api_test_cppflags) -DTEST_VARIANT='"tls-hakmem"'
test_api_tls_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

test_api_lock_hakmem_SOURCES = $(api_sources)
test_api_lock_hakmem_CPPFLAGS = $(api_test_cppflags) -DTEST_VARIANT='"lock-hakmem"'
test_api_lock_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_api_lock_hakmem_LDADD = libcore_lock_hakmem.la $(CHECK_LIBS) -lpthread

# --- test_model -------------------------------------------------------------------------------

model_sources = tests/test_model.c tests/model.c tests/model.h tests/check_main.h tests/pattern.h

test_model_tls_hakmem_SOURCES = $(model_sources)
test_model_tls_hakmem_CPPFLAGS = $(api_test_cppflags)
test_model_tls_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_tls_hakmem_LDADD = libcore_tls_hakmem.la $(CHECK_LIBS) -lpthread

test_model_lock_hakmem_SOURCES = $(model_sources)
test_model_lock_hakmem_CPPFLAGS = $(api_test_cppflags)
test_model_lock_hakmem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_model_lock_hakmem_LDADD = libcore_lock_hakmem.la $(CHECK_LIBS) -lpthread

# --- test_override ----------------------------------------------------------------------------

override_sources = tests/test_override.c tests/xml.c tests/xml.h

test_override_tls_hakmem_SOURCES = $(override_sources)
test_override_tls_hakmem_CPPFLAGS = $(api_test_cppflags)
test_override_tls_hakmem_CFLAGS = $(override_cflags)
test_override_tls_hakmem_LDADD = libhakmem-tls-hakmem.la -lpthread

test_override_lock_hakmem_SOURCES = $(override_sources)
test_override_lock_hakmem_CPPFLAGS = $(api_test_cppflags)
test_override_lock_hakmem_CFLAGS = $(override_cflags)
test_override_lock_hakmem_LDADD = libhakmem-lock-hakmem.la -lpthread

# --- test_cxx ---------------------------------------------------------------------------------

test_cxx_tls_hakmem_SOURCES = tests/test_cxx.cpp
test_cxx_tls_hakmem_CPPFLAGS = $(api_test_cppflags)
test_cxx_tls_hakmem_CXXFLAGS = $(cxx_flags)
test_cxx_tls_hakmem_LDADD = libhakmem-tls-hakmem.la -lpthread

test_cxx_lock_hakmem_SOURCES = tests/test_cxx.cpp
test_cxx_lock_hakmem_CPPFLAGS = $(api_test_cppflags)
test_cxx_lock_hakmem_CXXFLAGS = $(cxx_flags)
test_cxx_lock_hakmem_LDADD = libhakmem-lock-hakmem.la -lpthread
