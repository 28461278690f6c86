#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-words.py - words that have no place in the tree: absolute paths of one machine, and
# notes of work left undone, which belong in the tracker.
import os
import re
import subprocess

import house

# Written so that this file does not match itself.
WORDS = (
    (re.compile(r"(?<![\w.}])/(?:home|root|work|tmp|Users)/"), "an absolute path of some machine"),
    (re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b"), "a note of work left undone"),
)


def tracked():
    """Every text file that git keeps, wherever it is: files that were added by mistake, too."""
    if not os.path.exists(os.path.join(house.TOP, ".git")):
        return []
    try:
        command = ["git", "-c", "safe.directory=*", "-C", house.TOP, "grep", "-zIl", ""]
        found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
    except FileNotFoundError:
        return []
    return [path for path in found.split("\0") if path]


def main():
    report = house.Report("files")
    for path in sorted(set(house.all_files() + tracked())):
        report.looked_at += 1
        for number, line in enumerate(house.read(path).split("\n"), 1):
            for pattern, message in WORDS:
                m = pattern.search(line)
                if m:
                    report.offence(path, number, f"{message}: {m.group(0)}")
    report.finish()


main()
