"""What two counters say about time."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import NetworkTimeout

from syncapp.core.values import Side
from syncapp.store import heartbeat
from syncapp.store.halts import Kind
from syncapp.store.heartbeat import Beat, Heartbeat, Kept, judge
from syncapp.store.names import BATCHES

A1, A2, A3 = Beat(1, "a1"), Beat(2, "a2"), Beat(3, "a3")
B2, B3 = Beat(2, "b2"), Beat(3, "b3")
DEVICE = "device"


@pytest.mark.parametrize(
    ("kept", "there", "seen", "expected"),
    [
        (Kept(), None, None, None),  # the first beat is to come
        (Kept(None, A1), None, None, None),  # it was announced, and did not arrive
        (Kept(None, A1), A1, None, None),  # it arrived, and was not confirmed
        (Kept(A1), A1, None, None),
        (Kept(A1, A2), A1, None, None),
        (Kept(A1, A2), A2, None, None),
        (Kept(), A1, None, Kind.LOCAL_RESTORED),
        (Kept(A1), None, None, Kind.ATLAS_RESTORED),
        (Kept(A3), A1, None, Kind.ATLAS_RESTORED),
        (Kept(A2, A3), A1, A2, Kind.ATLAS_RESTORED),
        (Kept(A1), A3, None, Kind.LOCAL_RESTORED),
        (Kept(A1), A3, A2, Kind.LOCAL_RESTORED),  # this session has seen it higher
        (Kept(A1), B2, A1, Kind.DEVICE_COPIED),  # nobody has set it back, and somebody has raised it
        (Kept(A2), B2, None, Kind.DEVICE_COPIED),
        (Kept(A1, A2), B2, A1, Kind.DEVICE_COPIED),
    ],
)
def test_two_counters_tell_what_has_happened(
    kept: Kept, there: Beat | None, seen: Beat | None, expected: Kind | None
) -> None:
    assert judge(kept, there, seen) is expected


def beats(local: Database[Any], atlas: Database[Any]) -> Heartbeat:
    return Heartbeat(local, atlas, DEVICE, lambda: {"pending": 0})


def kept_document(local: Database[Any]) -> dict[str, Any]:
    found = local["_sync_metadata"].find_one({"_id": "heartbeat"})
    assert found is not None
    return found


def put(local: Database[Any], document: dict[str, Any]) -> None:
    local["_sync_metadata"].replace_one({"_id": "heartbeat"}, document)


def test_beats_go_on_over_restarts(local_db: Database[Any], atlas_db: Database[Any]) -> None:
    for _ in range(3):
        assert beats(local_db, atlas_db).beat() is None
    there = heartbeat.read_there(atlas_db, DEVICE)
    assert there is not None
    assert there.counter == 3
    assert heartbeat.read_kept(local_db) == Kept(there)


@pytest.mark.parametrize("lost", ["the announcement", "the confirmation"])
def test_a_crash_between_two_writes_of_a_beat_is_no_time_travel(
    local_db: Database[Any], atlas_db: Database[Any], lost: str
) -> None:
    one = beats(local_db, atlas_db)
    one.beat()
    before = kept_document(local_db)
    beats(local_db, atlas_db).beat()
    there = heartbeat.read_there(atlas_db, DEVICE)
    assert there is not None
    if lost == "the confirmation":
        put(local_db, {**before, "coming": {"counter": there.counter, "nonce": there.nonce}})
    else:
        put(local_db, {**kept_document(local_db), "coming": {"counter": 3, "nonce": "never sent"}})
    assert beats(local_db, atlas_db).beat() is None
    assert beats(local_db, atlas_db).beat() is None


@pytest.mark.parametrize("before", [0, 1])
def test_a_beat_that_is_seen_late_is_nobody_else_s(
    local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """A new primary takes it and cannot confirm it: until a majority has it, who reads it finds the one before."""
    one = beats(local_db, atlas_db)
    for _ in range(before):
        one.beat()
    sent: list[Beat] = []

    def unconfirmed(there: Beat | None, new: Beat) -> bool:
        sent.append(new)
        raise NetworkTimeout("timed out")

    with monkeypatch.context() as patch:
        patch.setattr(one, "_raise", unconfirmed)
        for _ in range(3):
            with pytest.raises(NetworkTimeout):
                one.beat()
    taken = {"counter": sent[0].counter, "nonce": sent[0].nonce}
    atlas_db["_sync_devices"].update_one({"_id": DEVICE}, {"$set": taken}, upsert=True)
    assert [one.beat(), beats(local_db, atlas_db).beat()] == [None, None]


def test_each_way_to_go_back_in_time_is_noticed_until_it_is_answered(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    one = beats(local_db, atlas_db)
    one.beat()
    old_here, old_there = kept_document(local_db), atlas_db["_sync_devices"].find_one({"_id": DEVICE})
    assert old_there is not None
    one.beat()
    new_here = kept_document(local_db)

    atlas_db["_sync_devices"].replace_one({"_id": DEVICE}, old_there)
    assert [one.beat(), beats(local_db, atlas_db).beat()] == [Kind.ATLAS_RESTORED] * 2
    heartbeat.adopt(local_db, atlas_db, DEVICE)
    assert one.beat() is None

    put(local_db, old_here)
    assert beats(local_db, atlas_db).beat() is Kind.LOCAL_RESTORED
    heartbeat.adopt(local_db, atlas_db, DEVICE)
    assert beats(local_db, atlas_db).beat() is None

    put(local_db, new_here)
    atlas_db["_sync_devices"].delete_one({"_id": DEVICE})
    assert beats(local_db, atlas_db).beat() is Kind.ATLAS_RESTORED
    heartbeat.adopt(local_db, atlas_db, DEVICE)
    assert beats(local_db, atlas_db).beat() is None


def test_a_copied_device_is_noticed_by_the_one_that_comes_second(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    original = beats(local_db, atlas_db)
    original.beat()
    copied = kept_document(local_db)
    copy_db = local_db.client[f"{local_db.name}_copy"]
    copy_db["_sync_metadata"].insert_one(copied)
    copy = beats(copy_db, atlas_db)
    assert copy.beat() is None  # nobody can know yet
    assert original.beat() is Kind.DEVICE_COPIED
    local_db.client.drop_database(copy_db)


def test_a_listener_that_was_paused_in_a_beat_leaves_that_of_another_alone(
    local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, other = beats(local_db, atlas_db), beats(local_db, atlas_db)
    paused.beat()
    seen = heartbeat.look(local_db, atlas_db, DEVICE)
    other.beat()
    with monkeypatch.context() as patch:
        patch.setattr(heartbeat, "look", lambda *_: seen)
        assert paused.beat() is None
    assert [other.beat(), beats(local_db, atlas_db).beat()] == [None, None]


def test_a_beat_that_came_by_its_stream_tells_the_lag(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    now = [100.0]
    one = Heartbeat(local_db, atlas_db, DEVICE, dict, lambda: now[0])
    one.beat()
    there = heartbeat.read_there(atlas_db, DEVICE)
    assert there is not None
    now[0] += 0.25
    one.arrived(Side.ATLAS, there.nonce)
    one.arrived(Side.ATLAS, "of another session")
    assert one.ages_ms == {Side.ATLAS: 250}


def test_an_answer_of_a_deposed_primary_is_no_time_travel(
    local_db: Database[Any], atlas_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it knows that another one was elected it answers with what it holds; it can confirm no write."""
    one = beats(local_db, atlas_db)
    one.beat()
    old, read = heartbeat.read_there(atlas_db, DEVICE), heartbeat.read_there
    one.beat()
    monkeypatch.setattr(
        heartbeat,
        "read_there",
        lambda atlas, device, session=None: read(atlas, device, session) if session else old,
    )
    assert one.beat() is None
    assert atlas_db[BATCHES].count_documents({"cancelled": True}), (
        "a write was confirmed before the last look"
    )
