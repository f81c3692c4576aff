"""What the rules of a collection make of contents and agreed pair: the second table of docs/architecture.md, The decision."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from syncapp.core.content import content_hash
from syncapp.core.decide import Case, classify
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.own_fields import projection_of
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.projection import WHOLE, Projection
from syncapp.core.rule.sight import Sight
from syncapp.core.values import ABSENT, FOREIGN, UNKNOWN, Side, SyncState

A, B, C = (bson.encode({"_id": 1, "v": v}) for v in "abc")
HASHES = {None: ABSENT, A: content_hash(A), B: content_hash(B), C: content_hash(C), FOREIGN: FOREIGN}
DROP = {"filter": {"shop": "a"}}
KEEP = {**DROP, "onLeave": "keep"}
HERE_STAY = {"deletes": {"localToAtlas": False}}
THERE_STAY = {"deletes": {"atlasToLocal": False}}


def sight(parts: dict[str, Any]) -> Sight:
    rule = CollectionRule.of({"pattern": "*", **parts})
    return Sight(Policy(rule=rule, projection=projection_of(rule.own_fields)), {"": WHOLE}.get)


@pytest.mark.parametrize(
    ("parts", "local", "atlas", "foreign", "agreed", "case"),
    [
        # Deletes that are not transferred
        (HERE_STAY, None, A, False, (A, A), Case.AGREED),
        (HERE_STAY, None, B, False, (A, A), Case.ATLAS_CHANGED),
        (HERE_STAY, A, None, False, (A, A), Case.ATLAS_CHANGED),
        (HERE_STAY, B, None, False, (A, A), Case.BOTH_CHANGED),
        (HERE_STAY, B, A, False, (None, A), Case.LOCAL_CHANGED),
        (THERE_STAY, A, None, False, (A, A), Case.AGREED),
        (THERE_STAY, B, None, False, (A, A), Case.LOCAL_CHANGED),
        (THERE_STAY, None, A, False, (A, A), Case.LOCAL_CHANGED),
        # A filter
        (DROP, None, A, True, (None, None), Case.EQUAL),
        (DROP, A, A, True, (A, A), Case.ATLAS_CHANGED),
        (DROP, A, B, True, (A, A), Case.ATLAS_CHANGED),
        (DROP, B, B, True, (A, A), Case.ATLAS_CHANGED),
        (DROP, B, A, True, (A, A), Case.LOCAL_CHANGED),
        (DROP, B, C, True, (A, A), Case.BOTH_CHANGED),
        (DROP, None, A, True, (A, A), Case.LOCAL_CHANGED),
        (DROP, B, A, True, (None, None), Case.BOTH_CHANGED),
        (DROP, None, A, False, (None, None), Case.ATLAS_CHANGED),
        (DROP, A, None, False, (A, FOREIGN), Case.ATLAS_CHANGED),
        (DROP | THERE_STAY, A, B, True, (A, A), Case.ATLAS_CHANGED),
        (DROP | HERE_STAY, None, B, True, (None, A), Case.EQUAL),
        # … with copies that stay
        (KEEP, A, B, True, (A, A), Case.AGREED),
        (KEEP, A, B, True, (A, FOREIGN), Case.AGREED),
        (KEEP, A, None, False, (A, FOREIGN), Case.AGREED),
        (KEEP, A, None, False, (A, A), Case.ATLAS_CHANGED),
        (KEEP, A, B, False, (A, FOREIGN), Case.ATLAS_CHANGED),
        (KEEP, None, B, True, (None, None), Case.EQUAL),
        (KEEP, B, C, True, (A, FOREIGN), Case.BOTH_CHANGED),
    ],
)
def test_what_is_compared(
    parts: dict[str, Any],
    local: bytes | None,
    atlas: bytes | None,
    foreign: bool,
    agreed: tuple[bytes | None, bytes | None],
    case: Case,
) -> None:
    state = SyncState(HASHES[agreed[0]], HASHES[agreed[1]], counter=1)
    seen = sight(parts).of(state, {Side.LOCAL: local, Side.ATLAS: atlas}, foreign)
    assert classify(seen.contents, seen.state) is case


BARE, MINE, EDITED = (
    bson.encode({"_id": 1, "v": v, **own}) for v, own in (("a", {}), ("a", {"mine": 1}), ("b", {}))
)
OWN: Projection = projection_of(("mine",))


@pytest.mark.parametrize(
    ("version", "former", "now", "agreed"),
    [
        (BARE, OWN, (), "unchanged"),
        (MINE, OWN, (), "unknown"),  # it holds what counts only now
        (EDITED, OWN, (), "unknown"),
        (MINE, OWN, ("mine", "more"), "unchanged"),
        (MINE, OWN, ("more",), "unknown"),
        (None, OWN, (), "unknown"),
        (BARE, None, (), "unknown"),  # its projection is not known here
    ],
)
def test_a_state_of_another_projection_is_judged_under_that_one(
    version: bytes | None, former: Projection | None, now: tuple[str, ...], agreed: str
) -> None:
    state = SyncState(OWN.content(BARE), UNKNOWN, projection=OWN.id)
    policy = Policy(projection=projection_of(now))
    seen = Sight(policy, lambda name: former).of(state, {Side.LOCAL: version, Side.ATLAS: BARE})
    assert seen.state.local == (UNKNOWN if agreed == "unknown" else seen.contents[Side.LOCAL])
    assert (seen.state.atlas, seen.state.projection) == (UNKNOWN, policy.projection.id)


@pytest.mark.parametrize(
    ("parts", "local", "atlas", "foreign", "agreed", "case"),
    [
        # Deletes that were not transferred: that a field counts again brings nothing back
        (HERE_STAY, None, MINE, False, (ABSENT, OWN.content(MINE)), Case.AGREED),
        (THERE_STAY, MINE, None, False, (OWN.content(MINE), ABSENT), Case.AGREED),
        (HERE_STAY, None, EDITED, False, (ABSENT, OWN.content(MINE)), Case.ATLAS_CHANGED),
        (HERE_STAY, EDITED, MINE, False, (ABSENT, OWN.content(MINE)), Case.BOTH_CHANGED),
        # A copy that stays
        (KEEP, MINE, EDITED, True, (OWN.content(MINE), FOREIGN), Case.AGREED),
        (KEEP, MINE, None, False, (OWN.content(MINE), FOREIGN), Case.AGREED),
        (KEEP, MINE, EDITED, False, (OWN.content(MINE), FOREIGN), Case.BOTH_CHANGED),
    ],
)
def test_what_one_side_alone_has_by_agreement_stays_there_under_another_projection(
    parts: dict[str, Any],
    local: bytes | None,
    atlas: bytes | None,
    foreign: bool,
    agreed: tuple[bytes, bytes],
    case: Case,
) -> None:
    rule = CollectionRule.of({"pattern": "*", **parts})
    state = SyncState(*agreed, counter=1, projection=OWN.id)
    seen = Sight(Policy(rule=rule), lambda name: OWN).of(
        state, {Side.LOCAL: local, Side.ATLAS: atlas}, foreign
    )
    assert classify(seen.contents, seen.state) is case


def test_without_rules_nothing_is_made_of_it() -> None:
    state = SyncState(HASHES[A], HASHES[B], counter=3)
    seen = sight({}).of(state, {Side.LOCAL: None, Side.ATLAS: C})
    assert seen.state is state
    assert seen.contents == {Side.LOCAL: ABSENT, Side.ATLAS: HASHES[C]}
