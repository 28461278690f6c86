#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_report.py - the statistics report of every library that HAKMEM_TEST_VARIANTS names:
# JSON that a JSON parser takes, figures that agree with each other and with what the program did,
# call sites with and without frame pointers, and settings that are misspelt.
import json
import math
import os
import shutil
import subprocess
import tempfile

from preloaded import environment, require, run_all

BUILD = os.environ.get("top_builddir") or os.getcwd()
FRAMES = os.path.join(BUILD, "tests/report_frames")
BARE = os.path.join(BUILD, "tests/report_bare")
CALLERS = 16

TOP_KEYS = """version variant mechanism selector site arenas_active arenas_limit stats frontend
    caches caches_omitted classes arenas totals transfer tiers bigcache rules sites faults
    madvise background limits pressure learner lifetime settings""".split()
STATS_KEYS = """live_bytes cached_bytes slab_bytes dirty_bytes committed_bytes big_bytes
    big_cached_bytes big_count peak_bytes arenas caches slow_allocs slow_frees purges
    purged_bytes""".split()
COUNT_KEYS = """lock_acquisitions lock_contended lock_wait_us refills drains borrowed singles blocks
    remote_magazines remote_blocks depot_bytes""".split()
CLASS_KEYS = "class size tier hits misses overflows refills drains hit_rate".split()
TIERS = "tiny l2 l2_5 big".split()
LEARNER_KEYS = "state policy windows all chosen leaderboard".split()
LIFETIME_KEYS = """state threshold_bytes sites lasting_sites known_sites lasting_slabs lasting_pages
    spare_slabs spare_pages""".split()
WINDOW_KEYS = "seconds cpu_ms slow_events slow_bytes slow_ms faults resident_mean cost".split()
HOT_KEYS = """events share address module offset caller caller_module
    caller_offset id""".split()


def run(library, command, **settings):
    """The program's standard error, as bytes; it has to end well."""
    done = subprocess.run(command, env=environment(library, **settings),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                          check=False)
    require(done.returncode == 0,
            f"{command} {settings}: exit status {done.returncode}: {done.stderr[-2000:]!r}")
    return done.stderr


def parse(line):
    require(line.startswith(b'{"hakmem":{'), f"no report: {line[:200]!r}")
    report = json.loads(line.decode("utf-8"), parse_constant=lambda c: require(False, c))
    require(list(report) == ["hakmem"], f"members {list(report)}")
    return report["hakmem"]


def report_of(library, command, **settings):
    err = run(library, command, STATS="json", **settings)
    require(err.endswith(b"\n") and err.count(b"\n") == 1, f"not one line: {err[:500]!r}")
    return parse(err)


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def check_keys(what, found, wanted):
    require(list(found) == list(wanted), f"{what}: {list(found)}, not {list(wanted)}")


def check_shape(r, library):
    """What holds for any report."""
    check_keys("report", r, TOP_KEYS)
    check_keys("stats", r["stats"], STATS_KEYS)
    check_keys("totals", r["totals"], COUNT_KEYS + ["contended_share", "remote_share"])
    check_keys("tiers", r["tiers"], TIERS)
    require(os.path.basename(library) == f"libhakmem-{r['variant']}.so", r["variant"])
    require(all(number(v) for v in r["stats"].values()), "stats: no number")
    require(1 <= r["arenas_active"] <= r["arenas_limit"] <= 64, "number of arenas")
    require(r["stats"]["arenas"] == r["arenas_active"], "stats.arenas")
    for i, arena in enumerate(r["arenas"]):
        check_keys("arena", arena, ["index"] + COUNT_KEYS)
        require(arena["index"] == i and all(number(v) for v in arena.values()), f"arena {arena}")
        require(arena["remote_blocks"] <= arena["blocks"], f"arena {arena}")
    for key in COUNT_KEYS:
        total = sum(arena[key] for arena in r["arenas"])
        require(abs(total - r["totals"][key]) < 1, f"totals.{key}: {r['totals'][key]}")
    for entry in r["classes"]:
        check_keys("class", entry, CLASS_KEYS)
        require(entry["tier"] in TIERS[:3] and entry["size"] > 0, f"class {entry}")
        require((entry["hits"] is None) <= (entry["hit_rate"] is None), f"class {entry}")
        require(any(entry[k] for k in "hits misses overflows refills drains".split()),
                f"class without activity: {entry}")
    for cache in r["caches"]:
        check_keys("cache", cache, ["id", "bytes"])
    check_sites(r["sites"])


def check_sites(s):
    check_keys("sites", s, ["seen", "events", "overflow", "entropy_bits", "hottest"])
    hottest = s["hottest"]
    require(len(hottest) == min(10, s["seen"]), "hottest sites")
    require(sum(h["events"] for h in hottest) + s["overflow"] <= s["events"], "events of sites")
    require([h["events"] for h in hottest] == sorted((h["events"] for h in hottest), reverse=True),
            "hottest sites out of order")
    require(0 <= s["entropy_bits"] <= math.log2(s["seen"] + 1) + 1e-3, "entropy")
    for h in hottest:
        check_keys("site", h, HOT_KEYS)
        require(abs(h["share"] - h["events"] / s["events"]) < 1e-5, f"share of {h}")
        require(int(h["address"], 16) > 0, f"address of {h}")


def test_shape(library):
    r = report_of(library, [FRAMES, "threads", "4"])
    check_shape(r, library)
    require(r["selector"] == "site" and r["site"] == "return", "defaults")
    require(r["settings"]["HAKMEM_STATS"] == "json", "HAKMEM_STATS")
    require(r["settings"]["HAKMEM_WARM"] == 200, "HAKMEM_WARM")
    require(r["faults"]["minor"] > 0, "no page fault")
    require(r["totals"]["lock_acquisitions"] > 0, "no lock was taken")
    # 4 * 50 blocks of 300000 bytes alone bypass every cache.
    require(r["sites"]["events"] >= 200, "events")


def test_text(library):
    err = run(library, [FRAMES, "threads", "1"], STATS="1").decode()
    for line in ("variant ", "  live_bytes ", "arenas: index=0 ", "  entropy_bits ",
                 "  HAKMEM_SELECTOR       site\n"):
        require(line in err, f"no '{line}' in the text: {err}")
    require("{" not in err, "JSON in the text")


def test_off(library):
    require(run(library, [FRAMES, "threads", "1"]) == b"", "a report that nobody asked for")
    require(run(library, [FRAMES, "threads", "1"], STATS="0") == b"", "HAKMEM_STATS=0")
    text = run(library, [FRAMES, "stats"]).decode()
    require(text.count("variant ") == 1 and "  live_bytes " in text, f"malloc_stats: {text}")


def test_malloc_stats(library):
    lines = run(library, [FRAMES, "stats"], STATS="json").splitlines()
    require(len(lines) == 2, f"{len(lines)} lines, not one in the middle and one at exit")
    before, after = (parse(line) for line in lines)
    check_shape(before, library)
    check_shape(after, library)
    require(before["sites"]["events"] <= after["sites"]["events"], "events run backwards")


def test_closed_standard_error(library):
    check_shape(report_of(library, [FRAMES, "close"]), library)


def test_selectors(library):
    for selector in "site thread cpu single".split():
        r = report_of(library, [FRAMES, "threads", "8"], SELECTOR=selector, ARENAS="4")
        check_shape(r, library)
        require(r["selector"] == selector, f"{r['selector']}, not {selector}")
        active = 1 if selector == "single" else 4
        require(r["arenas_active"] == active, f"{selector}: {r['arenas_active']} arenas")
        used = sum(1 for a in r["arenas"] if a["refills"] + a["singles"])
        if selector in ("thread", "single"):
            require(used == active, f"{selector}: {used} arenas used, not {active}")


def test_misspelt(library):
    for setting, values in (("SELECTOR", "site|thread|cpu|single"), ("SITE", "return|caller"),
                            ("STATS", "0|1|json")):
        err = run(library, [FRAMES, "threads", "1"], **{setting: "nonsense"}).decode()
        require(err.startswith("hakmem: ") and err.count("\n") == 1 and values in err,
                f"HAKMEM_{setting}=nonsense: {err!r}")


def hot_callers(r, program):
    """Different callers, from the program itself, of the sites that saw many events."""
    return {h["caller"] for h in r["sites"]["hottest"]
            if h["caller_module"] == os.path.realpath(program) and h["events"] >= 50}


def test_callers(library):
    rounds, blocks = 50, 2
    plain = report_of(library, [FRAMES, "sites", str(rounds)])
    deep = report_of(library, [FRAMES, "sites", str(rounds)], SITE="caller")
    for r in plain, deep:
        check_shape(r, library)
        require(r["sites"]["events"] >= rounds * blocks * CALLERS, "events are missing")
    # One site each in xmalloc, xcalloc and xrealloc, and one for each caller of each.
    require(sum(1 for h in plain["sites"]["hottest"] if h["events"] >= rounds) == 3,
            f"sites: {plain['sites']}")
    require(not hot_callers(plain, FRAMES), "callers that nobody asked for")
    require(len(hot_callers(deep, FRAMES)) == 10, f"callers: {deep['sites']}")
    require(deep["sites"]["seen"] >= plain["sites"]["seen"] + 2 * CALLERS - 3,
            f"{plain['sites']['seen']} and {deep['sites']['seen']} sites")
    require(deep["sites"]["entropy_bits"] > plain["sites"]["entropy_bits"] + 2, "entropy")


def test_without_frames(library):
    """Garbage in the place of a frame pointer: it has to work, whatever it finds."""
    r = report_of(library, [BARE, "sites", "50"], SITE="caller")
    check_shape(r, library)
    require(r["sites"]["events"] >= 50 * 2 * CALLERS, "events are missing")
    check_shape(report_of(library, [BARE, "threads", "4"], SITE="caller"), library)


def test_paths(library):
    """A path that JSON has to escape, and one that is not UTF-8."""
    for name in (b'quote " back \\ slash', "h\u00e4kmem".encode(), b"not \xff utf-8"):
        with tempfile.TemporaryDirectory(prefix="hakmem-report-") as folder:
            program = os.path.join(os.fsencode(folder), name)
            shutil.copy(FRAMES, program)
            r = report_of(library, [program, "sites", "50"])
            expected = os.path.realpath(program).decode("utf-8", "replace")
            require(r["sites"]["hottest"][0]["module"] == expected,
                    f"module {r['sites']['hottest'][0]['module']!r}, not {expected!r}")


def check_learner(learner, state, policy):
    check_keys("learner", learner, LEARNER_KEYS)
    require((learner["state"], learner["policy"]) == (state, policy), f"learner {learner}")
    for key in ("all", "chosen"):
        check_keys(f"learner.{key}", learner[key], WINDOW_KEYS)
    require(learner["all"]["slow_events"] > 0 and learner["all"]["slow_ms"] > 0, "learner.all")
    for entry in learner["leaderboard"]:
        check_keys("leaderboard", entry, "policy rating won drawn lost".split())


def test_learner(library):
    """What the report says of it, and the policy file."""
    command = [FRAMES, "threads", "4"]
    off = report_of(library, command)["learner"]
    require(off == {"state": "off"}, f"without HAKMEM_LEARN: {off}")
    check_learner(report_of(library, command, LEARN="learn")["learner"], "learn", "balanced")
    with tempfile.TemporaryDirectory(prefix="hakmem-report-") as folder:
        path = os.path.join(folder, "policy")
        text = "hakmem-policy 1\nstate frozen\npolicy hoard\nrating dense 1400.5 3 2 1 0\n"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        for learn in ("frozen", "learn"):
            r = report_of(library, command, LEARN=learn, POLICY=path, COLD="77")
            check_learner(r["learner"], "frozen", "hoard")
            dense = next(e for e in r["learner"]["leaderboard"] if e["policy"] == "dense")
            require(dense == {"policy": "dense", "rating": 1400.5, "won": 2, "drawn": 1, "lost": 0},
                    f"leaderboard {dense}")
            # The policy's, and the one that the environment has set.
            require(r["settings"]["HAKMEM_MAGAZINE"] == 262144, "HAKMEM_MAGAZINE")
            require(r["settings"]["HAKMEM_COLD"] == 77, "HAKMEM_COLD")
            require(r["settings"]["HAKMEM_POLICY"] == path, "HAKMEM_POLICY")
        # Nothing was played, so nothing is written.
        with open(path, encoding="ascii") as file:
            require(file.read() == text, "the policy file was written")
        with open(path, "w", encoding="ascii") as file:
            file.write("hakmem-policy 1\nstate idle\n")
        said, report = run(library, command, LEARN="learn", POLICY=path, STATS="json").splitlines()
        require(f"{path}:2: a state is learn or frozen".encode() in said, f"of a bad file: {said}")
        check_learner(parse(report)["learner"], "learn", "balanced")


def test_lifetime(library):
    """Off unless it is asked for; what test_placement.py does not see is the report's shape."""
    command = [FRAMES, "threads", "4"]
    off = report_of(library, command)["lifetime"]
    require(off == {"state": "off"}, f"without HAKMEM_PLACEMENT: {off}")
    if not library.endswith("-hakmem.so"):
        return
    dry = report_of(library, command, PLACEMENT="lifetime-dry")["lifetime"]
    check_keys("lifetime", dry, LIFETIME_KEYS)
    require(dry["state"] == "dry" and dry["lasting_slabs"] == 0, f"lifetime {dry}")


TESTS = (test_shape, test_text, test_off, test_malloc_stats, test_closed_standard_error,
         test_selectors, test_misspelt, test_callers, test_without_frames, test_paths,
         test_learner, test_lifetime)


run_all(TESTS)
