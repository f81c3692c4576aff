"""What the active listener tells the other processes, by Django's database: how it is, and its tokens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncapp.engine.values import Side
from syncapp.models import Instance, ResumeToken
from syncapp.streams.change_stream import token_position
from syncapp.streams.stream_reader import StreamStatus


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
    refused: Mapping[str, str] = field(default_factory=dict)  # collections that cannot be synchronised → why
    troubles: list[dict[str, Any]] = field(default_factory=list)  # what does not get through


def publish(device: str, figures: ListenerFigures, streams: Mapping[Side, StreamStatus]) -> None:
    """Raises DatabaseError."""
    local, atlas = streams[Side.LOCAL], streams[Side.ATLAS]
    errors = [f"{side}: {status.error}" for side, status in streams.items() if status.error]
    values = {
        "epoch": figures.epoch,
        "holder": figures.holder,
        "started_at": figures.started_at,
        "seen_at": dt.datetime.now(dt.UTC),
        "local_stream": local.state,
        "atlas_stream": atlas.state,
        "local_stream_since": _moment(local.since),
        "atlas_stream_since": _moment(atlas.since),
        "local_reconnects": local.failures,
        "atlas_reconnects": atlas.failures,
        "last_error": "; ".join(errors),
        "waiting_for": figures.waiting_for,
        "refused": dict(figures.refused),
        "troubles": figures.troubles,
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
    if not Instance.objects.filter(instance_id=device).update(**values):
        Instance.objects.update_or_create(instance_id=device, defaults=values)


def mirror_tokens(device: str, tokens: Mapping[Side, Mapping[str, Any]]) -> None:
    """Raises DatabaseError."""
    for side, token in tokens.items():
        position = token_position(token)
        ResumeToken.objects.update_or_create(
            instance_id=device,
            side=side.value,
            defaults={
                "token": dict(token),
                "cluster_time": f"{position >> 32}:{position & 0xFFFFFFFF}",
                "saved_at": dt.datetime.now(dt.UTC),
            },
        )


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
