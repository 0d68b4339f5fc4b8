#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up meson's test log: prints `PASSED FAILED SKIPPED`.

usage: count.py meson-logs/testlog.json

What is neither a pass nor a skip is a failure, words that meson may learn in
the future included; so is a log that is absent, empty or cut short. Names of
what failed or was skipped go to stderr, with the last lines of what failed.
"""

import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}
LINES = 100


def main(path):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        with open(path, encoding="utf-8") as log:
            rows = [json.loads(row) for row in log if row.strip()]
    except (OSError, ValueError) as error:
        print(f"dev: FAILED: no test log: {error}", file=sys.stderr)
        return "0 1 0"
    for row in rows:
        result = row.get("result", "no result")
        kind = "passed" if result in PASSED else "skipped" if result in SKIPPED else "failed"
        counts[kind] += 1
        if kind != "passed":
            name = row.get("name", "a test without a name")
            print(f"dev: {kind.upper()}: {name} ({result})", file=sys.stderr)
        if kind == "failed":
            said = (row.get("stdout", "") + "\n" + row.get("stderr", "")).strip().splitlines()
            print("\n".join("    " + line for line in said[-LINES:]), file=sys.stderr)
    if not rows:
        print("dev: FAILED: no test ran", file=sys.stderr)
        counts["failed"] = 1
    return "{passed} {failed} {skipped}".format(**counts)


print(main(sys.argv[1]))
