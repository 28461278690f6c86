#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_prof.py - hakmem-prof on profiles whose answers are known: each command and format,
# intervals that have to cover the truth, files that are no profiles, names of a program that is
# compiled here, and jeprof's reading of heap_v2.
import json
import math
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from preloaded import skip
from prof_profile import SAMPLE_BYTES, Site, module, profile, write

BUILD = os.environ.get("top_builddir") or os.getcwd()
TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROF = os.path.join(BUILD, "hakmem-prof")
CC = shlex.split(os.environ.get("CC") or "cc")
SEED = int(os.environ.get("HAKMEM_TEST_SEED") or 20260725)
MIB = 1 << 20


class Failure(Exception):
    """A check that did not hold."""


def require(condition, what):
    if not condition:
        raise Failure(what)


def close(found, wanted, tolerance=1e-6):
    return abs(found - wanted) <= tolerance * max(abs(wanted), 1e-300)


def require_interval(found, low, high, tolerance=1e-3):
    require(close(found[0], low, tolerance) and close(found[1], high, tolerance),
            f"interval {found}, not [{low}, {high}]")


def prof(*arguments, status=0, says=""):
    """Standard output; standard error has to hold the words `says`, and nothing without them."""
    done = subprocess.run([PROF, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, text=True, check=False)
    what = f"hakmem-prof {' '.join(arguments)}: status {done.returncode}: {done.stderr}"
    require(done.returncode == status, what)
    require(says in done.stderr, f"no '{says}' in: {what}")
    require(says or not done.stderr, what)
    return done.stdout


def report(*arguments, **more):
    return json.loads(prof(*arguments, "--format=json", "--no-symbols", "--limit=0", **more))


def rows_of(r):
    return {row["key"]: row for row in r["rows"]}


def one_site(**more):
    return profile([Site("00000000000000aa", [[0, 0x1010]]).add(100, 3)], **more)


# --- figures -------------------------------------------------------------------------------------

def test_intervals(d):
    few = Site("0000000000000005", [[0, 5]]).add(16, 5)
    many = Site("0000000000000064", [[0, 100]]).add(16, 100)
    sure = Site("00000000000000ff", [[0, 255]]).add(1 << 30, 2)
    dead = Site("0000000000000000", [[0, 1]]).add(16, 4, (100, 5))
    rows = rows_of(report("top", write(d + "/p", profile([many, few, sure, dead]))))
    # The exact interval of 5 events of a Poisson process is 1.6235 to 11.6683.
    require_interval(rows[few.id]["live_interval"], 1.6235 * SAMPLE_BYTES, 11.6683 * SAMPLE_BYTES)
    reach = 1.959964 * math.sqrt(many.sums["live_variance"])
    require_interval(rows[many.id]["live_interval"], many.sums["live_bytes"] - reach,
                     many.sums["live_bytes"] + reach)
    # Blocks so large that each is sampled leave no doubt.
    require_interval(rows[sure.id]["live_interval"], 2 << 30, 2 << 30, 1e-9)
    require(rows[dead.id]["live_interval"][0] == 0, "no sample: from 0")
    require(close(rows[dead.id]["live_interval"][1], -math.log(0.025) * SAMPLE_BYTES, 1e-6),
            "no sample: to 3.69 sample_bytes")


def test_coverage(d):
    """Of 95 % intervals, at least 93 in 100 hold the truth, with few samples and with many."""
    source = random.Random(SEED)
    for size, blocks in ((64, 20000), (64, 60000), (200000, 12), (400000, 100)):
        truth, sites = {}, []
        for i in range(120):
            site = Site(f"{i:016x}", [[0, i]])
            truth[site.id] = site.draw(source, size, blocks)
            sites.append(site)
        rows = rows_of(report("top", write(d + "/p", profile(sites))))
        hits = sum(rows[key]["live_interval"][0] <= value <= rows[key]["live_interval"][1]
                   for key, value in truth.items())
        # 120 draws of 0.95 are below 105 once in 3000 times.
        require(hits >= 105, f"{hits} of 120 intervals hold {blocks} blocks of {size}, seed {SEED}")


def test_top(d):
    a = Site("00000000000000aa", [[0, 0x1010], [1, 0x20]]).add(64, 40).add(64, 10, (1, 1))
    b = Site("00000000000000bb", [[0, 0x1010], [1, 0x30]]).add(2 * MIB, 90)
    c = Site("00000000000000cc", [[1, 0x40]]).add(64, 500, (1, 1))
    path = write(d + "/p", profile([a, b, c], [module(), module("/opt/nosuch/lib.so",
                                                               start=0x7f0000000000)]))
    r = report("top", path)
    require([row["key"] for row in r["rows"]] == [b.id, a.id, c.id], "order by live bytes")
    require([row["key"] for row in report("top", path, "--sort=samples")["rows"]]
            == [c.id, b.id, a.id], "order by samples")
    require([row["key"] for row in report("top", path, "--sort=name")["rows"]]
            == [c.id, a.id, b.id], "order by name")
    row = rows_of(r)[a.id]
    live = round(a.sums["live_bytes"]), round(b.sums["live_bytes"])
    require(row["live_bytes"] == live[0] and row["live_count"] == round(a.sums["live_count"]),
            f"live: {row}")
    require(close(row["live_share"], live[0] / sum(live)), "share")
    require(close(row["alloc_bytes_per_s"], round(a.sums["alloc_bytes"]) / 10), "rate over 10 s")
    require(r["total"]["live_bytes"] == sum(live) and r["total"]["rows"] == 3, "total")
    require([f["offset"] for f in row["stack"]] == ["1010", "20"], f"stack: {row['stack']}")
    # Grouped: the innermost frame counts.
    grouped = report("top", path, "--by=function")["rows"]
    require([(g["name"], g["sites"]) for g in grouped] == [("prog+0x1010", 2), ("lib.so+0x40", 1)],
            f"by function: {grouped}")
    require(grouped[0]["live_bytes"] == sum(live), "by function: sum")
    grouped = report("top", path, "--by=module")["rows"]
    require([g["name"] for g in grouped] == ["/opt/nosuch/prog", "/opt/nosuch/lib.so"], "by module")
    text = prof("top", path, "--no-symbols", "--limit=1")
    require("prog+0x1010 < lib.so+0x30" in text and "(2 more;" in text, text)
    require("lib.so+0x40" not in text, "--limit")
    prof("top", path, "--no-symbols", "--output", d + "/out", "--limit=1")
    with open(d + "/out", encoding="utf-8") as f:
        require(f.read() == text, "--output")


def test_lifetimes(d):
    a = Site("00000000000000aa", [[0, 1]]).add(64, 10, (5000, 8))
    b = Site("00000000000000bb", [[0, 2]]).add(64, 10, (5000, 9)).add(64, 10)
    c = Site("00000000000000cc", [[0, 3]]).add(64, 3, (0, 0))
    n = Site("00000000000000dd", [[0, 4]])
    r = report("lifetimes", write(d + "/p", profile([a, b, c, n])))
    require([row["key"] for row in r["rows"]] == [b.id, a.id, c.id, n.id], "order by allocation")
    life = {key: row["lifetimes"] for key, row in rows_of(r).items()}
    # 8 ms is in [8, 16), 5000 bytes in [4096, 8192); half of the logarithm's way is the median.
    require(close(life[a.id]["median_ms"], 2 ** 3.5), f"median: {life[a.id]}")
    require(close(life[a.id]["p90_ms"], 2 ** 3.9), f"p90: {life[a.id]}")
    require(close(life[a.id]["median_bytes"], 2 ** 12.5), f"median: {life[a.id]}")
    require(life[a.id]["ms"] == [0, 0, 0, 10], "histogram")
    # The living have outlived all others: half of 20 is the end of the bucket, 9 of 10 alive.
    require(close(life[b.id]["median_ms"], 16) and life[b.id]["p90_ms"] is None, f"{life[b.id]}")
    require(close(life[c.id]["median_ms"], 1), f"bucket 0: {life[c.id]}")
    require(life[n.id]["median_ms"] is None and life[n.id]["freed_samples"] == 0, "no sample")
    text = prof("lifetimes", d + "/p", "--no-symbols")
    require(re.search(r" 10 +10 +16\.0 ms +alive +8\.0 KiB +alive  prog\+0x2\n", text), text)


def test_leaks(d):
    a = Site("00000000000000aa", [[0, 1]]).add(64, 10, (5000, 8))
    b = Site("00000000000000bb", [[0, 2]]).add(64, 4)
    path = write(d + "/p", profile([a, b]))
    r = report("leaks", path)
    require([row["key"] for row in r["rows"]] == [b.id], "what has no living sample is no leak")
    require(r["rows"][0]["live_share"] == 1, "share")
    text = prof("leaks", path, "--no-symbols")
    require("alive at exit" in text and "less than 1.8 MiB" in text, text)
    write(path, profile([a, b], reason="signal"))
    text = prof("leaks", path, "--no-symbols")
    require("reason signal), which was not the exit" in text, text)


def test_diff(d):
    grown = "00000000000000aa"
    old = [Site(grown, [[0, 1]]).add(64, 40), Site("00000000000000bb", [[0, 2]]).add(64, 50),
           Site("00000000000000cc", [[0, 3]]).add(64, 60)]
    # The module has another index in the new profile.
    new = [Site(grown, [[1, 1]]).add(64, 90), Site("00000000000000bb", [[1, 2]]).add(64, 55),
           Site("00000000000000dd", [[1, 4]]).add(64, 50)]
    modules = [module("/opt/nosuch/lib.so", start=0x7f0000000000), module()]
    files = write(d + "/a", profile(old)), write(d + "/b", profile(new, modules))
    r = report("diff", *files)
    rows = rows_of(r)
    require(len(rows) == 4 and [row["noise"] for row in r["rows"]] == [False] * 3 + [True],
            f"noise comes last: {r['rows']}")
    growth = round(new[0].sums["live_bytes"]) - round(old[0].sums["live_bytes"])
    reach = 1.959964 * math.hypot(*(math.sqrt(s.sums["live_variance"]) for s in (old[0], new[0])))
    require(rows[grown]["growth_bytes"] == growth, "growth")
    require_interval(rows[grown]["growth_interval"], growth - reach, growth + reach)
    gone = rows["00000000000000cc"]
    require(gone["new"] is None and gone["growth_bytes"] < 0, f"gone: {gone}")
    require(rows["00000000000000dd"]["old"] is None, "new")
    require(rows["00000000000000bb"]["noise"], "5 samples more of 50 are noise")
    same = report("diff", files[0], files[0])
    require(all(row["growth_bytes"] == 0 and row["noise"] for row in same["rows"]), "itself")
    text = prof("diff", *files, "--no-symbols", "--sort=name")
    require(re.search(r"noise +25.0 MiB +27.5 MiB  prog\+0x2", text), text)
    by = report("diff", *files, "--by=module")["rows"]
    require([row["name"] for row in by] == ["/opt/nosuch/prog"], f"by module: {by}")


def test_merge(d):
    a = [Site("00000000000000aa", [[0, 1], [1, 2]]).add(64, 3).add(128, 2, (5, 5)),
         Site("00000000000000bb", [[1, 2]]).add(64, 1)]
    b = [Site("00000000000000aa", [[1, 1], [0, 2]]).add(64, 4).add(4096, 7, (5, 70)),
         Site("00000000000000cc", [[2, 9], [-1, 0x1234]]).add(64, 1)]
    lib = module("/opt/nosuch/lib.so", "abcd", 0x7f0000000000)
    one = profile(a, [module(), lib])
    # Another process: its library lies elsewhere, and a third module where the first has its own.
    two = profile(b, [module("/opt/nosuch/lib.so", "abcd", 0x7e0000000000), module(),
                      module("/opt/nosuch/lib.so", "dcba", 0x7f0000008000)], uptime_ms=5000,
                  dropped_samples=3)
    files = write(d + "/a", one), write(d + "/b", two)
    prof("merge", "-o", d + "/m", *files)
    with open(d + "/m", encoding="utf-8") as f:
        m = json.load(f)
    require(m["reason"] == "merge" and m["program"] == "/opt/nosuch/prog" and m["pid"] == 0, "head")
    require(m["uptime_ms"] == 15000 and m["dropped_samples"] == 3, "head: sums")
    for key in ("allocated_bytes", "live_bytes", "peak_live_bytes"):
        require(m[key] == one[key] + two[key], key)
    require([x["path"] for x in m["modules"]] == ["/opt/nosuch/prog"] + ["/opt/nosuch/lib.so"] * 2
            and [x["build_id"] for x in m["modules"]] == ["", "abcd", "dcba"], "modules")
    spans = sorted((int(x["start"], 16), int(x["end"], 16)) for x in m["modules"])
    require(all(e <= s for (_, e), (s, _) in zip(spans, spans[1:])), f"modules overlap: {spans}")
    sites = {s["id"]: s for s in m["sites"]}
    require(sites["00000000000000aa"]["frames"] == [[0, "1"], [1, "2"]]
            and sites["00000000000000cc"]["frames"] == [[2, "9"], [-1, "1234"]], "frames")
    both, x, y = sites["00000000000000aa"], a[0].json(), b[0].json()
    for key in ("samples", "live_samples", "alloc_count", "alloc_bytes", "live_count",
                "live_bytes", "peak_live_bytes", "threads"):
        require(both[key] == x[key] + y[key], f"{key}: {both[key]}")
    for key in ("live_variance", "alloc_variance"):
        require(close(both[key], x[key] + y[key], 1e-12), key)
    for key in ("lifetime_ms", "lifetime_bytes"):
        wanted = [i + j for i, j in zip(x[key], y[key])]
        require(both[key] == wanted[:len(both[key])] and not any(wanted[len(both[key]):]), key)
    require(both["sizes"] == [[64, 7], [128, 2], [4096, 7]], f"sizes: {both['sizes']}")
    again = json.loads(prof("merge", d + "/m"))
    require({**again, "pid": 0} == m, "a profile merged alone is itself")
    require("upper" not in prof("top", files[0], "--no-symbols"), "one process has a peak")
    require("at most (the sum" in prof("top", d + "/m", "--no-symbols"), "a merged peak")
    write(d + "/c", profile([], sample_bytes=1000))
    prof("merge", files[0], d + "/c", says="sampled every 1000 bytes, others every 524288")


def test_suggest(d):
    sites = [
        Site("00000000000000a1", [[0, 0x10], [1, 1]]).add(4 * MIB, 50, (9e6, 20)),
        Site("00000000000000a2", [[0, 0x10], [1, 2]]).add(2 * MIB, 50, (9e6, 500)),
        Site("00000000000000b1", [[0, 0x20]]).add(4 * MIB, 60),
        Site("00000000000000c1", [[0, 0x30]]).add(4 * MIB, 20, (9e6, 20)),
        Site("00000000000000d1", [[0, 0x40]]).add(MIB, 500, (9e6, 20)),
        Site("00000000000000e1", [[0, 0x50]]).add(4 * MIB, 80, (9e6, 20)).add(4 * MIB, 20),
    ]
    modules = [module(), module("/opt/nosuch/lib.so", start=0x7f0000000000)]
    path = write(d + "/p", profile(sites, modules, uptime_ms=100000))
    text = prof("suggest", path, "--no-symbols")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    # 20 of 20 have a lower end of 0.84, 100 of 100 of 0.963, 60 of 60 of 0.940.
    require(rules == ["module prog+0x10 -> bigcache yes, keep",
                      "module prog+0x20 -> bigcache no, purge"], text)
    require("#   freed within 1.024 s: 100 of 100 samples (95 %: 0.963 to 1.000)" in text, text)
    require("#   alive, or freed after 16.384 s or more: 60 of 60 samples (95 %: 0.940" in text,
            text)
    require("-> bigcache yes" in prof("suggest", path, "--no-symbols", "--confidence=0.8").split(
        "prog+0x30 ")[1][:20], "--confidence=0.8")
    require("prog+0x20 ->" not in prof("suggest", path, "--no-symbols", "--confidence=0.95"),
            "--confidence=0.95")
    write(path, profile(sites, modules, uptime_ms=50000))
    text = prof("suggest", path, "--no-symbols")
    require("prog+0x20" not in text and "too short" in text, text)


# --- what is refused -----------------------------------------------------------------------------

def test_files(d):
    path = d + "/p"
    whole = json.dumps(one_site())
    with open(path, "w", encoding="utf-8") as f:
        f.write(whole[:len(whole) // 2])
    prof("top", path, status=1, says=f"hakmem-prof: {path}, line 1: ")
    for text in ("", "[1]", "{}", "no JSON"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        prof("top", path, status=1, says=path)
    prof("top", d + "/nosuch", status=1, says="nosuch: No such file")
    prof("top", d, status=1, says=d)
    prof("top", write(path, one_site(version=2)), status=1,
         says="p: is of version 2, and this hakmem-prof reads version 1")
    prof("top", write(path, one_site(format="other")), status=1, says="p: is no profile of hakmem")
    prof("top", write(path, one_site(sample_bytes=0)), status=1, says='p: "sample_bytes" is 0')
    prof("top", write(path, one_site(pid=-1)), status=1, says='p: "pid" is not a whole number')
    prof("top", write(path, one_site(modules=7)), status=1, says="p: has no list of modules")
    document = one_site()
    del document["uptime_ms"]
    prof("top", write(path, document), status=1, says='p: has no "uptime_ms"')


def test_sites_refused(d):
    for key, value, says in (
            ("id", "12", '"id" is not a string of 16 hex digits'),
            ("frames", [[1, "0"]], "frames[0] names module 1 of 1"),
            ("frames", [[-2, "0"]], "frames[0] names module -2 of 1"),
            ("frames", [[0, 7]], 'frames[0] is not [module, "offset"]'),
            ("frames", [[0, "1ffffffffffffffff"]], 'frames[0] is not [module, "offset"]'),
            ("samples", "3", '"samples" is not a whole number from 0'),
            ("live_bytes", 1.5, '"live_bytes" is not a whole number from 0'),
            ("live_variance", -1, '"live_variance" is not a number from 0'),
            ("sizes", [[16, 1], [16, 1]], "sizes[1] is not in rising order"),
            ("sizes", [16], "sizes[0] is not [size, samples]"),
            ("lifetime_ms", [0] * 33, '"lifetime_ms" is not a list of at most 32 numbers'),
            ("lifetime_bytes", [0, -1], "lifetime_bytes[1] is not a whole number from 0")):
        document = one_site()
        document["sites"][0][key] = value
        prof("top", write(d + "/p", document), status=1, says=f"p: sites[0]: {says}")
        # An output is left as it was where an input is bad.
        write(d + "/out", "before")
        prof("merge", "-o", d + "/out", d + "/p", status=1, says=says)
        with open(d + "/out", encoding="utf-8") as f:
            require(f.read() == '"before"', "the output was touched")


def test_odd_profiles(d):
    require(report("top", write(d + "/p", profile([], [])))["rows"] == [], "no site")
    nowhere = profile([Site("00000000000000aa", []).add(64, 1),
                       Site("00000000000000bb", [[-1, 0x7f00]]).add(64, 2)], [], uptime_ms=0)
    r = report("top", write(d + "/p", nowhere))
    require([row["name"] for row in r["rows"]] == ["0x7f00", "?"], "frames of no module")
    require(r["total"]["alloc_bytes_per_s"] == 0, "no time, no rate")
    for command in ("leaks", "lifetimes", "suggest"):
        prof(command, d + "/p", "--no-symbols")
    prof("top", d + "/p", "--format=heap_v2")
    # Sites with one id are one; sums end at the largest number.
    huge = one_site()
    huge["sites"] += huge["sites"]
    huge["sites"][0]["alloc_bytes"] = 2 ** 63 - 1
    r = report("top", write(d + "/p", huge))
    require([row["samples"] for row in r["rows"]] == [6], "one id is one site")
    require(r["rows"][0]["alloc_bytes"] == 2 ** 63 - 1, "sums do not wrap")


def test_options(d):
    path = write(d + "/p", one_site())
    for arguments, says in (
            ([], "no command was given"),
            (["nosuch", path], "there is no command 'nosuch'"),
            (["top"], "top takes one profile, not 0"),
            (["diff", path], "diff takes two profiles, not 1"),
            (["merge"], "merge takes one or more profiles, not 0"),
            (["top", path, "--format=xml"], "--format 'xml' is unknown"),
            (["diff", path, path, "--format=heap_v2"], "diff has no format heap_v2"),
            (["merge", path, "--format=text"], "merge has no format text"),
            (["suggest", path, "--format=json"], "suggest has no format json"),
            (["top", path, "--sort=growth"], "top cannot be sorted by growth"),
            (["diff", path, path, "--sort=peak"], "diff cannot be sorted by peak"),
            (["top", path, "--sort=x"], "--sort 'x' is unknown"),
            (["top", path, "--by=x"], "--by 'x' is unknown"),
            (["merge", path, "--by=site"], "--by and --limit do not go with merge"),
            (["top", path, "--limit=-1"], "--limit '-1' is not a whole number"),
            (["top", path, "--format=heap_v2", "--limit=3"], "a heap_v2 file has every site"),
            (["top", path, "--confidence=0.9"], "--confidence goes with suggest alone"),
            (["suggest", path, "--confidence=1"], "--confidence '1' is not a number from 0.5"),
            (["top", path, "--nosuch"], "nosuch")):
        prof(*arguments, status=2, says=says)
    prof("top", path, "--no-symbols", "-o", d + "/no/such", status=1, says="/no/such: No such file")
    prof("top", path, "--no-symbols", "-o", "/dev/full", status=1, says="/dev/full: No space")
    require("hakmem-prof" in prof("--version") and "suggest" in prof("--help"), "--help, --version")


# --- names, and jeprof ---------------------------------------------------------------------------

class Program:
    """tests/prof_program.c, compiled and run: its modules and frames."""

    def __init__(self, d, *flags):
        self.path, self.library = d + "/program", d + "/libprogram.so"
        source = os.path.join(TOP, "tests/prof_program.c")
        common = ["-O2", "-w", "-D_GNU_SOURCE", "-Wl,--build-id", source]
        library = ["-fPIC", "-shared", "-DLIBRARY", *(f for f in flags if f != "-no-pie")]
        self.compile(*library, *common, "-o", self.library)
        pie = [] if "-no-pie" in flags else ["-fPIE", "-pie"]
        self.compile(*flags, *pie, *common, "-o", self.path, self.library, f"-Wl,-rpath,{d}")
        done = subprocess.run([self.path], stdout=subprocess.PIPE, timeout=20, text=True,
                              check=True)
        self.modules, self.frames, self.line = [], {}, 0
        for line in done.stdout.splitlines():
            kind, *words = line.split(" ")
            if kind == "module":
                path, bias, start, end, build_id = words
                self.modules.append({"path": path, "build_id": build_id, "start": start, "end": end,
                                     "bias": bias})
            elif kind == "frame":
                self.frames[words[2]] = self.frame(int(words[0], 16)), int(words[1])
            else:
                self.line = int(words[0])

    @staticmethod
    def compile(*arguments):
        subprocess.run([*CC, *arguments], check=True, timeout=60)

    def frame(self, address):
        for i, m in enumerate(self.modules):
            if int(m["start"], 16) <= address < int(m["end"], 16):
                return [i, address - int(m["bias"], 16)]
        raise Failure(f"{address:x} is in no module")

    def sites(self, names):
        return [Site(f"{i:016x}", [self.frames[name][0]]) for i, name in enumerate(names)]

    def profile(self, sites, **more):
        return profile(sites, [dict(m) for m in self.modules], program=self.path, **more)


def stacks(path, *options, **more):
    r = json.loads(prof("top", path, "--format=json", "--sort=name", *options, **more))
    return {row["stack"][0].get("function"): row["stack"] for row in r["rows"]}


def named(d, program, names=("library_call", "inner", "owner_3")):
    sites = [s.add(64, 5) for s in program.sites(names)]
    return write(d + "/p", program.profile(sites))


def check_lines(program, found):
    for name, where in (("library_call", 0), ("inner", 0), ("owner_3", 0)):
        line = program.frames[name][1]
        require(name in found, f"no {name} in {found}")
        require(found[name][where]["line"] == line
                and found[name][where]["file"].endswith("tests/prof_program.c"),
                f"{name}: {found[name]}, not line {line}")
    inlined = found["inner"]
    require([(f["function"], f["inlined"]) for f in inlined]
            == [("inner", True), ("outer", False)], f"inlined: {inlined}")
    require(inlined[1]["line"] == program.line, f"inlined at line {program.line}: {inlined}")


def test_symbols(d):
    for flags in (["-gdwarf-4"], ["-g", "-no-pie"], ["-g"]):
        program = Program(d, *flags)
        check_lines(program, stacks(named(d, program)))
    # DWARF's index of addresses is optional, and some compilers write none.
    if shutil.which("objcopy"):
        for path in (program.path, program.library):
            subprocess.run(["objcopy", "-R", ".debug_aranges", path], check=True)
        check_lines(program, stacks(named(d, program)))
    text = prof("top", d + "/p", "--by=function")
    require("inner (program)" in text and "library_call (libprogram.so)" in text, text)
    bare = Program(d)
    found = stacks(named(d, bare))
    require(set(found) == {"library_call", "outer", "owner_3"}, f"symbol table alone: {found}")
    require("file" not in found["outer"][0], "lines without DWARF")
    require("program+0x" in prof("top", d + "/p", "--no-symbols"), "--no-symbols")


def test_foreign_files(d):
    """Another build id, a file that is gone, a sysroot, and separate debugging information."""
    program = Program(d, "-g")
    path = named(d, program)
    ids = {os.path.basename(m["path"]): m["build_id"] for m in program.modules}
    document = program.profile([s.add(64, 5) for s in program.sites(["library_call", "owner_3"])])
    for m in document["modules"]:
        if m["path"].endswith("libprogram.so"):
            m["build_id"] = "deadbeef"
    write(path, document)
    found = stacks(path, says=f"libprogram.so has the build id {ids['libprogram.so']}, and the "
                              "profile's is deadbeef: its frames have no names")
    require("owner_3" in found and "library_call" not in found, f"a foreign library: {found}")
    path = named(d, program)
    root = d + "/root"
    os.makedirs(root + d)
    shutil.move(program.library, root + program.library)
    found = stacks(path, says="libprogram.so: No such file")
    require("library_call" not in found and "owner_3" in found, f"a file that is gone: {found}")
    shutil.copy(program.path, root + program.path)
    check_lines(program, stacks(path, "--sysroot", root))
    if not shutil.which("objcopy"):
        print("  SKIPPED: no objcopy for separate debugging information")
        return
    own = ids["program"]
    debug = f"{root}/usr/lib/debug/.build-id/{own[:2]}"
    os.makedirs(debug)
    stripped = root + program.path
    subprocess.run(["objcopy", "--only-keep-debug", program.path, f"{debug}/{own[2:]}.debug"],
                   check=True)
    subprocess.run(["strip", stripped], check=True)
    check_lines(program, stacks(path, "--sysroot", root))
    os.unlink(stripped)
    check_lines(program, stacks(path, "--sysroot", root))
    shutil.rmtree(debug)
    found = stacks(path, "--sysroot", root, says="/program: No such file")
    require("library_call" in found and "owner_3" not in found, f"nothing of it: {found}")


def read_heap(text):
    """(count, bytes) of living and of all blocks by innermost address, scaled up as readers do."""
    rate = int(re.match(r"heap_v2/(\d+)\n", text).group(1))
    body, found, stack = text[:text.index("\nMAPPED_LIBRARIES:\n")], {}, None

    def scaled(n, s):
        factor = -1 / math.expm1(-s / n / rate) if n else 0
        return n * factor, s * factor
    for line in body.splitlines()[1:]:
        m = re.fullmatch(r"  t\*: (\d+): (\d+) \[(\d+): (\d+)\]", line)
        if m and stack:
            numbers = [int(x) for x in m.groups()]
            found[stack] = scaled(*numbers[:2]), scaled(*numbers[2:])
        elif not m:
            stack = line.split()[1]
    return found


def test_heap_v2(d):
    source = random.Random(SEED)
    sites = []
    for i in range(60):
        site = Site(f"{i:016x}", [[0, 0x1000 + i], [0, 0x9000]])
        for _ in range(source.randrange(1, 4)):
            site.add(source.choice([16, 64, 1000, 30000, 300000, 5 * MIB, 1 << 33]),
                     source.randrange(1, 50), source.choice([None, None, (1, 1)]))
        sites.append(site)
    write(d + "/p", profile(sites))
    text = prof("top", d + "/p", "--format=heap_v2", "--no-symbols")
    require(text == prof("merge", d + "/p", "--format=heap_v2", "--no-symbols"), "merge")
    found = read_heap(text)
    for i, site in enumerate(sites):
        live, everything = found[f"0x{0x555500000000 + 0x1000 + i - 1:x}"]
        for (count, size), kind in ((live, "live"), (everything, "alloc")):
            require(close(size, site.sums[kind + "_bytes"], 2e-4),
                    f"{kind} bytes {size} of {site.json()}, seed {SEED}")
            # One size: the count is right too.
            if len(site.sizes) == 1:
                require(close(count, site.sums[kind + "_count"], 1e-2), f"{kind} count {count}")
    require("  t*: " in text and "/opt/nosuch/prog\n" in text, "totals and modules")


def jeprof(program, heap, environment):
    done = subprocess.run(["jeprof", "--text", "--show_bytes", program, heap], text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    require(done.returncode == 0, f"jeprof: {done.stderr}")
    found = []
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 6 and words[0].isdigit():
            found.append((words[5], int(words[0])))
    return found, done.stdout


def test_jeprof(d):
    """The ten largest owners by name and size: of a PIE, at fixed addresses, and merged."""
    if not shutil.which("jeprof"):
        print("  SKIPPED: no jeprof; install libjemalloc-dev (Debian)")
        return
    if not all(shutil.which(tool) for tool in ("nm", "addr2line", "objdump", "c++filt")):
        print("  SKIPPED: jeprof needs nm, addr2line, objdump and c++filt; install binutils")
        return
    environment = {**os.environ, "JEPROF_TMPDIR": d, "TMPDIR": d}
    names = [f"owner_{i}" for i in range(11)] + ["library_call"]
    source = random.Random(SEED)
    for flags, copies in ((["-g"], 1), (["-g", "-no-pie"], 1), (["-g"], 2)):
        program = Program(d, *flags)
        sites = program.sites(names)
        for rank, site in enumerate(sites):
            site.add(source.choice([16, 64, 1000, 30000]), 10 + 5 * rank)
            site.add(source.choice([100000, 3 * MIB]), rank + 1)
        write(d + "/p", program.profile(sites))
        prof("merge", *[d + "/p"] * copies, "-o", d + "/m")
        prof("top", d + "/m", "--format=heap_v2", "-o", d + "/heap")
        found, text = jeprof(program.path, d + "/heap", environment)
        rows = json.loads(prof("top", d + "/m", "--by=function", "--format=json"))["rows"][:10]
        wanted = [(r["name"].split(" ")[0], r["live_bytes"]) for r in rows]
        require([n for n, _ in found[:10]] == [n for n, _ in wanted], f"{text}\nnot {wanted}")
        for (name, theirs), (_, ours) in zip(found, wanted):
            require(close(theirs, ours, 1e-3), f"{name}: jeprof has {theirs}, we have {ours}")


# -------------------------------------------------------------------------------------------------

TESTS = [test_intervals, test_coverage, test_top, test_lifetimes, test_leaks, test_diff, test_merge,
         test_suggest, test_files, test_sites_refused, test_odd_profiles, test_options,
         test_symbols, test_foreign_files, test_heap_v2, test_jeprof]


def main():
    if not os.access(PROF, os.X_OK):
        skip("hakmem-prof was not built; install libdw-dev (Debian) and configure anew")
    print(f"seed {SEED}")
    failed = 0
    for test in TESTS:
        with tempfile.TemporaryDirectory(prefix="test-prof.") as d:
            try:
                test(os.path.realpath(d))
                print(f"ok - {test.__name__}")
            except (Failure, subprocess.SubprocessError, ValueError, KeyError, OSError) as e:
                failed += 1
                print(f"not ok - {test.__name__}: {type(e).__name__}: {e}")
    print(f"{len(TESTS) - failed} of {len(TESTS)} passed")
    sys.exit(1 if failed else 0)


main()
