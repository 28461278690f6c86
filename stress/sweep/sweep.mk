# SPDX-License-Identifier: MIT
# stress/sweep/sweep.mk - hakmem-sweep and its launcher; the top Makefile.am includes it after the
# lists that it adds to were started.

# hakmem-launch stands by itself: what it links, every program under test inherits as peak RSS.
pkglibexec_PROGRAMS += hakmem-launch
hakmem_launch_SOURCES = stress/sweep/launcher.c
hakmem_launch_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE

# All of the sweep but main.c, so that its tests can be linked with it.
sweep_modules = \
	stress/sweep/allocators.c stress/sweep/allocators.h \
	stress/sweep/launch.c stress/sweep/launch.h \
	stress/sweep/machine.c stress/sweep/machine.h \
	stress/sweep/places.c stress/sweep/places.h \
	stress/sweep/progress.c stress/sweep/progress.h \
	stress/sweep/proof.c stress/sweep/proof.h \
	stress/sweep/redis.c stress/sweep/redis.h \
	stress/sweep/redis_client.c stress/sweep/redis_client.h \
	stress/sweep/report.c stress/sweep/report.h \
	stress/sweep/results.c stress/sweep/results.h \
	stress/sweep/run.c stress/sweep/run.h \
	stress/sweep/stats.c stress/sweep/stats.h \
	stress/sweep/sweep.c stress/sweep/sweep.h \
	stress/sweep/text.c stress/sweep/text.h \
	stress/sweep/workloads.c stress/sweep/workloads.h
sweep_cppflags = $(AM_CPPFLAGS) -D_GNU_SOURCE \
	-DSWEEP_LIBDIR='"$(libdir)"' -DSWEEP_LIBEXECDIR='"$(pkglibexecdir)"'

bin_PROGRAMS += hakmem-sweep
hakmem_sweep_SOURCES = stress/sweep/main.c $(sweep_modules)
hakmem_sweep_CPPFLAGS = $(sweep_cppflags)
hakmem_sweep_CFLAGS = $(AM_CFLAGS) $(GSL_CFLAGS)
hakmem_sweep_LDADD = $(GSL_LIBS)
