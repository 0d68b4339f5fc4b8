#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what gcovr --csv found, folder by folder.

usage: coverage.py FILE.csv
"""

import csv
import os
import sys


def percent(covered, total):
    return f"{100 * covered / total:5.1f} %" if total else "      -"


def main(path):
    folders = {}
    with open(path, encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            numbers = [int(row[k]) for k in
                       ("line_covered", "line_total", "branch_covered", "branch_total")]
            for folder in (os.path.dirname(row["filename"]) or ".", "all"):
                sums = folders.setdefault(folder, [0, 0, 0, 0])
                folders[folder] = [a + b for a, b in zip(sums, numbers)]
    print(f"{'folder':20} {'lines':>7} {'covered':>9} {'branches':>9} {'covered':>9}")
    for folder in sorted(folders, key=lambda name: (name == "all", name)):
        lines, n_lines, branches, n_branches = folders[folder]
        print(f"{folder:20} {n_lines:7} {percent(lines, n_lines):>9} "
              f"{n_branches:9} {percent(branches, n_branches):>9}")


main(sys.argv[1])
