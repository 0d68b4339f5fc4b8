#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies a journal as docs/journal.md says, with Python alone: no line of Careward's own code.
Usage: verify-journal.py [--anchor HEX] [--head N:HEX] [--keys FOLDER] careward.db
Work on a copy of the database and its -wal. Without --keys or --head, an end cut off with its seals
is not missed. Only `careward verify`, which has the device key, compares texts with their hashes.
Exit: 0 good; 1 bad, at this entry (0: at none); 2 no verdict.
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
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


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


# --- The journal
MOST = dict(zip(range(1, 13), (4, 4, 8, 16, 32, 32, 63, 63, 127, 511, 32, 32)))
DEFAULTS = {1: bytes(4), 2: b"\xff" * 4, 3: bytes(8)}


class Bad(Exception):
    """The entry at which it shows, and what is wrong."""


def need(good, entry, what):
    if not good:
        raise Bad(entry, what)


def is_blob(value, size):
    return isinstance(value, bytes) and len(value) == size


def parse(body, n):
    """Return: the columns account, target and event, and which texts the entry has."""
    need(46 <= len(body) <= 1024, n, "length of the body")
    need(body[0] == 1 and body[2:4] != bytes(2) and body[9] <= 2, n, "head of the body")
    fields, at, last = {}, 46, 0
    while at < len(body):
        need(at + 3 <= len(body), n, "a field cut off")
        tag, size = struct.unpack_from("<BH", body, at)
        value, at = body[at + 3:at + 3 + size], at + 3 + size
        need(last < tag in MOST and len(value) == size, n, f"field {tag}")
        fits = (1 if 7 <= tag <= 10 else MOST[tag]) <= size <= MOST[tag]
        need(fits and value != DEFAULTS.get(tag), n, f"field {tag}")
        if 7 <= tag <= 10:
            text = value.decode("utf-8", "replace")
            control = any(c < " " or "\x7f" <= c <= "\x9f" for c in text)
            need(text.encode() == value and not control, n, f"field {tag} is no text")
        fields[tag], last = value, tag
    columns = [int.from_bytes(c, "little") for c in (body[42:46], fields.get(1, b""), body[2:4])]
    return columns, [tag - 10 for tag in (11, 12) if tag in fields]


class Journal:
    def __init__(self, db):
        self.db, self.texts, self.sealed, self.first = db, {}, 0, 1
        for name, value in (("application_id", 0x43617265), ("user_version", 1)):
            need(db.execute(f"PRAGMA {name}").fetchone()[0] == value, 0, name)
        self.meta = dict(db.execute("SELECT name, value FROM meta NOT INDEXED"))
        for name, size in (("device_id", 16), ("format", 4), ("min_reader", 4)):
            need(is_blob(self.meta.get(name), size), 0, f"meta: {name}")
        if int.from_bytes(self.meta["min_reader"], "little") > 1:
            raise OSError("this journal asks for a newer reader")
        texts = "SELECT seq, what, salt, sealed FROM texts NOT INDEXED"
        for seq, what, salt, text in db.execute(texts):
            whole = is_blob(salt, 16) and isinstance(text, bytes) and not 1 <= len(text) <= 27
            need(whole and (seq, what) not in self.texts, seq, "form of a text")
            self.texts[seq, what] = len(text)
        self.erased = sum(size == 0 for size in self.texts.values())
        seals = "number, first, last, head, wall, public_key, next_key, signature"
        self.seals = db.execute(f"SELECT {seals} FROM epochs ORDER BY number").fetchall()
        self.key = self.meta.get("anchor")
        self.heads = [hashlib.sha256(b"careward genesis 1" + self.meta["device_id"]).digest()]

    def entry(self, n, row):
        seq, *told, body, stored = row
        need(seq == n and isinstance(body, bytes), min(n, seq), "missing, besides, or no body")
        whole = b"careward entry 1" + struct.pack("<Q", n) + self.heads[-1] + body
        self.heads.append(hashlib.sha256(whole).digest())
        need(self.heads[n] == stored, n, "hash")
        columns, texts = parse(body, n)
        need(columns == told, n, "columns")
        for what in texts:
            need(self.texts.pop((n, what), None) is not None, n, "a text is missing")
        if n == 1:
            need(self.meta.get("created") == body[10:18] and is_blob(self.key, 32), 1, "meta")
        if self.sealed < len(self.seals) and self.seals[self.sealed][2] <= n:
            self.seal(n, *self.seals[self.sealed])

    def seal(self, n, number, first, last, head, wall, key, next_key, signature):
        self.sealed += 1
        need(number == self.sealed and first == self.first <= last == n, n, "range of a seal")
        whole = all(is_blob(b, 32) for b in (head, key, next_key)) and is_blob(signature, 64)
        need(whole and isinstance(wall, int), n, "form of a seal")
        need(key == self.key, n, "key of a seal")
        told = b"careward epoch 1" + self.meta["device_id"]
        told += struct.pack("<QQQ32s32s32sq", number, first, last, head, key, next_key, wall)
        need(is_signed(key, told, signature), n, "signature of a seal")
        need(head == self.heads[n], n, "head of a seal")
        self.key, self.first = next_key, last + 1

    def verify(self, anchor, head, keys):
        need(anchor in (None, self.key), 0, "the anchor is another one")
        n, columns = 0, "seq, account, target, event, body, hash"
        rows = self.db.execute(f"SELECT {columns} FROM journal NOT INDEXED ORDER BY seq")
        for n, row in enumerate(rows, 1):
            self.entry(n, row)
        need(n > 0 or not {"anchor", "created"} & set(self.meta), 1, "an anchor, and no entry")
        need(self.sealed == len(self.seals), n + 1, "a seal of entries that are not there")
        at, seen = head or (n, self.heads[n])
        need(at <= n, n + 1, "a head of entries that are not there")
        need(seen == self.heads[at], at, "another head")
        if keys and n > 0:
            file = keys / f"epoch-{self.sealed + 1}.key"
            seed = file.read_bytes() if file.is_file() else b""
            need(len(seed) == 32 and public_of(seed) == self.key, n + 1, "key of the open epoch")
        need(not self.texts, min(self.texts, default=(0,))[0], "a text of no entry")
        indexes = "SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'index'"
        for table, index, sql in self.db.execute(indexes).fetchall():
            rows = "WHERE " + ((sql or "").partition(" WHERE ")[2] or "true")
            both = [self.db.execute(f'SELECT count(*) FROM "{table}" {by} {rows}').fetchone()
                    for by in ("NOT INDEXED", f'INDEXED BY "{index}"')]
            need(both[0] == both[1], 0, f"index {index}")
        need(self.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", 0, "integrity_check")
        return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--anchor", type=bytes.fromhex)
    p.add_argument("--head", type=lambda h: (int(h.split(":")[0]), bytes.fromhex(h.split(":")[1])))
    p.add_argument("--keys", type=pathlib.Path)
    p.add_argument("database", type=pathlib.Path)
    o, journal = p.parse_args(), None
    try:
        uri = f"{o.database.resolve(strict=True).as_uri()}?mode=ro"
        journal = Journal(sqlite3.connect(uri, uri=True))
        n = journal.verify(o.anchor, o.head, o.keys)
    except (Bad, sqlite3.DatabaseError, TypeError) as e:
        entry, what = e.args if isinstance(e, Bad) else (len(journal.heads) if journal else 0, e)
        sys.exit(print(f"bad: entry {entry}: {what}") or 1)
    except OSError as e:
        sys.exit(print(f"no verdict: {e}", file=sys.stderr) or 2)
    told = f"{n} entries, {journal.sealed} seals, {journal.erased} texts erased"
    print(f"good: {told}; head {n}:{journal.heads[n].hex()}")


if __name__ == "__main__":
    main()
