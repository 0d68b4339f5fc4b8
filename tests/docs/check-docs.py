#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the pages say must stand in the tree. Prints TAP.

usage: check-docs.py [--root FOLDER]

Each check is one row. A row is skipped only when the page or the tool that it
is about does not exist. test-check-docs.sh plants the faults. That the library
exports what its headers declare is tests/client/symbols.sh.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Folders whose paths are recognised wherever a page writes them in backquotes.
AREAS = ("include", "common", "policy", "wire", "audit", "auth", "tokens", "broker", "ui-glue",
         "config", "tests", "docs")
# Pages whose every path and test has to exist.
TRACED = ("docs/trace.md", "docs/threats.md", "docs/hazards.md", "docs/performance.md")

# Pages whose every case has to exist. Rows of the last name a control for each hazard.
TESTED = ("docs/trace.md", "docs/threats.md", "docs/hazards.md")

CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.+-]+(?:/[\w.+-]+)+/?$")
TEST = re.compile(r"([\w-]+/[\w.-]+): (.+)$")
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
SERIES = "PW|LK|BG|JR|PO|TM|CF|CC|RS|CD|FD|PM"
# As tests spell them: JR-06, jr06_..., PW_03_04_07_...
SPELLED = re.compile(rf"(?<![A-Za-z0-9])({SERIES})((?:[-_]?\d\d)+)(?!\d)", re.I)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


class Skip(Exception):
    """A check whose subject does not exist."""


class Tree:
    def __init__(self, root):
        self.root = root

    def path(self, name):
        return os.path.join(self.root, name)

    def has(self, name):
        return os.path.exists(self.path(name))

    def text(self, name):
        if not os.path.isfile(self.path(name)):
            raise Skip(f"there is no {name}")
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def pages(self):
        found = ["README.md", "SECURITY.md", "NEWS.md"]
        for folder, _, files in os.walk(self.path("docs")):
            found += [os.path.relpath(os.path.join(folder, f), self.root)
                      for f in files if f.endswith(".md")]
        return sorted(p for p in found if self.has(p))


def prose(text):
    """A page without its fenced blocks, which quote what need not exist."""
    return FENCE.sub("", text)


def check_paths(tree):
    wrong = []
    for page in tree.pages():
        for code in CODE.findall(prose(tree.text(page))):
            code = code.split(": ")[0] if page in TRACED and not TEST.match(code) else code
            if not PATH.match(code) or (page not in TRACED and code.split("/")[0] not in AREAS):
                continue
            if not tree.has(code) and not is_header_or_test(tree, code):
                wrong.append(f"{page}: there is no {code}")
    return wrong


def is_header_or_test(tree, code):
    """<careward/x.h> by its include path, build outputs, `area/test-file` without a case."""
    return (tree.has("include/" + code) or code.startswith("build") or
            test_file(tree, code) is not None)


def test_file(tree, name):
    for suffix in (".c", ".sh", ".py", ""):
        candidate = f"tests/{name}{suffix}"
        if os.path.isfile(tree.path(candidate)):
            return candidate
    return None


def case_exists(text, case):
    """A case is a registered test function, a string, or a function of the proof."""
    name = re.escape(case)
    if re.fullmatch(r"\w+", case):
        if re.search(rf"START_TEST\({name}\)", text):
            return len(re.findall(rf"\b{name}\b", text)) > 1  # defined, and run
        return re.search(rf"\b{name}\(", text) is not None or f'"{case}"' in text
    return re.search(rf"\"[^\"\n]*{name}[^\"\n]*\"|'[^'\n]*{name}[^'\n]*'", text) is not None


def cited_tests(tree, page):
    for code in CODE.findall(prose(tree.text(page))):
        m = TEST.match(code)
        if m:
            yield m.group(1), m.group(2)


def check_tests(tree):
    wrong, n = [], 0
    for page in TESTED:
        if not tree.has(page):
            continue
        for name, case in cited_tests(tree, page):
            n += 1
            found = test_file(tree, name)
            if found is None:
                wrong.append(f"{page}: there is no test file tests/{name}.*")
            elif not case_exists(tree.text(found), case):
                wrong.append(f"{page}: {found} has no case: {case}")
    return wrong if n else ["docs/trace.md: names no test"]


def anchors(text):
    """The anchors of a page's headings, as the usual renderers make them."""
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(text), re.M):
        words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", words)))
    return found


def check_links(tree):
    wrong = []
    for page in tree.pages():
        for link in LINK.findall(prose(tree.text(page))):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            where = os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else page
            if not tree.has(where):
                wrong.append(f"{page}: the link to {link} leads nowhere")
            elif anchor and where.endswith(".md") and anchor not in anchors(tree.text(where)):
                wrong.append(f"{page}: {where} has no heading #{anchor}")
    return wrong


def check_readme(tree):
    blocks = [body for kind, body in FENCE.findall(tree.text("README.md")) if kind == "c"]
    compiler = shutil.which("cc")
    if not compiler:
        raise Skip("there is no cc")
    if not blocks:
        return ["README.md: has no C block"]
    wrong = []
    for number, body in enumerate(blocks, 1):
        with tempfile.TemporaryDirectory() as scratch:
            unit = os.path.join(scratch, "example.c")
            with open(unit, "w", encoding="utf-8") as f:
                f.write(body)
            command = [compiler, "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                       "-Wno-unused-parameter", "-fsyntax-only", "-I", tree.path("include"), unit]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            first = next((r for r in run.stderr.splitlines() if "error" in r), run.stderr)
            wrong.append(f"README.md: C block {number} does not compile: {first}")
    return wrong


def declared(tree):
    names = set()
    for header in os.listdir(tree.path("include/careward")):
        text = re.sub(r"/\*.*?\*/", "", tree.text("include/careward/" + header), flags=re.S)
        for m in re.finditer(r"\bCW_PUBLIC\b[^;]*?\b(cw_\w+)\(", text):
            names.add(m.group(1))
    return names


def differences(what_a, a, what_b, b):
    return ([f"{what_a}, but not {what_b}: {n}" for n in sorted(a - b)] +
            [f"{what_b}, but not {what_a}: {n}" for n in sorted(b - a)])


def check_manual(tree):
    text = tree.text("docs/man/libcareward.3.scd").replace("\\_", "_")
    documented = set(re.findall(r"\*(cw_\w+)\*|\b(cw_\w+)\(", text))
    documented = {bold or called for bold, called in documented}
    return differences("documented in libcareward(3)", documented, "declared", declared(tree))


def check_verbs(tree):
    spelled = set(re.findall(r'VERB\([A-Z_]+, "([\w.-]+)"\)', tree.text("wire/protocol.h")))
    table = re.search(r"^\| verb \|.*?(?=^\s*$)", tree.text("docs/protocol.md"), re.M | re.S)
    if not table or not spelled:
        return ["docs/protocol.md: has no table of verbs"]
    named = set()
    for row in table.group(0).splitlines()[2:]:
        named |= {verb.strip(" `") for verb in row.split("|")[1].split(",")}
    return differences("in docs/protocol.md", named, "in wire/protocol.h", spelled)


def check_alarms(tree):
    names = re.findall(r'\[ALARM_\w+\] *= *"([^"]+)"', tree.text("broker/engine.c"))
    page = tree.text("docs/anomalies.md")
    if not names:
        return ["broker/engine.c: its names of alarms were not found"]
    return [f"docs/anomalies.md: says nothing of the alarm {n}" for n in names
            if n != "none" and f"`{n}`" not in page]


def threats_in(text):
    return {f"{m.group(1).upper()}-{digits}" for m in SPELLED.finditer(text)
            for digits in re.findall(r"\d\d", m.group(2))}


def threats_played(tree):
    found = set()
    for folder, folders, files in os.walk(tree.path("tests")):
        folders[:] = [d for d in folders if d != "docs"]
        for name in files:
            if name.endswith((".c", ".sh")):
                found |= threats_in(tree.text(os.path.relpath(os.path.join(folder, name), tree.root)))
    return found


def check_threats(tree):
    """Rows of three cells say which test plays a threat, rows of two why none does."""
    wrong, rows = [], 0
    played = threats_played(tree)
    for row in tree.text("docs/threats.md").splitlines():
        cells = [c.strip() for c in row.strip("|").split("|")]
        ids = re.findall(rf"\b(?:{SERIES})-\d\d\b", cells[0])
        if not row.startswith("|") or not ids:
            continue
        rows += 1
        tests = [t for t in map(TEST.match, CODE.findall(cells[-1])) if t]
        if len(cells) == 2:
            wrong += [f"docs/threats.md: {i} is played after all" for i in ids if i in played]
        elif not tests:
            wrong.append(f"docs/threats.md: {ids[0]} names no test")
        for t in tests:
            found = test_file(tree, t.group(1))
            if found and not set(ids) <= threats_in(tree.text(found)):
                wrong.append(f"docs/threats.md: {ids[0]} does not occur in {found}")
    return wrong if rows else ["docs/threats.md: has no row"]


def check_hazards(tree):
    """Each hazard once, with five cells, a test, and something that is left to others."""
    wrong, seen = [], set()
    for row in re.findall(r"^\| HZ-\d+ \|.*$", tree.text("docs/hazards.md"), re.M):
        cells = [c.strip() for c in row.strip("|").split("|")]
        if len(cells) != 5 or not all(cells):
            wrong.append(f"docs/hazards.md: {cells[0]} has not five cells with words in them")
        elif not any(map(TEST.match, CODE.findall(cells[3]))):
            wrong.append(f"docs/hazards.md: {cells[0]} has a control without a test")
        if cells[0] in seen:
            wrong.append(f"docs/hazards.md: {cells[0]} comes twice")
        seen.add(cells[0])
    return wrong if seen else ["docs/hazards.md: has no row"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), "../.."))
    options = parser.parse_args()
    tree = Tree(os.path.abspath(options.root))
    checks = (
        ("every path that a page names exists", check_paths),
        ("every test that a page names exists", check_tests),
        ("every link of a page resolves", check_links),
        ("the README's C compiles", check_readme),
        ("what is declared is in libcareward(3)", check_manual),
        ("the protocol's page lists every verb", check_verbs),
        ("every alarm stands in the page of anomalies", check_alarms),
        ("every threat's id occurs in its test", check_threats),
        ("every hazard has a control and a test", check_hazards),
    )
    print(f"1..{len(checks)}")
    failed = 0
    for number, (words, check) in enumerate(checks, 1):
        try:
            wrong, skip = check(tree), ""
        except Skip as why:
            wrong, skip = [], f" # SKIP {why}"
        for line in wrong:
            print(f"# {line}")
        print(f"{'not ok' if wrong else 'ok'} {number} - {words}{skip}")
        failed += bool(wrong)
    return 1 if failed else 0


sys.exit(main())
