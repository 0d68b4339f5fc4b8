#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of a build, as many at once as there are processors.

usage: fuzz.py BUILD [--seconds N] [--only NAME]... [--merge]

Each begins with tests/fuzz/corpus/NAME and with what it found in earlier runs of
this build (BUILD/found/NAME), for N seconds (60). An input that breaks a target
stays in BUILD/found as NAME-crash-..., and is a failure: mend the fault and put
the input into the corpus. --merge copies what reached new code into the corpus.
Ends with "N passed, N failed, N skipped".
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/fuzz/corpus"
SLACK_S = 300  # for an input that is slow, and for the end


def options():
    p = argparse.ArgumentParser(prog="./dev fuzz", add_help=True)
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--only", action="append", default=[], metavar="NAME")
    p.add_argument("--merge", action="store_true")
    return p.parse_args()


def targets(build):
    with open(build / "tests/fuzz/targets", encoding="utf-8") as rows:
        return [(name, int(longest)) for name, longest in (row.split() for row in rows if row.strip() and row[0] != "#")]


def command(build, name, *arguments):
    return [str((build / "tests/fuzz" / f"fuzz-{name}").resolve()), *arguments]


def statistic(said, name):
    found = re.search(rf"stat::{name}:\s+(\d+)", said)
    return int(found.group(1)) if found else 0


def fuzz(build, name, longest, seconds):
    """Return: (name, whether it held, a row for people, what it said)."""
    found = (build / "found" / name).resolve()
    found.mkdir(parents=True, exist_ok=True)
    run = command(
        build, name, f"-max_total_time={seconds}", f"-max_len={longest}", "-timeout=60", "-rss_limit_mb=4096",
        "-print_final_stats=1", f"-artifact_prefix={found.parent}/{name}-", str(found), str(CORPUS / name),
    )
    try:
        done = subprocess.run(run, capture_output=True, text=True, errors="replace", timeout=seconds + SLACK_S)
        said, status = done.stderr, done.returncode
    except subprocess.TimeoutExpired:
        said, status = "it did not end in time", 1
    runs, new = statistic(said, "number_of_executed_units"), statistic(said, "new_units_added")
    reached = re.findall(r"cov: (\d+)", said)
    row = f"{name:10} {runs:>12} runs {reached[-1] if reached else '?':>7} edges {new:>6} new inputs"
    return name, status == 0 and runs > 0, row, said


def main():
    o = options()
    known = targets(o.build)
    names = [name for name, _ in known]
    for name in o.only:
        if name not in names:
            sys.exit(f"fuzz: there is no target '{name}'; there are: {' '.join(names)}")
    chosen = [t for t in known if not o.only or t[0] in o.only]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(fuzz, o.build, name, longest, o.seconds) for name, longest in chosen]
        for job in concurrent.futures.as_completed(jobs):
            name, held, row, said = job.result()
            print(row + ("" if held else "   FAILED"), flush=True)
            if not held:
                failed += 1
                print("\n".join("    " + line for line in said.splitlines()[-40:]), flush=True)
            elif o.merge:
                subprocess.run(command(o.build, name, "-merge=1", str(CORPUS / name), str(o.build / "found" / name)),
                               capture_output=True, check=False)
    print(f"{len(chosen) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


sys.exit(main())
