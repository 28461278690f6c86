#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_probes.py - the static probes of every library that HAKMEM_TEST_VARIANTS names: each is
# in the notes with its number of arguments, needs no semaphore, and is one no-op in the code.
import os
import platform
import re
import shutil
import subprocess
import sys

from preloaded import libraries, skip

# provider, name -> arguments
PROBES = {
    ("otel_memory", "alloc"): 3,
    ("otel_memory", "free"): 1,
    ("hakmem", "refill"): 3,
    ("hakmem", "drain"): 2,
    ("hakmem", "purge"): 1,
    ("hakmem", "lock_contended"): 1,
}
NOTE = re.compile(r"Provider: (\S+)\s+Name: (\S+)\s+Location: 0x([0-9a-f]+), Base: 0x([0-9a-f]+), "
                  r"Semaphore: 0x([0-9a-f]+)\s+Arguments:([^\n]*)")


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True,
                          timeout=120).stdout


def is_no_op(library, location):
    lines = output("objdump", "-d", f"--start-address={location}",
                   f"--stop-address={location + 1}", library).splitlines()
    return any(re.search(r"\tnop$", line.rstrip()) for line in lines)


def faults(library):
    """What is wrong with a library's probes, in words."""
    found = {}
    for m in NOTE.finditer(output("readelf", "-n", library)):
        found[m.group(1), m.group(2)] = True
        name = f"{m.group(1)}:{m.group(2)}"
        arguments = len(m.group(6).split())
        if arguments != PROBES.get((m.group(1), m.group(2))):
            yield f"{name} with {arguments} arguments"
        if int(m.group(5), 16):
            yield f"{name} has a semaphore"
        if platform.machine() == "x86_64" and not is_no_op(library, int(m.group(3), 16)):
            yield f"{name} at {m.group(3)} is no no-op"
    for provider, name in PROBES.keys() - found.keys():
        yield f"no probe {provider}:{name}"


def main():
    for tool in ("readelf", "objdump"):
        if not shutil.which(tool):
            skip(f"there is no {tool}; install binutils (Debian)")
    bad = 0
    for library in libraries():
        wrong = list(faults(library))
        print(f"{'FAIL' if wrong else 'ok'} {os.path.basename(library)}")
        for what in wrong:
            print(f"  {what}")
        bad += len(wrong)
    sys.exit(bad > 0)


main()
