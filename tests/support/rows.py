"""Rows as the listener and the apply workers write them, for tests of what is shown."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import bson
from bson import json_util
from django.utils import timezone

from syncapp.core.content import content_hash, document_key, key_hash
from syncapp.core.values import Side
from syncapp.models import (
    Alert,
    CollectionMetric,
    ComparisonRun,
    Conflict,
    Device,
    Instance,
    MetricMinute,
    ProcessingTime,
    RejectedChange,
    ResumeToken,
)
from syncapp.models.choices import Direction
from syncapp.store.conflicts import open_record_id
from syncapp.store.halts import Answer, Halt, Kind, halt_id

DEVICE = "3f1c6a52-8a0b-4b52-9d5e-0c2f9b7f6a11"
HEADROOM = {"seconds": 273_600.0, "how": "measured", "sure": True, "windowSeconds": 90_000.0}


def extended(value: Any) -> str:
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def device(**values: Any) -> Instance:
    """A listener that reports at this moment, with everything in order."""
    now = timezone.now()
    return Instance.objects.create(
        **{
            "instance_id": DEVICE,
            "holder": "till:4711",
            "started_at": now,
            "seen_at": now,
            "local_stream": "connected",
            "atlas_stream": "connected",
            "local_stream_since": now,
            "atlas_stream_since": now,
            "local_heartbeat_ms": 12.5,
            "atlas_heartbeat_ms": 40.0,
            "headroom": {side: {**HEADROOM, "at": now.timestamp()} for side in ("local", "atlas")},
            **values,
        }
    )


def fleet_device(**values: Any) -> Device:
    """What a device of this Atlas reported a moment ago."""
    now = timezone.now()
    given = {"instance_id": DEVICE, "seen_at": now, "copied_at": now, "within_s": 15.0, "version": "0.1.0"}
    return Device.objects.create(**{**given, **values})


def halt(kind: Kind = Kind.MASS_DELETE, answer: str = "") -> dict[str, Any]:
    """A halt as the listener mirrors it: of the device's orders, or of the whole device."""
    one = kind in (Kind.MASS_DELETE, Kind.STRUCTURAL)
    side, collection = (Side.LOCAL, "orders") if one else (None, "")
    detail = "900 of 1,000 documents were deleted" if one else "Atlas is older than what was seen of it"
    return Halt(
        halt_id(kind, side, collection), kind, side, collection, timezone.now(), detail,
        {"deletes": 900} if one else {}, Answer(answer) if answer else None,
    ).as_document()  # fmt: skip


def run(state: str, minutes_ago: int = 0, **values: Any) -> ComparisonRun:
    """A comparison run that was asked for."""
    started = timezone.now() - dt.timedelta(minutes=minutes_ago)
    return ComparisonRun.objects.create(
        instance_id=DEVICE, why="requested", state=state, started_at=started,
        **{"run_id": str(uuid.uuid4()), "kind": ComparisonRun.Kind.RESYNC, **values},
    )  # fmt: skip


def minute(
    direction: Direction, ago: dt.timedelta = dt.timedelta(), average_ms: float = 10, **counts: int
) -> MetricMinute:
    """A minute of work: `processed` is what the outcomes add up to."""
    succeeded = counts.get("succeeded", 0)
    processed = succeeded + counts.get("failed", 0) + counts.get("skipped", 0)
    start = (timezone.now() - ago).replace(second=0, microsecond=0)
    operations = {} if {"inserts", "deletes"} & set(counts) else {"updates": succeeded}
    return MetricMinute.objects.create(
        minute=start,
        direction=direction,
        processed=processed,
        time_ms=processed * average_ms,
        last_event_at=start,
        **counts,
        **operations,
    )


def processing_times(
    direction: Direction, counts: dict[int, int], ago: dt.timedelta = dt.timedelta()
) -> None:
    start = (timezone.now() - ago).replace(second=0, microsecond=0)
    for upper_ms, count in counts.items():
        ProcessingTime.objects.create(minute=start, direction=direction, upper_ms=upper_ms, count=count)


def collection(name: str, direction: Direction = Direction.ATLAS_TO_LOCAL, **counts: int) -> CollectionMetric:
    return CollectionMetric.objects.create(direction=direction, collection=name, **counts)


def conflict(
    local: dict[str, Any] | None,
    atlas: dict[str, Any] | None,
    winner: str = "atlas",
    collection: str = "orders",
    ago: dt.timedelta = dt.timedelta(),
    **values: Any,
) -> Conflict:
    key = (local or atlas or {})["_id"]
    name = uuid.uuid4().hex
    if winner == "open":
        versions = [content_hash(bson.encode(one) if one else None) for one in (local, atlas)]
        name = open_record_id(document_key(collection, bson.encode({"_id": key})), *versions)
    return Conflict.objects.create(
        record_id=name,
        instance_id=DEVICE,
        collection=collection,
        document_id=extended(key),
        document_id_raw=bson.encode({"_id": key}),
        at=timezone.now() - ago,
        strategy="last-write-wins",
        winner=winner,
        local_origin=DEVICE,
        atlas_origin="atlas",
        local_document=extended(local) if local else "",
        atlas_document=extended(atlas) if atlas else "",
        local_raw=bson.encode(local) if local else None,
        atlas_raw=bson.encode(atlas) if atlas else None,
        **values,
    )


def rejected(
    direction: Direction = Direction.LOCAL_TO_ATLAS,
    key: Any = 1,
    collection: str = "orders",
    ago: dt.timedelta = dt.timedelta(),
    **values: Any,
) -> RejectedChange:
    id_bson = bson.encode({"_id": key})
    row = RejectedChange.objects.create(
        **{
            "instance_id": DEVICE,
            "collection": collection,
            "key_hash": key_hash(document_key(collection, id_bson)).hex(),
            "document_id": extended(key),
            "document_id_raw": id_bson,
            "direction": direction,
            "reason": "E11000 duplicate key error",
            "code": 11000,
            "document": extended({"_id": key, "number": 7}),
            **values,
        }
    )
    RejectedChange.objects.filter(pk=row.pk).update(last_at=timezone.now() - ago)
    return row


def token(side: str = "atlas") -> ResumeToken:
    return ResumeToken.objects.create(
        instance_id=DEVICE, side=side, token={"_data": "82"}, cluster_time="1:1", saved_at=timezone.now()
    )


def alert(**values: Any) -> Alert:
    """One that fires, and was told."""
    return Alert.objects.create(
        **{
            "code": "change-stream", "about": "atlas", "state": "firing", "severity": "critical",
            "told": "critical", "device": DEVICE, "since": timezone.now(), "fired_at": timezone.now(),
            "message": "The Atlas change stream has been disconnected for 7 min", **values,
        }
    )  # fmt: skip
