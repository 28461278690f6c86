#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_rules.py - Site Rules in every library that HAKMEM_TEST_VARIANTS names: rules by
# symbol, module and id act on arenas, BigCache and freed memory; modules that are loaded later,
# forks, threads, and files that are none.
import json
import os
import subprocess
import tempfile

from preloaded import environment, require, run_all

BUILD = os.environ.get("top_builddir") or os.getcwd()
PROGRAM = os.path.join(BUILD, "tests/rules_program")
PLUGIN = os.path.join(BUILD, "tests/.libs/rules_plugin.so")
EVENTS = 20
BIG = 3 << 20


def run(library, rules, *arguments, program=PROGRAM, **settings):
    """Standard output, the messages and the reports of the program under these rules."""
    with tempfile.NamedTemporaryFile("w", prefix="hakmem-rules-", suffix=".txt") as file:
        file.write(rules)
        file.flush()
        if rules:
            settings["RULES"] = file.name
        done = subprocess.run([program, *map(str, arguments)],
                              env=environment(library, STATS="json", **settings),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False, text=True)
        require(done.returncode == 0,
                f"{arguments}: exit status {done.returncode}: {done.stderr[-2000:]}")
        lines = done.stderr.replace(file.name, "RULES").splitlines()
    reports = [json.loads(line)["hakmem"] for line in lines if line.startswith("{")]
    return done.stdout, [line for line in lines if not line.startswith("{")], reports


def report_of(library, rules, *arguments, **settings):
    out, messages, reports = run(library, rules, *arguments, **settings)
    require(messages == [], f"messages: {messages}")
    require(len(reports) == 1, f"{len(reports)} reports")
    return out, reports[0]


def acted(report):
    return {rule["line"]: rule["acted"] for rule in report["rules"]["list"]}


def arenas_with_events(report):
    return {a["index"] for a in report["arenas"] if a["refills"] + a["singles"] >= EVENTS}


def require_arena(report, index, what):
    require(arenas_with_events(report) == {index},
            f"{what}: arenas {arenas_with_events(report)}, not {index}: {report['rules']}")
    require(acted(report)[1] >= EVENTS, f"{what}: {report['rules']}")


def hottest(report):
    return report["sites"]["hottest"][0]


def test_symbol(library):
    _, r = report_of(library, "symbol small_site -> arena 9\n", "small", EVENTS)
    require_arena(r, 9, "symbol")
    _, r = report_of(library, "symbol small_sit -> arena 9\n", "small", EVENTS)
    require(9 not in arenas_with_events(r) and acted(r)[1] == 0, "another symbol's rule")
    _, r = report_of(library, "", "small", EVENTS)
    require(9 not in arenas_with_events(r) and r["rules"]["loaded"] == 0, "without rules")


def test_module_and_offset(library):
    _, r = report_of(library, "", "small", EVENTS)
    offset = int(hottest(r)["offset"], 16)
    for rule in (f"module rules_program+{offset:#x}", f"module {os.path.realpath(PROGRAM)}",
                 f"module rules_program+{offset - 4:#x}-{offset + 4:#x}",
                 f"symbol small_site module rules_program+{offset:#x} size 128K-1M"):
        _, r = report_of(library, f"{rule} -> arena 7\n", "small", EVENTS)
        require_arena(r, 7, rule)
    for rule in (f"module rules_program+{offset + 1:#x}", "module rules_programs",
                 f"module libc.so.6+{offset:#x}", "symbol small_site size 0-64K",
                 "symbol big_site module rules_program"):
        _, r = report_of(library, f"{rule} -> arena 7\n", "small", EVENTS)
        require(7 not in arenas_with_events(r), f"{rule}: acts")


def test_id(library):
    """The id is the same in another process, and of another copy of the file."""
    _, r = report_of(library, "", "small", EVENTS)
    rule = f"site {hottest(r)['id']} -> arena 8\n"
    _, r = report_of(library, rule, "small", EVENTS)
    require_arena(r, 8, "id")
    with tempfile.TemporaryDirectory(prefix="hakmem-rules-") as folder:
        copy = os.path.join(folder, "renamed")
        with open(PROGRAM, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        os.chmod(copy, 0o755)
        _, r = report_of(library, rule, "small", EVENTS, program=copy)
        require_arena(r, 8, "id in a copy")


def bigcache(report):
    """Hits and freed blocks that went past BigCache, of the program's size."""
    entry = next((e for e in report["bigcache"] if e["from"] <= BIG < 2 * e["from"]), None)
    return (entry["hits"], entry["past"]) if entry else (0, 0)


def resident(out):
    return int(out.split()[1])


def test_bigcache(library):
    if "jemalloc" in library:
        return
    pages = BIG // os.sysconf("SC_PAGE_SIZE")
    for rule, hits, past in (("", EVENTS - 1, 0), ("bigcache no", 0, EVENTS),
                             ("purge", 0, EVENTS), ("bigcache no, purge", 0, EVENTS),
                             ("bigcache yes", EVENTS - 1, 0), ("keep", EVENTS - 1, 0)):
        rules = f"symbol big_site -> {rule}\n" if rule else ""
        out, r = report_of(library, rules, "big", EVENTS)
        require(bigcache(r) == (hits, past), f"'{rule}': {r['bigcache']}")
        require(resident(out) == (0 if "purge" in rule else pages),
                f"'{rule}': {resident(out)} of {pages} pages resident")
        require(not rule or acted(r)[1] == EVENTS, f"'{rule}': {r['rules']}")
        # Too large to be cached, but for a rule.
        out, r = report_of(library, rules, "big", EVENTS, GIVEBACK=str(1 << 20))
        cached = rule in ("bigcache yes", "keep")
        require(bigcache(r) == ((hits, past) if cached else (0, EVENTS)),
                f"'{rule}', giveback: {r['bigcache']}")
        require(resident(out) == (pages if cached else 0), f"'{rule}', giveback: {out}")


def test_other_sites_are_left_alone(library):
    if "jemalloc" in library:
        return
    _, r = report_of(library, "symbol other_site -> purge\n", "both", EVENTS)
    require(bigcache(r)[1] == EVENTS, f"past: {r['bigcache']}")
    require(acted(r)[1] == EVENTS and r["rules"]["list"][0]["sites"] == 1, f"{r['rules']}")


def test_dlopen(library):
    for rule in "symbol plugin_site", "module rules_plugin.so", "symbol plugin_site size 1K-1M":
        _, r = report_of(library, f"{rule} -> arena 11\n", "plugin", PLUGIN, EVENTS)
        require_arena(r, 11, rule)


def test_fork(library):
    _, messages, reports = run(library, "symbol small_site -> arena 12\n", "fork", EVENTS)
    require(messages == [] and len(reports) == 2, f"{len(reports)} reports, {messages}")
    child, parent = reports
    require_arena(child, 12, "child")
    require(acted(parent)[1] == 0, f"parent: {parent['rules']}")


def test_threads(library):
    _, r = report_of(library, "symbol small_site -> arena 13\n", "threads", EVENTS)
    # While one thread resolves the site the others do without.
    require(13 in arenas_with_events(r) and acted(r)[1] >= EVENTS, f"{r['rules']}")


def test_realloc(library):
    """Rules go by sizes, so realloc then asks for no more than the program does."""
    plain, _ = report_of(library, "", "grow", 64)
    ruled, _ = report_of(library, "symbol small_site -> arena 9\n", "grow", 64)
    require(int(plain) < 30, f"{plain} sizes without rules")
    require(int(ruled) == 64 or "jemalloc" in library, f"{ruled} sizes with rules")


def test_messages(library):
    _, messages, reports = run(library, "symbol small_site -> arena 9\nsymbol x -> arena 99\n",
                               "small", EVENTS)
    require(messages == ['hakmem: RULES:2: "arena" needs a number from 0 to 63'], f"{messages}")
    require_arena(reports[0], 9, "the other rule")
    require(reports[0]["rules"]["refused"] == 1, f"{reports[0]['rules']}")
    _, messages, _ = run(library, "", "small", 1, RULES="/nowhere/rules.txt")
    require(len(messages) == 1 and "/nowhere/rules.txt: no regular file" in messages[0],
            f"{messages}")


TESTS = (test_symbol, test_module_and_offset, test_id, test_bigcache,
         test_other_sites_are_left_alone, test_dlopen, test_fork, test_threads, test_realloc,
         test_messages)


run_all(TESTS)
