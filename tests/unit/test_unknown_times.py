"""Conflicts whose times nobody knows: the operator's choice of the first run decides them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, Timestamp

from syncapp.core.content import document_key
from syncapp.core.decide import (
    Decision,
    Observation,
    Policy,
    decide,
    needs_stamps,
    resolve_unknown,
    rule_of,
)
from syncapp.core.stamps import stamp_of
from syncapp.core.values import ABSENT, Fact, Side, Stamp, SyncState, UnknownTime, WorkItem

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
KEY = document_key("orders", bson.encode({"_id": 1}))
READ = {Side.LOCAL: 10, Side.ATLAS: 10}
NEWEST = Policy(unknown_time=UnknownTime.NEWEST, timestamp_field="updatedAt")
EARLY, LATE = Stamp("time", 1), Stamp("time", 2)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def decision(
    policy: Policy,
    stamps: tuple[Stamp | None, Stamp | None] = (None, None),
    *,
    local: int | None = None,
    atlas: int | None = None,
    agreed: bytes = ABSENT,
) -> Decision:
    """Of a document that differs; `local` and `atlas` are the times of native changes, if there were any."""
    times = {Side.LOCAL: local, Side.ATLAS: atlas}
    facts = {side: Fact(5, time, "device") for side, time in times.items() if time is not None}
    observed = Observation(
        {Side.LOCAL: B, Side.ATLAS: C}, SyncState(agreed, agreed), READ, dict(zip(Side, stamps, strict=True))
    )
    return decide(observed, WorkItem(KEY, facts), READ, policy)


LOCAL_WINS, ATLAS_WINS = Decision.LOCAL_WINS, Decision.ATLAS_WINS
CHOICES = [
    (Policy(), (LATE, EARLY), ATLAS_WINS),  # nobody chose
    (Policy(unknown_time=UnknownTime.LOCAL), (EARLY, LATE), LOCAL_WINS),
    (Policy(unknown_time=UnknownTime.ATLAS), (LATE, EARLY), ATLAS_WINS),
    (Policy(unknown_time=UnknownTime.MANUAL), (LATE, EARLY), Decision.MANUAL),
    (Policy("manual"), (LATE, EARLY), Decision.MANUAL),
    (Policy("manual", unknown_time=UnknownTime.LOCAL), (EARLY, LATE), LOCAL_WINS),
    (NEWEST, (LATE, EARLY), LOCAL_WINS),
    (NEWEST, (EARLY, LATE), ATLAS_WINS),
    (NEWEST, (LATE, LATE), ATLAS_WINS),
    (NEWEST, (LATE, None), ATLAS_WINS),
    (NEWEST, (None, EARLY), ATLAS_WINS),
    (NEWEST, (None, None), ATLAS_WINS),
    (NEWEST, (Stamp("number", 9), EARLY), ATLAS_WINS),  # of two kinds: cannot be compared
]


@pytest.mark.parametrize("agreed", [ABSENT, A])
@pytest.mark.parametrize(("policy", "stamps", "expected"), CHOICES)
def test_the_choice_decides(
    policy: Policy, stamps: tuple[Stamp | None, Stamp | None], expected: Decision, agreed: bytes
) -> None:
    assert decision(policy, stamps, agreed=agreed) is expected


@pytest.mark.parametrize("strategy", ["local-wins", "atlas-wins", "last-write-wins"])
def test_the_choice_goes_before_the_strategy(strategy: str) -> None:
    assert decision(Policy(strategy, unknown_time=UnknownTime.LOCAL)) is LOCAL_WINS
    assert decision(Policy(strategy, unknown_time=UnknownTime.ATLAS)) is ATLAS_WINS


def test_a_known_time_is_newer_than_an_unknown_one_whatever_was_chosen() -> None:
    for unknown in UnknownTime:
        policy = Policy(unknown_time=unknown, timestamp_field="updatedAt")
        assert decision(policy, (EARLY, LATE), local=1) is LOCAL_WINS
        assert decision(policy, (LATE, EARLY), atlas=1) is ATLAS_WINS
        assert decision(policy, (EARLY, LATE), local=2, atlas=1) is LOCAL_WINS


def test_stamps_are_read_only_where_they_decide() -> None:
    known = WorkItem(KEY, {Side.LOCAL: Fact(5, 1, "device")})
    assert needs_stamps(WorkItem(KEY), NEWEST)
    assert not needs_stamps(known, NEWEST)
    assert not needs_stamps(WorkItem(KEY), Policy())
    assert not needs_stamps(WorkItem(KEY), Policy(unknown_time=UnknownTime.LOCAL))


@pytest.mark.parametrize(
    ("policy", "local", "text"),
    [
        (NEWEST, None, "first run: newest by updatedAt"),
        (Policy(unknown_time=UnknownTime.LOCAL), None, "first run: local"),
        (Policy(unknown_time=UnknownTime.LOCAL, one_way=True), None, "first run: local"),
        (Policy(unknown_time=UnknownTime.ATLAS, one_way=True), None, "last-write-wins"),
        (NEWEST, 1, "last-write-wins"),
        (Policy("atlas-wins"), None, "atlas-wins"),
    ],
)
def test_the_record_says_by_what_it_was_decided(policy: Policy, local: int | None, text: str) -> None:
    facts = {} if local is None else {Side.LOCAL: Fact(5, local, "device")}
    assert rule_of(WorkItem(KEY, facts), policy) == text


ORDERED = [
    (NOON, NOON + dt.timedelta(milliseconds=1)),
    (Timestamp(100, 1), Timestamp(100, 2)),
    (dt.datetime(2026, 3, 1, 11, 59, tzinfo=dt.UTC), Timestamp(1772366400, 0)),  # noon
    ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5Z"),
    ("2026-03-01T13:00:00+02:00", "2026-03-01T12:00:00"),  # without an offset: UTC
    ("2026-03-01", NOON),
    (1, 1.5),
    (Int64(2**53), Int64(2**53 + 1)),
    (Decimal128("1.5"), 2),
    (bson.DatetimeMS(-(2**62)), bson.DatetimeMS(2**62)),  # outside Python's range
]


def raw(value: Any) -> bytes:
    return bson.encode({"_id": 1, "updatedAt": value})


@pytest.mark.parametrize(("earlier", "later"), ORDERED)
def test_what_documents_hold_as_a_timestamp_is_compared(earlier: Any, later: Any) -> None:
    one, two = (stamp_of(raw(value), "updatedAt") for value in (earlier, later))
    unknown = UnknownTime.NEWEST
    assert resolve_unknown(unknown, {Side.LOCAL: two, Side.ATLAS: one}) is Side.LOCAL
    assert resolve_unknown(unknown, {Side.LOCAL: one, Side.ATLAS: two}) is Side.ATLAS
    assert resolve_unknown(unknown, {Side.LOCAL: one, Side.ATLAS: one}) is Side.ATLAS


@pytest.mark.parametrize(
    "value", [None, True, "yesterday", "", float("nan"), float("inf"), Decimal128("NaN"), b"", [NOON], {}]
)
def test_anything_else_is_no_timestamp(value: Any) -> None:
    assert stamp_of(raw(value), "updatedAt") is None


def test_a_field_is_found_by_its_path_or_by_a_name_with_dots() -> None:
    document = {"_id": 1, "meta": {"at": 1, "a.b": 2}, "x.y": 3, "list": [{"at": 4}], "text": "t"}
    found = {
        field: stamp_of(bson.encode(document), field)
        for field in ("meta.at", "x.y", "list.at", "text.at", "at", "meta")
    }
    assert found["meta.at"] == Stamp("number", 1)
    assert found["x.y"] == Stamp("number", 3)
    assert [field for field, stamp in found.items() if stamp is None] == ["list.at", "text.at", "at", "meta"]
    assert stamp_of(None, "at") is None
