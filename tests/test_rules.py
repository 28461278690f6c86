#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_rules.py - Site Rules in every library that HAKMEM_TEST_VARIANTS names: rules by
# symbol, module and id act on arenas, BigCache and freed memory, and on where blocks lie; modules
# that are loaded later, forks, threads, and files that are none.
import json
import os
import signal
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
        stays = 0 if "purge" in rule else pages
        out, r = report_of(library, rules, "big", EVENTS)
        require(bigcache(r) == (hits, past), f"'{rule}': {r['bigcache']}")
        require(resident(out) == stays,
                f"'{rule}': {resident(out)} of {pages} pages resident")
        require(not rule or acted(r)[1] == EVENTS, f"'{rule}': {r['rules']}")
        # Too large to be cached, but for a rule; it comes again, and stays.
        out, r = report_of(library, rules, "big", EVENTS, GIVEBACK=str(1 << 20))
        cached = rule in ("bigcache yes", "keep")
        require(bigcache(r) == ((hits, past) if cached else (0, EVENTS)),
                f"'{rule}', giveback: {r['bigcache']}")
        require(resident(out) == stays, f"'{rule}', giveback: {out}")
        # Once.
        out, _ = report_of(library, rules, "big", 1, GIVEBACK=str(1 << 20))
        require(resident(out) == (pages if cached else 0), f"'{rule}', giveback, once: {out}")


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
    require(int(plain) < 20, f"{plain} sizes without rules")
    # All classes up to 1 KiB.
    require(int(ruled) == 28 or "jemalloc" in library, f"{ruled} sizes with rules")


def test_messages(library):
    _, messages, reports = run(library, "symbol small_site -> arena 9\nsymbol x -> arena 99\n",
                               "small", EVENTS)
    require(messages == ['hakmem: RULES:2: "arena" needs a number from 0 to 63'], f"{messages}")
    require_arena(reports[0], 9, "the other rule")
    require(reports[0]["rules"]["refused"] == 1, f"{reports[0]['rules']}")
    _, messages, _ = run(library, "", "small", 1, RULES="/nowhere/rules.txt")
    require(len(messages) == 1 and "/nowhere/rules.txt: no regular file" in messages[0],
            f"{messages}")


WAYS = ("malloc", "calloc", "realloc", "memalign", "new")


def variant(library):
    return os.path.basename(library)[len("libhakmem-"):-len(".so")]


def places(library, action, **settings):
    """Whether the variant has the action."""
    if action == "isolate" and settings.get("PLACEMENT") == "isolate":
        return variant(library).endswith("-hakmem")
    return variant(library) in ("tls-hakmem", "lock-hakmem")


def pages(library, rules, way, size, rounds, count, threads=1, **settings):
    """Pages that have served both placed_site and others, those that have only served it, and the
    report."""
    out, messages, reports = run(library, rules, "pages", way, size, rounds, threads, count,
                                 **settings)
    require(messages == [], f"{messages}")
    both, alone = map(int, out.split())
    return both, alone, reports[0]


def require_apart(library, rules, *arguments, least=1, **settings):
    both, alone, r = pages(library, rules, *arguments, **settings)
    require(both == 0 and alone >= least,
            f"'{rules}', {arguments}, {settings}: {both} shared, {alone} apart")
    require(acted(r)[1] > 0, f"'{rules}', {arguments}: {r['rules']}")
    return r


def test_lasting(library):
    if not places(library, "lasting"):
        return
    for size in (64, 1008, 5000, 32768):
        count = min(8000, (8 << 20) // size)
        both, alone, _ = pages(library, "", "malloc", size, 1, count)
        require(both > 10 and alone <= 1, f"{size}: without the rule: {both} shared, {alone} apart")
        # With sizes, from the first block on.
        require_apart(library, f"symbol placed_site size {size}-40K -> lasting\n", "malloc", size,
                      1, count, least=both // 3)
        # Without, from the site's first slow path on.
        few, alone, r = pages(library, "symbol placed_site -> lasting\n", "malloc", size, 1, count)
        require(few <= 4 and alone > both // 3, f"{size}: {few} shared, {alone} apart")
        require(acted(r)[1] > 0, f"{r['rules']}")
    for way in WAYS:
        require_apart(library, "symbol placed_site size 0-32K -> lasting\n", way, 3000, 1, 2000)
    # Freed blocks go back to slabs whose pages are then everybody's.
    pages(library, "symbol placed_site -> lasting\n", "malloc", 64, 3, 4000, threads=4)
    _, _, r = pages(library, "symbol placed_site -> lasting\n", "malloc", 100000, 1, 50)
    require(acted(r)[1] == 0, f"above 32 KiB: {r['rules']}")


def test_short(library):
    if not places(library, "short"):
        return
    rules = "symbol placed_site size 0-1K -> short\nsymbol placed_site size 0-32K -> lasting\n"
    both, alone, r = pages(library, rules, "malloc", 64, 1, 8000)
    require(both > 5 and alone <= 1 and acted(r)[2] == 0,
            f"short: {both} shared, {alone} apart, {r['rules']}")
    require(pages(library, rules, "malloc", 5000, 1, 2000)[0] == 0, "the other sizes")


def test_isolate(library):
    for placement in "none", "isolate":
        if not places(library, "isolate", PLACEMENT=placement):
            continue
        rules = "symbol placed_site -> isolate\n"
        for way in WAYS:
            require_apart(library, rules, way, 500, 3, 2000, PLACEMENT=placement)
        for size, count in ((16, 8000), (3000, 2000), (100000, 50), (2 << 20, 10)):
            if placement == "none":
                both, _, _ = pages(library, "", "malloc", size, 3, count)
                require(both > 0, f"{size}: without the rule: {both} shared")
            require_apart(library, rules, "malloc", size, 3, count, PLACEMENT=placement)
            require_apart(library, rules, "calloc", size, 2, count, PLACEMENT=placement)
            require_apart(library, rules, "memalign", size, 2, count, PLACEMENT=placement)
        # While one thread resolves the site the others wait.
        require_apart(library, rules, "malloc", 64, 2, 2000, threads=8, PLACEMENT=placement)
        # Other sizes are as ever.
        require_apart(library, "symbol placed_site size 0-1K -> isolate\n", "malloc", 200, 2, 2000,
                      PLACEMENT=placement)


def test_isolate_among_buckets(library):
    """Whichever bucket the hash, with another secret in each process, has for the others."""
    if not variant(library).endswith("-hakmem"):
        return
    for _ in range(40):
        require_apart(library, "symbol placed_site -> isolate\n", "malloc", 64, 1, 100,
                      PLACEMENT="isolate")


def test_isolate_with_others(library):
    if not places(library, "isolate"):
        return
    # The profile has no sample of an isolated site; learned lifetimes go on for others.
    rules = "symbol placed_site -> isolate, sample\nsymbol common_site -> lasting\n"
    with tempfile.TemporaryDirectory() as directory:
        require_apart(library, rules, "malloc", 64, 1, 4000, PROFILE=4096,
                      PROFILE_FILE=os.path.join(directory, "profile.json"))
    require_apart(library, rules, "malloc", 64, 1, 4000, PLACEMENT="lifetime")
    # Two rules have a group each; two sites of one rule share.
    rules = "symbol common_site -> isolate\nsymbol placed_site -> isolate\n"
    require_apart(library, rules, "malloc", 64, 2, 4000)
    both, _, _ = pages(library, "symbol placed_site -> short\nmodule rules_program -> isolate\n",
                       "malloc", 64, 1, 4000)
    require(both == 0, "the rule before")


def test_isolated_misuse(library):
    if not places(library, "isolate"):
        return
    for size in 64, 5000:
        with tempfile.NamedTemporaryFile("w", prefix="hakmem-rules-", suffix=".txt") as file:
            file.write("symbol placed_site -> isolate\n")
            file.flush()
            done = subprocess.run([PROGRAM, "twice", str(size)], timeout=60, check=False, text=True,
                                  env=environment(library, RULES=file.name),
                                  stderr=subprocess.PIPE)
        require(done.returncode == -signal.SIGABRT and "double free" in done.stderr,
                f"{size}: {done.returncode}, '{done.stderr}'")


def test_places_elsewhere(library):
    """What cannot be had is said, and the rule's other actions act."""
    front, back = variant(library).split("-")
    for action in "isolate", "lasting", "short":
        for placement in "none", "isolate":
            if back == "jemalloc":
                told = "the back-end jemalloc cannot"
            elif placement == "isolate":
                told = None if action == "isolate" else "not with HAKMEM_PLACEMENT=isolate"
            else:
                told = "the front-end rseq cannot" if front == "rseq" else None
            out, messages, reports = run(library, f"symbol small_site -> arena 9, {action}\n",
                                         "small", EVENTS, PLACEMENT=placement)
            told = [f'hakmem: RULES:1: "{action}" is left out: {told}'] if told else []
            messages = [m for m in messages if "HAKMEM_PLACEMENT: not available" not in m]
            require(messages == told, f"{action}, {placement}: {messages}, not {told}")
            require(out == "" and acted(reports[0])[1] >= EVENTS, f"{reports[0]['rules']}")
    if back == "hakmem":
        _, messages, _ = run(library, "symbol f -> isolate\n" * 9, "small", 1, PLACEMENT="isolate")
        require(messages == ['hakmem: RULES:9: "isolate" is left out: too many rules isolate '
                             'before it'], f"{messages}")


TESTS = (test_symbol, test_module_and_offset, test_id, test_bigcache,
         test_other_sites_are_left_alone, test_dlopen, test_fork, test_threads, test_realloc,
         test_messages, test_lasting, test_short, test_isolate, test_isolate_among_buckets,
         test_isolate_with_others, test_isolated_misuse, test_places_elsewhere)


run_all(TESTS)
