#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/gen-variants.py - writes frontends/variants.mk to standard output: for each front-end on
# each back-end the same libraries and the same tests, in automake's words, which have no loops.
#
# A variant F-B is the preloadable libhakmem-F-B.so, the convenience library libcore_F_B.la with
# hak_ names only, and the conformance suite against both. `make check` compares the committed file
# with this program's output.
FRONTENDS = ("tls", "lock", "rseq")
BACKENDS = ("hakmem", "jemalloc")

# The suite: program, sources, whether it takes the core (hak_ names, with Check) or the library
# itself (malloc).
CORE_TESTS = (
    ("test_api", "$(api_sources)"),
    ("test_model", "$(model_sources)"),
    ("test_faults", "$(faults_sources)"),
    ("test_inject", "$(inject_sources)"),
)

HEAD = """\
# SPDX-License-Identifier: MIT
# frontends/variants.mk - the variants: their libraries and the conformance suite of each.
# Written by tools/gen-variants.py; `make update-generated` renews it.

core_tests =
variant_tests =
"""

BACKEND = """
# --- on the {b} back-end {rule}

if BUILD_{B}
if !SANITIZED
noinst_LTLIBRARIES += libheap_{b}.la
libheap_{b}_la_SOURCES = $(heap_{b}_sources)
libheap_{b}_la_CPPFLAGS = $(AM_CPPFLAGS) $({b}_cppflags)
libheap_{b}_la_CFLAGS = $(library_cflags)
libheap_{b}_la_LIBADD = $({b}_libs)
endif

check_LTLIBRARIES += libtesting_{b}.la
libtesting_{b}_la_SOURCES = $(heap_{b}_sources)
libtesting_{b}_la_CPPFLAGS = $(AM_CPPFLAGS) $({b}_cppflags) -DHAK_TESTING
libtesting_{b}_la_CFLAGS = $(library_cflags)
libtesting_{b}_la_LIBADD = $({b}_libs)
endif
"""

VARIANT = """
if BUILD_{F}_{B}
if !SANITIZED
variant_LTLIBRARIES += libhakmem-{f}-{b}.la
libhakmem_{f}_{b}_la_SOURCES = $({f}_sources)
libhakmem_{f}_{b}_la_CPPFLAGS = $(AM_CPPFLAGS) $({b}_cppflags) -DHAK_FRONTEND_{F} -DHAK_OVERRIDE
libhakmem_{f}_{b}_la_CFLAGS = $(library_cflags)
libhakmem_{f}_{b}_la_LDFLAGS = $(library_ldflags) -avoid-version -shared
libhakmem_{f}_{b}_la_LIBADD = libheap_{b}.la

check_PROGRAMS += tests/fastpath-{f}-{b}
tests_fastpath_{f}_{b}_SOURCES = tests/fastpath.c
tests_fastpath_{f}_{b}_CFLAGS = $(fastpath_cflags)
tests_fastpath_{f}_{b}_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_fastpath_{f}_{b}_LDADD = libhakmem-{f}-{b}.la

variant_tests += test_override_{f}_{b} test_cxx_{f}_{b}
test_override_{f}_{b}_SOURCES = $(override_sources)
test_override_{f}_{b}_CFLAGS = $(override_cflags)
test_override_{f}_{b}_LDADD = libhakmem-{f}-{b}.la -lpthread
test_cxx_{f}_{b}_SOURCES = tests/test_cxx.cpp
test_cxx_{f}_{b}_CXXFLAGS = $(cxx_flags)
test_cxx_{f}_{b}_LDADD = libhakmem-{f}-{b}.la -lpthread
endif

check_LTLIBRARIES += libcore_{f}_{b}.la
libcore_{f}_{b}_la_SOURCES = $({f}_sources)
libcore_{f}_{b}_la_CPPFLAGS = $(AM_CPPFLAGS) $({b}_cppflags) -DHAK_FRONTEND_{F} -DHAK_TESTING
libcore_{f}_{b}_la_CFLAGS = $(library_cflags)
libcore_{f}_{b}_la_LIBADD = libtesting_{b}.la
"""

CORE_TEST = """
core_tests += {t}_{f}_{b}
{t}_{f}_{b}_SOURCES = {sources}
{t}_{f}_{b}_CPPFLAGS = $(AM_CPPFLAGS) $({b}_cppflags) -DHAK_TESTING -DTEST_VARIANT='"{f}-{b}"'
{t}_{f}_{b}_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
{t}_{f}_{b}_LDADD = libcore_{f}_{b}.la $(CHECK_LIBS) -lpthread
"""

CHOSEN = """
if CHOSEN_{F}_{B}
libhakmem_la_SOURCES = $({f}_sources)
libhakmem_la_CPPFLAGS = $(AM_CPPFLAGS) $({b}_cppflags) -DHAK_FRONTEND_{F} -DHAK_OVERRIDE
libhakmem_la_LIBADD = libheap_{b}.la
endif
"""

TAIL = """
check_PROGRAMS += $(core_tests) $(variant_tests)
TESTS += $(core_tests) $(variant_tests)
"""


def main():
    out = HEAD
    for b in BACKENDS:
        head = f"# --- on the {b} back-end "
        out += BACKEND.format(b=b, B=b.upper(), rule="-" * (100 - len(head)))
        for f in FRONTENDS:
            names = {"f": f, "b": b, "F": f.upper(), "B": b.upper()}
            out += VARIANT.format(**names)
            for t, sources in CORE_TESTS:
                out += CORE_TEST.format(t=t, sources=sources, **names)
            out += "endif\n"
    out += "\n# --- the one called libhakmem " + "-" * 70 + "\n\nif !SANITIZED\n"
    for b in BACKENDS:
        for f in FRONTENDS:
            out += CHOSEN.format(f=f, b=b, F=f.upper(), B=b.upper())
    out += "endif\n" + TAIL
    print(out, end="")


main()
