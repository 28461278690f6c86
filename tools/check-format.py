#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-format.py - every C and C++ source is as clang-format leaves it under .clang-format.
# With --fix the sources are rewritten so. Generated files are left to their generators.
#
# Versions of clang-format differ in taste; the tree follows MAJOR, which is Debian 12's.
import os
import re
import shlex
import shutil
import subprocess
import sys

import house

MAJOR = "14"
WARNING = re.compile(r"^(.*?):(\d+):\d+: error: code should be clang-formatted")


def formatter():
    command = shlex.split(os.environ.get("CLANG_FORMAT", "clang-format"))
    if not command or not shutil.which(command[0]):
        house.skip("there is no clang-format")
    version = re.search(r"version (\d+)", house.run(command + ["--version"]))
    if not version or version.group(1) != MAJOR:
        house.skip(f"the tree follows clang-format {MAJOR}; this is "
                   f"{version.group(1) if version else 'another'}")
    return command


def main():
    command = formatter()
    report = house.Report("sources")
    files = [p for p in house.c_files() if p not in house.GENERATED]
    report.looked_at = len(files)
    if "--fix" in sys.argv[1:]:
        house.run(command + ["-i"] + files, cwd=house.TOP)
    done = subprocess.run(command + ["--dry-run", "-Werror"] + files, cwd=house.TOP, text=True,
                          stderr=subprocess.PIPE, check=False)
    for line in done.stderr.splitlines():
        m = WARNING.match(line)
        if m:
            report.offence(m.group(1), m.group(2), "not as clang-format leaves it")
    if done.returncode and not report.offences:
        report.offence(".clang-format", 1, done.stderr.strip())
    report.finish()


main()
