# SPDX-License-Identifier: MIT
# tests/prof_profile.py - makes profiles for the tests of hakmem-prof: by hand, or by sampling
# blocks of known sizes as the library does.
import json
import math

SAMPLE_BYTES = 524288


class Site:
    """A site that is filled by add(); json() is its part of the file."""

    def __init__(self, site_id, frames, sample_bytes=SAMPLE_BYTES):
        self.id, self.frames, self.rate = site_id, frames, sample_bytes
        self.sums = {name: 0.0 for name in (
            "alloc_count", "alloc_bytes", "live_count", "live_bytes", "live_variance",
            "alloc_variance")}
        self.samples = self.live_samples = 0
        self.peak, self.threads = 0, 1
        self.sizes, self.bytes, self.ms = {}, [0] * 48, [0] * 32

    def add(self, size, samples=1, life=None):
        """So many samples of blocks of that size; `life` is (bytes, ms), None for the living."""
        p = -math.expm1(-size / self.rate)
        for kind in ("alloc", "live") if life is None else ("alloc",):
            self.sums[kind + "_count"] += samples / p
            self.sums[kind + "_bytes"] += samples * size / p
            self.sums[kind + "_variance"] += samples * size * size * (1 - p) / (p * p)
        self.samples += samples
        self.sizes[size] = self.sizes.get(size, 0) + samples
        if life is None:
            self.live_samples += samples
        else:
            for buckets, value in zip((self.bytes, self.ms), life):
                buckets[max(int(value), 1).bit_length() - 1] += samples
        self.peak = max(self.peak, round(self.sums["live_bytes"]))
        return self

    def draw(self, random, size, blocks):
        """Samples so many living blocks at random; their bytes."""
        p = -math.expm1(-size / self.rate)
        hits = sum(random.random() < p for _ in range(blocks))
        if hits:
            self.add(size, hits)
        return size * blocks

    def json(self):
        site = {"id": self.id, "frames": [[m, f"{o:x}"] for m, o in self.frames],
                "samples": self.samples, "live_samples": self.live_samples,
                "peak_live_bytes": self.peak, "threads": self.threads,
                "sizes": sorted(self.sizes.items()),
                "lifetime_bytes": self.bytes, "lifetime_ms": self.ms}
        for name, value in self.sums.items():
            site[name] = value if name.endswith("variance") else round(value)
        return site


def module(path="/opt/nosuch/prog", build_id="", start=0x555500000000, size=0x10000, bias=None):
    return {"path": path, "build_id": build_id, "start": f"{start:x}", "end": f"{start + size:x}",
            "bias": f"{start if bias is None else bias:x}"}


def profile(sites, modules=None, **more):
    parts = [s.json() for s in sites]
    whole = {"format": "hakmem-profile", "version": 1, "program": "/opt/nosuch/prog", "host": "h",
             "pid": 7, "time_ms": 1700000000000, "uptime_ms": 10000, "variant": "tls-hakmem",
             "reason": "exit", "sample_bytes": SAMPLE_BYTES, "dropped_samples": 0,
             "allocated_bytes": sum(s["alloc_bytes"] for s in parts),
             "live_bytes": sum(s["live_bytes"] for s in parts),
             "peak_live_bytes": sum(s["peak_live_bytes"] for s in parts),
             "modules": [module()] if modules is None else modules, "sites": parts}
    whole.update(more)
    return whole


def write(path, document):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(document, f)
    return path
