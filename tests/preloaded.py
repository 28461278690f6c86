# SPDX-License-Identifier: MIT
# tests/preloaded.py - what the tests of programs with a preloaded library share: the libraries that
# HAKMEM_TEST_VARIANTS names, the environment to preload one, checks that are counted, and skips.
import os
import subprocess
import sys


class Failure(Exception):
    """A check that did not hold."""


def require(condition, what):
    if not condition:
        raise Failure(what)


def environment(library, **settings):
    """This process's, with the library and no settings of hakmem's but these."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("HAKMEM_")}
    own.update({f"HAKMEM_{k}": str(v) for k, v in settings.items()}, LD_PRELOAD=library)
    return own


def libraries():
    """The paths of those to test; there has to be one."""
    paths = os.environ.get("HAKMEM_TEST_VARIANTS", "").split()
    if not paths:
        print("HAKMEM_TEST_VARIANTS must name the libraries to test, as absolute paths")
        sys.exit(2)
    return paths


def skip(reason):
    """Ends the program as one that automake counts as skipped."""
    print(f"SKIPPED: {reason}")
    sys.exit(77)


def run_all(tests):
    """Calls each test with each library, says which failed, and ends the program."""
    paths, failed = libraries(), 0
    for library in paths:
        for test in tests:
            try:
                test(library)
            except (Failure, ValueError, subprocess.TimeoutExpired) as e:
                failed += 1
                print(f"{os.path.basename(library)}: {test.__name__}: {e}")
    print(f"{len(paths) * len(tests)} checks: {failed} failures")
    sys.exit(1 if failed else 0)
