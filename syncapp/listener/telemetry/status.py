"""The active listener's status and tokens for the other processes, in Django's database."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import json_util
from django.db import connection

from syncapp.core.values import Side
from syncapp.listener.streams.stream_reader import StreamStatus
from syncapp.listener.telemetry import marks
from syncapp.listener.telemetry.work_watch import Stop
from syncapp.models import Instance, ResumeToken
from syncapp.mongo.change_stream import token_position


@dataclass(frozen=True, slots=True)
class ListenerFigures:
    epoch: int
    holder: str
    started_at: dt.datetime
    queue_size: int
    in_flight: int
    pull_lag_ms: int
    push_lag_ms: int
    clock_offset_ms: float
    waiting_for: str = ""  # why sync has not started yet
    clock_warning: str = ""
    halts: list[dict[str, Any]] = field(default_factory=list)
    heartbeat_ms: Mapping[Side, float] = field(default_factory=dict)  # from a beat to its event
    loops: int = 0
    loop_at: float = 0.0  # seconds since 1970; 0: never
    stops: list[Stop] = field(default_factory=list)  # of broker and workers
    refused: Mapping[str, str] = field(default_factory=dict)  # collections that cannot be synchronised → why
    stuck: list[dict[str, Any]] = field(default_factory=list)  # changes that cannot be transferred
    headroom: Mapping[str, Any] = field(default_factory=dict)  # side → how long it may be away


# Each second: to build a statement anew costs several times as much as to carry it out
SEEN = (
    "UPDATE syncapp_instance SET seen_at = %s WHERE instance_id = %s AND epoch = %s AND holder = %s"
    " AND NOT EXISTS (SELECT 1 FROM syncapp_queuequestion WHERE instance_id = %s)"
)


class Publisher:
    """Only updates the time while nothing else has changed, which costs half as much."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._written: dict[str, Any] = {}

    def publish(self, figures: ListenerFigures, streams: Mapping[Side, StreamStatus]) -> bool:
        """Might somebody have left a question? Raises DatabaseError."""
        values = _values(figures, streams)
        if values == self._written and self._is_seen(figures):
            return False
        rows, seen = Instance.objects.filter(instance_id=self._device), {"seen_at": dt.datetime.now(dt.UTC)}
        self._mark(values)
        if not rows.update(**values, **seen):
            Instance.objects.update_or_create(instance_id=self._device, defaults={**values, **seen})
        self._written = values
        return True

    def _is_seen(self, figures: ListenerFigures) -> bool:
        """Write the time alone. False: a listener that was deposed has written meanwhile, somebody deleted the row, or asks."""
        now = connection.ops.adapt_datetimefield_value(dt.datetime.now(dt.UTC))
        with connection.cursor() as cursor:
            cursor.execute(SEEN, [now, self._device, figures.epoch, figures.holder, self._device])
            return bool(cursor.rowcount > 0)

    def _mark(self, values: Mapping[str, Any]) -> None:
        if not self._written:
            marks.note_start(values["started_at"], values["holder"])
        if values["halts"] != self._written.get("halts"):
            marks.note_halts(values["halts"])


def _values(figures: ListenerFigures, streams: Mapping[Side, StreamStatus]) -> dict[str, Any]:
    local, atlas = streams[Side.LOCAL], streams[Side.ATLAS]
    errors = [status.error for status in streams.values() if status.error]
    return {
        "epoch": figures.epoch,
        "holder": figures.holder,
        "started_at": figures.started_at,
        "local_stream": local.state,
        "atlas_stream": atlas.state,
        "local_stream_since": _moment(local.since),
        "atlas_stream_since": _moment(atlas.since),
        "local_reconnects": local.failures,
        "atlas_reconnects": atlas.failures,
        "last_error": "; ".join(errors),
        "waiting_for": figures.waiting_for,
        "refused": dict(figures.refused),
        "stuck": figures.stuck,
        "headroom": dict(figures.headroom),
        "stops": _stops(figures, streams),
        "clock_warning": figures.clock_warning,
        "halts": figures.halts,
        "local_heartbeat_ms": figures.heartbeat_ms.get(Side.LOCAL),
        "atlas_heartbeat_ms": figures.heartbeat_ms.get(Side.ATLAS),
        "loops": figures.loops,
        "loop_at": _moment(figures.loop_at) if figures.loop_at else None,
        "queue_size": figures.queue_size,
        "in_flight": figures.in_flight,
        "pull_lag_ms": figures.pull_lag_ms,
        "push_lag_ms": figures.push_lag_ms,
        "clock_offset_ms": figures.clock_offset_ms,
    }


def _stops(figures: ListenerFigures, streams: Mapping[Side, StreamStatus]) -> dict[str, Any]:
    """By subject, as health reads it."""
    found = {one.kind: {"text": one.text, "since": one.since} for one in figures.stops}
    for side, stream in streams.items():
        if stream.error:
            found[side.value] = {"text": stream.error, "since": stream.since}
    return found


def mirror_tokens(device: str, tokens: Mapping[Side, Mapping[str, Any]]) -> None:
    """As canonical extended JSON: a token has bytes where an `_id` is a number. Raises DatabaseError."""
    for side, token in tokens.items():
        position = token_position(token)
        values = {
            "token": json.loads(json_util.dumps(token, json_options=json_util.CANONICAL_JSON_OPTIONS)),
            "cluster_time": f"{position >> 32}:{position & 0xFFFFFFFF}",
            "saved_at": dt.datetime.now(dt.UTC),
        }
        if not ResumeToken.objects.filter(instance_id=device, side=side.value).update(**values):
            ResumeToken.objects.update_or_create(instance_id=device, side=side.value, defaults=values)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
