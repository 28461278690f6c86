# SPDX-License-Identifier: MIT
# tools/tools.mk - the checks of the house style; the top Makefile.am includes it after the lists
# that it adds to were started. Each check says at its head what it judges.

house_checks = \
	tools/check-includes.py \
	tools/check-symbols.py \
	tools/check-style.py \
	tools/check-format.py \
	tools/check-generated.py \
	tools/check-fastpath.py \
	tools/check-words.py

TESTS += $(house_checks)
EXTRA_DIST += $(house_checks) tools/house.py tools/with-python tools/gen-sizeclass.py tools/gen-variants.py \
	tools/symbols.allowed docs/config.md docs/fastpath.md

# Checks run in the Python that configure found, and know the build that they judge.
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = env PYTHON3='$(PYTHON3)' NM='$(NM)' OBJDUMP='$(OBJDUMP)' CC='$(CC)' \
	CFLAGS='$(CFLAGS)' HAK_DEBUG='$(HAK_DEBUG)' SANITIZER_FLAGS='$(SANITIZER_FLAGS)' \
	VALGRIND='$(VALGRIND)' CLANG_FORMAT='$(CLANG_FORMAT)' $(SHELL) $(top_srcdir)/tools/with-python

check_PROGRAMS += tools/config-doc
tools_config_doc_SOURCES = tools/config-doc.c
tools_config_doc_LDADD = libtesting_hakmem.la

# tests/fastpath.c: linked with the variants' shared libraries, and so that callgrind can run it
# without libtool's wrapper. The compiler must leave the calls as they are, and lay out the loops as
# it does for us.
fastpath_cflags = $(AM_CFLAGS) -fno-builtin

# Write the committed files anew, in the source tree.
.PHONY: update-generated update-fastpath update-format
update-generated: tools/config-doc$(EXEEXT)
	@$(AM_TESTS_ENVIRONMENT) $(PY_LOG_COMPILER) $(srcdir)/tools/check-generated.py --update

update-fastpath: $(variant_LTLIBRARIES) $(check_PROGRAMS)
	@$(AM_TESTS_ENVIRONMENT) $(PY_LOG_COMPILER) $(srcdir)/tools/check-fastpath.py --update

update-format:
	@$(AM_TESTS_ENVIRONMENT) $(PY_LOG_COMPILER) $(srcdir)/tools/check-format.py --fix
