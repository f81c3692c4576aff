"""What a collection's rules do not transfer is no cause for a halt, and a rule that lets more travel asks for a comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.compare.slices import Pace, Slice
from syncapp.compare.start_points import request_backfill
from syncapp.conf.settings import get_settings
from syncapp.core.changes import Change, Structural
from syncapp.core.content import content_hash, document_key
from syncapp.core.rule.collection_rule import CollectionRules
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.scope import Scope
from syncapp.core.values import ATLAS_ORIGIN, FOREIGN, Fact, Operation, Side, SyncState
from syncapp.listener.intervals import USUAL
from syncapp.listener.safeguards import Safeguards
from syncapp.mongo.transaction import transaction
from syncapp.rules.rules import Rules
from syncapp.safety.mass_deletes import Limit
from syncapp.safety.structural import Judge
from syncapp.store.answered import note_answered
from syncapp.store.devices import DeviceReport
from syncapp.store.halts import load_halts
from syncapp.store.prepare import prepare
from syncapp.store.runs import Kind, load, request
from syncapp.store.states import write_states

Databases = dict[Side, Database[Any]]
DOCUMENTS = 300
NOW = 1_800_000_000 << 32


@pytest.fixture
def databases(local_db: Database[Any], atlas_db: Database[Any]) -> Databases:
    prepare(local_db, atlas_db, 24)
    return {Side.LOCAL: local_db, Side.ATLAS: atlas_db}


def scope_of(**parts: Any) -> Scope:
    return Scope(rules=CollectionRules.of([{"pattern": "orders", **parts}]))


def key(number: int) -> Any:
    return document_key("orders", bson.encode({"_id": number}))


def deletes(side: Side, origin: str = "", at: int = NOW) -> list[Change]:
    origin = origin or ("device" if side is Side.LOCAL else ATLAS_ORIGIN)
    fact = Fact(at, (at >> 32) * 1000, origin, Operation.DELETE)
    return [Change(key(n), fact) for n in range(DOCUMENTS)]


ONE_SIDE = [
    (Side.LOCAL, {"direction": "atlasToLocal"}),
    (Side.ATLAS, {"direction": "localToAtlas"}),
    (Side.LOCAL, {"deletes": {"localToAtlas": False}}),
    (Side.ATLAS, {"deletes": {"atlasToLocal": False}}),
]


@pytest.mark.parametrize(("side", "parts"), ONE_SIDE)
def test_the_breaker_counts_only_what_travels(
    databases: Databases, side: Side, parts: dict[str, Any]
) -> None:
    guards = Safeguards(get_settings(), databases, "device", dict, USUAL, lambda: scope_of(**parts))
    guards.look_at(side, deletes(side))
    assert load_halts(databases[Side.LOCAL]) == ()
    guards.look_at(side.other, deletes(side.other))
    assert [halt.side for halt in load_halts(databases[Side.LOCAL])] == [side.other]


def test_deletes_of_another_device_are_asked_about_there(databases: Databases) -> None:
    guards = Safeguards(get_settings(), databases, "device", dict, USUAL)
    guards.look_at(Side.ATLAS, deletes(Side.ATLAS, "another device"))
    assert load_halts(databases[Side.LOCAL]) == ()
    guards.look_at(Side.ATLAS, deletes(Side.ATLAS))
    assert len(load_halts(databases[Side.LOCAL])) == 1


def test_deletes_before_an_answer_belong_to_it(databases: Databases) -> None:
    """A stream may deliver them afterwards."""
    local = databases[Side.LOCAL]
    note_answered(local, Side.ATLAS, ["orders"], NOW)
    guards = Safeguards(get_settings(), databases, "device", DeviceReport, USUAL)
    assert guards.wait_for_answers(say=len, wait=bool, meanwhile=dict)
    guards.look_at(Side.ATLAS, deletes(Side.ATLAS))
    assert load_halts(local) == ()
    guards.look_at(Side.ATLAS, deletes(Side.ATLAS, at=NOW + (1 << 32)))
    assert len(load_halts(local)) == 1


@pytest.mark.parametrize("here", [True, False])
def test_deletes_on_atlas_count_where_the_documents_are(databases: Databases, here: bool) -> None:
    """However many others Atlas holds."""
    scope = scope_of(filter={"shop": "a"})
    guards = Safeguards(get_settings(), databases, "device", dict, USUAL, lambda: scope)
    databases[Side.ATLAS]["orders"].insert_many([{"shop": "b"} for _ in range(5 * DOCUMENTS)])
    if here:
        databases[Side.LOCAL]["orders"].insert_many([{"_id": n, "shop": "a"} for n in range(DOCUMENTS)])
    guards.look_at(Side.ATLAS, deletes(Side.ATLAS))
    assert len(load_halts(databases[Side.LOCAL])) == here


@pytest.mark.parametrize(("side", "parts"), ONE_SIDE)
@pytest.mark.parametrize("operation", ["drop", "rename"])
def test_a_drop_of_what_does_not_travel_is_no_question(
    databases: Databases, side: Side, parts: dict[str, Any], operation: str
) -> None:
    agree(databases, content_hash(bson.encode({"_id": 1})))
    databases[side.other]["orders"].insert_one({"_id": 1})
    change = Structural(operation, "orders", "elsewhere" if operation == "rename" else "", Fact(1, 1, ""))
    judge = Judge(databases, Limit(), {}, scope_of(**parts), 24)
    judge.judge(side, change)
    local = databases[Side.LOCAL]
    assert load_halts(local) == ()
    compared = {name for run in local["_sync_runs"].find() for name in run["collections"]}
    assert ("orders" in compared) == ("deletes" in parts), "which notes that the sides differ"
    Judge(databases, Limit(), {}, Scope(), 24).judge(side, change)
    assert len(load_halts(local)) == 1


def test_a_verify_finds_a_copy_that_should_have_left(databases: Databases) -> None:
    """Though both sides hold the same."""
    for database in databases.values():
        database["orders"].insert_many([{"_id": n, "shop": "ab"[n]} for n in range(2)])
    databases[Side.ATLAS]["orders"].insert_one({"_id": 2, "shop": "b"})
    local, rules = databases[Side.LOCAL], Rules(True, False, "manual", Exclusions(), 1)
    for parts, equal, documents in (({}, 2, 3), ({"filter": {"shop": "a"}}, 1, 2)):
        run = load(local, request(local, kind=Kind.VERIFY, why="a test", collections=["orders"]))
        assert run is not None
        policy_of = replace(rules, collections=scope_of(**parts).rules).policy
        slice_ = Slice(local, databases[Side.ATLAS], run, policy_of)
        slice_.work(Pace())
        counts, suspects = slice_.progress.counts, len(slice_.progress.suspects)
        assert (suspects, counts["equal"], counts["documents"]) == (1, equal, documents), (
            "foreign ones do not count"
        )


def test_what_was_foreign_is_not_gone_from_atlas(databases: Databases) -> None:
    agree(databases, content_hash(bson.encode({"_id": 1})), FOREIGN)
    databases[Side.LOCAL]["orders"].insert_one({"_id": 1})
    scope = scope_of(filter={"shop": "a"}, onLeave="keep")
    Judge(databases, Limit(), {}, scope, 24).judge(
        Side.ATLAS, Structural("drop", "orders", "", Fact(1, 1, ""))
    )
    assert load_halts(databases[Side.LOCAL]) == ()


def agree(databases: Databases, local: bytes, atlas: bytes | None = None) -> None:
    state = SyncState(local, local if atlas is None else atlas, counter=1)
    with transaction(databases[Side.LOCAL]) as session:
        write_states(databases[Side.LOCAL], [(key(1), SyncState(), state)], session)


@pytest.mark.parametrize(
    ("before", "now", "compared"),
    [
        ({"direction": "none"}, {"direction": "none"}, False),
        ({"direction": "none"}, {"direction": "localToAtlas"}, True),
        ({"direction": "both"}, {"direction": "localToAtlas"}, False),
        ({"direction": "atlasToLocal"}, {}, True),
        ({}, {"filter": {"shop": "a"}}, True),
        ({"filter": {"shop": "a"}}, {"filter": {"shop": "a"}, "onLeave": "keep"}, True),
        ({}, {"onLeave": "keep"}, False),
        ({"ownFields": ["a", "b"]}, {"ownFields": ["b", "a"]}, False),
        ({"ownFields": ["a", "b"]}, {"ownFields": ["a"]}, True),
        ({"deletes": {"localToAtlas": False}}, {}, False),
        ({}, {"strategy": "manual", "urgency": "first", "priority": 3}, False),
    ],
)
def test_a_rule_that_lets_more_travel_asks_for_a_comparison(
    databases: Databases, before: dict[str, Any], now: dict[str, Any], compared: bool
) -> None:
    databases[Side.ATLAS]["orders"].insert_one({"_id": 1})
    databases[Side.ATLAS]["others"].insert_one({"_id": 1})
    request_backfill(databases, scope_of(**before), enabled=True)
    assert runs(databases) == []
    for _ in range(2):
        request_backfill(databases, scope_of(**now), enabled=True)
    assert runs(databases) == ([["orders"]] if compared else [])


def test_while_sync_is_disabled_only_what_goes_up_is_compared(databases: Databases) -> None:
    databases[Side.ATLAS]["orders"].insert_one({"_id": 1})
    request_backfill(databases, scope_of(direction="none"), enabled=True)
    request_backfill(databases, scope_of(direction="atlasToLocal"), enabled=False)
    assert runs(databases) == []
    request_backfill(databases, scope_of(direction="both"), enabled=False)
    assert runs(databases) == [["orders"]]
    databases[Side.LOCAL]["_sync_runs"].delete_many({})
    request_backfill(databases, scope_of(direction="both"), enabled=True)
    assert runs(databases) == [["orders"]], "what was kept back on Atlas"


def test_exclusions_that_an_earlier_version_kept_count(databases: Databases) -> None:
    databases[Side.ATLAS]["orders"].insert_one({"_id": 1})
    local = databases[Side.LOCAL]
    local["_sync_metadata"].insert_one({"_id": "exclusions", "patterns": ["orders"]})
    request_backfill(databases, Scope(Exclusions.of(["orders"])), enabled=True)
    assert runs(databases) == []
    request_backfill(databases, Scope(), enabled=True)
    assert runs(databases) == [["orders"]]


def runs(databases: Databases) -> list[list[str]]:
    return [run["collections"] for run in databases[Side.LOCAL]["_sync_runs"].find()]
