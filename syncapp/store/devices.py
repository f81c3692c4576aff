"""What every device says of itself, in Atlas's `_sync_devices`: one document per device, which its listener replaces with each
heartbeat (`store/heartbeat.py`, whose fields are in it too), and which a rename or a retirement changes.

{_id: instance id, counter, nonce, name, retiredAt, format, at, version, host, since, startedAt, pullLagMs, pushLagMs, pending, …}

A retired device's document keeps the heartbeat and the name only: a device that comes back finds that Atlas was not restored, and
its next report replaces the document.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.store.names import DEVICES

FORMAT = 1
LONGEST_NAME = 100
# What a report must differ by from the last one to be sent before its time
OFFSET_MS, HEADROOM_SHARE, LAG_MS, PENDING = 500, 0.25, 5_000, 100
EXACT = (
    "version", "host", "started_at", "conflicts", "rejected", "halts", "local_stream", "atlas_stream", "rules_version",
    "stand_by", "waiting_for",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """`at`: when it was written, by Atlas's clock. `since`: when the database became a device. `started_at`: its active listener.
    None: unknown."""

    at: dt.datetime | None = None
    version: str = ""
    host: str = ""
    since: dt.datetime | None = None
    started_at: dt.datetime | None = None
    pull_lag_ms: int = 0
    push_lag_ms: int = 0
    pending: int = 0
    conflicts: int | None = None  # that wait for an operator
    rejected: int | None = None
    halts: int = 0  # unanswered
    local_stream: str = ""
    atlas_stream: str = ""
    clock_offset_ms: float = 0.0  # Atlas's clock minus the local server's
    rules_version: int | None = None
    headroom_s: Mapping[str, float] = field(default_factory=dict)  # side → how long it may stay away
    stand_by: tuple[str, ...] = ()  # the listeners that would take over
    waiting_for: str = ""  # why it has not started to read the streams
    within_s: float = 0.0  # the next report comes within this time, if nothing is wrong
    stopped_at: dt.datetime | None = None  # its listener was stopped in order; by Atlas's clock
    format: int = FORMAT

    def as_document(self) -> dict[str, Any]:
        return {
            stored: _plain(getattr(self, name)) for name, stored in _STORED.items() if name != "stopped_at"
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> DeviceReport:
        """Of any version: what is missing, or of another kind than expected, is unknown."""
        found = {name: document.get(stored) for name, stored in _STORED.items()}
        known: dict[str, Any] = {name: value for name, value in found.items() if _fits(name, value)}
        known["stand_by"] = tuple(map(str, known.get("stand_by", ())))
        lasts = known.get("headroom_s", {})
        sides = [side.value for side in Side if _is_number(lasts.get(side.value))]
        known["headroom_s"] = {side: lasts[side] for side in sides}
        return cls(**known)


_STORED = {
    "format": "format", "at": "at", "version": "version", "host": "host", "since": "since", "started_at": "startedAt",
    "pull_lag_ms": "pullLagMs", "push_lag_ms": "pushLagMs", "pending": "pending", "conflicts": "conflicts",
    "rejected": "rejected", "halts": "halts", "local_stream": "localStream", "atlas_stream": "atlasStream",
    "clock_offset_ms": "clockOffsetMs", "rules_version": "rulesVersion", "headroom_s": "headroomSeconds",
    "stand_by": "standBy", "waiting_for": "waitingFor", "within_s": "withinSeconds", "stopped_at": "stoppedAt",
}  # fmt: skip
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("at", "since", "started_at", "stopped_at"), (dt.datetime,)),
    **dict.fromkeys(("version", "host", "local_stream", "atlas_stream", "waiting_for"), (str,)),
    **dict.fromkeys(("headroom_s",), (dict,)),
    **dict.fromkeys(("stand_by",), (list, tuple)),
    **dict.fromkeys(("clock_offset_ms", "within_s"), (int, float)),
}


def _fits(name: str, value: Any) -> bool:
    kinds = _KINDS.get(name, (int,))
    return _is_number(value) and isinstance(value, kinds) if int in kinds else isinstance(value, kinds)


def _is_number(value: Any) -> bool:
    """A finite one: a column takes no other."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def is_news(before: DeviceReport | None, now: DeviceReport) -> bool:
    """Does it tell operators something that must not wait for the next heartbeat?"""
    if before is None or any(getattr(before, name) != getattr(now, name) for name in EXACT):
        return True
    if abs(before.clock_offset_ms - now.clock_offset_ms) > OFFSET_MS:
        return True
    if _size(before.pending, PENDING) != _size(now.pending, PENDING):
        return True
    lags = ((before.pull_lag_ms, now.pull_lag_ms), (before.push_lag_ms, now.push_lag_ms))
    if any(_size(one, LAG_MS) != _size(other, LAG_MS) for one, other in lags):
        return True
    return before.headroom_s.keys() != now.headroom_s.keys() or any(
        abs(now.headroom_s[side] - seconds) > HEADROOM_SHARE * seconds
        for side, seconds in before.headroom_s.items()
    )


def _size(value: float, least: float) -> int:
    """0: below `least`; then one more with each power of ten."""
    return 0 if value < least else 1 + int(math.log10(value / least))


@dataclass(frozen=True, slots=True)
class Device:
    """`id`: the instance id. `name`: given by an operator; empty: none."""

    id: str
    name: str
    report: DeviceReport

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Device:
        return cls(str(document["_id"]), str(document.get("name") or ""), DeviceReport.of(document))


_IN_USE = {"retiredAt": {"$exists": False}}


def load_devices(atlas: Database[Any]) -> list[Device]:
    """All that are not retired. Raises PyMongoError."""
    return [Device.of(one) for one in atlas[DEVICES].find(_IN_USE).sort("_id")]


def count_devices(atlas: Database[Any]) -> int:
    """About. Raises PyMongoError."""
    return atlas[DEVICES].estimated_document_count()


def registered(atlas: Database[Any]) -> list[str]:
    """The instance ids of all devices of this Atlas database that are not retired. Raises PyMongoError."""
    return [str(one["_id"]) for one in atlas[DEVICES].find(_IN_USE, {"_id": 1})]


def is_known(atlas: Database[Any], device: str) -> bool:
    """Also if it is retired. Raises PyMongoError."""
    return atlas[DEVICES].find_one({"_id": device}, {"_id": 1}) is not None


def unregister(atlas: Database[Any], device: str) -> None:
    """Raises PyMongoError."""
    atlas[DEVICES].delete_one({"_id": device})


def name_and_time(atlas: Database[Any], device: str) -> tuple[str | None, dt.datetime]:
    """The name that an operator gave it (None: none), and the time by Atlas's clock. Raises PyMongoError."""
    found = atlas[DEVICES].find_one({"_id": device}, {"name": 1, "now": "$$NOW"})
    return (found.get("name"), found["now"]) if found else (None, server_time(atlas))


def server_time(database: Database[Any]) -> dt.datetime:
    """Raises PyMongoError."""
    found: dt.datetime = database.client.admin.command("hello")["localTime"]
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def tell(atlas: Database[Any], device: str, report: DeviceReport) -> None:
    """Replace the report alone, while no heartbeat may be raised. Raises PyMongoError."""
    told = {name: {"$literal": value} for name, value in report.as_document().items()}
    change: list[dict[str, Any]] = [{"$set": {**told, "at": "$$NOW"}}, {"$unset": "stoppedAt"}]
    atlas[DEVICES].update_one({"_id": device, **_IN_USE}, change)


def note_stopped(atlas: Database[Any], device: str, nonce: str) -> None:
    """Its listener is stopped in order; the next report replaces this. `nonce`: of its last beat, unless another listener works
    by now. Raises PyMongoError."""
    last = {"_id": device, "nonce": nonce, **_IN_USE}
    atlas[DEVICES].update_one(last, [{"$set": {"stoppedAt": "$$NOW"}}])


def rename(atlas: Database[Any], device: str, name: str) -> bool:
    """An empty name takes it away. False: there is no such device. Raises PyMongoError."""
    change = {"$set": {"name": name}} if name else {"$unset": {"name": ""}}
    return atlas[DEVICES].update_one({"_id": device, **_IN_USE}, change).matched_count == 1


def retire(atlas: Database[Any], device: str) -> bool:
    """Forget its report, until it reports again. False: there is no such device. Raises PyMongoError."""
    kept = {name: f"${name}" for name in ("_id", "counter", "nonce", "name")}
    change = [{"$replaceWith": {**kept, "retiredAt": "$$NOW"}}]
    return atlas[DEVICES].update_one({"_id": device, **_IN_USE}, change).matched_count == 1


def headroom_of(sides: Iterable[tuple[Side, float | None]]) -> dict[str, float]:
    """As a report holds it."""
    return {side.value: round(seconds) for side, seconds in sides if seconds is not None}
