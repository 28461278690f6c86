# SPDX-License-Identifier: MIT
# stress/science.mk - the workloads that compute something, included by the top Makefile.am after
# stress.mk, whose stress_harness it uses. dedup needs zlib, others the mathematical library.

pkglibexec_PROGRAMS += stress/espresso stress/barnes stress/blackscholes stress/fluidanimate \
	stress/canneal stress/dedup

stress_espresso_SOURCES = stress/espresso.c stress/cover.c stress/cover.h stress/science.h \
	$(stress_harness)
stress_barnes_SOURCES = stress/barnes.c stress/science.h $(stress_harness)
stress_barnes_LDADD = -lm
stress_blackscholes_SOURCES = stress/blackscholes.c stress/science.h $(stress_harness)
stress_blackscholes_LDADD = -lm
stress_fluidanimate_SOURCES = stress/fluidanimate.c stress/science.h $(stress_harness)
stress_fluidanimate_LDADD = -lm
stress_canneal_SOURCES = stress/canneal.c stress/netlist.c stress/netlist.h stress/science.h \
	$(stress_harness)
stress_canneal_LDADD = -lm
stress_dedup_SOURCES = stress/dedup.c stress/sha1.c stress/sha1.h stress/science.h $(stress_harness)
stress_dedup_LDADD = -lz
