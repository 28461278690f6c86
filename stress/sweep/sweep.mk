# SPDX-License-Identifier: MIT
# stress/sweep/sweep.mk - hakmem-sweep and its launcher; the top Makefile.am includes it after the
# lists that it adds to were started.

# hakmem-launch stands by itself: what it links, every program under test inherits as peak RSS.
pkglibexec_PROGRAMS += hakmem-launch
hakmem_launch_SOURCES = stress/sweep/launcher.c
hakmem_launch_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE

# All of the sweep but main.c, for its tests and for hakmem-contention too.
noinst_LTLIBRARIES += libsweep.la
libsweep_la_SOURCES = \
	stress/sweep/allocators.c stress/sweep/allocators.h \
	stress/sweep/app.c stress/sweep/app.h \
	stress/sweep/app_memcached.c stress/sweep/app_redis.c \
	stress/sweep/app_rocksdb.c stress/sweep/app_script.c \
	stress/sweep/compare.c stress/sweep/compare.h \
	stress/sweep/document.c stress/sweep/document.h \
	stress/sweep/findings.c stress/sweep/findings.h \
	stress/sweep/html.c stress/sweep/html.h \
	stress/sweep/html_charts.c stress/sweep/html_heat.c \
	stress/sweep/html_parts.c stress/sweep/html_parts.h stress/sweep/html_tables.c \
	stress/sweep/import.c stress/sweep/import.h \
	stress/sweep/launch.c stress/sweep/launch.h \
	stress/sweep/machine.c stress/sweep/machine.h \
	stress/sweep/markdown.c stress/sweep/markdown.h \
	stress/sweep/options.c stress/sweep/options.h \
	stress/sweep/places.c stress/sweep/places.h \
	stress/sweep/progress.c stress/sweep/progress.h \
	stress/sweep/proof.c stress/sweep/proof.h \
	stress/sweep/record.c stress/sweep/record.h \
	stress/sweep/redis_client.c stress/sweep/redis_client.h \
	stress/sweep/report.c stress/sweep/report.h \
	stress/sweep/resume.c stress/sweep/resume.h \
	stress/sweep/results.c stress/sweep/results.h \
	stress/sweep/run.c stress/sweep/run.h \
	stress/sweep/share.c stress/sweep/share.h \
	stress/sweep/stats.c stress/sweep/stats.h \
	stress/sweep/study.c stress/sweep/study.h \
	stress/sweep/sweep.c stress/sweep/sweep.h \
	stress/sweep/tables.c stress/sweep/tables.h \
	stress/sweep/text.c stress/sweep/text.h \
	stress/sweep/verdict.c stress/sweep/verdict.h \
	stress/sweep/workloads.c stress/sweep/workloads.h
sweep_cppflags = $(AM_CPPFLAGS) -D_GNU_SOURCE \
	-DSWEEP_LIBDIR='"$(variantdir)"' -DSWEEP_LIBEXECDIR='"$(pkglibexecdir)"' \
	-DSWEEP_PREFIX='"$(prefix)"' -DSWEEP_BINDIR='"$(bindir)"'
sweep_cflags = $(AM_CFLAGS) $(GSL_CFLAGS) $(JANSSON_CFLAGS)
libsweep_la_CPPFLAGS = $(sweep_cppflags)
libsweep_la_CFLAGS = $(sweep_cflags)
libsweep_la_LIBADD = $(GSL_LIBS) $(JANSSON_LIBS)

bin_PROGRAMS += hakmem-sweep
hakmem_sweep_SOURCES = stress/sweep/main.c
hakmem_sweep_CPPFLAGS = $(sweep_cppflags)
hakmem_sweep_CFLAGS = $(sweep_cflags)
hakmem_sweep_LDADD = libsweep.la

# What the interpreters run.
sweepscriptsdir = $(pkglibexecdir)/apps
dist_sweepscripts_DATA = stress/apps/churn.lua stress/apps/churn.py stress/apps/churn.rb \
	stress/apps/churn.sql

dist_noinst_SCRIPTS = stress/mimalloc-bench stress/learning.py
EXTRA_DIST += docs/results.md
