"""Pushes that are noted to have landed: what a state then means, and how the note ends up in it."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.compare import treatments
from syncapp.core.content import content_hash, document_key, key_hash
from syncapp.core.rule.policy import Policy
from syncapp.core.values import ABSENT, UNKNOWN, DocumentKey, Intent, SyncState, UnknownTime
from syncapp.mongo.transaction import transaction
from syncapp.store import landings
from syncapp.store.batches import ensure_indexes, insert_marker
from syncapp.store.landings import fold, landed_batches, record_landed
from syncapp.store.names import BATCHES, STATE
from syncapp.store.run import Treatment
from syncapp.store.states import read_states, write_states

MANY = landings.FEW + 1
SEEN_AT = 1_790_000_000 << 32 | 7  # a position on Atlas
Keys = list[DocumentKey]


def pause(seconds: float) -> None:
    """None in tests."""


def content(key: DocumentKey) -> bytes:
    return content_hash(key.id_bson)


@pytest.fixture
def keys() -> Keys:
    return [document_key("shop", bson.encode({"_id": number})) for number in range(MANY)]


def push(local: Database[Any], keys: Keys, batch_id: str = "b1", contents: bytes | None = None) -> None:
    """What step 2 of a push leaves in the local database."""
    states = read_states(local, keys)
    with transaction(local) as session:
        insert_marker(local, batch_id, "device", session)
        changes = [
            (
                key,
                states[key],
                states[key].next(ABSENT, ABSENT, Intent(batch_id, contents or content(key), 1)),
            )
            for key in keys
        ]
        write_states(local, changes, session)


def stored(local: Database[Any]) -> list[dict[str, Any]]:
    return list(local[STATE].find())


def test_one_note_says_that_all_of_a_batch_landed(local_db: Database[Any], keys: Keys) -> None:
    push(local_db, keys)
    assert all(state.intent for state in read_states(local_db, keys).values())
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    assert landed_batches(local_db, ["b1", "b2"]) == {"b1": SEEN_AT}
    for key, state in read_states(local_db, keys).items():
        assert state == SyncState(content(key), content(key), None, 1, seen_at=SEEN_AT)
    assert all("i" in one for one in stored(local_db)), "no state was written"
    assert "at" not in (local_db[BATCHES].find_one() or {}), "a note does not expire"


def test_a_few_keys_are_written_at_once(local_db: Database[Any], keys: Keys) -> None:
    few = keys[: landings.FEW]
    push(local_db, few)
    record_landed(local_db, "b1", few, SEEN_AT, whole=True)
    assert not landed_batches(local_db, ["b1"])
    assert all("i" not in one for one in stored(local_db))
    assert all(state.local == content(key) for key, state in read_states(local_db, few).items())


def test_what_was_left_out_of_a_batch_keeps_its_intent(local_db: Database[Any], keys: Keys) -> None:
    more = [*keys, document_key("shop", bson.encode({"_id": "left out"}))]
    push(local_db, more)
    record_landed(local_db, "b1", keys, SEEN_AT, whole=False)
    states = read_states(local_db, more)
    assert states.pop(more[-1]).intent
    for key, state in states.items():
        assert state == SyncState(content(key), content(key), None, 2, seen_at=SEEN_AT)


def test_what_was_decided_anew_since_then_keeps_its_open_push(local_db: Database[Any], keys: Keys) -> None:
    few = keys[: landings.FEW]
    push(local_db, few)
    push(local_db, few[:1], "b2", ABSENT)
    decided_anew = read_states(local_db, few[:1])
    record_landed(local_db, "b1", few, SEEN_AT, whole=True)
    assert read_states(local_db, few[:1]) == decided_anew


def test_without_its_marker_a_batch_is_written(local_db: Database[Any], keys: Keys) -> None:
    push(local_db, keys)
    local_db[BATCHES].delete_many({})
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    assert all("i" not in one for one in stored(local_db))


def test_folding_writes_it_into_the_states_and_lets_the_note_expire(
    local_db: Database[Any], keys: Keys
) -> None:
    ensure_indexes(local_db, 24)
    push(local_db, keys)
    push(local_db, keys[:1], "b2", ABSENT)  # decided anew since then, and that is still open
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    before = read_states(local_db, keys)
    assert fold(local_db, 60, pause) == MANY - 1
    assert "at" in (local_db[BATCHES].find_one({"_id": "b1"}) or {})
    local_db[BATCHES].delete_many({})
    after = read_states(local_db, keys)
    assert after[keys[0]] == before[keys[0]]
    for key in keys[1:]:
        assert after[key] == before[key]._replace(counter=2)
    assert fold(local_db, 60, pause) == 0


def test_a_pushed_delete_begins_to_age_when_it_is_folded(local_db: Database[Any], keys: Keys) -> None:
    push(local_db, keys, contents=ABSENT)
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    fold(local_db, 60, pause)
    assert all("gone" in one and one["h"] == ABSENT for one in stored(local_db))


def test_folding_that_runs_out_of_time_goes_on_later(
    local_db: Database[Any], keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landings, "FOLD_AT_ONCE", 10)
    push(local_db, keys)
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    assert fold(local_db, 0, pause) == 0
    assert landed_batches(local_db, ["b1"])
    assert {state.local for state in read_states(local_db, keys[:1]).values()} == {content(keys[0])}
    assert fold(local_db, 60, pause) == MANY


def test_a_note_of_the_version_before_names_no_position(local_db: Database[Any], keys: Keys) -> None:
    push(local_db, keys)
    local_db[BATCHES].update_one({"_id": "b1"}, {"$set": {"landed": True}, "$unset": {"at": ""}})
    assert {state.local for state in read_states(local_db, keys[:1]).values()} == {content(keys[0])}
    assert fold(local_db, 60, pause) == MANY
    assert {state.local for state in read_states(local_db, keys[:1]).values()} == {content(keys[0])}


def test_the_next_decision_leaves_nothing_of_a_noted_intent(local_db: Database[Any], keys: Keys) -> None:
    push(local_db, keys)
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    states = read_states(local_db, keys)
    new = bytes([7]) * 16
    with transaction(local_db) as session:
        write_states(local_db, [(key, state, state.next(new, new)) for key, state in states.items()], session)
    assert all("i" not in one for one in stored(local_db))
    for state in read_states(local_db, keys).values():
        assert state == SyncState(new, new, None, 2, seen_at=SEEN_AT)


def test_a_treatment_unlearns_what_was_noted(
    local_db: Database[Any], atlas_db: Database[Any], keys: Keys
) -> None:
    push(local_db, keys)
    record_landed(local_db, "b1", keys, SEEN_AT, whole=True)
    atlas_db["shop"].insert_many([{"_id": number, "changed": True} for number in range(MANY)])
    treatments.treat(local_db, atlas_db, Treatment.UNKNOWN, UnknownTime.ATLAS, "shop", keys, Policy())
    for state in read_states(local_db, keys).values():
        assert state == SyncState(UNKNOWN, UNKNOWN, None, 2, UnknownTime.ATLAS)


def test_a_state_names_its_document(local_db: Database[Any], keys: Keys) -> None:
    """For whoever looks into the collection."""
    push(local_db, keys[:1])
    (one,) = stored(local_db)
    assert (one["_id"], one["c"], one["key"]) == (key_hash(keys[0]), "shop", {"_id": 0})
