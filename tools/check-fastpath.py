#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-fastpath.py - counts the instructions of the fast path under callgrind and compares
# them with the committed table in docs/fastpath.md. A count above its row fails; one below asks for
# the row to be renewed, so that the gain is kept. With --update the table is written anew.
#
# The counts are those of gcc, -O2, x86-64, no assertions; any other build skips the check.
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys

import house

TABLE = "docs/fastpath.md"
GCC_MAJOR = "12"
TOLERANCE = 0.5
TOLERANCE_SHARE = 0.01
BLOCKS = 100
# The shorter run is long enough for the caches to have grown to what the loop wants.
ROUNDS = (300, 1300)

# jemalloc works by the clock on its slow paths, and valgrind has no rseq.
VARIANTS = ("tls-hakmem", "lock-hakmem")
# The program's name for the case, what the table calls it, and its control.
CASES = (
    ("malloc-64", "malloc(64), free", "pair-control"),
    ("malloc-1024", "malloc(1024), free", "pair-control"),
    ("malloc-2000", "malloc(2000), free", "pair-control"),
    ("calloc-64", "calloc(1, 64), free", "pair-control"),
    ("aligned-192", "aligned_alloc(64, 192), free", "pair-control"),
    ("new-64", "operator new(64), sized delete", "pair-control"),
    ("realloc-in-place", "realloc from 64 to 50 bytes", "realloc-control"),
    ("usable-size", "malloc_usable_size of 64 bytes", "realloc-control"),
)
ROW = re.compile(r"^\| (\S+) \| ([^|]+?) \| +([\d.]+) \| +([\d.]+) \| +([\d.]+) \|$")

INTRODUCTION = f"""# The fast path in instructions

<!-- Written by tools/check-fastpath.py; `make update-fastpath` renews it. -->

How many instructions one call pair takes, counted under callgrind in a program linked with the
variant's shared library (tests/fastpath.c): {BLOCKS} blocks are allocated in a loop and then freed
in another, by way of the PLT; or {BLOCKS} blocks are resized in place. The count is the difference
of a long and a short run divided by the pairs, so that start-up cancels out; what the slow path
takes to move magazines is in it. "Loop" is the same program calling functions that only return:
the loop, the calls and the PLT's jumps. The rest is the allocator's own.

`make check` fails when a count is above this table by more than {TOLERANCE} and by more than
{TOLERANCE_SHARE:.0%}, or below it by as much. The program gives the library a clock of its own, so
that no count depends on the machine's speed.
The counts are those of gcc {GCC_MAJOR} with -O2 on x86-64 without assertions, with the C library's
plain SSE2 memset; the check is skipped for other builds.

| variant | what | instructions | loop | the allocator's |
|---|---|---:|---:|---:|
"""


def require_reference_build():
    if platform.machine() != "x86_64":
        house.skip("the table is for x86-64")
    if os.environ.get("SANITIZER_FLAGS"):
        house.skip("a build under a sanitizer")
    if os.environ.get("HAK_DEBUG", "0") != "0":
        house.skip("a build with assertions")
    compiler = shlex.split(os.environ.get("CC") or "gcc")
    macros = house.run(compiler + ["-dM", "-E", "-"], stdin=subprocess.DEVNULL)
    version = re.search(r"#define __GNUC__ (\d+)", macros)
    if "__clang__" in macros or not version or version.group(1) != GCC_MAJOR:
        house.skip(f"the table is for gcc {GCC_MAJOR}")
    flags = [f for f in shlex.split(os.environ.get("CFLAGS", ""))
             if not re.match(r"-g\d?$|-W(?!l,)|-pipe$|-O2$", f)]
    if flags or "-O2" not in os.environ.get("CFLAGS", ""):
        house.skip("the table is for CFLAGS of -O2 alone")
    valgrind = shlex.split(os.environ.get("VALGRIND", "valgrind"))
    if not valgrind or not shutil.which(valgrind[0]):
        house.skip("there is no valgrind")
    return valgrind


def environment():
    """Nothing that changes a path: no settings, and one memset whatever the processor has."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "LC_ALL": "C",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM",
    }


def collected(valgrind, program, case, rounds):
    command = valgrind + ["--tool=callgrind", "--callgrind-out-file=/dev/null", program, case,
                          str(rounds)]
    done = subprocess.run(command, env=environment(), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600, check=False)
    m = re.search(r"Collected : (\d+)", done.stdout)
    if done.returncode != 0 or not m:
        print(done.stdout)
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}")
    return int(m.group(1))


def measure(valgrind):
    """(variant, what) -> (instructions, loop), a pair of calls each."""
    counts = {}
    for variant in VARIANTS:
        program = os.path.join(house.BUILD, "tests", "fastpath-" + variant)
        controls = {}

        def per_pair(case, program=program):
            short, long = (collected(valgrind, program, case, r) for r in ROUNDS)
            return (long - short) / ((ROUNDS[1] - ROUNDS[0]) * BLOCKS)

        for case, what, control in CASES:
            if control not in controls:
                controls[control] = per_pair(control)
            counts[variant, what] = (per_pair(case), controls[control])
    return counts


def row(variant, what, total, loop):
    return f"| {variant} | {what} | {total:.2f} | {loop:.2f} | {total - loop:.2f} |"


def committed():
    """(variant, what) -> (line, instructions)."""
    table = {}
    for number, line in enumerate(house.read(TABLE).split("\n"), 1):
        m = ROW.match(line)
        if m:
            table[m.group(1), m.group(2)] = (number, float(m.group(3)))
    return table


def compare(report, counts, table):
    for key, (total, loop) in counts.items():
        print(row(*key, total, loop))
        line, expected = table.pop(key, (0, None))
        name = " ".join(key)
        wide = max(TOLERANCE, (expected or 0) * TOLERANCE_SHARE)
        if expected is None:
            report.offence(TABLE, line, f"{name}: no row; run make update-fastpath")
            continue
        if total > expected + wide:
            report.offence(TABLE, line, f"{name}: {total:.2f} instructions, above {expected:.2f}")
        elif total < expected - wide:
            report.offence(TABLE, line, f"{name}: {total:.2f} instructions, below {expected:.2f}: "
                                        "keep the gain by make update-fastpath")
    for key, (line, _) in table.items():
        report.offence(TABLE, line, f"{' '.join(key)}: nothing measures this row")


def main():
    valgrind = require_reference_build()
    report = house.Report("counts")
    table = committed()
    counts = measure(valgrind)
    report.looked_at = len(counts)
    if "--update" in sys.argv[1:]:
        with open(os.path.join(house.TOP, TABLE), "w", encoding="utf-8") as f:
            f.write(INTRODUCTION + "".join(row(*k, *v) + "\n" for k, v in counts.items()))
        table = committed()
        print(f"{TABLE}: written")
    compare(report, counts, table)
    report.finish()


main()
