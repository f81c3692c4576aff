"""Property 4: the figures of each direction add up, and say what the servers say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import bson
import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from monitoring import figures
from syncapp.apply.messages import Report, decode_report, encode_report
from syncapp.core.rule.policy import Policy
from syncapp.core.values import Ending, Side
from syncapp.listener.telemetry.metrics import DIRECTIONS, MetricsBuffer
from syncapp.models import MetricMinute, ProcessingTime
from syncapp.mongo.change_stream import ChangeStream
from tests.property.examples import share_of_examples
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]
REFUSED = {"bad": {"$ne": Side.LOCAL.value}}, {"bad": {"$ne": Side.ATLAS.value}}
WRITES = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.integers(1, 3),  # _id
        st.sampled_from(["insert or replace", "update", "delete", "refused by the other side"]),
        st.booleans(),  # sync looks now
    ),
    min_size=1,
    max_size=8,
)


def watch(database: Database[Any], collection: str) -> ChangeStream:
    stages = [{"$match": {"ns.coll": collection}}]
    return ChangeStream.open(database, stages, 1000, None)


def transfers(stream: ChangeStream) -> Counter[str]:
    """Documents that sync wrote: its writes are in transactions, those of applications are not."""
    found: Counter[str] = Counter()
    while events := stream.fetch(1).events:
        decoded = map(bson.decode, events)
        found.update(event["operationType"] for event in decoded if "txnNumber" in event)
    return found


@pytest.mark.timeout(3600)
@pytest.mark.django_db
@share_of_examples(0.8)
@given(writes=WRITES, data=st.data())
def test_the_figures_of_both_directions_add_up_to_what_was_written(
    databases: Databases, writes: list[tuple[Side, int, str, bool]], data: st.DataObject
) -> None:
    """Property 4: metrics of both directions add up."""
    MetricMinute.objects.all().delete()
    ProcessingTime.objects.all().delete()
    world = World.build(*databases, 1, Policy())
    (device,) = world.devices
    sides = {Side.LOCAL: device.local, Side.ATLAS: world.atlas}
    for side, validator in zip(Side, REFUSED, strict=True):
        sides[side].create_collection(world.collection, validator=validator)
    streams = {side: watch(database, world.collection) for side, database in sides.items()}
    metrics = MetricsBuffer()
    endings: Counter[Ending] = Counter()
    try:
        for version, (side, key, act, look) in enumerate(writes):
            _write(sides[side], world.collection, key, act, Int64(version), side)
            if look:
                world.settle()
            if data.draw(st.booleans(), label="flushed now"):
                metrics.flush()
                metrics.take()
            endings.update(_report(world, metrics, data))
        world.settle()
        endings.update(_report(world, metrics, data))
        metrics.flush()

        totals = figures.totals()
        for side, direction in DIRECTIONS.items():
            total, wrote = totals[direction], transfers(streams[side])
            assert total.processed == total.succeeded + total.failed + total.skipped
            assert total.succeeded == total.inserts + total.updates + total.replaces + total.deletes
            assert (total.inserts, total.deletes) == (wrote["insert"], wrote["delete"])
            assert total.updates + total.replaces == wrote["update"] + wrote["replace"]
            timed = ProcessingTime.objects.filter(direction=direction).values_list("count", flat=True)
            assert sum(timed) == total.processed, "each document has a processing time"
        together = figures.together(totals)
        assert together.processed == together.succeeded + together.failed + together.skipped
        assert together.processed == sum(totals[direction].processed for direction in totals)
        assert together.failed == endings[Ending.REJECTED]
        assert together.processed == endings[Ending.REJECTED] + endings[Ending.DONE]
    finally:
        for stream in streams.values():
            stream.close()
        world.close()


def _report(world: World, metrics: MetricsBuffer, data: st.DataObject) -> list[Ending]:
    """What ended reaches the listener as bytes. Returns how each key's work ended."""
    (device,) = world.devices
    for batch, outcomes in device.ended:
        took_ms = data.draw(st.sampled_from([0.0, 1.5, 10.0, 99_999.0]), label="took ms")
        metrics.add(decode_report(encode_report(Report.of(batch, outcomes, took_ms))))
    endings = [one.ending for _, outcomes in device.ended for one in outcomes]
    device.ended.clear()
    return endings


def _write(database: Database[Any], name: str, key: int, act: str, version: Int64, side: Side) -> None:
    collection = database.get_collection(name)
    document: dict[str, Any] = {"_id": key, "v": version}
    if act == "delete":
        collection.delete_one({"_id": key})
    elif act == "update":
        collection.update_one({"_id": key}, {"$set": {"v": version}})
    else:
        if act == "refused by the other side":
            document["bad"] = side.other.value
        collection.replace_one({"_id": key}, document, upsert=True)
