#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the sources and refuses what docs/coding.md rules out.

usage: lint.py [--root FOLDER] [CHECK...]

Every refusal is one line, `file:line: [check] what is wrong`. The status is 0
when nothing is refused, 1 when something is, 2 when the lint cannot work.
tests/tools/test-lint.sh plants each fault and expects its line.
"""

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

FUNCTION_MAX = 100
FUNCTION_P90 = 45
FILE_MAX = 800
COLUMNS = 100

# Who may include whom: an area, or one header of it. The standard library and
# other libraries are not looked at. The longest matching folder counts; a folder
# that is neither here nor among the free ones has no right to exist.
DECISION = {"policy/decide.h", "policy/table.h"}
FREE = {"tests", "build"}
LAYERS = {
    "include/careward": {"careward"},
    "common": {"careward", "common"},
    "policy": {"careward", "common", "policy"},
    "wire": {"careward", "common", "wire"} | DECISION,
    "audit": {"careward", "common", "audit"},
    "tokens": {"careward", "common", "tokens", "policy/token-rules.h", "wire/frame.h"},
    "auth": {"careward", "common", "policy", "audit", "auth", "tokens/token.h", "tokens/verify.h", "tokens/challenge.h",
             "wire/ring.h"},
    "broker": {"careward", "common", "policy", "wire", "audit", "auth", "tokens", "broker"},
    "ui-glue": {"careward", "common", "wire", "ui-glue"} | DECISION,
    "ui-glue/cli": {"careward", "common", "wire", "ui-glue", "auth/receipt.h"} | DECISION,
    "ui-glue/demo": {"careward", "ui-glue/demo", "ui-glue/messages"},
    "docs/examples": {"careward"},
}

# Library code neither prints nor waits nor looks around; time is an argument.
LIBRARY = ("auth/", "policy/", "tokens/", "audit/", "common/")
PRINTS = {"policy/careward-compile.c", "tokens/careward-token.c"}  # programs, not part of the library
# Processes of their own, which have to look at the clock: the keeper of helpers, the watcher.
CLOCKS = re.compile(r"^tokens/(keeper|watch)[a-z0-9-]*\.c$")
NOWHERE = "strcpy strcat sprintf vsprintf alloca gets"
NOT_IN_LIBRARY = (
    "getenv secure_getenv sleep usleep nanosleep clock_nanosleep "
    "clock_gettime gettimeofday time"
)
NOT_PRINTED = "printf vprintf puts putchar perror syslog"

# The prover's own stdint.h makes these 64 bits wide: it would prove another
# program. All that decide.c is made of counts.
PROVED = re.compile(r"((policy|wire)/[^/]*\.h|policy/(contexts|crc|decide|knowledge|validate)\.c|"
                    r"wire/(frame-length|frame-text|shared)\.c|auth/lockout-time\.[ch]|"
                    r"include/careward/[^/]*\.h)$")

BINARY = re.compile(r"\.(png|jpe?g|gif|ico|pdf|der|bin|db|gz|xz|zst|key|json|jsonl)$")
UNMARKED = re.compile(r"^LICENSE$|(^|/)(fixtures|corpus)/")
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(?:work|root|home/\w+)/")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b")
SPDX = "SPDX-License-" + "Identifier: Apache-2.0"

COMMENTS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
STRINGS = re.compile(r'"(?:\\.|[^"\\\n])*"')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def blank(match):
    """Keeps the line breaks of a comment or string, and nothing else of it."""
    return '""' + "\n" * match.group(0).count("\n")


class Lint:
    def __init__(self, root):
        self.root = root
        self.refused = []
        self.texts = {}
        for name in self.names():
            with open(os.path.join(root, name), "rb") as f:
                data = f.read()
            if not BINARY.search(name) and b"\0" not in data:
                self.texts[name] = data.decode("utf-8", "replace")
        self.sources = {n: t for n, t in self.texts.items() if n.endswith((".c", ".h"))}
        self.code = {n: COMMENTS.sub(blank, t) for n, t in self.sources.items()}

    def names(self):
        """Files git knows or would take; without git, all but build folders."""
        if os.path.exists(os.path.join(self.root, ".git")):
            git = ["git", "-C", self.root, "ls-files", "-z", "-co", "--exclude-standard"]
            run = subprocess.run(git, capture_output=True, check=False)
            if run.returncode == 0:
                found = set(os.fsdecode(run.stdout).split("\0")) - {""}
                return sorted(n for n in found if self.is_file(n))
        found = []
        for folder, folders, files in os.walk(self.root):
            top = folder == self.root
            folders[:] = [
                d for d in folders
                if d not in (".git", ".cache", "__pycache__") and not (top and d.startswith("build"))
            ]
            found += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return sorted(n for n in found if self.is_file(n))

    def is_file(self, name):
        path = os.path.join(self.root, name)
        return os.path.isfile(path) and not os.path.islink(path)

    def refuse(self, check, name, line, words):
        self.refused.append(f"{name}:{line}: [{check}] {words}")

    def each_match(self, texts, pattern):
        for name, text in texts.items():
            for m in pattern.finditer(text):
                yield name, text.count("\n", 0, m.start()) + 1, m

    # --- sizes ---

    def functions(self):
        """(file, name, first line, last line) of every function, by ctags."""
        # ctags does not expand macros: it is told what these ones mean.
        told = [
            "START_TEST(n)=static void n(int _i)", "END_TEST=", "CW_PUBLIC=", "CW_CHECKED=",
            "cleanup_(f)=", "DEFINE_CLEANUP(t,f)=", "__attribute__(x)=",
        ]
        command = [
            "ctags", "--options=NONE", "-x", "--_xformat=%n\t%{end}\t%N\t%F",
            "--language-force=C", "--c-kinds=f", "--fields=+ne", "-L", "-",
        ]
        for macro in told:
            command += ["-D", macro]
        run = subprocess.run(
            command, input="\n".join(self.sources) + "\n", cwd=self.root,
            capture_output=True, text=True, check=False,
        )
        if run.returncode != 0:
            sys.exit("lint: ctags failed: " + run.stderr)
        found = []
        for row in run.stdout.splitlines():
            first, last, name, path = row.split("\t")
            if last:
                found.append((path, name, int(first), int(last)))
        return found

    def check_sizes(self):
        functions = self.functions()
        seen = {(path, last) for path, _, _, last in functions}
        for name, text in self.code.items():
            for number, line in enumerate(text.splitlines(), 1):
                # A closing brace alone ends a function, and nothing else does.
                if line.rstrip() == "}" and (name, number) not in seen and not self.is_cpp_end(name, number):
                    self.refuse("sizes", name, number, "here ends a function that ctags does not see")
        lengths = sorted(((last - first + 1, path, name) for path, name, first, last in functions),
                         reverse=True)
        for n, path, name in lengths:
            if n > FUNCTION_MAX:
                self.refuse("sizes", path, 1, f"{name}() has {n} lines, more than {FUNCTION_MAX}")
        self.spread("product", [n for n, path, _ in lengths if not path.startswith("tests/")], True)
        self.spread("tests", [n for n, path, _ in lengths if path.startswith("tests/")], False)
        for n, path, name in lengths[:5]:
            print(f"  {n:4} lines  {path}: {name}()")
        files = sorted(((t.count("\n"), name) for name, t in self.texts.items()
                        if name.endswith((".c", ".h", ".py", ".sh")) or name == "dev"), reverse=True)
        for n, name in files:
            if n > FILE_MAX:
                self.refuse("sizes", name, 1, f"the file has {n} lines, more than {FILE_MAX}")
        print(f"sizes: {len(files)} files, longest:")
        for n, name in files[:5]:
            print(f"  {n:4} lines  {name}")

    def is_cpp_end(self, name, number):
        """The closing brace of extern "C", which an #endif follows."""
        lines = self.code[name].splitlines()
        return number < len(lines) and lines[number].startswith("#endif")

    def spread(self, what, lengths, enforced):
        if not lengths:
            return
        lengths = sorted(lengths)
        p90 = lengths[math.ceil(0.9 * len(lengths)) - 1]
        median = lengths[math.ceil(0.5 * len(lengths)) - 1]
        print(f"sizes: {len(lengths)} functions of {what}: "
              f"median {median}, p90 {p90}, longest {lengths[-1]} lines")
        if enforced and p90 > FUNCTION_P90:
            self.refuse("sizes", what, 1, f"p90 of the functions is {p90} lines, more than {FUNCTION_P90}")

    # --- layers ---

    def check_layers(self):
        known = {rule.split("/")[0] for rule in LAYERS} | FREE
        for name in self.sources:
            if "/" in name and name.split("/")[0] not in known:
                self.refuse("layers", name, 1, f"no rule says what {name.split('/')[0]}/ may include")
        for name, line, m in self.each_match(self.sources, INCLUDE):
            rule = max((r for r in LAYERS if name.startswith(r + "/")), key=len, default=None)
            if rule is None:
                continue
            target = self.target_of(name, m.group(1), m.group(2))
            if target.endswith(".c"):
                self.refuse("layers", name, line, f"includes the source file {target}")
            elif target.startswith(("../", "./")) or "/../" in target:
                self.refuse("layers", name, line, f"{target}: write the path from the root")
            elif not self.is_allowed(target, LAYERS[rule]):
                self.refuse("layers", name, line, f"{rule}/ may not include {target}")

    def target_of(self, name, quote, path):
        beside = os.path.join(os.path.dirname(name), path)
        return beside if quote == '"' and not path.startswith(".") and beside in self.sources else path

    def is_allowed(self, target, allowed):
        target = target.removeprefix("include/")
        areas = {name.split("/")[0] for name in self.sources} | set(LAYERS) | FREE | {"careward"}
        if "/" not in target or target.split("/")[0] not in areas:
            return True  # of the system, or generated
        return target in allowed or any(target.startswith(a + "/") for a in allowed)

    # --- words and forms ---

    def refuse_calls(self, check, names, texts, why):
        pattern = re.compile(r"(?<![\w.>])(?:%s)[ \t]*\(" % "|".join(names.split()))
        for name, line, m in self.each_match(texts, pattern):
            self.refuse(check, name, line, f"{m.group(0).rstrip('( ')}() {why}")

    def check_calls(self):
        library = {n: t for n, t in self.code.items() if n.startswith(LIBRARY)}
        silent = {n: t for n, t in library.items() if n not in PRINTS}
        self.refuse_calls("calls", NOWHERE, self.code, "is used nowhere")
        timeless = {n: t for n, t in library.items() if not CLOCKS.search(n)}
        self.refuse_calls("calls", NOT_IN_LIBRARY, timeless, "is not for library code")
        self.refuse_calls("calls", NOT_PRINTED, silent, "prints: library code is silent")
        to_terminal = re.compile(r"\bv?f(?:printf|puts|write)[ \t]*\([^;]*\bstd(?:err|out)\b")
        for name, line, _ in self.each_match(silent, to_terminal):
            self.refuse("calls", name, line, "prints: library code is silent")

    def check_goto(self):
        for name, line, _ in self.each_match(self.code, re.compile(r"\bgoto\b")):
            self.refuse("goto", name, line, "goto is not used")

    def check_proved(self):
        proved = {n: t for n, t in self.code.items() if PROVED.match(n)}
        for name, line, m in self.each_match(proved, re.compile(r"\bU?INT(?:\d+|MAX)_C\b")):
            self.refuse("proved", name, line, f"{m.group(0)} is wider for the prover: write 0x1u")

    def check_spdx(self):
        for name, text in self.texts.items():
            if text and not UNMARKED.search(name) and SPDX not in "\n".join(text.splitlines()[:4]):
                self.refuse("spdx", name, 1, "no licence line at the top")

    def check_words(self):
        for name, line, _ in self.each_match(self.texts, MACHINE_PATHS):
            self.refuse("words", name, line, "names a path of somebody's machine")
        for name, line, m in self.each_match(self.texts, UNFINISHED):
            self.refuse("words", name, line, f"{m.group(0)}: finish it, or write it down as an issue")

    def check_forms(self):
        for name, text in self.texts.items():
            if UNMARKED.search(name):
                continue
            if text and not text.endswith("\n"):
                self.refuse("forms", name, text.count("\n") + 1, "no line break at the end")
            for number, line in enumerate(text.split("\n"), 1):
                if line != line.rstrip() and not (name.endswith(".md") and line.endswith("  ")) \
                   and name != "tests/proof/mutations" and not name.startswith("tests/planted/"):
                    self.refuse("forms", name, number, "white space at the end")
        for name in self.sources:
            self.look_at_source(name)

    def look_at_source(self, name):
        text = self.sources[name]
        for m in COMMENTS.finditer(text):
            if re.match(r"//(?!@)", m.group(0)):  # the prover's own one-liners are //@
                self.refuse("forms", name, text.count("\n", 0, m.start()) + 1, "// comment")
        before = ""
        code = self.code[name].split("\n")
        for number, line in enumerate(text.split("\n"), 1):
            # Strings are not measured: they stay whole, so that they can be found.
            if len(STRINGS.sub('""', line).expandtabs(8)) > COLUMNS:
                self.refuse("forms", name, number, f"longer than {COLUMNS} columns")
            form = code[number - 1]  # without the inside of comments
            starts = before.endswith((";", "{", "}"))  # else it may be a continuation
            if re.match(r"\t* +\t", form) or (starts and re.match(r" +\S", form)):
                self.refuse("forms", name, number, "indented with spaces")
            before = form.rstrip() or before

    def check_areas(self):
        """A folder's meson.build that no other one goes to is not built, silently."""
        builds = {os.path.dirname(n): t for n, t in self.texts.items()
                  if os.path.basename(n) == "meson.build"}
        for folder in filter(None, builds):
            above = os.path.dirname(folder)
            while above and above not in builds:
                above = os.path.dirname(above)
            way = os.path.relpath(folder, above or ".")
            if f"'{way}'" not in builds.get(above, "") and f"'{folder}'" not in builds.get("", ""):
                self.refuse("areas", os.path.join(folder, "meson.build"), 1,
                            f"is never built: '{way}' is not in {os.path.join(above, 'meson.build')}")

    # --- other programs ---

    def check_headers(self):
        """Each public header compiles alone, as C11 and as C++."""
        ways = {
            "C11": ["gcc", "-x", "c", "-std=c11"],
            "C++": ["g++", "-x", "c++", "-std=c++11"],
        }
        for header in (n for n in self.sources if n.startswith("include/careward/")):
            for words, compiler in ways.items():
                with tempfile.TemporaryDirectory() as scratch:
                    unit = os.path.join(scratch, "alone")
                    with open(unit, "w", encoding="utf-8") as f:
                        f.write(f"#include <{header.removeprefix('include/')}>\n")
                    command = compiler + ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                                          "-I", os.path.join(self.root, "include"), unit]
                    run = subprocess.run(command, capture_output=True, text=True, check=False)
                if run.returncode != 0:
                    first = next((r for r in run.stderr.splitlines() if "error" in r), run.stderr)
                    self.refuse("headers", header, 1, f"does not compile alone as {words}: {first}")

    def check_shell(self):
        for name, text in self.texts.items():
            if re.match(r"#!/bin/(ba|da)?sh|#!/usr/bin/env (ba)?sh", text):
                command = ["shellcheck", "-x", "-S", "warning", "-f", "gcc", name]
                run = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
                for row in run.stdout.splitlines():
                    path, line, _, words = row.split(":", 3)
                    self.refuse("shell", path, line, words.strip())


NEEDS = {"sizes": ["ctags"], "headers": ["gcc", "g++"], "shell": ["shellcheck"]}


def main():
    arguments = sys.argv[1:]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if arguments[:1] == ["--root"] and len(arguments) > 1:
        root = os.path.abspath(arguments[1])
        del arguments[:2]
    checks = [n.removeprefix("check_") for n in dir(Lint) if n.startswith("check_")]
    for wanted in arguments:
        if wanted not in checks:
            print(f"lint: no check '{wanted}'; there are: {', '.join(checks)}", file=sys.stderr)
            return 2
    lint = Lint(root)
    for check in arguments or checks:
        for program in NEEDS.get(check, []):
            if not shutil.which(program):
                print(f"lint: [{check}] needs {program}: see packages.list", file=sys.stderr)
                return 2
        getattr(lint, "check_" + check)()
    for row in lint.refused:
        print(row)
    print(f"lint: {len(lint.texts)} files, {len(lint.refused)} refused")
    return 1 if lint.refused else 0


sys.exit(main())
