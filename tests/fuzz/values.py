"""Values of every BSON type, most of them odd; and those that can be an `_id`."""

from __future__ import annotations

import random
import struct

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from tests.fuzz.bson_bytes import Element, Field, array, date, double, embedded, nested, of, symbol, text

NOT_UTF8 = (b"\xff\xfe\x80a", b"caf\xe9", b"\xed\xa0\x80", b"\xc3", b"ok\x00ok", b"\xf8\x88\x80\x80\x80")
YEAR_46334 = 1_400_000_000_000_000
DATES = (YEAR_46334, -YEAR_46334, 2**63 - 1, -(2**63), 0, -1, 1_700_000_000_000, 253_402_300_800_000)
NUMBERS = (
    of(0), of(1), of(-1), of(2**31 - 1), of(Int64(1)), of(Int64(2**63 - 1)), of(Int64(-(2**63))), of(Int64(2**53 + 1)),
    of(1.0), of(0.0), of(-0.0), of(0.1), of(1e308), of(5e-324), of(float("inf")), of(float("-inf")), of(float("nan")),
    double(0x7FF8_0000_0000_0001), double(0xFFF8_0000_0000_0000), double(0x7FF0_0000_0000_0001),
    of(Decimal128("1")), of(Decimal128("1.00")), of(Decimal128("0.1")), of(Decimal128("NaN")), of(Decimal128("-NaN")),
    of(Decimal128("-0E-5")), of(Decimal128("Infinity")), of(Decimal128("9.999999999999999999999999999999999E+6144")),
    of(Decimal128("1E-6176")),
)  # fmt: skip
OTHERS = (
    of(None), of(True), of(False), of(MinKey()), of(MaxKey()), of(Code("x")), of(Code("x", {"a": 1})),
    of(Timestamp(1, 1)), of(Timestamp(2**32 - 1, 2**32 - 1)), (0x11, bytes(8)),
    of(Binary(b"\0" * 16, 4)), of(Binary(b"x" * 16, 3)), of(Binary(b"", 0)), of(Binary(b"abc", 128)), of(Binary(b"abc", 2)),
    symbol(b"s"), (0x0C, struct.pack("<i", 5) + b"db.c\0" + bytes(12)), of(ObjectId("0" * 24)),
)  # fmt: skip
FIELD_NAMES = (b"", b"$", b"$set", b"$ref", b"$db", b"a.b", b".", b"..", b"$a.b", b"0", b"__proto__", b"_ID", "ü".encode(), b"\xff")  # fmt: skip


def small_text(rng: random.Random) -> Element:
    shorts = [b"a", b"A", b"b", b"", b"$a", "ä".encode(), b"a\x00b", b"0"]
    return text(rng.choice([*shorts, b"x" * rng.randrange(200)]))


def scalar(rng: random.Random) -> Element:
    """One that can be an `_id`."""
    kind = rng.randrange(8)
    if kind <= 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return small_text(rng)
    if kind == 3:
        return text(rng.choice(NOT_UTF8))
    if kind == 4:
        return date(rng.choice(DATES))
    if kind == 5:
        return of(ObjectId(rng.randbytes(12)))
    return rng.choice(OTHERS)


def identity(rng: random.Random) -> Element:
    """An `_id`: anything but an array, a regular expression, or undefined."""
    kind = rng.random()
    if kind < 0.65:
        return scalar(rng)
    if kind < 0.75:
        return text(b"%d" % rng.randrange(1_000_000) + b"k" * 20_000)
    if kind < 0.8:
        return nested(rng.choice([2, 30, 100]), scalar(rng))
    if kind < 0.9:
        return embedded([(b"a", scalar(rng)), (rng.choice([b"b", b"a", b"", b"a.b"]), scalar(rng))])
    return of(Binary(rng.randbytes(rng.choice([4, 300])), 0))


def value(rng: random.Random, depth: int = 0) -> Element:
    kind = rng.random()
    if kind < 0.6 or depth > 2:
        return scalar(rng)
    if kind < 0.75:
        return array(value(rng, depth + 1) for _ in range(rng.randrange(4)))
    if kind < 0.9:
        return embedded(fields(rng, depth + 1))
    if kind < 0.94:
        return nested(rng.choice([20, 90, 120, 160]), scalar(rng))
    return rng.choice([of(Regex("a", "i")), of(Regex("(", 0)), (0x06, b""), text(b"y" * 60_000)])


def fields(rng: random.Random, depth: int = 0) -> list[Field]:
    """Up to three with odd names; sometimes two of one name."""
    found = [(rng.choice(FIELD_NAMES), value(rng, depth)) for _ in range(rng.randrange(4))]
    if found and rng.random() < 0.1:
        found.append((found[0][0], value(rng, depth)))
    return found
