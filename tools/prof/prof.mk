# SPDX-License-Identifier: MIT
# tools/prof/prof.mk - hakmem-prof and its manual page; the top Makefile.am includes it after the
# lists that it adds to were started.

prof_sources = \
	tools/prof/hakmem-prof.c \
	tools/prof/estimate.c tools/prof/estimate.h \
	tools/prof/format.c \
	tools/prof/heap_v2.c tools/prof/heap_v2.h \
	tools/prof/merge.c tools/prof/merge.h \
	tools/prof/options.c tools/prof/options.h \
	tools/prof/profile.c tools/prof/profile.h \
	tools/prof/report.c tools/prof/report.h \
	tools/prof/report_diff.c \
	tools/prof/report_parts.c tools/prof/report_parts.h \
	tools/prof/suggest.c tools/prof/suggest.h \
	tools/prof/symbols.c tools/prof/symbols.h \
	tools/prof/view.c tools/prof/view.h \
	stress/sweep/document.c stress/sweep/document.h stress/sweep/stats.h \
	stress/sweep/text.c stress/sweep/text.h

# Names of C++ functions are made readable by the C++ runtime.
if BUILD_PROF
bin_PROGRAMS += hakmem-prof
hakmem_prof_SOURCES = $(prof_sources)
hakmem_prof_CFLAGS = $(AM_CFLAGS) $(GSL_CFLAGS) $(JANSSON_CFLAGS) $(LIBDW_CFLAGS)
hakmem_prof_LDADD = $(GSL_LIBS) $(JANSSON_LIBS) $(LIBDW_LIBS) -lstdc++ -lm
dist_man_MANS += docs/man/hakmem-prof.1
endif
EXTRA_DIST += docs/man/hakmem-prof.1
