"""Explaining a document: what is agreed, what comes next, its history; and that nothing is written for it."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import Any

import bson
import pytest
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.apply.messages import Report
from syncapp.core.content import document_key
from syncapp.core.rule.policy import Policy
from syncapp.core.values import Batch, Ending, Fact, Side, WorkItem
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.telemetry.questions import answer_questions
from syncapp.models import ExcludedCollection, Instance, QueueQuestion, SyncSwitches
from syncapp.rules.switches import get_switches
from syncapp.services import explain_queue
from syncapp.services.rules import collection_rules
from syncapp.store.dirty import mark_dirty
from tests.api.conftest import ROOT
from tests.api.explaining import DEVICE, FAR, KEY, Crash, everything, process
from tests.support import rows
from tests.support.dirty import bring

pytestmark = pytest.mark.django_db


def put(both: dict[str, Database[Any]], **versions: str) -> None:
    for side, text in versions.items():
        both[side]["orders"].replace_one({"_id": "A-1"}, {"v": text}, upsert=True)


def set_enabled(enabled: bool) -> None:
    get_switches()
    SyncSwitches.objects.update(enabled=enabled)


def work(both: dict[str, Database[Any]], crash_at: str = "", facts: dict[Side, Fact] | None = None) -> None:
    def at(point: str) -> None:
        if point == crash_at:
            raise Crash

    batch = Batch("task", Side.LOCAL, "orders", (WorkItem(KEY, facts or {}),), FAR)
    processor = ChangeProcessor(both["local"], both["atlas"], DEVICE, at=at, interrupts=(Crash,))
    try:
        processor.process(batch, Policy())
    except Crash:
        pass


def explained(client: APIClient, both: dict[str, Database[Any]], document_id: str = "A-1") -> dict[str, Any]:
    before = everything(both)
    answer = client.get(f"{ROOT}/explain", {"collection": "orders", "id": document_id})
    assert answer.status_code == 200, answer.content
    assert everything(both) == before
    return dict(answer.json())


def test_a_document_that_was_pushed_and_agreed_on(reader: APIClient, both: dict[str, Database[Any]]) -> None:
    put(both, local="one")
    work(both, facts={Side.LOCAL: Fact(1, 1_700_000_000_000, DEVICE)})
    told = explained(reader, both)
    assert told["equal"]
    assert told["decision"] == "equal"
    assert told["reason"] is None
    assert told["local"] == told["atlas"]
    assert told["local"]["hash"] == told["agreed"]["local"]
    assert [event["what"] for event in told["history"]] == ["pushed"]
    assert (
        told["history"][0]["text"] == "this device brought the change of 2023-11-14 22:13:20.000 UTC to Atlas"
    )


@pytest.mark.parametrize(
    ("changes", "decision", "state"),
    [
        ({"local": "two"}, "push", "The local version has changed since both sides were last agreed on."),
        ({"atlas": "two"}, "pull", "Atlas's version has changed since both sides were last agreed on."),
        (
            {"local": "two", "atlas": "three"},
            "conflict",
            "Both versions have changed since they were last agreed on.",
        ),
    ],
)
def test_what_comes_next_is_what_a_task_would_decide(
    reader: APIClient, both: dict[str, Database[Any]], changes: dict[str, str], decision: str, state: str
) -> None:
    set_enabled(True)
    put(both, local="one")
    work(both)
    put(both, **changes)
    told = explained(reader, both)
    assert (told["decision"], told["state"], told["equal"]) == (decision, state, False)
    assert told["reason"]["code"] == "pending"


def test_a_pull_waits_while_sync_is_disabled(reader: APIClient, both: dict[str, Database[Any]]) -> None:
    set_enabled(False)
    put(both, local="one")
    work(both)
    put(both, atlas="two")
    told = explained(reader, both)
    assert told["decision"] == "owed"
    assert told["next"].endswith("as soon as bidirectional sync is enabled.")


def test_what_a_direction_keeps_back_is_said(reader: APIClient, both: dict[str, Database[Any]]) -> None:
    set_enabled(True)
    put(both, local="one")
    work(both)
    collection_rules.set_rule({"pattern": "ord*", "direction": "localToAtlas"})
    put(both, atlas="two")
    told = explained(reader, both)
    assert told["decision"] == "stays"
    assert told["reason"] == {"code": "intended", "text": "By the collection rule ord*: local → Atlas only"}


@pytest.mark.parametrize(("crash_at", "applied"), [("local committed", False), ("atlas committed", True)])
def test_a_push_whose_outcome_is_not_recorded_is_left_open(
    reader: APIClient, both: dict[str, Database[Any]], crash_at: str, applied: bool
) -> None:
    put(both, local="one")
    work(both, crash_at)
    told = explained(reader, both)
    assert told["openPush"]["applied"] is applied
    assert told["equal"] is applied
    assert ("is repeated" in told["next"]) is not applied
    work(both)
    assert explained(reader, both)["equal"]


def test_the_history_has_conflicts_rejections_and_what_is_queued(
    reader: APIClient, both: dict[str, Database[Any]]
) -> None:
    put(both, local="one", atlas="two")
    rows.conflict({"_id": "A-1", "v": "one"}, {"_id": "A-1", "v": "two"}, because="because")
    rows.rejected(key="A-1", reason="too long")
    mark_dirty(both["local"], [KEY], "manual retry")
    told = explained(reader, both)
    texts = {event["what"]: event["text"] for event in told["history"]}
    assert texts.keys() == {"conflict", "rejected", "queued"}
    assert texts["conflict"].endswith("because")
    assert "too long" in texts["rejected"]
    assert told["reason"] == {"code": "rejected", "text": "too long"}
    assert told["state"].startswith("Sync has not decided anything about this document yet.")


def test_what_atlas_lacks_is_not_explained_by_what_is_not_pulled(
    operator: APIClient, both: dict[str, Database[Any]]
) -> None:
    ExcludedCollection.objects.create(pattern="orders")
    put(both, local="one")
    for address, name in (("explain", "A-1"), ("document", '"A-1"')):
        told = operator.get(f"{ROOT}/{address}", {"collection": "orders", "id": name}).json()
        assert told["reason"]["code"] == "pending", told
        assert told["reason"]["text"].startswith("Not pushed yet, or deleted on Atlas.")


@pytest.mark.parametrize("name", ["a$b", ".a", "a..b"])
def test_a_name_that_no_collection_has_is_wrong_input(
    operator: APIClient, both: dict[str, Database[Any]], name: str
) -> None:
    for address in ("explain", "document"):
        refused = operator.get(f"{ROOT}/{address}", {"collection": name, "id": "1"})
        assert (refused.status_code, refused.json()["field"]) == (400, "collection"), refused.json()


def test_a_document_that_is_nowhere_and_an_id_that_is_none(
    reader: APIClient, both: dict[str, Database[Any]]
) -> None:
    assert (
        explained(reader, both, "ObjectId('65a1b2c3d4e5f60718293a4b')")["state"]
        == "Neither side has this document."
    )
    wrong = reader.get(f"{ROOT}/explain", {"collection": "orders", "id": "ObjectId('1')"})
    assert wrong.status_code == 400
    assert wrong.json()["field"] == "id"


# Where it is in the listener's queue

QUEUE_UNKNOWN = "what waits in its queue is not known."


def test_a_listener_that_is_not_there_is_not_waited_for(
    reader: APIClient, both: dict[str, Database[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_queue, "ANSWER_SECONDS", 1_000.0)
    told = explained(reader, both)["queue"]
    assert (told["place"], told["text"]) == (None, f"The listener has not reported yet: {QUEUE_UNKNOWN}")
    at = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    Instance.objects.create(instance_id=DEVICE, seen_at=at)
    said = "The listener has not reported since 2026-03-01 12:00:00 UTC"
    assert explained(reader, both)["queue"]["text"] == f"{said}: {QUEUE_UNKNOWN}"


def test_a_listener_that_does_not_answer_is_named_and_no_question_is_left(
    reader: APIClient, both: dict[str, Database[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_queue, "ANSWER_SECONDS", 1.0)
    now = dt.datetime.now(dt.UTC)
    Instance.objects.create(instance_id=DEVICE, seen_at=now)
    QueueQuestion.objects.create(
        instance_id=DEVICE, collection="a", document_id_raw=b"", asked_at=now - dt.timedelta(minutes=2)
    )
    told = explained(reader, both)["queue"]
    assert (told["place"], told["attempts"], told["nextInMs"]) == (None, 0, None)
    assert told["text"] == f"The listener has not answered within 1 s: {QUEUE_UNKNOWN}"
    assert not QueueQuestion.objects.exists()


def test_what_the_listener_answers_is_shown(
    reader: APIClient, both: dict[str, Database[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Instance.objects.create(instance_id=DEVICE, seen_at=dt.datetime.now(dt.UTC))
    dirty = DirtyKeys()
    bring(dirty, Side.LOCAL, KEY)
    taken = dirty.take("1", 10, 0.0)
    assert taken is not None
    failed = Report("1", Side.LOCAL, endings=(Ending.RETRY,), error="it fails")
    dirty.finish([failed], time.monotonic() + 30.0)

    def answer(seconds: float) -> None:  # while it is waited for
        answer_questions(DEVICE, dirty, time.monotonic())

    # Not time.sleep itself: the driver's threads sleep, too
    monkeypatch.setattr(explain_queue, "time", SimpleNamespace(sleep=answer, monotonic=time.monotonic))
    told = explained(reader, both)["queue"]
    assert (told["place"], told["attempts"]) == ("delayed", 1)
    assert 20_000 < told["nextInMs"] < 31_000
    assert not QueueQuestion.objects.exists()


# Whose values of unique indexes it needs

WAITS = "Nothing before the first run is done. Then: "


def with_emails(both: dict[str, Database[Any]], **emails: str) -> None:
    """Documents that both sides hold and have agreed on."""
    for database in both.values():
        database["orders"].create_index("email", unique=True)
        database["orders"].insert_many([{"_id": name, "email": one} for name, one in emails.items()])
    items = tuple(WorkItem(document_key("orders", bson.encode({"_id": one})), {}) for one in emails)
    processor = ChangeProcessor(both["local"], both["atlas"], DEVICE)
    processor.process(Batch("task", Side.LOCAL, "orders", items, FAR), Policy())


def give(both: dict[str, Database[Any]], **emails: str) -> None:
    for name, email in emails.items():
        both["local"]["orders"].update_one({"_id": name}, {"$set": {"email": email}})


def test_a_chain_of_documents_whose_values_it_needs_is_followed(
    reader: APIClient, both: dict[str, Database[Any]]
) -> None:
    with_emails(both, **{"A-1": "a", "B-2": "b", "C-3": "c"})
    give(both, **{"C-3": "d", "B-2": "c", "A-1": "b"})
    told = explained(reader, both)
    text = " The value of the unique index email_1 that {} needs on Atlas is {}'s, which gives it up by a change that is to come there, too."
    assert told["next"] == f"{WAITS}The local version is brought to Atlas." + text.format(
        "it", "B-2"
    ) + text.format("B-2", "C-3")
    assert [(one["side"], one["documentId"], one["neededBy"], one["givesUp"]) for one in told["holders"]] == [
        ("atlas", '"B-2"', '"A-1"', True), ("atlas", '"C-3"', '"B-2"', True)
    ]  # fmt: skip
    work(both, facts={Side.LOCAL: Fact(1, 1, DEVICE)})
    assert explained(reader, both)["equal"]


def test_a_value_that_another_document_keeps_is_why_it_is_rejected(
    reader: APIClient, both: dict[str, Database[Any]]
) -> None:
    with_emails(both, **{"A-1": "a", "B-2": "b", "C-3": "c"})
    both["local"]["orders"].drop_index("email_1")
    give(both, **{"B-2": "c", "A-1": "b"})
    told = explained(reader, both)
    assert told["next"].startswith(
        f"{WAITS}It is rejected, and not transferred. The value of the unique index email_1"
    )
    assert told["next"].endswith("that B-2 needs on Atlas is C-3's, which keeps it.")
    assert [one["givesUp"] for one in told["holders"]] == [True, False]
    outcome = process(both, Policy(), {})
    assert outcome is not None
    assert outcome.ending is Ending.REJECTED


def test_two_documents_that_swap_a_value_need_each_others(
    reader: APIClient, both: dict[str, Database[Any]]
) -> None:
    with_emails(both, **{"A-1": "a", "B-2": "b"})
    give(both, **{"A-1": "x"})
    give(both, **{"B-2": "a", "A-1": "b"})
    told = explained(reader, both)
    assert [(one["documentId"], one["neededBy"]) for one in told["holders"]] == [
        ('"B-2"', '"A-1"'), ('"A-1"', '"B-2"')
    ]  # fmt: skip
    work(both, facts={Side.LOCAL: Fact(1, 1, DEVICE)})
    assert explained(reader, both)["equal"]
