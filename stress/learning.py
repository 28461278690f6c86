#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# stress/learning.py - what the learner (HAKMEM_LEARN) makes of a workload: each fixed policy is
# played alone, then the learner starts from the worst of them, then a second process with the file
# that it wrote.
#
# Costs are those of the library's own statistics (learner.chosen.cost in docs/statistics.md),
# relative to the best fixed policy's; fixed policies are played in turns, and the median of their
# runs counts, with the least and the most beside it. Costs are by the byte, so the runs need not do
# the same work: a short one tells first how much takes about --fixed or --seconds seconds.
#
# Exit status: 0 where the learner came within --within per cent of the best on every workload, or
# its choice's runs and the best one's overlap; 1 where neither is so; 2 for a bad option or a
# missing program.
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# The program and its parameters; {} is the number that says how long it runs, which begins with the
# last figure.
WORKLOADS = {
    "json": ("scenario", "json {}", 1000000),
    "mir": ("scenario", "mir {}", 500000),
    "vm": ("scenario", "vm {}", 20000),
    "mixed": ("scenario", "mixed {}", 200000),
    # Rounds of 64 MiB with 0.2 s between, in which a few blocks keep coming.
    "burst": ("burst", "64 {} 0.2 20", 4),
    "larson": ("larson", "{} 8 1000 5000 100 4141 4", 1),
}
CALIBRATION_SECONDS = 1


class Failure(Exception):
    """Something that ends the program, as one line."""


class Setup:
    def __init__(self, args, scratch):
        self.args = args
        self.scratch = scratch
        self.library = os.path.join(args.build, ".libs", f"libhakmem-{args.variant}.so")
        if not os.path.exists(self.library):
            raise Failure(f"there is no {self.library}; run make, or name the build directory "
                          "by --build and the variant by --variant")

    def program(self, name):
        path = os.path.join(self.args.build, "stress", name)
        if not os.path.exists(path):
            raise Failure(f"there is no {path}; run make stress/{name} in {self.args.build}")
        return path

    def policy_file(self, state, policy):
        path = os.path.join(self.scratch, "policy")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"hakmem-policy 1\nstate {state}\npolicy {policy}\n")
        return path

    def run(self, workload, work, learn, policy_file=None):
        """The learner's part of the statistics of one run, and its length in seconds."""
        name, parameters, _ = WORKLOADS[workload]
        command = [self.program(name)] + parameters.format(work).split()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HAKMEM_")}
        environment.update(LD_PRELOAD=self.library, HAKMEM_STATS="json", HAKMEM_LEARN=learn)
        if policy_file:
            environment["HAKMEM_POLICY"] = policy_file
        limit = 20 * max(self.args.seconds, self.args.fixed) + 60
        try:
            done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=limit, check=False)
        except subprocess.TimeoutExpired as e:
            raise Failure(f"{' '.join(command)} did not end within {limit:.0f} s") from e
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        if done.returncode != 0 or not lines or not lines[-1].startswith('{"hakmem":'):
            raise Failure(f"{' '.join(command)} ended with status {done.returncode} and: "
                          f"{' '.join(lines)[-300:]}")
        return json.loads(lines[-1])["hakmem"]["learner"]


def calibrate(setup, workload, policy):
    """How much of the work takes a second under a policy, and what the learner says."""
    work = WORKLOADS[workload][2]
    path = setup.policy_file("frozen", policy) if policy else None
    while True:
        learner = setup.run(workload, work, "frozen", path)
        seconds = learner["all"]["seconds"]
        if seconds >= CALIBRATION_SECONDS:
            return work / seconds, learner
        work = max(work + 1, int(work * min(10, 1.3 * CALIBRATION_SECONDS / max(seconds, 0.01))))


def play_fixed(setup, workload, rates):
    """Of each policy its runs, cheapest first."""
    runs = {name: [] for name in rates}
    for _ in range(setup.args.repeats):
        for name, rate in rates.items():
            path = setup.policy_file("frozen", name)
            work = max(1, int(rate * setup.args.fixed))
            runs[name].append(setup.run(workload, work, "frozen", path)["chosen"])
    for name, all_runs in runs.items():
        if any(run["cost"] is None for run in all_runs):
            raise Failure(f"{workload}: no window of {name} was long enough; give more --fixed")
        all_runs.sort(key=lambda run: run["cost"])
    return runs


def median_run(runs):
    return runs[(len(runs) - 1) // 2]


def row(cells):
    print(f"{cells[0]:<8} {cells[1]:<26} " + " ".join(f"{c:>9}" for c in cells[2:]), flush=True)


def show(workload, what, runs, best, rating=""):
    window = median_run(runs)
    mib = window["resident_mean"] / 2**20
    row((workload, what, f"{window['seconds']:.1f}", f"{window['slow_ms']:.0f}",
         f"{window['faults']}", f"{mib:.1f}",
         *(f"{run['cost'] / best:.3f}" for run in (window, runs[0], runs[-1])), rating))


def study(setup, workload):
    """Prints the workload's rows; whether the learner came close enough."""
    args = setup.args
    rate, learner = calibrate(setup, workload, None)
    # As little as the learner does not judge either.
    if learner["all"]["slow_events"] < 100 * learner["all"]["seconds"]:
        row((workload, "no slow path: no difference", "", "", "", "", "", ""))
        return True
    names = [e["policy"] for e in learner["leaderboard"]]
    rates = {name: calibrate(setup, workload, name)[0] for name in names}
    fixed = play_fixed(setup, workload, rates)
    costs = {name: median_run(runs)["cost"] for name, runs in fixed.items()}
    order = sorted(names, key=costs.get)
    first, worst = order[0], order[-1]
    best = costs[first]
    path = setup.policy_file("learn", worst)
    learner = setup.run(workload, max(1, int(rate * args.seconds)), "learn", path)
    ratings = {e["policy"]: e["rating"] for e in learner["leaderboard"]}
    for name in order:
        show(workload, name, fixed[name], best, f"{ratings[name]:.0f}")
    show(workload, f"learner from {worst}", [learner["all"]], best)
    again = setup.run(workload, max(1, int(rate * args.fixed)), "learn", path)
    if again["chosen"]["cost"]:
        show(workload, f"again, with {again['policy']}", [again["chosen"]], best)
    chosen = learner["policy"]
    ratio = costs[chosen] / best
    spread = max(ratings.values()) - min(ratings.values())
    apart = costs[worst] / best
    near = ratio <= 1 + args.within / 100
    good = near or fixed[chosen][0]["cost"] <= fixed[first][-1]["cost"]
    verdict = "good" if near else "within the spread" if good else "not good"
    print(f"{workload}: {learner['state']} after {learner['windows']} windows with {chosen}, whose "
          f"cost is {ratio:.3f} of the best ({verdict}); "
          f"fixed policies differ by up to {100 * (apart - 1):.0f} %, ratings by {spread:.0f}\n")
    return good


def options():
    parser = argparse.ArgumentParser(prog="stress/learning.py", description=(
        "Compares the learner with each fixed policy."), epilog=(
            f"Workloads: {', '.join(WORKLOADS)}; all but larson are run if none is named."))
    parser.add_argument("--build", metavar="DIR", help="the build directory of hakmem")
    parser.add_argument("--variant", default="tls-hakmem", help="default: tls-hakmem")
    parser.add_argument("--seconds", type=float, default=60, help="of learning; default: 60")
    parser.add_argument("--fixed", type=float, default=6,
                        help="seconds of each run of a fixed policy; default: 6")
    parser.add_argument("--repeats", type=int, default=5, help="of the fixed ones; default: 5")
    parser.add_argument("--within", type=float, default=5,
                        help="per cent of the best's cost; default: 5")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    args = parser.parse_args()
    for workload in args.workloads:
        if workload not in WORKLOADS:
            parser.error(f"no workload '{workload}'; there are {', '.join(WORKLOADS)}")
    for name in ("seconds", "fixed", "repeats"):
        if not getattr(args, name) > 0:
            parser.error(f"--{name} has to be above 0")
    args.workloads = args.workloads or [w for w in WORKLOADS if w != "larson"]
    if not args.build:
        around = [os.getcwd(), os.path.join(HERE, "../build"), os.path.join(HERE, "..")]
        args.build = next((d for d in around if os.path.isdir(os.path.join(d, ".libs"))), None)
        if not args.build:
            parser.error("found no build of hakmem; run make, and name its directory by --build")
    return args


def main():
    args = options()
    row(("workload", "policy", "seconds", "slow_ms", "faults", "res_MiB", "cost", "least", "most",
         "rating"))
    try:
        with tempfile.TemporaryDirectory(prefix="hakmem-learning-") as scratch:
            good = [study(Setup(args, scratch), workload) for workload in args.workloads]
    except Failure as e:
        print(f"stress/learning.py: {e}", file=sys.stderr)
        return 2
    return 0 if all(good) else 1


sys.exit(main())
