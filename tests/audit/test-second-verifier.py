#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two verifiers that share no line judge the same journals, and must say the same. Prints TAP.

usage: test-second-verifier.py JOURNAL-TOOL

One is journal_verify(), through journal-tool; the other docs/examples/verify-journal.py, which was
written from docs/journal.md before its author had read the code. Good journals and damaged ones; each
with the device's keys, then blind; they must agree on good or bad, and on the first thing that is wrong.
"""

import contextlib
import hashlib
import importlib.util
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECOND = HERE.parents[1] / "docs/examples/verify-journal.py"
PAGE = HERE.parents[1] / "docs/journal.md"
second, texts = load(SECOND), load(HERE / "open-texts.py")


def with_device_key(key):
    """The second verifier and the one check that needs the device key."""
    gcm = texts.Gcm(texts.text_key(key))

    class Journal(second.Journal):
        def is_text(self, n, what, digest, salt, sealed):
            good = super().is_text(n, what, digest, salt, sealed)
            if not good or not sealed:
                return good
            text = gcm.open(sealed, struct.pack("<QQ", n, what) + b"texts")
            return text is not None and hashlib.sha256(salt + text).digest() == digest

    return Journal


class Bench:
    """Journals to damage, and both verifiers."""

    def __init__(self, tool, folder):
        self.tool, self.folder = tool, pathlib.Path(folder)
        self.first = subprocess.Popen([tool, "verify"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.n = self.n_bad = 0
        self.wrong = []
        self.second = {}

    def make(self, name, entries):
        base = self.folder / name
        base.mkdir(mode=0o700)
        subprocess.run([self.tool, "make", base, str(entries)], check=True)
        return base

    def ask_first(self, state, keys, head):
        told = f"{head[0]}:{head[1].hex()}" if head else "-"
        self.first.stdin.write(f"{state} {'keys' if keys else 'blind'} {told}\n")
        self.first.stdin.flush()
        return self.first.stdout.readline().rstrip("\n").split("\t")

    def ask_second(self, state, keys, head):
        kind = second.Journal
        if keys:
            device_key = (state / "keys/device.key").read_bytes()
            if device_key not in self.second:
                self.second[device_key] = with_device_key(device_key)
            kind = self.second[device_key]
        uri = f"{(state / 'careward.db').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            try:
                kind(db).verify(None, head, state / "keys" if keys else None)
                return "good", ""
            except (ValueError, TypeError, sqlite3.DatabaseError) as e:
                return e.args if len(e.args) == 2 else ("0", str(e))
            except OSError as e:
                return "no verdict", str(e)

    def compare(self, why, base, damage, head=None, place=True):
        """@place: both name the same thing; otherwise one may say 0 where the other knows more."""
        state = self.folder / "damaged"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(base, state)
        damage(state)
        for keys in (True, False):
            one, two = self.ask_first(state, keys, head), self.ask_second(state, keys, head)
            self.n += 1
            self.n_bad += one[0] != "good"
            agree = one[0] == two[0] or (not place and "good" not in (one[0], two[0]) and
                                         "0" in (one[0], two[0]))
            if not agree:
                self.wrong.append(f"{why}, {'keys' if keys else 'blind'}: journal_verify says "
                                  f"{one[0]} ({one[1]}), the second {two[0]} ({two[1]})")


@contextlib.contextmanager
def opened(state):
    """The database without any of its defences."""
    db = sqlite3.connect(state / "careward.db", isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA writable_schema = ON")
    try:
        yield db
    finally:
        db.close()


def sql(*statements):
    def damage(state):
        with opened(state) as db:
            for statement in statements:
                db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    return damage


def rechain(first):
    """Recomputes every hash from @first on, as somebody would who knows the page."""
    def damage(state):
        with opened(state) as db:
            before = db.execute("SELECT hash FROM journal WHERE seq < ? ORDER BY seq DESC LIMIT 1",
                                (first,)).fetchone()
            device = db.execute("SELECT value FROM meta WHERE name = 'device_id'").fetchone()[0]
            hash_ = before[0] if before else hashlib.sha256(b"careward genesis 1" + device).digest()
            rows = db.execute("SELECT seq, body FROM journal WHERE seq >= ? ORDER BY seq", (first,))
            for seq, body in rows.fetchall():
                told = b"careward entry 1" + struct.pack("<Q", seq) + hash_ + body
                hash_ = hashlib.sha256(told).digest()
                db.execute("UPDATE journal SET hash = ? WHERE seq = ?", (hash_, seq))
    return damage


def both(*damages):
    def damage(state):
        for each in damages:
            each(state)
    return damage


def rows_of(base, what):
    copy = base.parent / "looked-at"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(base, copy)
    with opened(copy) as db:
        return db.execute(what).fetchall()


def nothing(state):
    """A good journal."""


def flipped(blob, at, mask):
    return blob[:at] + bytes([blob[at] ^ mask]) + blob[at + 1:]


# --- what is done to a journal ---------------------------------------------------------------------


def good_ones(bench, bases):
    for name, base in bases.items():
        bench.compare(name, base, nothing)
        for seq, hash_ in rows_of(base, "SELECT seq, hash FROM journal WHERE seq < 14 OR seq % 9 = 0"):
            bench.compare(f"{name}, head {seq}", base, nothing, (seq, hash_))
            bench.compare(f"{name}, false head {seq}", base, nothing, (seq, flipped(hash_, 0, 1)))
        bench.compare(f"{name}, head 0", base, nothing, (0, bytes(32)))
        bench.compare(f"{name}, head of more", base, nothing, (999, bytes(32)))


def edits_of_entries(bench, bases):
    base = bases["thirteen"]
    for seq, body in rows_of(base, "SELECT seq, body FROM journal"):
        for column in ("account", "target", "event"):
            for value in (f"{column} + 1", "-1", "0"):
                bench.compare(f"{seq}: {column} = {value}", base,
                              sql(f"UPDATE journal SET {column} = {value} WHERE seq = {seq}"))
        for column, value in (("hash", "zeroblob(32)"), ("hash", "x''"), ("body", "x''"),
                              ("body", "zeroblob(46)"), ("body", "CAST(body || x'00' AS BLOB)"), ("seq", "seq + 99"),
                              ("body", "zeroblob(1025)")):
            edit = sql(f"UPDATE journal SET {column} = {value} WHERE seq = {seq}")
            bench.compare(f"{seq}: {column} = {value}", base, edit)
            bench.compare(f"{seq}: {column} = {value}, rechained", base, both(edit, rechain(seq)))
        masks = (0x01, 0x80) if seq == 6 else (0x01,)
        for at in range(0, len(body), 1 if seq == 6 else 9):
            for mask in masks:
                edit = sql(("UPDATE journal SET body = ? WHERE seq = ?", (flipped(body, at, mask), seq)))
                bench.compare(f"{seq}: byte {at} ^ {mask}", base, edit)
                bench.compare(f"{seq}: byte {at} ^ {mask}, rechained", base, both(edit, rechain(seq)))


def moved_entries(bench, bases):
    base = bases["thirteen"]
    last = rows_of(base, "SELECT max(seq) FROM journal")[0][0]
    copy = "SELECT {}, account, target, event, body, hash FROM journal WHERE seq = {}"
    for n in range(1, last + 1):
        after = f"WHERE seq > {n}"
        move = ["UPDATE {t} SET seq = -seq - {by} " + after, "UPDATE {t} SET seq = -seq WHERE seq < 0"]
        closer = [m.format(t=t, by=-1) for t in ("journal", "texts") for m in move]
        apart = [m.format(t=t, by=1) for t in ("journal", "texts") for m in move]
        cases = {
            "removed": [f"DELETE FROM journal WHERE seq = {n}"],
            "removed, closed up": [f"DELETE FROM journal WHERE seq = {n}",
                                   f"DELETE FROM texts WHERE seq = {n}", *closer],
            "swapped with the next": [f"UPDATE journal SET seq = 100 WHERE seq = {n}",
                                      f"UPDATE journal SET seq = {n} WHERE seq = {n} + 1",
                                      f"UPDATE journal SET seq = {n} + 1 WHERE seq = 100"],
            "inserted": apart + ["INSERT INTO journal " + copy.format(n + 1, n)],
            "over the next": ["DELETE " + f"FROM journal WHERE seq = {n} + 1",
                              "INSERT INTO journal " + copy.format(n + 1, n)],
            "below 1": ["INSERT INTO journal " + copy.format(1 - n, n)],
            "again at the end": ["INSERT INTO journal " + copy.format(last + 1, n)],
        }
        for why, statements in cases.items():
            bench.compare(f"{n} {why}", base, sql(*statements))
            bench.compare(f"{n} {why}, rechained", base, both(sql(*statements), rechain(n)))


def cut_off(bench, bases):
    for name, step in (("thirteen", 1), ("seventy", 3)):
        base = bases[name]
        heads = dict(rows_of(base, "SELECT seq, hash FROM journal"))
        for left in range(0, len(heads) + 1, step):
            entries = [f"DELETE FROM journal WHERE seq > {left}", f"DELETE FROM texts WHERE seq > {left}"]
            seals = [f"DELETE FROM epochs WHERE last > {left}"]
            for why, statements in (("entries", entries[:1]), ("and texts", entries),
                                    ("and seals", entries + seals)):
                bench.compare(f"{name} cut after {left}, {why}", base, sql(*statements))
            bench.compare(f"{name} cut after {left}, head known", base, sql(*entries, *seals),
                          (len(heads), heads[len(heads)]))
            beginning = "DELETE FROM meta WHERE name IN ('anchor', 'created')"
            bench.compare(f"{name} cut after {left}, beginning too", base, sql(*entries, *seals, beginning))


def replaced(bench, bases):
    def exchange(other, *files):
        def damage(state):
            for file in files:
                (state / file).unlink(missing_ok=True)
                if other and (other / file).exists():
                    shutil.copy(other / file, state / file)
        return damage

    for name, base in bases.items():
        bench.compare(f"{name} without its -wal", base, exchange(None, "careward.db-wal", "careward.db-shm"))
        for other_name, other in bases.items():
            files = ("careward.db", "careward.db-wal", "careward.db-shm")
            bench.compare(f"{name} with the database of {other_name}", base, exchange(other, *files))
            bench.compare(f"{name} with the -wal of {other_name}", base, exchange(other, *files[1:]))
        epoch = max((base / "keys").glob("epoch-*.key"), default=None)
        if epoch:
            file = f"keys/{epoch.name}"
            bench.compare(f"{name} without its key", base, exchange(None, file))
            bench.compare(f"{name} with another key", base, lambda s, f=file: (s / f).write_bytes(bytes(32)))


def edits_of_seals(bench, bases):
    base = bases["thirteen"]
    for number, in rows_of(base, "SELECT number FROM epochs"):
        row = f"WHERE number = {number}"
        for column in ("number", "first", "last", "wall"):
            for value in (f"{column} + 1", f"{column} - 1", f"{column} + 99", "0", "-1"):
                bench.compare(f"seal {number}: {column} = {value}", base,
                              sql(f"UPDATE OR REPLACE epochs SET {column} = {value} {row}"))
        for column, size in (("head", 32), ("public_key", 32), ("next_key", 32), ("signature", 64)):
            for value in ("x''", f"zeroblob({size})", f"zeroblob({size + 1})"):
                bench.compare(f"seal {number}: {column} = {value}", base,
                              sql(f"UPDATE epochs SET {column} = {value} {row}"))
            was = rows_of(base, f"SELECT {column} FROM epochs {row}")[0][0]
            for at in range(0, size, 7):
                edit = (f"UPDATE epochs SET {column} = ? {row}", (flipped(was, at, 0x80),))
                bench.compare(f"seal {number}: {column}, byte {at}", base, sql(edit))
        # A signature with S + L is the same point: RFC 8032 does not take it.
        was = rows_of(base, f"SELECT signature FROM epochs {row}")[0][0]
        more = was[:32] + (int.from_bytes(was[32:], "little") + second.L).to_bytes(32, "little")
        bench.compare(f"seal {number}: S + L", base,
                      sql((f"UPDATE epochs SET signature = ? {row}", (more,))))
        bench.compare(f"seal {number} removed", base, sql(f"DELETE FROM epochs {row}"))
        bench.compare(f"seal {number} and those after it removed", base,
                      sql(f"DELETE FROM epochs WHERE number >= {number}"))
        other = "first, last, head, wall, public_key, next_key, signature FROM epochs"
        for new in (0, -1, 9, 4):
            bench.compare(f"seal {number} again as {new}", base,
                          sql(f"INSERT OR REPLACE INTO epochs SELECT {new}, {other} {row}"))


def edits_of_the_rest(bench, bases):
    base = bases["thirteen"]
    for seq, what in rows_of(base, "SELECT seq, what FROM texts"):
        row = f"WHERE seq = {seq} AND what = {what}"
        for change in ("SET salt = zeroblob(16)", "SET salt = x''", "SET sealed = x''", "SET what = 3",
                       "SET sealed = zeroblob(27)", "SET sealed = zeroblob(40)", "SET seq = 5",
                       "SET salt = x'', sealed = x''", "SET sealed = CAST(sealed || x'00' AS BLOB)"):
            bench.compare(f"text {seq}, {what}: {change}", base, sql(f"UPDATE texts {change} {row}"))
        bench.compare(f"text {seq}, {what} removed", base, sql(f"DELETE FROM texts {row}"))
    bench.compare("a text of no entry", base, sql("INSERT INTO texts VALUES (5, 1, zeroblob(16), x'')"))
    bench.compare("a text below 1", base, sql("INSERT INTO texts VALUES (-5, 1, zeroblob(16), x'')"))
    for name, value in rows_of(base, "SELECT name, value FROM meta"):
        for new in (b"", value + b"\0", flipped(value, 0, 1), bytes(len(value)), b"\x02" + value[1:]):
            edit = ("UPDATE meta SET value = ? WHERE name = ?", (new, name))
            bench.compare(f"meta {name} = {new.hex()}", base, sql(edit))
            bench.compare(f"meta {name} = {new.hex()}, rechained", base, both(sql(edit), rechain(1)))
        bench.compare(f"meta {name} removed", base, sql(f"DELETE FROM meta WHERE name = '{name}'"))
    for statement in ("PRAGMA application_id = 1", "PRAGMA user_version = 2", "CREATE TABLE more (a)",
                      "CREATE VIEW more AS SELECT 1", "CREATE INDEX more ON journal (hash)",
                      "CREATE TRIGGER more AFTER INSERT ON journal BEGIN SELECT 1; END",
                      "DROP INDEX journal_account", "DROP TABLE configurations"):
        bench.compare(statement, base, sql(statement))


def indexes(bench, bases):
    base = bases["thirteen"]
    root = "(SELECT rootpage FROM sqlite_schema WHERE name = '{}')"
    names = [n for n, in rows_of(base, "SELECT name FROM sqlite_schema WHERE type = 'index'")]
    for name in names:
        for other in names:
            if other != name:
                bench.compare(f"{name} is redirected to {other}", base,
                              sql(f"UPDATE sqlite_schema SET rootpage = {root.format(other)} "
                                  f"WHERE name = '{name}'"))
    condition = "UPDATE sqlite_schema SET sql = 'CREATE INDEX {0} ON journal ({1}) WHERE {2}' " \
                "WHERE name = '{0}'"
    for name, column, right, thin in (
            ("journal_account", "account", "account > 0", "seq <> 5"),
            ("journal_target", "target", "target > 0", "target > 6"),
            ("journal_emergency", "event", "event BETWEEN 400 AND 499", "seq <> 6")):
        def thinned(state, n=name, c=column, r=right, t=thin):
            for statement in (condition.format(n, c, t), f"REINDEX {n}", condition.format(n, c, r)):
                sql(statement)(state)
        bench.compare(f"{name} is thinned out", base, thinned)


def torn_pages(bench, bases):
    base, whole = bases["thirteen"], bases["thirteen"].parent / "whole"
    shutil.copytree(base, whole)
    sql("PRAGMA wal_checkpoint(TRUNCATE)")(whole)
    size = (whole / "careward.db").stat().st_size
    for at in range(0, size, 4096):
        for inside in (0, 8, 2048, 4000):
            for bytes_ in (b"\xa5" * 64, b"\x01"):
                def tear(state, place=at + inside, rubbish=bytes_):
                    with open(state / "careward.db", "r+b") as f:
                        f.seek(place)
                        f.write(rubbish)
                bench.compare(f"{len(bytes_)} bytes at {at + inside}", whole, tear, place=False)


GROUPS = (
    ("good journals, and heads seen earlier", good_ones),
    ("each field of each entry is edited, with hashes recomputed and without", edits_of_entries),
    ("entries are swapped, inserted, removed, renumbered", moved_entries),
    ("the end is cut off at each entry", cut_off),
    ("database, -wal or keys are another device's, older, or missing", replaced),
    ("each field of each seal is edited", edits_of_seals),
    ("texts, meta and schema are edited", edits_of_the_rest),
    ("indexes are redirected and thinned out", indexes),
    ("pages are torn", torn_pages),
)


def command_line(tool_bench, bases):
    """The program itself, as an auditor calls it."""
    base, state = bases["thirteen"], tool_bench.folder / "by-hand"
    shutil.copytree(base, state)
    run = [sys.executable, SECOND, "--keys", state / "keys", state / "careward.db"]
    good = subprocess.run(run, capture_output=True, text=True, check=False)
    sql("UPDATE journal SET account = 77 WHERE seq = 5")(state)
    bad = subprocess.run(run, capture_output=True, text=True, check=False)
    missing = subprocess.run([*run[:-1], state / "none.db"], capture_output=True, text=True, check=False)
    return (good.returncode == 0 and good.stdout.startswith("good: 13 entries, 2 seals") and
            bad.returncode == 1 and bad.stdout.startswith("bad: entry 5: ") and missing.returncode == 2)


def main():
    tool = os.path.abspath(sys.argv[1])
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    print(f"1..{len(GROUPS) + 3}", flush=True)
    with tempfile.TemporaryDirectory(prefix="careward-second-", dir=memory) as folder:
        bench = Bench(tool, folder)
        bases = {name: bench.make(name, n) for name, n in
                 (("thirteen", 13), ("seventy", 70), ("one", 1), ("empty", 0))}
        failed, number = 0, 0
        for number, (why, group) in enumerate(GROUPS, 1):
            before, bad, bench.wrong = bench.n, bench.n_bad, []
            group(bench, bases)
            for line in bench.wrong[:20]:
                print(f"# {line}")
            print(f"# {bench.n - before} compared, {bench.n_bad - bad} of them bad, "
                  f"{len(bench.wrong)} disagreements")
            print(f"{'not ok' if bench.wrong else 'ok'} {number} - {why}", flush=True)
            failed += bool(bench.wrong)
        works = command_line(bench, bases)
        print(f"{'ok' if works else 'not ok'} {number + 1} - the program by itself")
        told = second.SCHEMA in PAGE.read_text(encoding="utf-8")
        print(f"{'ok' if told else 'not ok'} {number + 2} - the page has the number of the schema")
        lines = len(SECOND.read_text(encoding="utf-8").splitlines())
        print(f"# compared {bench.n} times, {bench.n_bad} of them bad; the second verifier has {lines} lines")
        print(f"{'ok' if lines <= 200 else 'not ok'} {number + 3} - it can be read in one sitting")
        bench.first.stdin.close()
        bench.first.wait()
    return 1 if failed or not works or not told or lines > 200 else 0


sys.exit(main())
