#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-words.py - words that have no place in the tree: absolute paths of one machine, and
# notes of work left undone, which belong in the tracker.
import re

import house

# Written so that this file does not match itself.
WORDS = (
    (re.compile(r"(?<![\w.}])/(?:home|root|work|tmp|Users)/"), "an absolute path of some machine"),
    (re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b"), "a note of work left undone"),
)


def main():
    report = house.Report("files")
    for path in house.all_files():
        report.looked_at += 1
        for number, line in enumerate(house.read(path).split("\n"), 1):
            for pattern, message in WORDS:
                m = pattern.search(line)
                if m:
                    report.offence(path, number, f"{message}: {m.group(0)}")
    report.finish()


main()
