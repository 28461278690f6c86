#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_placement.py - HAKMEM_PLACEMENT in every library that HAKMEM_TEST_VARIANTS names.
# isolate: a freed address never comes back to a site of another bucket, misuse is told, threads,
# forks and signal handlers. lifetime: blocks that last lie apart from others, less memory is held
# in the end, and lifetime-dry says how much less; what was found is so in the next process; threads
# and forks. The random operations of test_model under either.
import json
import os
import re
import signal
import subprocess
import tempfile

from preloaded import environment, require, run_all

BUILD = os.environ.get("top_builddir") or os.getcwd()
PROGRAM = os.path.join(BUILD, "tests/placement_program")
MODEL_OPS = "60000"
# Blocks of 256 bytes that placement_program learns from, and those of its burst that last.
LEARNING = 1000000
# Too few of those that last among them, some six samples, to tell by themselves.
GLIMPSE = 100000
BURST_LASTING = 1536
PAGE = 65536


def run(library, *arguments, **settings):
    settings.setdefault("PLACEMENT", "isolate")
    return subprocess.run([PROGRAM, *map(str, arguments)],
                          env=environment(library, **settings), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=100, check=False, text=True)


def variant(library):
    return os.path.basename(library)[len("libhakmem-"):-len(".so")]


def isolates(library):
    return variant(library).endswith("-hakmem")


def require_success(library, *arguments):
    done = run(library, *arguments)
    require(done.returncode == 0,
            f"{arguments}: {done.returncode}: {done.stdout}{done.stderr}")
    if isolates(library):
        require(done.stderr == "", f"{arguments}: messages: {done.stderr}")
    return done.stdout


def test_spray(library):
    if not isolates(library):
        return
    # One million tries in all for Tiny blocks; L2, L2.5 and Big blocks.
    for size, tries in ((48, 1000000), (3000, 100000), (100000, 16000), (2 << 20, 1600)):
        require_success(library, "spray", size, tries)


def test_misuse(library):
    if not isolates(library):
        return
    told = {"twice": "double free", "twice-l2": "double free", "twice-large": "double free",
            "inside": "not the start of a block", "inside-large": "not the start of a block",
            "link": "written to", "mark": "written to", "both": "written to"}
    if variant(library).startswith("tls"):
        told |= {"inside-l2": "not the start of a block", "link-large": "written to",
                 "mark-large": "written to", "both-large": "written to"}
    for kind, words in told.items():
        done = run(library, "misuse", kind)
        require(done.returncode == -signal.SIGABRT and words in done.stderr and
                done.stderr.count("\n") == 1, f"{kind}: {done.returncode}, '{done.stderr}'")
    require_success(library, "clean")


def test_threads(library):
    require_success(library, "exit", 30)
    require_success(library, "fork", 15)
    require_success(library, "late", 60)


def test_signals(library):
    # The fast path of tls alone is not for handlers, and it is never used here.
    if isolates(library):
        require_success(library, "signal", 300)


def test_not_available(library):
    if isolates(library):
        return
    done = run(library, "exit", 1)
    require(done.returncode == 0 and done.stderr ==
            "hakmem: HAKMEM_PLACEMENT: not available on the back-end jemalloc; running without\n",
            f"{done.returncode}, '{done.stderr}'")


def test_no_profile(library):
    if not isolates(library):
        return
    done = run(library, "exit", 1, PROFILE=4096)
    require(done.returncode == 0 and "taking no profile" in done.stderr, f"{done.stderr}")


def splits(library):
    return isolates(library) and not variant(library).startswith("rseq")


def statistics(done):
    report = next(s for s in done.stderr.split("\n") if s.startswith('{"hakmem":{'))
    return json.loads(report)["hakmem"]


def run_lifetime(library, mode, learning=LEARNING, **settings):
    """Pages that hold both kinds of blocks, KiB resident at the end, the statistics."""
    done = run(library, "lifetime", learning, PLACEMENT=mode, STATS="json", **settings)
    require(done.returncode == 0, f"{mode}: {done.returncode}: {done.stdout}{done.stderr}")
    mixed, resident = re.match(r"mixed (\d+) of \d+, (\d+) kb", done.stdout).groups()
    return int(mixed), int(resident), statistics(done)


def test_lifetime(library):
    if not splits(library):
        return
    mixed, resident, _ = run_lifetime(library, "none")
    require(mixed > BURST_LASTING * 0.9, f"none: {mixed} mixed")
    dry_mixed, _, dry = run_lifetime(library, "lifetime-dry")
    require(dry_mixed > BURST_LASTING * 0.9, f"dry: {dry_mixed} mixed")
    apart, less, acted = run_lifetime(library, "lifetime")
    # The rest are those in pages that were there before.
    require(apart < BURST_LASTING * 0.02, f"lifetime: {apart} mixed")
    require(less < resident * 0.9, f"{less} of {resident} kb")
    require(dry["lifetime"]["lasting_sites"] >= 1 and acted["lifetime"]["lasting_slabs"] > 0,
            f"{dry['lifetime']}, {acted['lifetime']}")
    # The estimate against what acting saves.
    saved = dry["stats"]["slab_bytes"] - acted["stats"]["slab_bytes"]
    said = dry["lifetime"]["spare_pages"] * PAGE
    require(0.7 * said < saved < 1.3 * said, f"saved {saved}, said {said}")


def lasting_lines(path):
    with open(path, encoding="ascii") as file:
        return [line for line in file if line.startswith("lasting ")]


def test_known_before(library):
    """A policy file makes the second process keep apart what the first found to last."""
    if not isolates(library):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "policy")
        run_lifetime(library, "lifetime-dry", POLICY=path)
        found = lasting_lines(path)
        require(any(line.endswith(" 256\n") for line in found), f"{found}")
        # A process that does not meet them keeps them, and what the file says of policies stays.
        with open(path, encoding="ascii") as file:
            text = re.sub("rating hoard .*", "rating hoard 1600.0 1 1 0 0", file.read())
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        done = run(library, "exit", 1, PLACEMENT="lifetime-dry", POLICY=path)
        require(done.returncode == 0, f"{done.stderr}")
        require(sorted(lasting_lines(path)) == sorted(found), f"{lasting_lines(path)}, not {found}")
        with open(path, encoding="ascii") as file:
            require("rating hoard 1600.0 1 1 0 0\n" in file.readlines(), "a rating was lost")
        # Held, it is read and not written.
        before = os.stat(path).st_ino
        done = run(library, "exit", 1, PLACEMENT="lifetime-dry", POLICY=path, LEARN="frozen")
        require(done.returncode == 0 and os.stat(path).st_ino == before, f"{done.stderr}")
        if not splits(library):
            return
        without, _, _ = run_lifetime(library, "lifetime", GLIMPSE)
        require(without > BURST_LASTING * 0.5, f"without the file: {without} mixed")
        # One sample is enough; that there is none happens once in five hundred times.
        for _ in range(3):
            mixed, _, report = run_lifetime(library, "lifetime", GLIMPSE, POLICY=path)
            require(report["lifetime"]["known_sites"] == len(found), f"{report['lifetime']}")
            if mixed < BURST_LASTING * 0.1:
                return
        require(False, f"with the file: {mixed} mixed")


def test_lifetime_elsewhere(library):
    done = run(library, "exit", 30, PLACEMENT="lifetime")
    told = {"rseq-hakmem": "running as lifetime-dry"}.get(variant(library), "running without")
    told = "" if splits(library) else told
    require(done.returncode == 0 and told in done.stderr and
            done.stderr.count("\n") == (1 if told else 0), f"{done.returncode}, '{done.stderr}'")
    for case in (("fork", 15), ("late", 60)):
        done = run(library, *case, PLACEMENT="lifetime")
        require(done.returncode == 0, f"{case}: {done.returncode}: {done.stdout}{done.stderr}")
    for case in (("fork", 15, 1), ("exit", 30, 1)):
        check_split_at_exit(library, case)


def check_split_at_exit(library, case):
    """With classes that are split. What is left in caches keeps a slab, but for when the program
    was so slow that it grew cold."""
    for _ in range(3):
        done = run(library, *case, PLACEMENT="lifetime", STATS="json")
        require(done.returncode == 0, f"{case}: {done.returncode}: {done.stdout}{done.stderr}")
        if not splits(library):
            return
        found = statistics(done)["lifetime"]
        require(found["lasting_sites"] >= 8, f"{case}: {found}")
        if found["lasting_slabs"] > 0:
            return
    require(False, f"{case}: {found}")


def test_misspelt(library):
    done = run(library, "exit", 1, PLACEMENT="lifetimes")
    require(done.returncode == 0 and "HAKMEM_PLACEMENT" in done.stderr and
            "none|isolate|lifetime|lifetime-dry" in done.stderr, f"'{done.stderr}'")


def run_model(library, mode):
    own = dict(os.environ, HAKMEM_PLACEMENT=mode, HAKMEM_TEST_OPS=MODEL_OPS)
    program = os.path.join(BUILD, "test_model_" + variant(library).replace("-", "_"))
    done = subprocess.run([program], env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=400, check=False, text=True)
    require(done.returncode == 0, done.stdout[-1500:])


def test_model(library):
    if isolates(library):
        run_model(library, "isolate")
        run_model(library, "lifetime")


run_all((test_spray, test_misuse, test_threads, test_signals, test_not_available, test_no_profile,
         test_lifetime, test_known_before, test_lifetime_elsewhere, test_misspelt, test_model))
