"""Copies what all devices report, from Atlas's `_sync_devices` to Django's database."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import Any

from pymongo.database import Database

from syncapp.models import Device
from syncapp.store import devices
from syncapp.store.devices import DeviceReport, server_time

_COPIED = tuple(one.name for one in fields(DeviceReport) if one.name not in ("at", "stopped_at", "format"))
_FIELDS = ("name", "seen_at", "stopped_at", "copied_at", *_COPIED)
LONGEST = {"version": 100, "host": 300, "local_stream": 20, "atlas_stream": 20, "name": 100}
LARGEST = 2**31 - 1  # of a column
IDS_A_QUERY = 500


def copy_devices(atlas: Database[Any]) -> int:
    """Returns how many there are. Raises PyMongoError or DatabaseError."""
    # Before they are read: one that another process copies meanwhile is not taken for one that is gone
    known = set(Device.objects.values_list("instance_id", flat=True))
    found, there, here = devices.load_devices(atlas), server_time(atlas), dt.datetime.now(dt.UTC)
    rows = [_row(one, here, here - there) for one in found if len(one.id) <= 100]
    Device.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=["instance_id"], update_fields=_FIELDS
    )
    _forget(sorted(known - {row.instance_id for row in rows}))
    return len(found)


def _forget(retired: list[str]) -> None:
    """Not by the time of their copies: other processes copy too, by other computers' clocks, and clocks are set back."""
    for start in range(0, len(retired), IDS_A_QUERY):
        Device.objects.filter(instance_id__in=retired[start : start + IDS_A_QUERY]).delete()


def _row(device: devices.Device, copied_at: dt.datetime, behind: dt.timedelta) -> Device:
    """`behind`: this computer's clock minus Atlas's."""
    report = device.report
    values = {name: _bounded(name, getattr(report, name)) for name in _COPIED}
    return Device(
        instance_id=device.id,
        name=device.name[: LONGEST["name"]],
        seen_at=report.at and report.at + behind,
        stopped_at=report.stopped_at and report.stopped_at + behind,
        copied_at=copied_at,
        **values,
    )


def _bounded(name: str, value: Any) -> Any:
    """Whatever a device of another version has written must not keep the others' rows from being copied."""
    if isinstance(value, str):
        return value[: LONGEST.get(name, 1000)]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, min(LARGEST, value))
    return list(value) if isinstance(value, tuple) else value
