#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-style.py - the part of the house style that a program can judge and clang-format does
# not: the head of each file, lengths, tabs, no #if on the fast path, atomics that name their order.
import re

import house

COLUMNS = 100
FUNCTION_LINES = 60
FILE_LINES = 800
FAST_PATH = ("frontend_try_alloc", "frontend_free")

CONDITIONAL = re.compile(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif|else)\b")
ATOMICS = re.compile(
    r"\b(atomic_(?:load|store|exchange|fetch_(?:add|sub|or|and|xor)"
    r"|compare_exchange_(?:weak|strong)|flag_(?:test_and_set|clear)))\s*\(")
# Only the library: tests and workloads do some of this on purpose.
FORBIDDEN_IN_LIBRARY = (
    (re.compile(r"\b__(?:sync|atomic)_\w+\s*\("), "use <stdatomic.h>, whose orders are named"),
    (re.compile(r"\b(?:gets|strcpy|strcat|sprintf|vsprintf)\s*\("), "writes without a bound"),
    (re.compile(r"#[ \t]*pragma[ \t]+(?:GCC|clang)[ \t]+diagnostic"), "mend the code instead"),
    (re.compile(r"(?<!__asm__ )\bvolatile\b"), "an atomic says what is meant"),
    (re.compile(r"\bassert\s*\("), "assert() ends in stdio; use HAK_ASSERT"),
)


def functions(lines):
    """(name, first, last): each function's lines, counted from 1, its signature included. All
    code is formatted so that a body, and nothing else, opens with a brace in the first column."""
    for opening, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = opening
        while first and re.match(r"[^#}]", lines[first - 1]) and not re.search(
                r"[;}*/]\s*$|^\s*$", lines[first - 1]):
            first -= 1
        last = next((i for i in range(opening, len(lines)) if lines[i].startswith("}")), None)
        if last is not None:
            m = re.search(r"(\w+)\s*\(", " ".join(lines[first:opening]))
            yield (m.group(1) if m else "?"), first + 1, last + 1


def check_head(report, path, lines, comment):
    """A license, then the file's own name and what it is."""
    start = 1 if lines[0].startswith("#!") else 0
    if len(lines) < start + 2 or lines[start] != comment[0] + "SPDX-License-Identifier: MIT":
        report.offence(path, start + 1, f'expected "{comment[0]}SPDX-License-Identifier: MIT"')
    elif not lines[start + 1].startswith(comment[1]) or len(lines[start + 1]) < 16:
        report.offence(path, start + 2, "expected a comment that says what the file is")


def check_lines(report, path, lines, columns_too):
    if len(lines) > FILE_LINES:
        report.offence(path, len(lines), f"{len(lines)} lines; at most {FILE_LINES}")
    for number, line in enumerate(lines, 1):
        columns = len(line.expandtabs(8))
        if columns_too and columns > COLUMNS:
            report.offence(path, number, f"{columns} columns; at most {COLUMNS}")
        if line != line.rstrip():
            report.offence(path, number, "white space at the end of the line")
        # An empty line of a macro has only its backslash, and clang-format pads it with spaces.
        if not path.endswith(".py") and re.match(r"\t* {8} *[^ \\]|\t* +\t| +[^ *\\]", line):
            report.offence(path, number, "spaces where tabs indent")


def check_functions(report, path, lines):
    library = path.startswith(house.LIBRARY)
    for name, first, last in functions(lines):
        length = last - first + 1
        if length > FUNCTION_LINES:
            report.offence(path, first, f"{name}: {length} lines; at most {FUNCTION_LINES}")
        body = lines[first - 1:last]
        # Only a choice between assembly and C is made inside a function.
        if not library or (name not in FAST_PATH and any("__asm__" in l for l in body)):
            continue
        for i, line in enumerate(body):
            if CONDITIONAL.match(line):
                report.offence(path, first + i,
                               f"{name}: #if inside a function that has no assembly")


def check_patterns(report, path, text, lines):
    forbidden = FORBIDDEN_IN_LIBRARY if path.startswith(house.LIBRARY) else ()
    # Tests may take the strongest order where the order is not what they test.
    ordered = not path.startswith("tests/")
    for number, line in enumerate(lines, 1):
        m = ATOMICS.search(line)
        if m and ordered:
            report.offence(path, number, f"{m.group(1)}: name the order (_explicit)")
        for pattern, message in forbidden:
            m = pattern.search(line)
            if m:
                report.offence(path, number, f"{m.group(0).strip()}: {message}")
    guard = re.search(r"^#ifndef (\w+)\n#define (\w+)\n", text, re.M)
    if path.endswith(".h") and path not in house.GENERATED and (
            not guard or guard.group(1) != guard.group(2)):
        report.offence(path, 1, "a header without an include guard")


def main():
    report = house.Report("files")
    for path in house.c_files():
        report.looked_at += 1
        text = house.read(path)
        lines = text.rstrip("\n").split("\n")
        code = house.code_only(text)
        check_head(report, path, lines, ("/* ", f" * {path} - "))
        check_lines(report, path, lines, True)
        check_functions(report, path, code.split("\n"))
        check_patterns(report, path, house.without_comments(text), code.split("\n"))
    for path in house.scripts():
        report.looked_at += 1
        lines = house.read(path).rstrip("\n").split("\n")
        check_head(report, path, lines, ("# ", f"# {path} - "))
        # What a shell script prints and matches cannot always be broken.
        check_lines(report, path, lines, path.endswith(".py"))
    for path in house.makefiles():
        report.looked_at += 1
        check_head(report, path, house.read(path).split("\n"), ("# ", "# "))
    report.finish()


main()
