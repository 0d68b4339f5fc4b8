#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up meson's test log: prints `PASSED FAILED SKIPPED`.

usage: count.py LOG [LOG-OF-THE-SECOND-TRY]
       count.py --failed LOG

What is neither a pass nor a skip is a failure, words that meson may learn in
the future included; so is a log that is absent, empty or cut short. Names of
what failed or was skipped go to stderr, with the last lines of what failed.

A test that failed among others and passes alone in the second log is counted
as passed, and named as unsteady: both of its runs stay in their logs.
With --failed: the names of the failures, a line each, for such a second try;
none when there are more than MOST, for then it is not the noise of a machine.
"""

import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}
LINES = 100
MOST = 4


def read(path):
    with open(path, encoding="utf-8") as log:
        return [json.loads(row) for row in log if row.strip()]


def kind_of(row):
    result = row.get("result", "no result")
    return "passed" if result in PASSED else "skipped" if result in SKIPPED else "failed"


def name_of(row):
    return row.get("name", "a test without a name")


def failed(path):
    """The names of what failed, unless there are too many or no log."""
    try:
        names = [name_of(row) for row in read(path) if kind_of(row) == "failed"]
    except (OSError, ValueError):
        names = []
    return names if len(names) <= MOST else []


def steady(path):
    """The names of what passed when it ran once more."""
    try:
        return {name_of(row) for row in read(path) if kind_of(row) == "passed"}
    except (OSError, ValueError):
        return set()


def show(row):
    said = (row.get("stdout", "") + "\n" + row.get("stderr", "")).strip().splitlines()
    print("\n".join("    " + line for line in said[-LINES:]), file=sys.stderr)


def count(path, again):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        rows = read(path)
    except (OSError, ValueError) as error:
        print(f"dev: FAILED: no test log: {error}", file=sys.stderr)
        return "0 1 0"
    alone = steady(again) if again else set()
    for row in rows:
        kind, word = kind_of(row), kind_of(row).upper()
        if kind == "failed" and name_of(row) in alone:
            kind, word = "passed", "UNSTEADY, PASSED WHEN ALONE"
        counts[kind] += 1
        if word != "PASSED":
            print(f"dev: {word}: {name_of(row)} ({row.get('result', 'no result')})", file=sys.stderr)
        if kind_of(row) == "failed":
            show(row)
    if not rows:
        print("dev: FAILED: no test ran", file=sys.stderr)
        counts["failed"] = 1
    return "{passed} {failed} {skipped}".format(**counts)


if sys.argv[1] == "--failed":
    print("\n".join(failed(sys.argv[2])))
else:
    print(count(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
