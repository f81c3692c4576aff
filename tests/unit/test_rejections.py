"""Rejected changes as rows: made, counted, cleared; and which of them the sweep tries again, and when."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from syncapp.conflicts.kept import end_kept
from syncapp.conflicts.rejections import clear_rejections, record_rejections
from syncapp.engine.content import document_key
from syncapp.engine.values import Ending, Outcome, Side
from syncapp.models import RejectedChange
from syncapp.rejected import due
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
        "reason": 'Unique index email_1: {"email": "a"} is held by another document',
        "code": 11000,
        "other_id": bson.encode({"_id": "guest 7"}),
        "other_document": bson.encode({"_id": "guest 7", "email": "a"}),
    }
    record_rejections(rows.DEVICE, [outcome(1, **held)])
    row = RejectedChange.objects.get()
    assert row.reason == 'Unique index email_1: {"email": "a"} is held by another document: _id "guest 7"'
    assert (row.other_id, row.other_document) == ('"guest 7"', '{"_id": "guest 7", "email": "a"}')
    record_rejections(rows.DEVICE, [outcome(1)])
    row.refresh_from_db()
    assert (row.other_id, row.other_document) == ("", ""), "another cause has no holder"


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
