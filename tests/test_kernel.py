#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/test_kernel.py - tests of what depends on the kernel, under Debian's own, which quickstart
# has put into the build tree's kernel/: a newer one that runs here may do what that one refuses, or
# have other settings. An emulator starts it with a file system of the tests, their libraries and
# busybox, in memory.
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

from preloaded import libraries, skip

BUILD = os.environ.get("top_builddir") or os.getcwd()
KERNEL = os.path.join(BUILD, "kernel", "vmlinuz")
EMULATOR = "qemu-system-x86_64"
BUSYBOX = "/bin/busybox"
# Programs of Check's, and what is run with each library preloaded.
TESTS = ("test_pagemap", "test_pages", "test_big", "test_backend", "test_emergency",
         "test_rseq", "test_model_tls_hakmem", "test_model_rseq_hakmem")
LOADS = (("stress/larson", "1", "8", "1000", "500", "50", "4141", "2"),
         ("stress/mstress", "2"), ("stress/burst", "32", "2", "1"))
# An emulator that translates is some ten times slower; an idle machine takes two minutes.
SECONDS = 1500
INIT = """#!{busybox} sh
{busybox} mount -t proc proc /proc
{busybox} mount -t devtmpfs dev /dev
export CK_TIMEOUT_MULTIPLIER=10
echo "kernel $({busybox} uname -r)"
{commands}
echo "the end"
{busybox} poweroff -f
"""
COMMAND = """{environment} {command} > /out 2>&1 < /dev/null
status=$?
[ $status = 0 ] || {busybox} tail -n 12 /out
echo "result $status {name}"
"""


def require_tools():
    if platform.machine() != "x86_64":
        skip("the kernel that it takes is x86-64's")
    for tool, package in ((EMULATOR, "qemu-system-x86"), ("cpio", "cpio"),
                          (BUSYBOX, "busybox-static")):
        if not shutil.which(tool):
            skip(f"there is no {tool}; install {package} (Debian)")
    if not os.path.exists(KERNEL):
        skip(f"there is no {KERNEL}; ./quickstart check fetches it")


def needed(program):
    """The shared libraries that the program needs, and the loader."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False, timeout=60)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def real_program(name):
    """libtool's script stands for the program beside it."""
    path = os.path.join(BUILD, name)
    behind = os.path.join(os.path.dirname(path), ".libs", os.path.basename(path))
    return behind if os.path.exists(behind) else path


def install(path, root, target=None):
    target = root + (target or path)
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)


def fill(root, variants):
    """Makes the file system. Returns the names of what it runs."""
    names, commands = [], []
    for folder in ("proc", "dev", "tmp"):
        os.mkdir(os.path.join(root, folder))
    for path in (BUSYBOX, *needed(BUSYBOX)):
        install(path, root)
    runs = [((name,), None) for name in TESTS]
    runs += [(load, library) for library in variants for load in LOADS]
    for command, library in runs:
        program = real_program(command[0])
        for path in needed(program) + ([library, *needed(library)] if library else []):
            install(path, root)
        install(program, root, "/" + command[0])
        names.append(" ".join(command) + (f" {os.path.basename(library)}" if library else ""))
        commands.append(COMMAND.format(
            environment=f"LD_PRELOAD={library}" if library else "", name=names[-1],
            command=" ".join(("/" + command[0], *command[1:])), busybox=BUSYBOX))
    init = os.path.join(root, "init")
    with open(init, "w", encoding="utf-8") as f:
        f.write(INIT.format(busybox=BUSYBOX, commands="".join(commands)))
    os.chmod(init, 0o755)
    return names


def archive(root, path):
    with open(path, "wb") as out:
        packer = subprocess.Popen(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root,
                                  stdin=subprocess.PIPE, stdout=out, text=True)
        packer.communicate("\n".join(
            os.path.relpath(os.path.join(here, name), root)
            for here, folders, files in os.walk(root) for name in folders + files))
    if packer.returncode != 0:
        sys.exit("cpio failed")


def start(image, log):
    """What the machine said until it was off."""
    command = [EMULATOR, "-M", "pc", "-cpu", "max", "-accel", "tcg", "-smp", "2", "-m", "4096",
               "-kernel", KERNEL, "-initrd", image, "-nographic", "-no-reboot", "-nic", "none",
               "-append", "console=ttyS0 panic=-1 quiet"]
    with open(log, "wb") as out:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                           stderr=subprocess.STDOUT, check=False, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            print(f"not off after {SECONDS} s")
    with open(log, encoding="utf-8", errors="replace") as out:
        return out.read().replace("\r", "")


def main():
    require_tools()
    variants = [path for path in libraries() if re.search(r"-(tls|rseq)-hakmem\.so$", path)]
    with tempfile.TemporaryDirectory(dir=BUILD) as work:
        root = os.path.join(work, "root")
        os.mkdir(root)
        names = fill(root, variants)
        archive(root, os.path.join(work, "image"))
        said = start(os.path.join(work, "image"), os.path.join(work, "log"))
    results = {name: int(status)
               for status, name in re.findall(r"^result (\d+) (.*)$", said, re.M)}
    print(said[said.find("kernel "):] if "kernel " in said else said)
    bad = [name for name in names if results.get(name) != 0]
    for name in names:
        print(f"{'FAIL' if name in bad else 'ok'} {name}")
    sys.exit(bool(bad) or "the end" not in said)


main()
