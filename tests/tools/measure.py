#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what has to be trusted: code by part, and the processes of a running broker.

usage: measure.py [--build FOLDER] [--check]

Prints the tables of docs/security.md, "Size and reach". With --check: are lines and branches on
that page those of the tree (within a tenth, for a page is not renewed with every commit), and does
each source of the broker belong to one part? What a process takes differs from machine to machine
and is not checked.
"""

import argparse
import fnmatch
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/security.md"
FOLDERS = ("common", "policy", "wire", "audit", "auth", "tokens", "broker")

# What runs in which process. The first match counts; "not on the device's broker" is no part.
PARTS = (
    ("decision", "pure, proved; in the engine and in each application",
     "policy/decide.[ch] policy/contexts.[ch] policy/table.h policy/token-rules.h"),
    ("supervisor", "makes sockets, forks, restarts, empties rings",
     "broker/carewardd.[ch] broker/supervisor.[ch] broker/offspring.[ch] broker/listen.[ch] broker/rings.[ch] "
     "broker/sandbox.[ch] broker/say.[ch] broker/seats*.[ch] broker/spool.[ch] broker/token-start.[ch] broker/control.h "
     "wire/ring*.[ch] wire/shared.[ch]"),
    ("spool writer", "writes into one file", "broker/spool-writer.c broker/spool-file.[ch]"),
    ("token helper", "careward-token: keeper, watcher, helpers",
     "tokens/careward-token.c tokens/keeper*.[ch] tokens/helper.[ch] tokens/confine.[ch] tokens/pkcs11*.[ch] "
     "tokens/fido2*.[ch] tokens/watch*.[ch] tokens/speech-helper.c tokens/table.c tokens/trusted-path.[ch] "
     "tokens/error.c"),
    ("tools", "careward-compile", "policy/careward-compile.c"),
    ("engine", "everything else: sign-in, accounts, journal, configuration", "*"),
)

STRINGS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
BRANCH = re.compile(r"\b(?:if|for|while|case)\b|&&|\|\||\?")


def sources():
    for folder in FOLDERS:
        yield from sorted(p for p in (ROOT / folder).rglob("*.[ch]"))


def part_of(path):
    name = path.relative_to(ROOT).as_posix()
    for part, _, patterns in PARTS:
        if any(fnmatch.fnmatchcase(name, p) for p in patterns.split()):
            return part
    return None


def measured():
    """Files, lines with code in them, and branches (if, for, while, case, &&, ||, ?), by part."""
    sums = {part: [0, 0, 0] for part, _, _ in PARTS}
    for path in sources():
        text = STRINGS.sub(lambda m: '""' if m.group(0)[0] in "\"'" else " ", path.read_text(encoding="utf-8"))
        counts = sums[part_of(path)]
        counts[0] += 1
        counts[1] += sum(1 for line in text.splitlines() if line.strip())
        counts[2] += len(BRANCH.findall(re.sub(r"^[ \t]*#.*$", "", text, flags=re.M)))
    return sums


def print_code():
    print("| part | what it does | files | lines | branches |\n|---|---|---|---|---|")
    for part, does, _ in PARTS:
        files, lines, branches = measured()[part]
        print(f"| {part} | {does} | {files} | {lines} | {branches} |")


def check():
    """TAP: the numbers of the page, part by part."""
    page, sums, failed = PAGE.read_text(encoding="utf-8"), measured(), 0
    print(f"1..{len(PARTS) + 1}")
    for n, (part, _, patterns) in enumerate(PARTS, 1):
        row = re.search(rf"^\| {part} \|[^|]*\| (\d+) \| (\d+) \| (\d+) \|$", page, re.M)
        told = [int(x) for x in row.groups()] if row else None
        good = told and all(abs(a - b) * 10 <= b for a, b in zip(told[1:], sums[part][1:]))
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - {part}: the page says {told}, the tree has {sums[part]}")
    stale = [p for _, _, ps in PARTS for p in ps.split() if not any(ROOT.glob(p))]
    failed += bool(stale)
    print(f"{'not ok' if stale else 'ok'} {len(PARTS) + 1} - each pattern names a file {' '.join(stale)}")
    return 1 if failed else 0


# --- processes -------------------------------------------------------------------------------------


def status(pid, name):
    for line in (pathlib.Path("/proc") / str(pid) / "status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return ""


def libraries(pid):
    try:
        maps = (pathlib.Path("/proc") / str(pid) / "maps").read_text().splitlines()
    except PermissionError:
        return "?"
    return len({line.split()[-1] for line in maps if ".so" in line})


def children(pid):
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if status(entry.name, "PPid") == str(pid):
                    yield int(entry.name)
                    yield from children(int(entry.name))
            except OSError:
                continue


def name_of(pid, supervisor):
    """By what a process has: the engine maps SQLite and has threads; the writer has neither."""
    if pid == supervisor:
        return "supervisor"
    if "token" in status(pid, "Name") and status(pid, "Seccomp") == "0":
        first = status(pid, "PPid") == str(supervisor)
        return "careward-token: " + ("first process" if first else "keeper")
    if "token" in status(pid, "Name"):
        return "careward-token: " + ("watcher" if int(status(pid, "Threads")) > 1 else "helper, spare")
    return "engine" if int(status(pid, "Threads")) > 1 else "spool writer"


def print_processes(supervisor):
    print("| process | threads | VSZ MB | RSS MB | of it private MB | libraries | filter | privileges |\n"
          "|---|---|---|---|---|---|---|---|")
    for pid in [supervisor, *sorted(children(supervisor))]:
        size, resident, shared = (int(x) * 4096 / 1e6 for x in
                                  (pathlib.Path("/proc") / str(pid) / "statm").read_text().split()[:3])
        filtered = {"0": "none", "2": "yes"}.get(status(pid, "Seccomp"), "?")
        caps = "none" if int(status(pid, "CapEff"), 16) == 0 and status(pid, "NoNewPrivs") == "1" else "SOME"
        print(f"| {name_of(pid, supervisor)} | {status(pid, 'Threads')} | {size:.0f} | {resident:.1f} | "
              f"{resident - shared:.1f} | {libraries(pid)} | {filtered} | {caps} |")


def print_files(where, folder):
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        kind = "socket" if stat.S_ISSOCK(mode) else "folder" if stat.S_ISDIR(mode) else "file"
        print(f"| {where}/{path.relative_to(folder)} | {kind} | {stat.S_IMODE(mode):04o} |")


def copy_configuration(folder):
    """The infusion pump's, for whoever runs this: its groups need not exist here."""
    import grp
    folder.mkdir(mode=0o755)
    group = grp.getgrgid(os.getegid()).gr_name
    for file in (ROOT / "config/infusion-pump").glob("*.cfg"):
        text = re.sub(r'group = "[^"]*"', f'group = "{group}"', file.read_text(encoding="utf-8"))
        (folder / file.name).write_text(text, encoding="utf-8")
        (folder / file.name).chmod(0o644)


def token_user():
    """A user that every Debian has, so that nothing is installed to be measured."""
    return ["--token-user", "games"] if os.geteuid() == 0 else []


def run_broker(build):
    import pwd
    with tempfile.TemporaryDirectory(prefix="careward-measure-") as folder:
        base = pathlib.Path(folder)
        base.chmod(0o755)
        copy_configuration(base / "config")
        state, run = base / "state", base / "run"
        ready, told = os.pipe()
        broker = subprocess.Popen(
            [build / "broker/carewardd", "--config", base / "config", "--state", state, "--run", run,
             "--user", pwd.getpwuid(os.geteuid()).pw_name, "--ready-fd", str(told),
             "--token-helper", build / "tokens/careward-token", *token_user()],
            pass_fds=(told,), stderr=subprocess.DEVNULL)
        try:
            os.close(told)
            if not os.read(ready, 8):
                sys.exit("measure: the broker does not start")
            for _ in range(100):  # the watcher is the last one; without readers there is none
                names = [name_of(p, broker.pid) for p in children(broker.pid)]
                if "careward-token: watcher" in names and "careward-token: helper, spare" in names:
                    break
                time.sleep(0.05)
            print_processes(broker.pid)
            print("\n| file | kind | mode |\n|---|---|---|")
            print_files("state", state)
            print_files("run", run)
        finally:
            broker.terminate()
            broker.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        return check()
    print_code()
    print()
    run_broker(options.build.resolve())
    print()
    sys.stdout.flush()
    calls = options.build / "tests/broker-sandbox/test-syscalls"
    return subprocess.run([calls, "--print"], check=False).returncode


sys.exit(main())
