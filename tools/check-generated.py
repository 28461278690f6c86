#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-generated.py - the committed files that programs write are what those programs write
# today. With --update they are written anew (`make update-generated` does so).
import os
import sys

import house

# The file, and the command that prints it.
FILES = (
    ("backends/sizeclass_table.h",
     [sys.executable, "-B", os.path.join(house.TOP, "tools/gen-sizeclass.py")]),
    ("frontends/variants.mk",
     [sys.executable, "-B", os.path.join(house.TOP, "tools/gen-variants.py")]),
    ("docs/config.md", [os.path.join(house.BUILD, "tools/config-doc")]),
)


def first_difference(a, b):
    a, b = a.split("\n"), b.split("\n")
    return next((i + 1 for i in range(min(len(a), len(b))) if a[i] != b[i]), min(len(a), len(b)))


def main():
    report = house.Report("generated files")
    for path, command in FILES:
        report.looked_at += 1
        fresh = house.run(command)
        full = os.path.join(house.TOP, path)
        committed = house.read(path) if os.path.exists(full) else ""
        if fresh == committed:
            continue
        if "--update" in sys.argv[1:]:
            with open(full, "w", encoding="utf-8") as f:
                f.write(fresh)
            print(f"{path}: written")
        else:
            report.offence(path, first_difference(fresh, committed),
                           f"differs from what {os.path.basename(command[-1])} prints; "
                           "run make update-generated")
    report.finish()


main()
