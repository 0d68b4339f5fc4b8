# SPDX-License-Identifier: Apache-2.0
"""Opens the texts of a journal with the device key, as docs/journal.md says; Python alone.

Part of test-second-verifier.py: the one check of the page that needs a secret, and therefore not in
docs/examples/verify-journal.py, which is for people who have a copy of the database and nothing else.
"""

import hashlib
import hmac
import struct


def mul8(a, b):
    r = 0
    while b:
        r, a, b = r ^ (a if b & 1 else 0), a << 1 ^ (0x11B if a & 0x80 else 0), b >> 1
    return r


def box_of(x):
    i = next((y for y in range(256) if mul8(x, y) == 1), 0) * 0x101
    return (i ^ i >> 4 ^ i >> 5 ^ i >> 6 ^ i >> 7) & 0xFF ^ 0x63


class Gcm:
    """AES-256-GCM (FIPS 197, SP 800-38D) with a nonce of 12 bytes; opens, and does not seal."""

    def __init__(self, key):
        self.box = [box_of(x) for x in range(256)]
        w, rcon = [key[i:i + 4] for i in range(0, 32, 4)], 1
        for i in range(8, 60):
            t = w[-1][1:] + w[-1][:1] if i % 8 == 0 else w[-1]
            t = bytes(self.box[b] for b in t) if i % 4 == 0 else t
            t, rcon = (bytes([t[0] ^ rcon]) + t[1:], mul8(rcon, 2)) if i % 8 == 0 else (t, rcon)
            w.append(bytes(a ^ b for a, b in zip(w[i - 8], t)))
        self.keys = [b"".join(w[i:i + 4]) for i in range(0, 60, 4)]

    def block(self, s):
        s = bytes(a ^ b for a, b in zip(s, self.keys[0]))
        for n, key in enumerate(self.keys[1:], 1):
            s = [self.box[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
            if n < 14:
                s = [mul8(s[i], 2) ^ mul8(s[i & 12 | i + 1 & 3], 3) ^ s[i & 12 | i + 2 & 3]
                     ^ s[i & 12 | i + 3 & 3] for i in range(16)]
            s = bytes(a ^ b for a, b in zip(s, key))
        return int.from_bytes(s, "big")

    def open(self, sealed, more):
        """Return: the text; None when the tag is not right."""
        nonce, text, tag = sealed[:12], sealed[12:-16], sealed[-16:]
        h, y = self.block(bytes(16)), 0
        data = more + bytes(-len(more) % 16) + text + bytes(-len(text) % 16)
        data += struct.pack(">QQ", 8 * len(more), 8 * len(text))
        for at in range(0, len(data), 16):
            x, y, v = y ^ int.from_bytes(data[at:at + 16], "big"), 0, h
            for bit in range(127, -1, -1):
                y, v = y ^ (v if x >> bit & 1 else 0), v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        stream = b"".join(self.block(nonce + struct.pack(">I", 2 + i)).to_bytes(16, "big")
                          for i in range((len(text) + 15) // 16))
        good = y ^ self.block(nonce + b"\0\0\0\1") == int.from_bytes(tag, "big")
        return bytes(a ^ b for a, b in zip(text, stream)) if good else None


def text_key(device_key):
    """HKDF (RFC 5869) for one block of output."""
    key = hmac.digest(b"careward device key 1", device_key, "sha256")
    return hmac.digest(key, b"careward seal 1 texts\1", "sha256")


def first_wrong(db, device_key, digests):
    """Return: (seq, what) of the first text that is not what its entry says; None when all are.

    digests: the hashes out of the entries, by (seq, what).
    """
    gcm, rows = Gcm(text_key(device_key)), "SELECT seq, what, salt, sealed FROM texts ORDER BY seq, what"
    for seq, what, salt, sealed in db.execute(rows):
        if sealed:
            text = gcm.open(sealed, struct.pack("<QQ", seq, what) + b"texts")
            if text is None or hashlib.sha256(salt + text).digest() != digests.get((seq, what)):
                return seq, what
    return None
