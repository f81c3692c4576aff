"""Conflicts whose times nobody knows: the operator's choice of the first run decides them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, Timestamp

from syncapp.core.content import document_key
from syncapp.core.decide import Decision, Observation
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.resolve import resolve, strategy_for
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.policy import BOTH_WAYS, Policy, Travel, policy_for
from syncapp.core.rule.stamps import stamp_of
from syncapp.core.strategies.newest import later as later_stamp
from syncapp.core.strategy import Conflict
from syncapp.core.values import ABSENT, Fact, Side, Stamp, SyncState, UnknownTime, WorkItem
from syncapp.rules.rules import Rules
from tests.support.decisions import decided, verdict_of

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
KEY = document_key("orders", bson.encode({"_id": 1}))
READ = {Side.LOCAL: 10, Side.ATLAS: 10}
NEWEST = Policy(unknown_time=UnknownTime.NEWEST, timestamp_field="updatedAt")
EARLY, LATE = dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)
ONE_WAY = BOTH_WAYS | {Side.ATLAS: Travel.WAITING}
Values = tuple[Any, Any]
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def decision(
    policy: Policy,
    stamps: Values = (None, None),
    *,
    local: int | None = None,
    atlas: int | None = None,
    agreed: bytes = ABSENT,
) -> Decision:
    """Of a document that differs; `stamps`: what is in its field on each side; `local` and `atlas` are the times of
    native changes, if there were any."""
    times = {Side.LOCAL: local, Side.ATLAS: atlas}
    facts = {side: Fact(5, time, "device") for side, time in times.items() if time is not None}
    observed = Observation({Side.LOCAL: B, Side.ATLAS: C}, SyncState(agreed, agreed), READ)
    documents = dict(zip(Side, map(raw, stamps), strict=True))
    return decided(observed, WorkItem(KEY, facts), READ, policy, documents=documents)


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
    (NEWEST, (9, EARLY), ATLAS_WINS),  # of two kinds: cannot be compared
]


@pytest.mark.parametrize("agreed", [ABSENT, A])
@pytest.mark.parametrize(("policy", "stamps", "expected"), CHOICES)
def test_the_choice_decides(policy: Policy, stamps: Values, expected: Decision, agreed: bytes) -> None:
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


def test_documents_are_asked_for_only_where_they_decide() -> None:
    def needed(policy: Policy, facts: dict[Side, Fact] | None = None) -> bool:
        return strategy_for(Conflict({}, facts or {}, policy)).needs_documents

    assert needed(NEWEST)
    assert not needed(NEWEST, {Side.LOCAL: Fact(5, 1, "device")})
    assert not needed(replace(NEWEST, travel=ONE_WAY))
    assert not needed(Policy())
    assert not needed(Policy(unknown_time=UnknownTime.LOCAL))


@pytest.mark.parametrize(
    ("policy", "local", "text"),
    [
        (NEWEST, None, "first run: newest by updatedAt"),
        (Policy(unknown_time=UnknownTime.LOCAL), None, "first run: local"),
        (Policy(unknown_time=UnknownTime.LOCAL, travel=ONE_WAY), None, "first run: local"),
        (Policy(unknown_time=UnknownTime.ATLAS, travel=ONE_WAY), None, "last-write-wins"),
        (NEWEST, 1, "last-write-wins"),
        (Policy("atlas-wins"), None, "atlas-wins"),
    ],
)
def test_the_record_says_by_what_it_was_decided(policy: Policy, local: int | None, text: str) -> None:
    facts = {} if local is None else {Side.LOCAL: Fact(5, local, "device")}
    seen = Observation({Side.LOCAL: B, Side.ATLAS: C}, SyncState(), READ)
    assert verdict_of(seen, WorkItem(KEY, facts), policy).rule == text


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
    found = (later_stamp(two, one), later_stamp(one, two), later_stamp(one, one))
    assert found == (Side.LOCAL, Side.ATLAS, None)


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


def rules_with(initial: InitialChoice | None, field: str) -> Policy:
    collections = CollectionRules((CollectionRule("orders", timestamp_field=field),))
    rules = Rules(True, False, "last-write-wins", Exclusions(), 1, initial, collections=collections)
    return rules.policy("orders")


LOCAL_FIRST = InitialChoice("local", "pull", "push")


@pytest.mark.parametrize("initial", [None, LOCAL_FIRST, InitialChoice("newest", "pull", "push", "at")])
def test_a_collection_has_a_field_of_its_own_for_times_that_nobody_knows(
    initial: InitialChoice | None,
) -> None:
    policy = rules_with(initial, "updatedAt")
    assert decision(policy, (LATE, EARLY)) is LOCAL_WINS
    assert decision(policy, (EARLY, LATE)) is ATLAS_WINS
    assert decision(policy, (LATE, EARLY), local=1, atlas=2) is ATLAS_WINS, "the times are known"


def test_what_was_answered_for_these_documents_comes_before_it() -> None:
    answered = policy_for(SyncState(prefer=UnknownTime.ATLAS), rules_with(None, "updatedAt"))
    assert decision(answered, (LATE, EARLY)) is ATLAS_WINS


def test_without_the_field_the_choice_of_the_first_run_decides() -> None:
    assert decision(rules_with(LOCAL_FIRST, ""), (EARLY, LATE)) is LOCAL_WINS
    assert decision(rules_with(None, ""), (LATE, EARLY)) is ATLAS_WINS


def test_the_record_says_by_which_field() -> None:
    documents = {Side.LOCAL: raw(LATE), Side.ATLAS: raw(EARLY)}
    verdict = resolve(Conflict({Side.LOCAL: B, Side.ATLAS: C}, {}, rules_with(None, "updatedAt"), documents))
    assert verdict.rule == "rule of the collection: newest by updatedAt"
    assert verdict.because.startswith(
        "rule of the collection, neither time is known: by updatedAt, the local version"
    )
