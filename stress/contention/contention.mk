# SPDX-License-Identifier: MIT
# stress/contention/contention.mk - hakmem-contention, the contention study; included by the top
# Makefile.am after stress/sweep/sweep.mk, whose modules it links. The program lies at the top of
# the build, where it finds the launcher, the workloads and the libraries beside itself;
# stress/contention/contention is a link to it.

noinst_LTLIBRARIES += libcontention.la
libcontention_la_SOURCES = \
	stress/contention/benchmarks.c stress/contention/benchmarks.h \
	stress/contention/conclusions.c stress/contention/conclusions.h \
	stress/contention/configs.c stress/contention/configs.h \
	stress/contention/contention.c stress/contention/contention.h \
	stress/contention/counters.c stress/contention/counters.h \
	stress/contention/judge.c stress/contention/judge.h \
	stress/contention/plots.c stress/contention/plots.h \
	stress/contention/report.c stress/contention/report.h \
	stress/contention/samples.c stress/contention/samples.h \
	stress/contention/sharding.c stress/contention/sharding.h
contention_cppflags = $(sweep_cppflags) -DCONTENTION_VERSION='"$(PACKAGE_VERSION)"'
libcontention_la_CPPFLAGS = $(contention_cppflags)
libcontention_la_CFLAGS = $(sweep_cflags)
libcontention_la_LIBADD = libsweep.la -lm

noinst_PROGRAMS += hakmem-contention
hakmem_contention_SOURCES = stress/contention/main.c
hakmem_contention_CPPFLAGS = $(contention_cppflags)
hakmem_contention_CFLAGS = $(sweep_cflags)
hakmem_contention_LDADD = libcontention.la

noinst_DATA = stress/contention/contention
MOSTLYCLEANFILES = stress/contention/contention
stress/contention/contention: hakmem-contention$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) stress/contention && rm -f $@ && \
		$(LN_S) ../../hakmem-contention$(EXEEXT) $@
