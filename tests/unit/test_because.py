"""Why one of two versions won, in one sentence: the rule, both versions, and their times as they were compared."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest

from syncapp.core.resolve import resolve
from syncapp.core.rule.policy import AFTER_RESTORE, BOTH_WAYS, Policy, Travel
from syncapp.core.strategy import Conflict, Verdict
from syncapp.core.values import ABSENT, Fact, Side, UnknownTime

NOON = int(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp() * 1000)
DAY = 86_400_000
B, C = (bytes([number]) * 16 for number in (2, 3))
L, A = Side.LOCAL, Side.ATLAS


def at(time: int | None, origin: str = "shop-7", exact: bool = True) -> Fact:
    return Fact(5, time, origin, exact=exact)


def judged(
    policy: Policy,
    local: Fact | None,
    atlas: Fact | None,
    *,
    deleted: frozenset[Side] = frozenset(),
    fields: tuple[Any, Any] = (None, None),
) -> Verdict:
    facts = {side: fact for side, fact in ((L, local), (A, atlas)) if fact is not None}
    contents = {side: ABSENT if side in deleted else content for side, content in ((L, B), (A, C))}
    documents = {
        side: None if side in deleted else bson.encode({"_id": 1, "at": value})
        for side, value in zip(Side, fields, strict=True)
    }
    return resolve(Conflict(contents, facts, policy, documents))


LATER, EARLIER = at(NOON + 5_120, "atlas"), at(NOON + 3_004)
LWW = Policy()
TIMES: list[tuple[Fact | None, Fact | None, str]] = [
    (
        EARLIER, LATER,
        "Atlas's version of 2026-03-01 12:00:05.120 UTC (written on Atlas) is newer than the local one of 12:00:03.004 "
        "UTC (device shop-7)",
    ),
    (
        at(NOON + DAY), LATER,
        "the local version of 2026-03-02 12:00:00.000 UTC (device shop-7) is newer than Atlas's of 2026-03-01 "
        "12:00:05.120 UTC (written on Atlas)",
    ),
    (
        EARLIER, at(NOON + 5_120, "bakery"),
        "Atlas's version of 2026-03-01 12:00:05.120 UTC (device bakery) is newer than the local one of 12:00:03.004 UTC "
        "(device shop-7)",
    ),
    (
        at(NOON), at(NOON, "atlas"),
        "the local version of 2026-03-01 12:00:00.000 UTC (device shop-7) and Atlas's of 12:00:00.000 UTC (written on "
        "Atlas) have the same time, and then the greater origin wins, the same way on every device: the local version",
    ),
    (
        at(NOON), at(NOON),
        "Atlas's version of 2026-03-01 12:00:00.000 UTC (device shop-7) and the local one of 12:00:00.000 UTC (device "
        "shop-7) have the same time, and then Atlas's version is taken",
    ),
    (
        EARLIER, None,
        "the local version of 2026-03-01 12:00:03.004 UTC (device shop-7) is newer than Atlas's of an unknown time, since "
        "an unknown time counts as older",
    ),
    (
        at(None), LATER,
        "Atlas's version of 2026-03-01 12:00:05.120 UTC (written on Atlas) is newer than the local one of an unknown time "
        "(device shop-7), since an unknown time counts as older",
    ),
    (None, None, "neither time is known, and Atlas's version is taken"),
    (at(None), None, "neither time is known, and the local version, whose change alone was seen, is taken"),
    (None, at(None, "atlas"), "neither time is known, and Atlas's version, whose change alone was seen, is taken"),
    (
        at(None), at(None, "atlas"),
        "neither time is known, and the greater origin wins, the same way on every device: the local version",
    ),
    (
        at(NOON + 1_000, exact=False), at(NOON + 700, "atlas"),
        "the local version of 2026-03-01 12:00:01 UTC (device shop-7) was taken as newer than Atlas's of 12:00:00.700 UTC "
        "(written on Atlas); times that are known to the second only do not tell which of the two was",
    ),
    (
        at(NOON + 9_000, exact=False), at(NOON, "atlas", exact=False),
        "the local version of 2026-03-01 12:00:09 UTC (device shop-7) is newer than Atlas's of 12:00:00 UTC (written on "
        "Atlas)",
    ),
    (
        at(10**17), LATER,
        "the local version of 100000000000000000 ms after 1970 (device shop-7) is newer than Atlas's of 2026-03-01 "
        "12:00:05.120 UTC (written on Atlas)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("local", "atlas", "text"), TIMES)
def test_last_write_wins_names_both_times_and_where_the_changes_were_made(
    local: Fact | None, atlas: Fact | None, text: str
) -> None:
    found = judged(LWW, local, atlas)
    assert found.because == f"last write wins: {text}"
    winner = L if text.removeprefix("neither time is known, and ").startswith("the local") else A
    if "greater origin" not in text:
        assert found.winner is winner


def test_a_delete_is_called_one() -> None:
    assert judged(LWW, EARLIER, LATER, deleted=frozenset({A})).because == (
        "last write wins: Atlas's delete of 2026-03-01 12:00:05.120 UTC (written on Atlas) is newer than the local "
        "version of 12:00:03.004 UTC (device shop-7)"
    )
    assert judged(LWW, EARLIER, LATER, deleted=frozenset({L})).because == (
        "last write wins: Atlas's version of 2026-03-01 12:00:05.120 UTC (written on Atlas) is newer than the local "
        "delete of 12:00:03.004 UTC (device shop-7)"
    )


HERE = "the local version of 2026-03-01 12:00:03.004 UTC (device shop-7)"
THERE = "Atlas's version of 2026-03-01 12:00:05.120 UTC (written on Atlas)"
AND_THERE, AND_HERE = (
    "Atlas's of 12:00:05.120 UTC (written on Atlas)",
    "the local one of 12:00:03.004 UTC (device shop-7)",
)
RULES = [
    (Policy("atlas-wins"), "atlas-wins", f"Atlas wins, whenever the changes were made: {THERE} over {AND_HERE}"),
    (Policy("local-wins"), "local-wins", f"local wins, whenever the changes were made: {HERE} over {AND_THERE}"),
    (Policy("manual"), "manual", f"manual: an operator decides between {HERE} and {AND_THERE}"),
    (
        Policy("three-way"), "manual",
        f"this version knows no strategy three-way: an operator decides between {HERE} and {AND_THERE}",
    ),
    (
        Policy("atlas-wins", BOTH_WAYS | {A: Travel.WAITING}), "atlas-wins",
        f"one-way (sync is disabled, and nothing is pulled): {HERE} over {AND_THERE}",
    ),
    (
        Policy(travel=BOTH_WAYS | {A: Travel.NEVER}), "last-write-wins",
        f"one-way (the collection is excluded, and nothing is pulled): {HERE} over {AND_THERE}",
    ),
    (
        Policy(travel=BOTH_WAYS | {L: Travel.NEVER}), "last-write-wins",
        f"one-way (by the collection's rule nothing is pushed): {THERE} over {AND_HERE}",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "rule", "text"), RULES)
def test_every_rule_says_what_it_decided_between(policy: Policy, rule: str, text: str) -> None:
    found = judged(policy, EARLIER, LATER)
    assert (found.rule, found.because) == (rule, text)


CHOSEN = Policy(unknown_time=UnknownTime.LOCAL)
NEWEST = Policy(unknown_time=UnknownTime.NEWEST, timestamp_field="at")
NEITHER = "first run, neither time is known"
ANSWERS: list[tuple[Policy, tuple[Any, Any], str]] = [
    (CHOSEN, (0, 0), f"{NEITHER}: the local version wins over Atlas's version, as was chosen"),
    (
        Policy(unknown_time=UnknownTime.ATLAS, unknown_why=AFTER_RESTORE), (0, 0),
        "after a restore, neither time is known: Atlas's version wins over the local version, as was chosen",
    ),
    (
        Policy(unknown_time=UnknownTime.MANUAL), (0, 0),
        f"{NEITHER}: an operator decides between the local version and Atlas's version, as was chosen",
    ),
    (
        NEWEST, (dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 1)),
        f"{NEITHER}: by at, the local version (2026-01-02 00:00:00.000 UTC) is newer than Atlas's version (2026-01-01 "
        "00:00:00.000 UTC)",
    ),
    (NEWEST, (1, 2.5), f"{NEITHER}: by at, Atlas's version (2.5) is newer than the local version (1)"),
    (
        NEWEST, (bson.DatetimeMS(-(2**62)), None),
        f"{NEITHER}: at does not tell which of Atlas's version (no timestamp) and the local version "
        "(-4611686018427387904 ms after 1970) is newer, and Atlas's is taken",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "fields", "text"), ANSWERS)
def test_what_an_operator_answered_is_said(policy: Policy, fields: tuple[Any, Any], text: str) -> None:
    assert judged(policy, None, None, fields=fields).because == text


def test_whatever_an_origin_or_a_field_is_called_it_stays_one_line() -> None:
    odd = "shop\n7\x1b[2J"
    assert "\n" not in judged(LWW, at(NOON, odd), LATER).because
    assert r"shop\n7\x1b[2J" in judged(LWW, at(NOON, odd), LATER).because
    assert (
        "\n"
        not in judged(Policy(unknown_time=UnknownTime.NEWEST, timestamp_field="a\nb"), None, None).because
    )
