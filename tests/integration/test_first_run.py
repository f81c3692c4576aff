"""The first start between two databases that both hold documents: the report, the choice, and what it does."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import bson
import pytest

from tests.integration.conftest import MakeDevice
from tests.support.device import Device, Document
from tests.support.eventually import eventually
from tests.support.raw import Contents, contents

# Of 3,000 documents a side: equal ones, different ones, and some that only one side has
EQUAL, DIFFERENT, ONLY = 1_000, 900, 1_100
REPORT = {"equal": EQUAL, "different": DIFFERENT, "onlyLocal": ONLY, "onlyAtlas": ONLY}
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NEWEST = ["--differing", "newest", "--timestamp-field", "updatedAt"]
WAITS = "The two databases hold different documents"


def fill(device: Device) -> None:
    def document(key: str, number: int, side: str, **more: Any) -> Document:
        return {"_id": f"{key} {number}", "by": side, "n": number, **more}

    for side, database in (("local", device.local), ("atlas", device.atlas)):
        documents = [document("equal", number, "both") for number in range(EQUAL)]
        documents += [document(f"only {side}", number, side) for number in range(ONLY)]
        for number in range(DIFFERENT):
            # By thirds: local is newer, Atlas is newer, and nobody knows
            hours = {"local": (1, 0), "atlas": (0, 1)}[side]
            stamp = {"updatedAt": NOON + dt.timedelta(hours=hours[number % 3])} if number % 3 < 2 else {}
            documents.append(document("different", number, side, **stamp))
        database["shop"].insert_many(documents)


def keys_of(found: Contents) -> set[str]:
    return {str(bson.decode(raw)["_id"]) for raw in found["shop"]}


def by_key(found: Contents) -> dict[str, bytes]:
    return {str(bson.decode(raw)["_id"]): raw for raw in found["shop"]}


def initial(device: Device, *arguments: str, code: int = 0) -> str:
    done = device.manage("sync_initial", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def first_run(device: Device) -> Document:
    found = device.local["_sync_metadata"].find_one({"_id": "first-run"})
    assert found is not None
    return found


def wait_until_it_waits(device: Device) -> None:
    device.wait_for_line("listener", WAITS, 60)
    eventually(
        lambda: any(WAITS in row[0] for row in device.rows("SELECT waiting_for FROM syncapp_instance")),
        "other processes are told what is waited for",
    )


@pytest.fixture
def waiting(make_device: MakeDevice) -> Device:
    device = make_device()
    fill(device)
    device.launch("listener", "worker")
    wait_until_it_waits(device)
    return device


def test_it_compares_writes_nothing_and_says_what_it_waits_for(waiting: Device) -> None:
    before = contents(waiting.local), contents(waiting.atlas)
    found = json.loads(initial(waiting, "--json"))
    assert (found["state"], found["report"]["total"], found["choice"]) == ("waiting", REPORT, None)
    assert found["report"]["collections"] == [{"collection": "shop", "excluded": False, **REPORT}]
    text = initial(waiting)
    assert "900" in text
    assert "1,100" in text
    assert "--differing newest" in text

    status = waiting.manage("sync_status", "--json")
    health = json.loads(status.stdout)
    assert (status.returncode, health["health"]) == (1, "degraded")
    assert health["message"] == "Bidirectional sync has not started yet"
    (reason,) = health["reasons"]
    assert "900 different, 1,100 only here, 1,100 only on Atlas" in reason["text"]
    assert "sync_initial" in reason["text"]

    # An application goes on writing meanwhile
    waiting.local["shop"].insert_one({"_id": "written while it waits"})
    assert waiting.is_running("listener")
    assert waiting.local["_sync_dirty"].count_documents({}) == 0
    waiting.local["shop"].delete_one({"_id": "written while it waits"})
    assert (contents(waiting.local), contents(waiting.atlas)) == before
    assert waiting.conflicts() == []


def expected_winner(differing: str, number: int) -> str:
    return {"newest": "local" if number % 3 == 0 else "atlas"}.get(differing, differing)


@pytest.mark.parametrize(
    ("differing", "only_atlas", "only_local"),
    [("newest", "pull", "push"), ("local", "leave", "push"), ("atlas", "pull", "leave")],
)
def test_the_choice_does_what_it_says(
    waiting: Device, differing: str, only_atlas: str, only_local: str
) -> None:
    local, atlas = by_key(contents(waiting.local)), by_key(contents(waiting.atlas))
    options = NEWEST if differing == "newest" else ["--differing", differing]
    initial(waiting, *options, "--only-atlas", only_atlas, "--only-local", only_local)
    waiting.wait_until_ready(60)
    waiting.wait_until_idle(60)
    eventually(lambda: len(waiting.conflicts()) == DIFFERENT, "every conflict has its row", 30)

    merged = {key: raw for key, raw in local.items() if key.startswith("equal")}
    for number in range(DIFFERENT):
        key = f"different {number}"
        merged[key] = (local if expected_winner(differing, number) == "local" else atlas)[key]
    only_here = {key: raw for key, raw in local.items() if key.startswith("only")}
    only_there = {key: raw for key, raw in atlas.items() if key.startswith("only")}
    expected_local = merged | only_here | (only_there if only_atlas == "pull" else {})
    expected_atlas = merged | only_there | (only_here if only_local == "push" else {})
    assert by_key(contents(waiting.local)) == expected_local
    assert by_key(contents(waiting.atlas)) == expected_atlas

    strategy = "first run: newest by updatedAt" if differing == "newest" else f"first run: {differing}"
    for row in waiting.conflicts():
        key = str(bson.decode(row["local_raw"])["_id"])
        assert (row["local_raw"], row["atlas_raw"]) == (local[key], atlas[key]), "both versions in full"
        assert row["winner"] == expected_winner(differing, int(key.split()[1]))
        assert (row["strategy"], row["local_time"], row["atlas_time"]) == (strategy, None, None)

    found = first_run(waiting)
    assert (found["state"], found["report"]["total"]) == ("done", REPORT)
    assert found["choice"]["differing"] == differing
    audit = waiting.rows("SELECT detail FROM syncapp_auditentry WHERE action = 'first run'")
    assert len(audit) == 1
    assert f"only-atlas={only_atlas}" in audit[0][0]

    # What was left is not forgotten: its next change travels
    if only_local == "leave":
        waiting.local["shop"].update_one({"_id": "only local 1"}, {"$set": {"n": -1}})
        eventually(lambda: waiting.atlas["shop"].find_one({"_id": "only local 1"}), "its change goes up")
        assert waiting.atlas["shop"].find_one({"_id": "only local 2"}) is None
    if only_atlas == "leave":
        waiting.atlas["shop"].update_one({"_id": "only atlas 1"}, {"$set": {"n": -1}})
        eventually(lambda: waiting.local["shop"].find_one({"_id": "only atlas 1"}), "its change is pulled")
        assert waiting.local["shop"].find_one({"_id": "only atlas 2"}) is None


def test_what_changes_while_it_waits_is_told_by_what_was_equal(waiting: Device) -> None:
    """A document that was equal and then deleted is deleted, not brought back; a changed one is no conflict."""
    waiting.local["shop"].delete_one({"_id": "equal 1"})
    waiting.atlas["shop"].delete_one({"_id": "equal 2"})
    waiting.local["shop"].update_one({"_id": "equal 3"}, {"$set": {"n": "local"}})
    waiting.atlas["shop"].update_one({"_id": "equal 4"}, {"$set": {"n": "atlas"}})
    initial(waiting, "--differing", "atlas", "--only-atlas", "pull", "--only-local", "push")
    waiting.wait_until_settled(60)
    keys = keys_of(contents(waiting.local))
    assert not {"equal 1", "equal 2"} & keys
    assert len(keys) == EQUAL - 2 + DIFFERENT + 2 * ONLY
    assert waiting.atlas["shop"].find_one({"_id": "equal 3"})["n"] == "local"  # type: ignore[index]
    assert waiting.local["shop"].find_one({"_id": "equal 4"})["n"] == "atlas"  # type: ignore[index]
    eventually(lambda: len(waiting.conflicts()) == DIFFERENT, "only what differed is in conflict")


def test_killed_in_the_middle_it_is_finished_by_the_next_listener(waiting: Device) -> None:
    """Killed while it waits, while it carries the choice out, and while the workers are busy with it."""
    local, atlas = by_key(contents(waiting.local)), by_key(contents(waiting.atlas))
    waiting.kill("listener")
    initial(waiting, *NEWEST, "--only-atlas", "leave", "--only-local", "push")
    waiting.launch("listener")
    eventually(
        lambda: waiting.local["_sync_dirty"].estimated_document_count() > 500, "it has begun", every=0.005
    )
    waiting.kill("listener")
    assert first_run(waiting)["state"] == "chosen"
    changed = {"_id": "only atlas 7", "by": "atlas", "n": "changed after the crash"}
    waiting.atlas["shop"].replace_one({"_id": "only atlas 7"}, changed)

    waiting.launch("listener")
    eventually(lambda: waiting.conflicts(), "the workers are busy", 60, every=0.01)
    waiting.kill("listener")
    waiting.launch("listener")
    waiting.wait_until_ready(60)
    waiting.wait_until_idle(60)
    eventually(lambda: len(waiting.conflicts()) == DIFFERENT, "each conflict is recorded once", 30)
    for row in waiting.conflicts():
        key = str(bson.decode(row["local_raw"])["_id"])
        assert (row["local_raw"], row["atlas_raw"]) == (local[key], atlas[key])
    here, there = by_key(contents(waiting.local)), by_key(contents(waiting.atlas))
    left = {key for key in atlas if key.startswith("only atlas")}
    # Whether it was left before or after its change is a matter of moments
    assert (there.keys() - here.keys()) | {"only atlas 7"} == left
    assert {key: there[key] for key in here} == here


@pytest.mark.parametrize(("enabled", "waits"), [("true", False), ("false", True)])
def test_a_choice_of_the_settings_needs_nobody(make_device: MakeDevice, enabled: str, waits: bool) -> None:
    """While sync is one-way, what is to be pulled waits until it is enabled, also where Atlas might win."""
    choice = "differing=newest:updatedAt,only-atlas=pull,only-local=push"
    device = make_device(SYNC_INITIAL_CHOICE=choice, BIDIRECTIONAL_SYNC_ENABLED=enabled)
    fill(device)
    local = by_key(contents(device.local))
    device.start()
    if waits:
        eventually(lambda: device.atlas["shop"].find_one({"_id": "only local 1099"}), "one-way goes up", 60)
        device.wait_until_idle()
        assert by_key(contents(device.local)) == local
        assert device.conflicts() == []
        device.console.switch(enabled=True)
    device.wait_until_settled(90)
    assert len(keys_of(contents(device.local))) == EQUAL + DIFFERENT + 2 * ONLY
    eventually(lambda: len(device.conflicts()) == DIFFERENT, "every conflict has its row", 30)
    assert {row["strategy"] for row in device.conflicts()} == {"first run: newest by updatedAt"}
    assert first_run(device)["report"]["total"] == REPORT


@pytest.mark.parametrize("empty", ["local", "atlas"])
def test_one_side_empty_everything_is_copied(make_device: MakeDevice, empty: str) -> None:
    device = make_device()
    full = device.atlas if empty == "local" else device.local
    full["shop"].insert_many([{"_id": number, "x": 1.0} for number in range(1_200)])
    device.start()
    device.wait_until_settled()
    assert device.local["shop"].count_documents({}) == 1_200
    assert device.conflicts() == []


def test_two_equal_sides_go_on_by_themselves(make_device: MakeDevice) -> None:
    device = make_device()
    for database in (device.local, device.atlas):
        database["shop"].insert_many([{"_id": number, "x": 1.0} for number in range(700)])
    device.start()
    device.local["shop"].delete_one({"_id": 7})
    device.wait_until_settled()
    assert device.atlas["shop"].find_one({"_id": 7}) is None, "the agreement tells a deletion from a creation"


def test_a_collection_that_is_excluded_arrives_when_it_is_let_in(make_device: MakeDevice) -> None:
    device = make_device()
    device.atlas["sessions"].insert_many([{"_id": number} for number in range(20)])
    device.local["shop"].insert_one({"_id": 1})
    device.start()
    device.wait_until_settled(without=["sessions"])
    assert device.local["sessions"].count_documents({}) == 0
    device.console.include("sessions")
    device.wait_until_settled()
    assert device.local["sessions"].count_documents({}) == 20


@pytest.mark.parametrize("both", [False, True], ids=["only here", "different"])
def test_a_large_database_is_worked_off_with_little_of_it_in_memory(
    make_device: MakeDevice, both: bool
) -> None:
    """If a push or a conflict had to wait until the stream has been read past all marks of the first run, every key would be
    held at once."""
    documents = 8_000
    choice = "differing=local,only-atlas=pull,only-local=push"
    device = make_device(SYNC_MAX_DIRTY_KEYS="1000", SYNC_INITIAL_CHOICE=choice)
    device.local["shop"].insert_many({"_id": number, "here": 1} for number in range(documents))
    if both:
        device.atlas["shop"].insert_many({"_id": number} for number in range(documents))
    device.start()
    eventually(
        lambda: device.atlas["shop"].count_documents({"here": 1}) == documents, "all are worked off", 60
    )
    device.wait_until_idle(60)
    reported = [line for line in device.lines("listener").splitlines() if "batch_reported" in line]
    assert len(reported) > documents // 2_000
    # Whose conflicts were handed out before Atlas's stream was read so far
    first_ones = 4 if both else 0
    assert len([line for line in reported if " wait=" in line]) <= first_ones
