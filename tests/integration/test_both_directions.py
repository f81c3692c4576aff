"""Requirement 1 and 2: every operation and every BSON type arrives on the other side as the same bytes."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

import bson
import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.raw import EXACT, documents, nan, raw
from tests.support.versions import ODD_NAMES, needs_mongodb_5

SIDES = ("local", "atlas")

IDS: list[Any] = [
    ObjectId(), "text", "", "ü\0z", 1.5, Int64(2**60), -7, True, False, None, MinKey(), MaxKey(),
    dt.datetime(2024, 2, 29, tzinfo=dt.UTC), DatetimeMS(-(2**62)), DatetimeMS(2**62), Timestamp(5, 6),
    Decimal128("1.10"), float("inf"), Binary(b"\0\1"), Binary(b"x", 0x80),
    Binary.from_uuid(uuid.uuid4()), {"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, {"a.b": 1}, {},
    Code("f()"), Code("f()", {"y": 1}), float("nan"),
]  # fmt: skip


def deep(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"n": document}
    return document


VALUES: list[dict[str, Any]] = [
    {"_id": "timestamp", "t": Timestamp(0, 0), "u": Timestamp(1, 2), "in": {"t": Timestamp(0, 0)}},
    {"_id": "names", "": 3, "ключ": 4, "a": {"": {"": 1}},
     **({"$set": 1, "a.b": 2, "$": {"$inc": {"x": 1}}} if ODD_NAMES else {})},
    {"_id": "numbers", "i": 1, "l": Int64(1), "d": 1.0, "z": -0.0, "m": Decimal128("1.00"), "n": Decimal128("1.0")},
    {"_id": "dates", "min": DatetimeMS(-(2**63)), "max": DatetimeMS(2**63 - 1), "bc": DatetimeMS(-(10**14))},
    {"_id": "kinds", "r": Regex("a.b", "imx"), "c": Code("f()", {"x": 1}), "b": Binary(b"", 4 + 0x80),
     "n": None, "min": MinKey(), "max": MaxKey(), "o": ObjectId(), "e": [], "f": {}, "a": [[1, [2.0]], "x"]},
    {"_id": "order", "b": 1, "a": 2},
    {"_id": "python", "re": re.compile("x", re.IGNORECASE), "u": Binary.from_uuid(uuid.uuid4())},
    {"_id": "deep", "d": deep(98)},
]  # fmt: skip


def other(device: Device, side: str) -> Database[Any]:
    return databases(device)["atlas" if side == "local" else "local"]


@pytest.mark.parametrize("side", SIDES)
def test_every_operation_of_one_side_arrives_on_the_other(device: Device, side: str) -> None:
    before = {name: device.figures(name) for name in ("localToAtlas", "atlasToLocal")}
    here, there = databases(device)[side][f"orders of {side}"], other(device, side)[f"orders of {side}"]
    here.insert_many([{"_id": number, "total": number} for number in range(4)])
    device.wait_until_settled()

    here.update_one({"_id": 0}, {"$inc": {"total": 5}})
    here.replace_one({"_id": 1}, {"note": "all new"})
    here.delete_one({"_id": 2})
    device.wait_until_settled()

    assert list(there.find().sort("_id")) == [
        {"_id": 0, "total": 5},
        {"_id": 1, "note": "all new"},
        {"_id": 3, "total": 3},
    ]
    assert device.conflicts() == []
    direction, opposite = (
        ("localToAtlas", "atlasToLocal") if side == "local" else ("atlasToLocal", "localToAtlas")
    )
    moved = {name: now - before[direction][name] for name, now in device.figures(direction).items()}
    assert {name: moved[name] for name in ("succeeded", "inserts", "updates", "replaces", "deletes", "failed")} == {
        "succeeded": 7, "inserts": 4, "updates": 1, "replaces": 1, "deletes": 1, "failed": 0,
    }  # fmt: skip
    assert device.figures(opposite)["succeeded"] == before[opposite]["succeeded"], "an echo was carried back"
    device.check_figures()


@pytest.mark.parametrize("side", SIDES)
def test_every_id_type_and_every_value_type_arrives_as_the_same_bytes(device: Device, side: str) -> None:
    here = databases(device)[side]
    for number, one in enumerate(IDS):
        here[f"ids of {side}"].insert_one({"_id": one, "number": number})
    expected = {value["_id"]: raw(value) for value in VALUES}
    for value in VALUES:
        # A literal: a plain insert would have the server fill in Timestamp(0, 0)
        literal = [{"$replaceWith": {"$literal": RawBSONDocument(raw(value))}}]
        here[f"values of {side}"].update_one({"_id": value["_id"]}, literal, upsert=True)
    for payload in (0, 1, 2**40):
        document = {"_id": f"nan {payload}", "nan": nan(payload)}
        here[f"values of {side}"].insert_one(document)
        expected[document["_id"]] = raw(document)
    device.wait_until_settled()

    there = other(device, side)
    assert len(documents(there, f"ids of {side}")) == len(IDS)
    stored = {bson.decode(one, EXACT)["_id"]: one for one in documents(there, f"values of {side}")}
    assert stored == expected
    assert device.conflicts() == []

    here[f"ids of {side}"].update_many({}, {"$set": {"changed": True}})
    device.wait_until_settled()
    assert all(b"changed" in document for document in documents(there, f"ids of {side}"))

    here[f"ids of {side}"].delete_many({})
    eventually(lambda: documents(there, f"ids of {side}") == [], "all are deleted on the other side")
    device.wait_until_settled()
    assert device.conflicts() == []
    assert device.rejected() == []


def twins(key: int, field: str, *values: object) -> bytes:
    """A document with one name for several fields, as BSON allows and some drivers write."""
    elements = b"".join(raw({field: value})[4:-1] for value in ("x" * 300, *values))
    body = raw({"_id": key})[4:-1] + elements
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


@needs_mongodb_5
@pytest.mark.parametrize("side", SIDES)
def test_fields_of_the_same_name_are_changed_without_harm(device: Device, side: str) -> None:
    """MongoDB 6.0.5 ends itself when a pipeline changes them."""
    here, name = databases(device)[side], f"twins of {side}"
    before = [
        twins(1, "a", 1, 2),
        twins(2, "$a", 1, 2),
        twins(3, "a", Timestamp(0, 0), 2),
        raw({"_id": 4, "$a": 1}),
    ]
    after = [
        twins(1, "a", 3, 4),
        twins(2, "$a", 3, 4),
        twins(3, "a", Timestamp(0, 0), 4),
        twins(4, "$a", 1, 2),
    ]
    for versions in (before, after):
        with here.client.start_session() as session, session.start_transaction():
            here[name].delete_many({}, session=session)
            for version in versions:
                literal = [{"$replaceWith": {"$literal": RawBSONDocument(version)}}]
                here[name].update_one(
                    {"_id": bson.decode(version)["_id"]}, literal, upsert=True, session=session
                )
        device.wait_until_settled()
        assert documents(other(device, side), name) == versions
    assert device.conflicts() == device.rejected() == []


@pytest.mark.parametrize("side", SIDES)
def test_an_id_that_changes_its_number_type_arrives_as_it_is(device: Device, side: str) -> None:
    here = databases(device)[side][f"numbers of {side}"]
    here.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}, {"_id": 3, "n": 0}])
    device.wait_until_settled()

    changes: list[tuple[int, Callable[[int], Any]]] = [
        (1, float),
        (2, Int64),
        (3, lambda n: Decimal128(f"{n}.0")),
    ]
    for number, as_type in changes:
        here.delete_one({"_id": number})
        here.insert_one({"_id": as_type(number), "n": 1})
    device.wait_until_settled()

    there = documents(other(device, side), f"numbers of {side}")
    assert there == [
        raw({"_id": 1.0, "n": 1}),
        raw({"_id": Int64(2), "n": 1}),
        raw({"_id": Decimal128("3.0"), "n": 1}),
    ]
    assert device.conflicts() == []


@pytest.mark.parametrize("side", SIDES)
def test_changes_that_only_bytes_show_arrive(device: Device, side: str) -> None:
    here = databases(device)[side][f"bytes of {side}"]
    forms: list[dict[str, Any]] = [
        {"_id": 1, "a": 1, "b": 2}, {"_id": 1, "b": 2, "a": 1}, {"_id": 1, "b": 2, "a": 1.0},
        {"_id": 1, "b": 2, "a": Int64(1)}, {"_id": 1, "b": 2, "a": -0.0}, {"_id": 1, "b": 2, "a": 0.0},
        {"_id": 1, "b": Decimal128("1.00")}, {"_id": 1, "b": Decimal128("1.0")},
    ]  # fmt: skip
    here.insert_one(forms[0])
    for form in forms:
        here.replace_one({"_id": 1}, form)
        eventually(
            lambda form=form: documents(other(device, side), f"bytes of {side}") == [raw(form)],  # type: ignore[misc]
            f"{form} arrives",
        )
    assert device.conflicts() == []


@pytest.mark.parametrize("side", SIDES)
def test_a_document_of_16_mb_arrives(device: Device, side: str) -> None:
    here = databases(device)[side]
    size = 16 * 1024 * 1024
    document = {"_id": "large", "x": Binary(b"")}
    document["x"] = Binary(b"\7" * (size - len(raw(document))))
    assert len(raw(document)) == size
    here[f"large of {side}"].insert_one(document)
    here[f"large of {side}"].insert_one({"_id": "small"})
    device.wait_until_settled()
    assert documents(other(device, side), f"large of {side}") == [raw(document), raw({"_id": "small"})]

    here[f"large of {side}"].update_one({"_id": "large"}, {"$set": {"x": Binary(b"\10")}})
    device.wait_until_settled()
    assert documents(other(device, side), f"large of {side}")[0] == raw({"_id": "large", "x": Binary(b"\10")})
