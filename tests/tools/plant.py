#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants faults one after the other: each must turn the tests red that it names.

usage: plant.py [--only TEXT] [--build FOLDER]

A fault is a patch in tests/planted/, named after the threat that it lets in. The
lines before the first "---" say what it is:

    why: what somebody would gain
    test: names of meson tests, one in each line; all of them have to fail

The patches go into a copy of the committed tree, so nothing here is touched. A
patch that does not apply, does not build, or that its tests do not notice is
an error. Ends with "N passed, N failed, N skipped".
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLANTED = ROOT / "tests/planted"

# A planted fault may let processes escape: theirs is a world that ends with the test.
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] if os.geteuid() == 0 else []


def say(text):
    print(f"plant: {text}", flush=True)


def run(command, cwd, text=None):
    return subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True)


class Plant:
    """One patch and its heading."""

    def __init__(self, path):
        self.name = path.stem
        self.patch = path.read_text(encoding="utf-8")
        heading = self.patch.split("\n--- ", 1)[0].splitlines()
        self.why = [row[5:] for row in heading if row.startswith("why: ")]
        self.tests = [row[6:] for row in heading if row.startswith("test: ")]
        if len(self.why) != 1 or not self.tests or "\n--- a/" not in self.patch:
            sys.exit(f"plant: {path}: wants one `why: `, a `test: ` and a patch with --- a/")

    def patched(self):
        return re.findall(r"^\+\+\+ b/(\S+)", self.patch, re.MULTILINE)


class Garden:
    """A copy of the committed tree, and its build."""

    def __init__(self, where):
        self.tree = where / "tree"
        self.build = where / "build"

    def lay_out(self):
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.mkdir(parents=True)
        archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", self.tree], stdin=archive.stdout, check=True)
        if archive.wait() != 0:
            sys.exit("plant: wants a git checkout, for a copy of what is committed")
        how = ["--reconfigure"] if (self.build / "build.ninja").exists() else []
        done = run(["meson", "setup", *how, "-Dtests=true", self.build, self.tree], ROOT)
        if done.returncode == 0:
            done = run(["ninja", "-C", self.build], ROOT)
        if done.returncode != 0:
            sys.exit(f"plant: the tree does not build\n{done.stdout}{done.stderr}")

    def fails(self, test):
        """None: it cannot be run (no such test, does not build); else whether it is red."""
        done = run([*ALONE, "meson", "test", "-C", self.build, "--timeout-multiplier", "4", test],
                   ROOT)
        log = done.stdout + done.stderr
        if not re.search(r"^(Ok|Fail|Timeout): +\d+", log, re.MULTILINE):
            return None
        counts = dict(re.findall(r"^(Ok|Fail|Timeout): +(\d+)", log, re.MULTILINE))
        return int(counts.get("Fail", 0)) + int(counts.get("Timeout", 0)) > 0

    def try_one(self, plant):
        """Returns what is wrong, or nothing."""
        kept = {name: (self.tree / name).read_text(encoding="utf-8") for name in plant.patched()}
        try:
            done = run(["patch", "-p1", "--no-backup-if-mismatch"], self.tree, plant.patch)
            if done.returncode != 0:
                return f"does not apply\n{done.stdout}"
            for test in plant.tests:
                red = self.fails(test)
                if red is None:
                    return f"{test} does not build or does not exist"
                if not red:
                    return f"{test} does not notice"
            return None
        finally:
            for name, text in kept.items():
                (self.tree / name).write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--build", default=str(ROOT / "build-plant"))
    options = parser.parse_args()
    plants = [Plant(path) for path in sorted(PLANTED.glob("*.patch")) if options.only in path.stem]
    garden = Garden(pathlib.Path(options.build))
    failed = 0

    if not plants:
        sys.exit("plant: no such patch")
    garden.lay_out()
    for plant in plants:
        wrong = garden.try_one(plant)
        failed += wrong is not None
        say(f"{plant.name}: {wrong or 'red, as it should be'} ({plant.why[0]})")
    print(f"{len(plants) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
