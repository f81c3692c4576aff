"""Whose changes go first when more waits than can go; and that everybody's turn comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import bson
import pytest

from syncapp.apply.messages import Report
from syncapp.core.changes import Change, ChangeBatch, Found, Structural
from syncapp.core.content import document_key
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules, Urgency
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Ending, Fact, Seen, Side
from syncapp.listener.intake import Intake
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.sources.source import Position
from syncapp.listener.streams.express import Express
from syncapp.listener.streams.stream_reader import StreamReader
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.rules.rules import Rules
from tests.support.dirty import key

LIMIT = 100
L, A = Side.LOCAL, Side.ATLAS


def rules(**urgencies: str) -> Rules:
    found = tuple(CollectionRule(name, urgency=Urgency(one)) for name, one in urgencies.items())
    return Rules(True, False, "last-write-wins", Exclusions(), 1, collections=CollectionRules(found))


def changed(dirty: DirtyKeys, name: str, count: int, sides: Iterable[Side] = BOTH, start: int = 0) -> None:
    for side in sides:
        keys = [document_key(name, bson.encode({"_id": f"{side} {n}"})) for n in range(start, start + count)]
        changes = [Change(key, Fact(1, 1, "device")) for key in keys]
        dirty.take_in(side, ChangeBatch(changes, {"_data": str(start)}, 1))  # type: ignore[arg-type]


def handed_out(dirty: DirtyKeys, batches: int) -> list[str]:
    names = []
    for number in range(batches):
        taken = dirty.take(f"{number} {dirty.size}", LIMIT, 0.0)
        assert taken is not None
        names.append(taken.collection)
    return names


@pytest.fixture
def dirty() -> DirtyKeys:
    return DirtyKeys()


def test_payments_go_before_what_waited_long_before_them(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(analytics="last", payments="first").urgency)
    changed(dirty, "analytics", 10_000)
    handed_out(dirty, 20)
    changed(dirty, "payments", 250)
    names = handed_out(dirty, 7)
    assert names.count("payments") == 6, "three batches of each side"
    assert set(handed_out(dirty, 10)) == {"analytics"}, "the rest afterwards"


def test_of_eight_batches_one_is_of_the_less_urgent(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(analytics="last", payments="first").urgency)
    for name in ("payments", "orders", "analytics"):
        changed(dirty, name, 20_000)
    found = Counter(handed_out(dirty, 256))
    assert found == {"payments": 224, "orders": 28, "analytics": 4}


def test_within_a_level_groups_take_turns(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(analytics="last").urgency)
    for name in ("a", "b", "analytics"):
        changed(dirty, name, 1_000, [Side.LOCAL])
    assert handed_out(dirty, 8) == ["a", "b", "a", "b", "a", "b", "a", "analytics"]


def test_new_rules_count_at_once_and_without_any_all_take_turns(dirty: DirtyKeys) -> None:
    dirty.follow(1, rules(a="first").urgency)
    for name in ("a", "b"):
        changed(dirty, name, 5_000, [Side.LOCAL])
    assert handed_out(dirty, 3) == ["a", "a", "a"]
    dirty.follow(2, rules(b="first").urgency)
    assert handed_out(dirty, 3) == ["b", "b", "b"]
    assert rules().urgency is None
    dirty.follow(3, rules().urgency)
    assert Counter(handed_out(dirty, 4)) == {"a": 2, "b": 2}


def test_what_must_not_go_leaves_its_turn_to_others(dirty: DirtyKeys) -> None:
    """A collection whose unique values move has one batch out at a time."""
    dirty.follow(1, rules(a="first").urgency)
    changed(dirty, "a", 1_000, [Side.LOCAL])
    changed(dirty, "b", 1_000, [Side.LOCAL])
    dirty._map._ready.gathered.add("a")
    assert handed_out(dirty, 1) == ["a"]
    changed(dirty, "a", 10, [Side.LOCAL], start=2_000)
    dirty._map._ready.gathered.add("a")
    assert handed_out(dirty, 2) == ["b", "b"]


def test_what_must_not_go_is_not_what_waits(dirty: DirtyKeys) -> None:
    """Or the last would get the others' share of the turns that nobody takes."""
    dirty.follow(1, rules(a="first", c="last").urgency)
    for name in "abc":
        changed(dirty, name, 2_000, [Side.LOCAL])
    dirty._map._ready.gathered.add("a")
    assert handed_out(dirty, 1) == ["a"]
    changed(dirty, "a", 10, [Side.LOCAL], start=2_000)
    dirty._map._ready.gathered.add("a")
    assert Counter(handed_out(dirty, 8)) == {"b": 7, "c": 1}


# Past a backlog: what goes first is read by a stream of its own, and once more by the side's own


class Guards:
    """Safeguards that note what they are shown."""

    def __init__(self) -> None:
        self.shown: list[Found] = []

    def look_at(self, side: Side, changes: Any) -> None:
        self.shown += changes

    def changed(self, changes: Any) -> None:
        """Nothing."""


@pytest.fixture
def guards() -> Guards:
    return Guards()


@pytest.fixture
def intake(dirty: DirtyKeys, guards: Guards) -> Intake:
    dirty.follow(0, rules(payments="first", analytics="last").urgency)
    return Intake(dirty, cast(Safeguards, guards), MetricsBuffer(), 8, pytest.fail)


def change(number: int, position: int, name: str = "payments") -> Change:
    return Change(key(number, name), Fact(position, position, "device"))


def batch(read_to: int, *changes: Found) -> ChangeBatch:
    return ChangeBatch(list(changes), {"_data": str(read_to)}, read_to)


def finish(dirty: DirtyKeys, ending: Ending = Ending.DONE, first_only: bool = False) -> dict[Side, Fact]:
    """One task. Returns the facts of its only key."""
    handed = dirty.take("t", LIMIT, 0.0, first_only)
    assert handed is not None
    dirty.finish([Report("t", handed.side, (ending,))])
    (item,) = handed.items
    return dict(item.facts)


def saved(dirty: DirtyKeys) -> str | None:
    token = dirty.safe().tokens[L]
    return token["_data"] if token else None


def test_what_is_read_ahead_goes_out_and_the_token_stays_where_the_stream_is(
    intake: Intake, dirty: DirtyKeys
) -> None:
    intake.receive(L, batch(5, change(1, 5, "analytics")))
    intake.receive_ahead(L, batch(900, change(1, 900)))
    assert finish(dirty, first_only=True) == {L: change(1, 900).fact}
    assert dirty.take("t", LIMIT, 0.0, True) is None, "the others wait"
    assert saved(dirty) is None
    finish(dirty)
    assert saved(dirty) == "5"
    intake.receive(L, batch(950, change(1, 900)))
    assert saved(dirty) == "5", "whatever came of it before, the stream's own change is looked at"
    finish(dirty)
    assert saved(dirty) == "950"


def test_a_key_that_was_read_ahead_and_is_not_done_holds_the_token_when_the_stream_brings_it(
    intake: Intake, dirty: DirtyKeys
) -> None:
    intake.receive_ahead(L, batch(9, change(1, 9)))
    intake.receive(L, batch(5, change(1, 5)))
    assert saved(dirty) is None
    assert finish(dirty) == {L: change(1, 9).fact}, "the newer change counts, whichever came first"
    assert saved(dirty) == "5"


def test_a_key_in_work_that_comes_back_holds_what_came_meanwhile(intake: Intake, dirty: DirtyKeys) -> None:
    intake.receive_ahead(L, batch(9, change(1, 9)))
    handed = dirty.take("t", LIMIT, 0.0)
    assert handed is not None
    intake.receive(L, batch(5, change(1, 5)))
    seen = Seen(dict.fromkeys(BOTH, bytes(16)), dict.fromkeys(BOTH, 4), 1)
    dirty.finish([Report("t", L, (Ending.WAIT,), {0: seen})])
    intake.receive(A, batch(5))
    assert saved(dirty) is None
    assert finish(dirty) == {L: change(1, 9).fact}
    assert saved(dirty) == "5"


def test_what_comes_twice_is_counted_once_and_only_what_goes_first_is_read_ahead(
    intake: Intake, dirty: DirtyKeys, guards: Guards
) -> None:
    first = [change(1, 7), change(2, 8)]
    intake.receive_ahead(L, batch(8, *first, change(3, 8, "analytics")))
    assert guards.shown == first
    assert dirty.size == 2
    last, newer = change(3, 8, "analytics"), change(2, 9)
    intake.receive(L, batch(9, *first, last, newer))
    assert guards.shown == [*first, last, newer]
    intake.receive_ahead(L, batch(10, newer, change(4, 10)))
    assert guards.shown == [*first, last, newer, change(4, 10)], "nor ahead what the stream has brought"


def test_after_a_drop_nothing_of_it_goes_out_before_the_stream_has_come_there(
    intake: Intake, dirty: DirtyKeys
) -> None:
    drop = Structural("drop", "payments", fact=Fact(8, 8, "device"))
    intake.receive_ahead(L, batch(9, change(1, 7), drop, change(2, 9)))
    assert dirty.take("t", LIMIT, 0.0) is None
    intake.receive(L, batch(7, change(1, 7)))
    assert dirty.take("t", LIMIT, 0.0) is None
    intake.receive(L, batch(9, drop))
    pending = dirty.structural_due()
    assert pending is not None
    assert dirty.take("t", LIMIT, 0.0) is None, "now it is judged"
    dirty.end_structural(pending)
    assert dirty.take("t", LIMIT, 0.0) is not None


def test_nothing_is_read_ahead_of_a_side_that_is_not_read(
    intake: Intake, dirty: DirtyKeys, guards: Guards
) -> None:
    """Its reader may bring something more when it was told to end; a drop would bar local changes too."""
    dirty.forget(A)
    ahead = batch(9, change(1, 7), Structural("drop", "payments", fact=Fact(8, 8, "atlas")))
    intake.receive_ahead(A, ahead)
    assert (dirty.size, guards.shown) == (0, [])
    intake.receive(L, batch(5, change(2, 5)))
    finish(dirty)
    intake.receive(A, batch(6))
    intake.receive_ahead(A, ahead)
    assert guards.shown[1:] == ahead.changes, "it is read again"


def test_what_is_read_ahead_has_room_of_its_own(intake: Intake, dirty: DirtyKeys) -> None:
    intake.receive(L, batch(1, *(change(n, 1, "analytics") for n in range(8))))
    assert (intake.room(), intake.room_ahead()) == (False, True)
    intake.receive_ahead(L, batch(9, change(1, 8), change(2, 9)))
    assert (intake.room(), intake.room_ahead()) == (False, False)
    dirty.take("t", 2, 0.0, True)
    assert (intake.room(), intake.room_ahead()) == (False, True)
    dirty.take("u", 4, 0.0)
    dirty.finish([Report("u", L, (Ending.DONE,) * 4)])
    assert (intake.room(), intake.room_ahead()) == (True, True), "the others are not kept waiting for it"


class Ahead:
    """A reader that only says where it began."""

    def __init__(self, *began: Any) -> None:
        self.began, self.running, self.lag_seconds = began, False, 0.0

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False


def test_a_stream_is_overtaken_while_it_is_behind_for_long_and_rules_want_it() -> None:
    made: list[Ahead] = []
    now = [100.0]
    first: list[tuple[str, ...]] = [()]

    def make(*began: Any) -> StreamReader:
        made.append(Ahead(*began))
        return cast(StreamReader, made[-1])

    express = Express(make, lambda: first[0], 1.0, lambda: now[0])

    def look(behind: bool, seconds: float, *excluded: str, lag: float = 0.0) -> list[bool]:
        now[0] += seconds
        express.look(behind, lag, Position({"n": now[0]}), (None, None, False), Exclusions.of(excluded))
        return [one.running for one in made]

    assert look(True, 9) == look(True, 9) == [], "no rule wants it"
    first[0] = ("payments",)
    assert look(True, 9) == look(True, 0.9) == [], "not for so long yet"
    assert look(True, 0.1) == look(True, 50) == [True]
    assert made[0].began == (Position({"n": 128.0}), (None, None, False), Exclusions(), ("payments",))
    assert look(True, 1, "logs") == [False, True], "other rules: from where the stream is now"
    assert look(False, 1) == [False, False]
    assert look(True, 0) == [False, False]
    assert look(True, 0, lag=1.9) == [False, False]
    assert look(True, 0, lag=2.0) == [False, False, True], "it is known to be behind"
