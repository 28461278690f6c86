#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_owners.py - a profile against the truth, for each library of HAKMEM_TEST_VARIANTS: of a
# program whose live bytes by owner are known, each owner is named, and within 5 per cent; and
# jeprof reads the same from the profile in its own format.
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from preloaded import environment, libraries, skip

BUILD = os.environ.get("top_builddir") or os.getcwd()
PROF = os.path.join(BUILD, "hakmem-prof")
PROGRAM = os.path.join(BUILD, "tests/profile_program")
# With so many bytes an owner and a sample in every 2 KiB the standard error is below 0.8 per cent.
MIB, THREADS, SAMPLE_BYTES, TOLERANCE = 32, 2, 2048, 0.05
# So many standard errors that a right profile is out of bounds once in a million owners.
SIGMAS = 5


def tell(command, **settings):
    """What the command prints; it has to end well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          check=False, text=True, **settings)
    if done.returncode != 0:
        said = f"exit status {done.returncode}: {done.stderr[-2000:]}"
        raise SystemExit(f"{' '.join(command)}: {said}")
    return done.stdout


def live_by_jeprof(profile, directory):
    heap = os.path.join(directory, "heap")
    tell([PROF, "top", "--format=heap_v2", "--output", heap, profile])
    text = tell(["jeprof", "--text", "--show_bytes", PROGRAM, heap])
    rows = (line.split() for line in text.splitlines())
    return {r[5]: int(r[0]) for r in rows if len(r) >= 6 and re.fullmatch(r"\d+", r[0])}


def check(library, directory):
    profile = os.path.join(directory, "profile.json")
    out = tell([PROGRAM, str(MIB), str(THREADS)],
               env=environment(library, PROFILE=SAMPLE_BYTES, PROFILE_FILE=profile))
    truth = {name: int(bytes_) for name, bytes_ in (line.split() for line in out.splitlines())}
    report = json.loads(tell([PROF, "top", "--format=json", "--by=function", "--limit=0", profile]))
    found = {row["name"].split()[0]: row for row in report["rows"]}
    total, wrong = sum(truth.values()), []
    by_jeprof = live_by_jeprof(profile, directory) if shutil.which("jeprof") else None
    for name, live in truth.items():
        if live < total / 20:
            continue
        row = found.get(name)
        if not row:
            wrong.append(f"{name} is not named")
            continue
        estimate, (least, most) = row["live_bytes"], row["live_interval"]
        if abs(estimate - live) > TOLERANCE * live:
            wrong.append(f"{name}: {estimate}, not {live}")
        if abs(estimate - live) > SIGMAS * max(most - least, 1) / (2 * 1.96):
            wrong.append(f"{name}: {estimate} in [{least}, {most}], not {live}")
        if by_jeprof is not None and abs(by_jeprof.get(name, 0) - estimate) > 0.01 * estimate:
            wrong.append(f"{name}: jeprof has {by_jeprof.get(name)}, not {estimate}")
    if report["profile"]["dropped_samples"]:
        wrong.append(f"{report['profile']['dropped_samples']} samples lost")
    if len([n for n in truth if n in found]) < 8:
        wrong.append(f"owners: {sorted(truth)}, sites: {sorted(found)}")
    return wrong


def main():
    if not os.path.exists(PROF):
        skip("hakmem-prof was not built; install libdw-dev (Debian) and configure anew")
    failed = 0
    for library in libraries():
        with tempfile.TemporaryDirectory() as directory:
            wrong = check(library, directory)
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {os.path.basename(library)} {'; '.join(wrong)}")
    print(f"{len(libraries()) - failed} of {len(libraries())} libraries passed")
    sys.exit(1 if failed else 0)


main()
