#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_profile.py - profiles of programs that have the library preloaded, for each library of
# HAKMEM_TEST_VARIANTS: at exit, on a signal, after a fork, and settings that are wrong.
import json
import os
import subprocess
import sys
import tempfile

from preloaded import Failure, environment, libraries, require

BUILD = os.environ.get("top_builddir") or os.getcwd()
PROGRAM = [os.path.join(BUILD, "tests/report_frames"), "threads", "4"]
SITE_KEYS = """id frames samples live_samples alloc_count alloc_bytes live_count live_bytes
    live_variance alloc_variance peak_live_bytes threads sizes lifetime_bytes lifetime_ms""".split()
TOP_KEYS = """format version program host pid time_ms uptime_ms variant reason sample_bytes
    allocated_bytes live_bytes peak_live_bytes dropped_samples modules sites""".split()
MODULE_KEYS = "path build_id start end bias".split()

# Blocks of many sizes, so that slow paths come soon.
ALLOCATE = "x = [bytearray(1000 * i) for i in range(1, 400)]\n"
SIGNALLED = ("import os, signal\n"
             "os.kill(os.getpid(), signal.SIGUSR2)\n" + ALLOCATE)
FORKING = ("import os, sys\n"
           "pid = os.fork()\n" + ALLOCATE +
           "if pid: os.waitpid(pid, 0)\n"
           "else: print(os.getpid())\n")


def run(library, directory, command, **settings):
    """The program's output and standard error; it has to end well."""
    done = subprocess.run(command, env=environment(library, **settings), cwd=directory,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          check=False, text=True)
    require(done.returncode == 0,
            f"{command} {settings}: exit status {done.returncode}: {done.stderr[-2000:]!r}")
    return done.stdout, done.stderr


def load(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as f:
        return json.load(f, parse_constant=lambda c: require(False, c))


def check_site(site, modules):
    require(list(site) == SITE_KEYS, f"site: {list(site)}")
    require(len(site["id"]) == 16 and int(site["id"], 16) >= 0, f"id {site['id']}")
    require(1 <= len(site["frames"]) <= 8, f"frames {site['frames']}")
    for module, offset in site["frames"]:
        require(-1 <= module < modules and int(offset, 16) >= 0, f"frame {module} {offset}")
    ended = site["samples"] - site["live_samples"]
    require(sum(n for _, n in site["sizes"]) == site["samples"], f"sizes of {site}")
    require([s for s, _ in site["sizes"]] == sorted({s for s, _ in site["sizes"]}), f"{site}")
    require(sum(site["lifetime_bytes"]) == sum(site["lifetime_ms"]) == ended, f"ends of {site}")
    require(site["live_bytes"] <= site["peak_live_bytes"] <= site["alloc_bytes"], f"{site}")
    require(1 <= site["threads"] <= 255, f"threads of {site}")


def check_profile(p, library, reason):
    require(list(p) == TOP_KEYS, f"members {list(p)}")
    require((p["format"], p["version"]) == ("hakmem-profile", 1), "format")
    require(os.path.basename(library) == f"libhakmem-{p['variant']}.so", p["variant"])
    require(p["reason"] == reason, p["reason"])
    require(all(list(m) == MODULE_KEYS for m in p["modules"]), "modules")
    files = {os.path.basename(os.path.realpath(m["path"])) for m in p["modules"]}
    require(os.path.basename(os.path.realpath(library)) in files, f"modules {files}")
    require(os.path.realpath(p["program"]) in [os.path.realpath(m["path"]) for m in p["modules"]],
            f"no module of {p['program']}")
    for site in p["sites"]:
        check_site(site, len(p["modules"]))
    for key in ("allocated_bytes", "live_bytes"):
        total = sum(s[key.replace("allocated", "alloc")] for s in p["sites"])
        require(p[key] == total, f"{key}: {p[key]}, the sites' {total}")


def test_exit(library, directory):
    run(library, directory, PROGRAM)
    require(not os.listdir(directory), "a profile that nobody asked for")
    run(library, directory, PROGRAM, PROFILE="4096")
    names = os.listdir(directory)
    require(len(names) == 1, f"files {names}")
    p = load(directory, names[0])
    require(names[0] == f"hakmem-profile.{p['pid']}.0.json", f"name {names}")
    require(p["sample_bytes"] == 4096, "sample_bytes")
    check_profile(p, library, "exit")


def test_depth(library, directory):
    run(library, directory, PROGRAM, PROFILE="4096", PROFILE_DEPTH="8", PROFILE_FILE="deep")
    check_profile(load(directory, "deep"), library, "exit")


def test_signal(library, directory):
    run(library, directory, [sys.executable, "-c", SIGNALLED], PROFILE="4096",
        PROFILE_SIGNAL="12", PROFILE_FILE="s.%n")
    require(sorted(os.listdir(directory)) == ["s.0", "s.1"], f"files {os.listdir(directory)}")
    check_profile(load(directory, "s.0"), library, "signal")
    check_profile(load(directory, "s.1"), library, "exit")


def test_fork(library, directory):
    out, _ = run(library, directory, [sys.executable, "-c", FORKING], PROFILE="4096",
                 PROFILE_FILE="f")
    child = out.strip()
    require(sorted(os.listdir(directory)) == ["f", f"f.{child}"], f"{os.listdir(directory)}")
    check_profile(load(directory, f"f.{child}"), library, "exit")
    require(load(directory, f"f.{child}")["pid"] == int(child), "the child's number")
    require(load(directory, "f")["pid"] != int(child), "the parent's number")


def test_wrong(library, directory):
    """The program runs on, and one line says what is wrong."""
    for settings, word in (({"PROFILE": "many"}, "HAKMEM_PROFILE=many"),
                           ({"PROFILE": "-1"}, "HAKMEM_PROFILE=-1"),
                           ({"PROFILE_DEPTH": "9"}, "HAKMEM_PROFILE_DEPTH=9"),
                           ({"PROFILE_DEPTH": "0"}, "HAKMEM_PROFILE_DEPTH=0"),
                           ({"PROFILE": "1", "PROFILE_SIGNAL": "9", "PROFILE_FILE": "w"},
                            "HAKMEM_PROFILE_SIGNAL=9"),
                           ({"PROFILE": "1", "PROFILE_FILE": "no/such/directory"}, "errno 2")):
        _, err = run(library, directory, PROGRAM, **settings)
        require(err.count("\n") == 1 and err.startswith("hakmem: ") and word in err,
                f"{settings}: {err!r}")
    require(os.listdir(directory) == ["w"], f"files {os.listdir(directory)}")


def main():
    bad = 0
    for library in libraries():
        for test in (test_exit, test_depth, test_signal, test_fork, test_wrong):
            with tempfile.TemporaryDirectory() as directory:
                try:
                    test(library, directory)
                    print(f"ok {os.path.basename(library)} {test.__name__}")
                except Failure as failure:
                    bad += 1
                    print(f"FAIL {os.path.basename(library)} {test.__name__}: {failure}")
    sys.exit(bad > 0)


main()
