#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_placement.py - HAKMEM_PLACEMENT=isolate in every library that HAKMEM_TEST_VARIANTS
# names: a freed address never comes back to a site of another bucket, misuse is told, threads,
# forks and signal handlers; and the random operations of test_model and the API's tests under it.
import os
import signal
import subprocess

from preloaded import environment, require, run_all

BUILD = os.environ.get("top_builddir") or os.getcwd()
PROGRAM = os.path.join(BUILD, "tests/placement_program")
MODEL_OPS = "60000"


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
    told = {"twice": "double free", "twice-l2": "double free", "inside": "not the start of a block",
            "link": "written to", "mark": "written to", "both": "written to"}
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


def test_model(library):
    if not isolates(library):
        return
    own = dict(os.environ, HAKMEM_PLACEMENT="isolate", HAKMEM_TEST_OPS=MODEL_OPS)
    program = os.path.join(BUILD, "test_model_" + variant(library).replace("-", "_"))
    done = subprocess.run([program], env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=400, check=False, text=True)
    require(done.returncode == 0, done.stdout[-1500:])


run_all((test_spray, test_misuse, test_threads, test_signals, test_not_available, test_no_profile,
         test_model))
