#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tools/check-symbols.py - the built shared libraries from outside: they show what is promised and
# nothing else, call nothing but what tools/symbols.allowed lists, call none of their own exported
# names through the PLT (where the program's malloc might answer), use initial-exec TLS and have no
# text relocations.
import os
import re
import shlex

import house

HEADER = "include/hakmem/hakmem.h"
ALLOWED = "tools/symbols.allowed"

C_NAMES = """malloc calloc realloc reallocarray free cfree free_sized free_aligned_sized
    aligned_alloc posix_memalign memalign valloc pvalloc malloc_usable_size malloc_trim malloc_stats
    mallinfo mallinfo2 malloc_info mallopt setrlimit setrlimit64 prlimit prlimit64
    dlopen""".split()

# operator new and delete: plain, nothrow, aligned, sized (delete only), each for arrays too.
NOTHROW, ALIGNED = "RKSt9nothrow_t", "St11align_val_t"
CXX_NAMES = [
    f"_Z{operator}{tail}"
    for operators, tails in (
        (("nwm", "nam"), ("", NOTHROW, ALIGNED, ALIGNED + NOTHROW)),
        (("dlPv", "daPv"), ("", "m", NOTHROW, ALIGNED, "m" + ALIGNED, ALIGNED + NOTHROW)),
    )
    for operator in operators
    for tail in tails
]


def tool(name, fallback):
    return shlex.split(os.environ.get(name) or fallback)


def nm(library, which):
    out = house.run(tool("NM", "nm") + ["-D", which, library])
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line.strip()}


def promised():
    text = house.code_only(house.read(HEADER))
    return set(re.findall(r"\b(hak_\w+)\(", text)) | set(C_NAMES) | set(CXX_NAMES)


def allowed_symbols(report):
    """name -> (line, required). Each line has a reason."""
    table = {}
    for number, line in enumerate(house.read(ALLOWED).split("\n"), 1):
        if line.startswith("#") or not line.strip():
            continue
        name, _, reason = line.partition(" ")
        if not reason.strip():
            report.offence(ALLOWED, number, f"{name}: no reason given")
        table[name.lstrip("?")] = (number, not name.startswith("?"))
    return table


def check_exports(report, name, exported):
    wanted = promised()
    # What jemalloc reads its settings from, in a library that it is linked to.
    settings = {"malloc_conf"} if "jemalloc" in name else set()
    for symbol in sorted(exported - wanted - settings):
        report.offence(name, 0, f"shows {symbol}, which neither {HEADER} nor a standard has")
    for symbol in sorted(wanted - exported):
        report.offence(name, 0, f"does not show {symbol}")


def check_undefined(report, name, undefined, allowed):
    for symbol in sorted(undefined - set(allowed)):
        if symbol == "__tls_get_addr":
            report.offence(name, 0, "calls __tls_get_addr: some TLS is not initial-exec")
        else:
            report.offence(name, 0, f"calls {symbol}, which is not in {ALLOWED}")


def check_dynamic(report, name, library, exported):
    objdump = tool("OBJDUMP", "objdump")
    if re.search(r"^\s*TEXTREL\b|TEXTREL\s*$", house.run(objdump + ["-p", library]), re.M):
        report.offence(name, 0, "has text relocations")
    for line in house.run(objdump + ["-R", library]).splitlines():
        fields = line.split()
        symbol = fields[2].split("@")[0] if len(fields) == 3 else ""
        if symbol in exported:
            report.offence(name, 0, f"calls its own {symbol} through the PLT; call an internal "
                                    "name, or link with -Bsymbolic-functions")


def main():
    report = house.Report("shared libraries")
    libraries = house.libraries()
    allowed = allowed_symbols(report)
    used = set()
    for library in libraries:
        name = os.path.basename(library)
        exported = nm(library, "--defined-only")
        undefined = nm(library, "--undefined-only")
        used |= undefined
        check_exports(report, name, exported)
        check_undefined(report, name, undefined, allowed)
        check_dynamic(report, name, library, exported)
        report.looked_at += 1
        print(f"{name}: shows {len(exported)} symbols, calls {len(undefined)}")
    for symbol, (line, required) in allowed.items():
        if required and symbol not in used:
            report.offence(ALLOWED, line, f"{symbol}: no library calls it")
    report.finish()


main()
