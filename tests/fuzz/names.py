"""Names of collections that the server takes, most of them odd."""

from __future__ import annotations

import random

PLAIN = (b"orders", b"stock", b"Customers", b"a.b", b"log.2026.01")
ODD = (
    b"a.", b"a..b", b" ", b"a b", b"*", b"?", b"[a]", b"a/b", b"a\\b", b'a"b', b"\n", b"a\x01b", b"CON", b"0", b"null",
    b"system", b"systems.js", b"_SYNC_x", b"_sync", b"sync_state", b"tmp.agg_out.x", b"admin", b"oplog.rs",
    "ü☃😀".encode(), "ü".encode(), "u\u0308".encode(), "\u202eabc".encode(), b"{}", b"%s", b"<b>", b"a;b", b"A" * 120,
)  # fmt: skip
NOT_TEXT = (b"\xff\xfe\x80a", b"\xed\xa0\x80", b"caf\xe9")
RESERVED = (b"system.js",)  # the only one of `system.` that applications can write
# database, dot and name have 255 bytes at most: the last two fit on one side only
LONG = (200, 229, 230, 235)


def name(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(PLAIN) + b"%d" % rng.randrange(10)
    if kind < 0.7:
        return rng.choice(ODD)
    if kind < 0.76:
        return rng.choice(NOT_TEXT)
    if kind < 0.79:
        return rng.choice(RESERVED)
    if kind < 0.87:
        return b"long" + b"x" * (rng.choice(LONG) - 4)
    # Anything in UTF-8 that is no control of names
    points = [
        rng.choice([rng.randrange(1, 0x80), rng.randrange(0x80, 0xD800)]) for _ in range(rng.randint(1, 9))
    ]
    drawn = "".join(map(chr, points)).replace("$", "S").lstrip(".") or "x"
    return b"_" + drawn.encode() if drawn.startswith(("system.", "_sync_")) else drawn.encode()


def pool(rng: random.Random, size: int) -> list[bytes]:
    """So many different names."""
    found: dict[bytes, None] = {}
    while len(found) < size:
        found[name(rng)] = None
    return list(found)


def usable(name: bytes) -> bool:
    """Can a driver ask for it, and does it not look like one of the server's?"""
    text = name.decode(errors="replace")
    odd = ".." in text or text.endswith(".") or text.startswith("tmp.")
    return text.encode() == name and not odd and name not in RESERVED
