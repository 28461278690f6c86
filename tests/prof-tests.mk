# SPDX-License-Identifier: MIT
# tests/prof-tests.mk - the tests of hakmem-prof; included after tools/prof/prof.mk. They compile
# tests/prof_program.c themselves, with and without debugging information.

TESTS += tests/test_prof.py
EXTRA_DIST += tests/test_prof.py tests/prof_profile.py tests/prof_program.c
