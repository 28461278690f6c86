# SPDX-License-Identifier: MIT
# tests/api-tests.mk - the tests of the public interface. The top Makefile.am includes this;
# frontends/variants.mk builds them once per variant.
#
# test_api and test_model use the hak_ names of a variant's convenience library, so that Check keeps
# the C library's malloc. test_override and test_cxx are linked with the variant's shared library,
# whose malloc is theirs; no Check there.

# The compiler must neither leave out a malloc that is tested nor assume what it does.
override_cflags = $(AM_CFLAGS) -fno-builtin
cxx_flags = $(AM_CXXFLAGS) -std=c++17 -fsized-deallocation -fno-builtin

api_sources = tests/test_api.c tests/test_api_realloc.c tests/test_api_alignment.c \
	tests/test_api_stats.c tests/test_api_misuse.c tests/api_suite.h \
	tests/xml.c tests/xml.h tests/check_main.h tests/pattern.h

model_sources = tests/test_model.c tests/model.c tests/model.h tests/check_main.h tests/pattern.h

override_sources = tests/test_override.c tests/xml.c tests/xml.h
