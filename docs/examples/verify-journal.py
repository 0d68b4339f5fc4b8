#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies a journal as docs/journal.md says, with Python alone: no line of Careward's own code.
Usage: verify-journal.py [--anchor HEX] [--head N:HEX] [--keys FOLDER] careward.db
Work on a copy of database and -wal. Without --keys or --head an end cut off with its seals is not
missed; texts are compared by `careward verify` alone. Exit: 0 good; 1 bad, and where; 2 no verdict.
"""
import argparse
import hashlib
import pathlib
import sqlite3
import struct
import sys

# --- Ed25519 (RFC 8032, 5.1). Not in constant time: for public values, and seeds on your own desk.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, BASE = -121665 * pow(121666, -1, P) % P, b"\x58" + b"\x66" * 31


def add(a, b):
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    total = (0, 1, 1, 0)
    while n:
        total = add(total, point) if n & 1 else total
        point, n = add(point, point), n >> 1
    return total


def point_of(raw):
    y, sign = int.from_bytes(raw, "little") & 2**255 - 1, raw[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    good = y < P and (x * x - square) % P == 0 and (x != 0 or not sign)
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P) if good else None


def bytes_of(point):
    x, y = (point[i] * pow(point[2], -1, P) % P for i in (0, 1))
    return (y | (x & 1) << 255).to_bytes(32, "little")


def is_signed(public, message, signature):
    key, s = point_of(public), int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = hashlib.sha512(signature[:32] + public + message).digest()
    minus = times(int.from_bytes(k, "little") % L, (P - key[0], key[1], 1, P - key[3]))
    return bytes_of(add(times(s, point_of(BASE)), minus)) == signature[:32]


def public_of(seed):
    a = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return bytes_of(times(a & 2**254 - 8 | 2**254, point_of(BASE)))


MOST = dict(zip(range(1, 13), (4, 4, 8, 16, 32, 32, 63, 63, 127, 511, 32, 32)))
SCHEMA = "3c27e216fae89a15a71c3a08b98fd087c278182f23076d9f48d73db5adeb1683"
DEFAULTS = {1: bytes(4), 2: b"\xff" * 4, 3: bytes(8)}


def need(good, where, what):
    if not good:
        raise ValueError(where, what)


def parse(body, where):
    """Return: the columns account, target and event; the hashes of the texts, by what."""
    need(46 <= len(body) <= 1024, where, "length of the body")
    need(body[0] == 1 and body[2:4] != bytes(2) and body[9] <= 2, where, "head of the body")
    fields, at, last = {}, 46, 0
    while at < len(body):
        need(at + 3 <= len(body), where, "a field cut off")
        tag, size = struct.unpack_from("<BH", body, at)
        value, at = body[at + 3:at + 3 + size], at + 3 + size
        need(last < tag in MOST and len(value) == size, where, f"field {tag}")
        fits = (1 if 7 <= tag <= 10 else MOST[tag]) <= size <= MOST[tag]
        need(fits and value != DEFAULTS.get(tag), where, f"field {tag}")
        if 7 <= tag <= 10:
            text = value.decode("utf-8", "replace")
            control = any(c < " " or "\x7f" <= c <= "\x9f" for c in text)
            need(text.encode() == value and not control, where, f"field {tag} is no text")
        fields[tag], last = value, tag
    columns = [int.from_bytes(c, "little") for c in (body[42:46], fields.get(1, b""), body[2:4])]
    return columns, {tag - 10: fields[tag] for tag in (11, 12) if tag in fields}


class Journal:
    def __init__(self, db):
        self.db, self.epoch, self.first = db, 0, 1
        header = [db.execute(f"PRAGMA {n}").fetchone()[0] for n in ("application_id", "user_version")]
        schema = "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema ORDER BY rowid"
        schema = hashlib.sha256("".join("|".join(r) + "\n" for r in db.execute(schema)).encode())
        need(schema.hexdigest() == SCHEMA, "0", "another schema")
        self.meta = dict(db.execute("SELECT name, value FROM meta"))
        for name, size in (("device_id", 16), ("format", 4), ("min_reader", 4)):
            need(len(self.meta.get(name, b"")) == size, "0", f"meta: {name}")
        numbers = [int.from_bytes(self.meta[name], "little") for name in ("format", "min_reader")]
        if header[0] == 0x43617265 and numbers[1] > 1:
            raise OSError("this journal asks for a newer reader")
        need(header == [0x43617265, numbers[0]] and numbers[1] == 1, "0", "not a journal")
        self.texts = {row[:2]: row[2:] for row in db.execute("SELECT * FROM texts")}
        self.seals = {row[0]: row for row in db.execute("SELECT * FROM epochs")}
        self.erased = sum(not sealed for _, sealed in self.texts.values())
        self.key = self.meta.get("anchor", b"")
        self.heads = [hashlib.sha256(b"careward genesis 1" + self.meta["device_id"]).digest()]

    def next_epoch(self):
        self.epoch += 1
        self.seal = self.seals.get(self.epoch)
        need(self.seal or self.epoch > max(self.seals, default=0), f"epoch {self.epoch}", "no seal")
        sizes = [len(self.seal[i]) for i in (3, 5, 6, 7) if self.seal]
        need(sizes in ([], [32, 32, 32, 64]), f"epoch {self.epoch}", "form of the seal")

    def entry(self, n, row, head):
        seq, *told, body, stored = row
        need(seq == n, f"entry {n}", "is missing")
        whole = b"careward entry 1" + struct.pack("<Q", n) + self.heads[-1] + body
        self.heads.append(hashlib.sha256(whole).digest())
        need(self.heads[n] == stored, f"entry {n}", "hash")
        columns, texts = parse(body, f"entry {n}")
        need(columns == told, f"entry {n}", "columns")
        need(n > 1 or self.meta.get("created") == body[10:18], "entry 1", "meta: created")
        for what, digest in texts.items():
            row = self.texts.pop((n, what), (b"", b""))
            need(self.is_text(n, what, digest, *row), f"entry {n}", "its text")
        need(head is None or head[0] != n or head[1] == self.heads[n], f"entry {n}", "another head")
        if self.seal and self.seal[2] == n:
            self.check_seal()
            need(self.seal[3] == self.heads[n], f"epoch {self.epoch}", "head of the seal")
            self.key, self.first = self.seal[6], n + 1
            self.next_epoch()

    def is_text(self, n, what, digest, salt, sealed):
        return len(salt) == 16 and not 1 <= len(sealed) <= 27  # more needs the device key

    def check_seal(self):
        number, first, last, head, wall, key, next_key, signature = self.seal
        need(first == self.first <= last, f"epoch {number}", "range of the seal")
        need(key == self.key, f"epoch {number}", "key of the seal")
        told = struct.pack("<QQQ32s32s32sq", number, first, last, head, key, next_key, wall)
        told = b"careward epoch 1" + self.meta["device_id"] + told
        need(is_signed(key, told, signature), f"epoch {number}", "signature of the seal")

    def verify(self, anchor, head, keys):
        least, n = self.db.execute("SELECT ifnull(min(seq), 1), count(*) FROM journal").fetchone()
        need(min([*self.seals, least]) > 0, "0", "a number below 1")
        need(anchor in (None, self.key) and len(self.key) in (32, 32 * bool(n)), "0", "anchor")
        self.next_epoch()
        need(not head or head[0] or head[1] == self.heads[0], "0", "the head of another journal")
        rows = self.db.execute("SELECT * FROM journal NOT INDEXED ORDER BY seq")
        for i, row in enumerate(rows, 1):
            self.entry(i, row, head)
        if self.seal:
            self.check_seal()
        more = self.seal or (self.key and n == 0) or (head and head[0] > n)
        need(not more, f"end {n}", "a seal, key or head tells of more")
        if keys and n > 0:
            file = keys / f"epoch-{self.epoch}.key"
            need(file.exists(), f"end {n}", "no key for the open epoch")
            need(public_of(file.read_bytes()) == self.key, f"epoch {self.epoch}", "its key")
        need(not self.texts, "0", "a text of no entry")
        indexes = "SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'index'"
        for table, index, sql in self.db.execute(indexes).fetchall():
            rows = "WHERE " + ((sql or "").partition(" WHERE ")[2] or "true")
            both = [self.db.execute(f'SELECT count(*) FROM "{table}" {by} {rows}').fetchone()
                    for by in ("NOT INDEXED", f'INDEXED BY "{index}"')]
            need(both[0] == both[1], "0", f"index {index}")
        need(self.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "0", "SQLite's check")
        return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--anchor", type=bytes.fromhex)
    p.add_argument("--head", type=lambda h: (int(h.split(":")[0]), bytes.fromhex(h.split(":")[1])))
    p.add_argument("--keys", type=pathlib.Path)
    p.add_argument("database", type=pathlib.Path)
    o = p.parse_args()
    try:
        uri = o.database.resolve(strict=True).as_uri() + "?mode=ro"
        j = Journal(sqlite3.connect(uri, uri=True))
        n = j.verify(o.anchor, o.head, o.keys)
    except (ValueError, TypeError, sqlite3.DatabaseError) as e:
        where, what = e.args if len(e.args) == 2 else ("0", e)
        sys.exit(print(f"bad: {where}: {what}") or 1)
    except OSError as e:
        sys.exit(print(f"no verdict: {e}", file=sys.stderr) or 2)
    print(f"good: {n} entries, {j.epoch - 1} seals, {j.erased} erased; head {n}:{j.heads[n].hex()}")


if __name__ == "__main__":
    main()
