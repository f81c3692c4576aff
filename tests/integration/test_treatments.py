"""What a resync does to agreed pairs before the listener looks, while others decide about the same keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.compare import treatments
from syncapp.compare.differences import Compared, agree_on_equal
from syncapp.core.content import content_hash, document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.values import ABSENT, UNKNOWN, DocumentKey, Intent, SyncState, UnknownTime
from syncapp.mongo.errors import TransientError
from syncapp.mongo.transaction import transaction
from syncapp.store.names import STATE
from syncapp.store.run import Treatment
from syncapp.store.states import read_states, write_states

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
KEY = document_key("shop", bson.encode({"_id": 1}))


def compared(local: bytes, atlas: bytes, *pair: bytes, counter: int = 3) -> Compared:
    state = SyncState(*pair, counter=counter) if pair else SyncState()
    return Compared(KEY, local, atlas, state, state)


@pytest.mark.parametrize(
    ("treatment", "one", "content"),
    [
        (Treatment.UNKNOWN, compared(A, B, A, A), UNKNOWN),
        (Treatment.UNKNOWN, compared(A, ABSENT, A, A), UNKNOWN),  # a deletion is a difference too
        (Treatment.UNKNOWN, compared(A, A, B, B), None),  # equal
        (Treatment.UNKNOWN, compared(A, B, A, B), None),  # the sides differ as agreed
        (Treatment.UNKNOWN, compared(A, B), None),  # never agreed on: a conflict anyway
        (Treatment.UNKNOWN, compared(A, B, UNKNOWN, UNKNOWN), None),
        (Treatment.BRING_BACK_TO_LOCAL, compared(ABSENT, A, A, A), ABSENT),
        (Treatment.BRING_BACK_TO_LOCAL, compared(ABSENT, A), None),
        (Treatment.BRING_BACK_TO_LOCAL, compared(A, ABSENT, A, A), None),
        (Treatment.BRING_BACK_TO_LOCAL, compared(B, A, A, A), None),
        (Treatment.BRING_BACK_TO_ATLAS, compared(A, ABSENT, A, A), ABSENT),
        (Treatment.BRING_BACK_TO_ATLAS, compared(ABSENT, A, A, A), None),
        (Treatment.AS_AGREED, compared(A, B, A, A), None),
    ],
)
def test_which_pairs_are_replaced(treatment: Treatment, one: Compared, content: bytes | None) -> None:
    assert treatments.new_agreement(treatment, one) == content


@pytest.fixture
def differing(local_db: Database[Any], atlas_db: Database[Any]) -> list[DocumentKey]:
    """Three documents that were agreed on and changed on Atlas; a push of the last is open."""
    keys = [document_key("shop", bson.encode({"_id": number})) for number in range(3)]
    local_db["shop"].insert_many([{"_id": number} for number in range(3)])
    atlas_db["shop"].insert_many([{"_id": number, "changed": True} for number in range(3)])
    pair = [content_hash(bson.encode({"_id": number})) for number in range(3)]
    open_push = Intent("batch", A, 0)
    fresh = [
        (key, SyncState(), SyncState(content, content, open_push if number == 2 else None, 5))
        for number, (key, content) in enumerate(zip(keys, pair, strict=True))
    ]
    with transaction(local_db) as session:
        write_states(local_db, fresh, session)
    return keys


def test_a_pair_is_replaced_its_counter_raised_and_an_open_push_stays(
    local_db: Database[Any], atlas_db: Database[Any], differing: list[DocumentKey]
) -> None:
    treatments.treat(local_db, atlas_db, Treatment.UNKNOWN, UnknownTime.ATLAS, "shop", differing, Policy())
    for number, state in enumerate(read_states(local_db, differing).values()):
        intent = Intent("batch", A, 0) if number == 2 else None
        assert state == SyncState(UNKNOWN, UNKNOWN, intent, 6, UnknownTime.ATLAS)


class Meddling:
    """Somebody decides about a key between the reads and the compare-and-set, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, local: Database[Any], times: int) -> None:
        self.times = times
        read = treatments.compare_keys

        def compare_keys(*arguments: Any) -> Iterator[Compared] | list[Compared]:
            found = read(*arguments)
            if self.times > 0:
                self.times -= 1
                local[STATE].update_one({}, {"$inc": {"n": 1}})
            return found

        monkeypatch.setattr(treatments, "compare_keys", compare_keys)


def test_a_decision_in_between_is_noticed_and_the_key_looked_at_again(
    local_db: Database[Any],
    atlas_db: Database[Any],
    differing: list[DocumentKey],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Meddling(monkeypatch, local_db, 3)
    treatments.treat(local_db, atlas_db, Treatment.UNKNOWN, None, "shop", differing, Policy())
    assert {state.local for state in read_states(local_db, differing).values()} == {UNKNOWN}


def test_a_key_that_never_stands_still_stops_the_slice(
    local_db: Database[Any],
    atlas_db: Database[Any],
    differing: list[DocumentKey],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Meddling(monkeypatch, local_db, 1_000)
    with pytest.raises(TransientError):
        treatments.treat(local_db, atlas_db, Treatment.UNKNOWN, None, "shop", differing, Policy())


@pytest.mark.parametrize(
    "state", [SyncState(), SyncState(B, B, None, 3), SyncState(B, B, Intent("batch", A, 1), 3)],
    ids=["new", "decided", "a push is open"],
)  # fmt: skip
def test_equal_documents_are_agreed_on_if_nothing_was_decided_about_them(
    local_db: Database[Any], state: SyncState
) -> None:
    """Only a worker finds out whether a push was applied, or both sides made the same change, which may count twice."""
    if state.counter:
        with transaction(local_db) as session:
            write_states(local_db, [(KEY, SyncState(), state)], session)
    agree_on_equal(local_db, [Compared(KEY, A, A, state, state)])
    found = read_states(local_db, [KEY])[KEY]
    assert found == (state if state.counter else SyncState(A, A, counter=1))
