#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-includes.py - includes point down: frontends -> arenas -> backends -> base. What is
# bound at build time is included by its contract alone, the workloads of stress/ know nothing of
# the library, and the library includes nothing that allocates behind its back.
import os
import re

import house

RANK = {folder: rank for rank, folder in enumerate(house.LIBRARY)}
PUBLIC = "hakmem/hakmem.h"

# An implementation, and the contract that alone may include it (its own folder aside).
BOUND = (
    ("backends/hakmem/", "backends/backend.h"),
    ("frontends/tls.h", "frontends/frontend.h"),
    ("frontends/lock.h", "frontends/frontend.h"),
    ("frontends/rseq.h", "frontends/frontend.h"),
    ("frontends/rseq_x86_64.h", "frontends/rseq.h"),
)

FORBIDDEN = {
    "stdio.h": "stdio allocates; hak_malloc_info's FILE comes with " + PUBLIC,
    "assert.h": "assert() ends in stdio; HAK_CHECK does not",
    "wchar.h": "its streams are stdio's",
    "iconv.h": "iconv allocates",
    "locale.h": "locales allocate",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">\n]+)', re.M)


def includes(path):
    text = house.without_comments(house.read(path))
    for m in INCLUDE.finditer(text):
        yield text.count("\n", 0, m.start()) + 1, m.group(1) == '"', m.group(2)


def quoted_in_library(path, name):
    """Why `path`, a file of the library, may not include "name"; None where it may."""
    folder, target = path.split("/")[0], name.split("/")[0]
    if name == PUBLIC:
        return None if folder == "frontends" else "only frontends/ know the public header"
    if target not in RANK:
        return f'"{name}" is not a path from the top into {", ".join(house.LIBRARY)}'
    if not os.path.exists(os.path.join(house.TOP, name)):
        return f'there is no "{name}"'
    if RANK[target] > RANK[folder]:
        return f'"{name}" is above {folder}/: includes point down'
    for prefix, contract in BOUND:
        own = prefix.endswith("/") and path.startswith(prefix)
        if name.startswith(prefix) and path != contract and not own:
            return f'"{name}" is bound by {contract}; include that'
    return None


def why_not(path, quoted, name):
    folder = path.split("/")[0]
    if name.endswith((".c", ".cpp")):
        return f'"{name}": sources are not included'
    if folder in RANK:
        return quoted_in_library(path, name) if quoted else FORBIDDEN.get(name)
    if folder == "include" and (quoted or "/" in name):
        return "the public header stands alone: system headers only"
    workload = folder == "stress" and not path.startswith("stress/sweep/")
    if workload and (quoted or "hakmem" in name) and not name.startswith("stress/"):
        return "the workloads are plain malloc programs: only stress/ and system headers"
    return None


def main():
    report = house.Report("#include lines")
    for path in house.c_files():
        for line, quoted, name in includes(path):
            report.looked_at += 1
            reason = why_not(path, quoted, name)
            if reason:
                report.offence(path, line, reason)
    report.finish()


main()
