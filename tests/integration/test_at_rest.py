"""What the listener leaves out while nothing happens, and does at once when something does."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.conf.settings import get_settings
from syncapp.core.values import BOTH, Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Halted, Safeguards
from syncapp.listener.streams.stream_reader import StreamStatus
from syncapp.listener.telemetry.questions import answer_questions
from syncapp.listener.telemetry.status import ListenerFigures, Publisher
from syncapp.models import Instance, QueueQuestion
from syncapp.mongo.connect import CODEC
from syncapp.store.devices import DeviceReport
from syncapp.store.halts import Kind, raise_halt
from syncapp.store.names import HALTS
from tests.support.dirty import bring, key

FIGURES = ListenerFigures(
    epoch=3, holder="till:1", started_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), queue_size=0, in_flight=0,
    pull_lag_ms=0, push_lag_ms=0, clock_offset_ms=1.5,
)  # fmt: skip
STREAMS = {side: StreamStatus("connected", since=1.0) for side in BOTH}


def row() -> Instance:
    return Instance.objects.get(instance_id="device")


@pytest.mark.django_db(transaction=True)
def test_figures_that_have_not_changed_are_not_written_but_the_sign_of_life_is() -> None:
    publisher = Publisher("device")
    publisher.publish(FIGURES, STREAMS)
    assert row().local_stream == "connected"
    seen = row().seen_at
    Instance.objects.update(last_error="as it was")
    publisher.publish(FIGURES, STREAMS)
    assert row().last_error == "as it was"
    assert seen is not None
    assert (row().seen_at or seen) > seen
    publisher.publish(dataclasses.replace(FIGURES, queue_size=7), STREAMS)
    assert (row().queue_size, row().last_error) == (7, "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lost", ["overwritten", "deleted"])
def test_what_another_listener_wrote_or_somebody_deleted_is_written_again(lost: str) -> None:
    publisher = Publisher("device")
    publisher.publish(FIGURES, STREAMS)
    if lost == "overwritten":
        Publisher("device").publish(
            dataclasses.replace(FIGURES, epoch=2, holder="deposed", queue_size=9), STREAMS
        )
    else:
        Instance.objects.all().delete()
    publisher.publish(FIGURES, STREAMS)
    assert (row().epoch, row().holder, row().queue_size) == (3, "till:1", 0)


@pytest.mark.django_db(transaction=True)
def test_questions_about_the_queue_are_looked_for_with_the_sign_of_life(
    django_assert_num_queries: Any,
) -> None:
    publisher, dirty = Publisher("device"), DirtyKeys()
    publisher.publish(FIGURES, STREAMS)
    with django_assert_num_queries(1):
        assert not publisher.publish(FIGURES, STREAMS), "nobody asks"
    now = dt.datetime.now(dt.UTC)
    question = QueueQuestion(collection="orders", document_id_raw=bson.encode({"_id": 1}), asked_at=now)
    question.instance_id = "another"
    question.save()
    assert not publisher.publish(FIGURES, STREAMS), "another listener is asked"
    question.instance_id = "device"
    question.save()
    bring(dirty, Side.LOCAL, key(1))
    assert publisher.publish(FIGURES, STREAMS)
    answer_questions("device", dirty, 0.0)
    question.refresh_from_db()
    assert question.answer["place"] == "ready"
    answer_questions("device", DirtyKeys(), 0.0)
    question.refresh_from_db()
    assert question.answer["place"] == "ready", "it is answered once"


@pytest.mark.django_db(transaction=True)
def test_a_question_whose_asker_has_ended_is_removed() -> None:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=2)
    QueueQuestion.objects.create(
        instance_id="device", collection="a", document_id_raw=bson.encode({"_id": 1}), asked_at=long_ago
    )
    for _ in range(2):
        answer_questions("device", DirtyKeys(), 0.0)
    assert not QueueQuestion.objects.exists()


def test_halts_are_read_at_rest_only_if_there_are_some(
    local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    local = local_db.client.get_database(local_db.name, codec_options=CODEC)
    databases = {Side.LOCAL: local, Side.ATLAS: atlas_db}
    guards = Safeguards(get_settings(), databases, "device", DeviceReport, USUAL)
    for _ in range(2):
        guards.look_at_halts(busy=False)
    raise_halt(local, Kind.MASS_DELETE, "1 delete", side=Side.LOCAL, collection="a")
    guards.look_at_halts(busy=False)
    assert not guards.halts, "nobody can have raised one"
    guards.look_at_halts(busy=True)
    assert [halt.collection for halt in guards.halts] == ["a"]
    local[HALTS].delete_many({})
    guards.look_at_halts(busy=False)
    assert not guards.halts, "one that is there may be answered at any moment"
    guards.look_at_halts(busy=True)
    raise_halt(local, Kind.ATLAS_RESTORED, "Atlas is older")
    with pytest.raises(Halted):
        guards.look_at_halts(busy=False)  # raised over the last thing that moved
