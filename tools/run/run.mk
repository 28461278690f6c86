# SPDX-License-Identifier: MIT
# tools/run/run.mk - hakmem-run and its manual page; the top Makefile.am includes it after the lists
# that it adds to were started.

bin_PROGRAMS += hakmem-run
hakmem_run_SOURCES = \
	tools/run/hakmem-run.c \
	tools/run/ask.c tools/run/ask.h \
	tools/run/libraries.c tools/run/libraries.h \
	tools/run/target.c tools/run/target.h \
	stress/sweep/text.c stress/sweep/text.h
run_places = -DRUN_BINDIR='"$(bindir)"' -DRUN_LIBDIR='"$(libdir)"'
hakmem_run_CPPFLAGS = $(AM_CPPFLAGS) $(run_places) \
	-DRUN_FRONTEND='"$(FRONTEND)"' -DRUN_BACKEND='"$(BACKEND)"'

dist_man_MANS += docs/man/hakmem-run.1
