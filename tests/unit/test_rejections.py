"""Rejected changes as rows: made, counted, cleared; and which of them the sweep tries again, and when."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import bson
import pytest
from bson import Decimal128, ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from syncapp.core.content import document_key, elements_of, wrap
from syncapp.core.values import Ending, Outcome, Side
from syncapp.mirror import rejected as rejections
from syncapp.mirror.kept import end_kept
from syncapp.mirror.rejected import clear_rejections, record_rejections
from syncapp.models import RejectedChange
from syncapp.services.rejected import due
from tests.support import rows

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def outcome(number: int, **values: Any) -> Outcome:
    key = document_key("orders", bson.encode({"_id": number}))
    return Outcome(key, Ending.REJECTED, **{"transfer": Side.ATLAS, "reason": "too odd", "code": 2, **values})


def test_a_document_that_is_rejected_again_has_one_row_with_its_latest_reason() -> None:
    record_rejections(rows.DEVICE, [outcome(1), outcome(2, transfer=Side.LOCAL)])
    first = RejectedChange.objects.get(document_id='{"$numberInt": "1"}')
    assert (first.direction, first.attempts, first.document) == ("localToAtlas", 1, "")
    document = bson.encode({"_id": 1, "x": 5})
    record_rejections(rows.DEVICE, [outcome(1, reason="another", code=None, document=document)])
    again = RejectedChange.objects.get(pk=first.pk)
    assert (again.reason, again.code, again.attempts) == ("another", None, 2)
    assert (again.first_at, bytes(again.document_raw)) == (first.first_at, document)
    assert again.last_at > first.last_at
    assert RejectedChange.objects.get(direction="atlasToLocal").attempts == 1


def test_who_holds_a_unique_value_is_named() -> None:
    held = {
        "reason": 'Unique index email_1: {email: "a"} is held by another document',
        "code": 11000,
        "other_id": bson.encode({"_id": "guest 7"}),
        "other_document": bson.encode({"_id": "guest 7", "email": "a"}),
    }
    record_rejections(rows.DEVICE, [outcome(1, **held)])
    row = RejectedChange.objects.get()
    assert row.reason == 'Unique index email_1: {email: "a"} is held by another document: _id "guest 7"'
    assert (row.other_id, row.other_document) == ('"guest 7"', '{"_id": "guest 7", "email": "a"}')
    record_rejections(rows.DEVICE, [outcome(1)])
    row.refresh_from_db()
    assert (row.other_id, row.other_document) == ("", ""), "another cause has no holder"


@pytest.mark.parametrize(
    ("holder", "shown"),
    [
        (3, "3"),
        (ObjectId("6b02411e05e193a4daaad2ca"), 'ObjectId("6b02411e05e193a4daaad2ca")'),
        ({"shop": 3, "at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}, "{shop: 3, at: 2026-03-01 00:00:00 UTC}"),
        ("two\nlines\u202e", r'"two\nlines\u202e"'),
        ("x" * 300, '"' + "x" * 198 + "…"),
    ],
)
def test_the_reason_shows_an_id_as_a_person_reads_it(holder: Any, shown: str) -> None:
    held = {"reason": "Unique index a_1: {a: 1} is held by another document", "code": 11000}
    record_rejections(rows.DEVICE, [outcome(1, **held, other_id=bson.encode({"_id": holder}))])
    assert RejectedChange.objects.get().reason == f"{held['reason']}: _id {shown}"


def nested(depth: int) -> bytes:
    document = elements_of({"end": 1})
    for _ in range(depth):
        document = b"\x03d\0" + wrap(document)
    return document


ODD = {
    "a far year": b"\x09at\0" + (1_400_000_000_000_000).to_bytes(8, "little"),
    "before all years": b"\x09at\0" + (-(1 << 62)).to_bytes(8, "little", signed=True),
    "no UTF-8": b"\x02text\0" + (5).to_bytes(4, "little") + b"\xff\xfe\x80a\0",
    "a name that is none": b"\x10\xff\xfe\0" + (7).to_bytes(4, "little"),
    "a NUL": elements_of({"text": "a\0b"}),
    "no numbers": elements_of({"n": [float("nan"), float("inf"), Decimal128("NaN")]}),
    "deep": nested(178),
    "a reference": elements_of({"r": {"$ref": "shop", "$id": 5}, "$date": {"$date": "no"}}),
    "a UUID that is none": b"\x05u\0" + (3).to_bytes(4, "little") + b"\x04abc",
    "large": elements_of({"text": "x" * 16_000_000}),
}


@pytest.mark.parametrize("kind", ODD)
def test_any_document_can_be_recorded_and_shown(kind: str, admin_client: Client) -> None:
    document = wrap(elements_of({"_id": 1}) + ODD[kind])
    rejected = outcome(1, document=document, other_id=bson.encode({"_id": 2}), other_document=document)
    record_rejections(rows.DEVICE, [rejected, outcome(2)])
    row = RejectedChange.objects.get(document_id='{"$numberInt": "1"}')
    assert bytes(row.document_raw or b"") == document
    assert json.loads(row.document)["_id"] == {"$numberInt": "1"}
    user = User.objects.get(username="admin")
    client = APIClient()
    client.force_authenticate(user)
    assert client.get(f"/api/sync/bidirectional/rejected/{row.pk}").json()["document"]["_id"]
    page = admin_client.get(reverse("admin:syncapp_rejectedchange_change", args=[row.pk]))
    assert page.status_code == 200


@pytest.mark.parametrize("id_bson", [wrap(b"\x02_id\0" + (5).to_bytes(4, "little") + b"\xff\xfe\x80a\0"),
                                     bson.encode({"_id": "x" * 5_000_000})])  # fmt: skip
def test_any_id_can_be_recorded_and_listed(id_bson: bytes, admin_client: Client) -> None:
    rejected = outcome(1)._replace(key=document_key("orders", id_bson), reason="odd \0 \ud800")
    record_rejections(rows.DEVICE, [rejected])
    row = RejectedChange.objects.get()
    assert bytes(row.document_id_raw) == id_bson
    assert row.reason == "odd \ufffd ?"
    assert admin_client.get(reverse("admin:syncapp_rejectedchange_changelist")).status_code == 200


def test_a_document_that_cannot_be_shown_is_recorded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(document: bytes) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(rejections, "extended_json", fail)
    document = bson.encode({"_id": 1})
    record_rejections(rows.DEVICE, [outcome(1, document=document)])
    row = RejectedChange.objects.get()
    assert (row.document, bytes(row.document_raw or b"")) == ("", document)


def test_what_went_through_is_cleared_and_nothing_else() -> None:
    record_rejections(rows.DEVICE, [outcome(1), outcome(2)])
    record_rejections("another device", [outcome(1)])
    clear_rejections(rows.DEVICE, [outcome(1), outcome(3)])
    left = RejectedChange.objects.values_list("instance_id", "document_id")
    assert set(left) == {(rows.DEVICE, '{"$numberInt": "2"}'), ("another device", '{"$numberInt": "1"}')}


def test_a_batch_costs_one_question_while_nothing_is_kept(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    done = [outcome(1)._replace(ending=Ending.DONE)]
    record_rejections("another device", [outcome(1)])
    with django_assert_num_queries(1):
        end_kept(rows.DEVICE, done)
    record_rejections(rows.DEVICE, [outcome(2)])
    with django_assert_num_queries(3):  # and never a write that removes nothing
        end_kept(rows.DEVICE, done)
    record_rejections(rows.DEVICE, [outcome(1)])
    end_kept(rows.DEVICE, done)
    assert RejectedChange.objects.get(instance_id=rows.DEVICE).document_id == '{"$numberInt": "2"}'


def test_a_batch_ends_a_conflict_that_waits_and_nothing_else_is_kept() -> None:
    waiting = rows.conflict({"_id": 1, "v": 1}, {"_id": 1, "v": 2}, winner="open")
    end_kept(rows.DEVICE, [outcome(1)._replace(ending=Ending.DONE)])
    waiting.refresh_from_db()
    assert waiting.resolved_at


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 320), (7, 640), (8, 1280), (9, 1440), (50, 1440)],
)
def test_the_distance_between_attempts_doubles_up_to_a_day(attempts: int, minutes: int) -> None:
    distance = dt.timedelta(minutes=minutes)
    rows.rejected(attempts=attempts, ago=distance - dt.timedelta(seconds=5))
    late = rows.rejected(attempts=attempts, key=2, ago=distance + dt.timedelta(seconds=5))
    assert list(RejectedChange.objects.filter(due(timezone.now()))) == [late]


def test_what_was_tried_again_lately_is_not_due() -> None:
    now = timezone.now()
    rows.rejected(ago=DAY, retried_at=now - dt.timedelta(minutes=9))
    late = rows.rejected(key=2, ago=DAY, retried_at=now - dt.timedelta(minutes=11))
    assert list(RejectedChange.objects.filter(due(now))) == [late]


def test_the_periodic_task_waits_quietly_while_the_local_mongodb_is_away() -> None:
    from syncapp.tasks.maintenance import retry_rejected_changes

    row = rows.rejected(ago=DAY)
    retry_rejected_changes()
    row.refresh_from_db()
    assert row.retried_at is None, "the next sweep takes it"
