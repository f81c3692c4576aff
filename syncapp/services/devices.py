"""All devices of this Atlas database for operators: copied now, named and retired. API, admin and command call it."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.mirror.devices import copy_devices
from syncapp.models import Device, Instance
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import database
from syncapp.services.errors import NotFound, Unreachable, wrong_value
from syncapp.store import devices
from syncapp.store.devices import LONGEST_NAME

PROCESS = "devices"
FRESH = dt.timedelta(seconds=2)  # a copy that is younger is good enough
TIMEOUT_MS = 5_000  # an operator waits for a page
SILENT = dt.timedelta(seconds=15)


def refresh() -> str:
    """Copy what they report, if Atlas can be reached; else why not: then the last copy stays. Raises DatabaseError."""
    newest = Device.objects.order_by("-copied_at").values_list("copied_at", flat=True).first()
    if newest and abs(timezone.now() - newest) < FRESH:  # of one that is ahead, the clock was set back
        return ""
    if _is_known_to_be_away():
        return "Atlas is not connected"
    try:
        with database(Side.ATLAS, PROCESS, TIMEOUT_MS) as atlas:
            copy_devices(atlas)
    except Unreachable as error:
        return error.detail
    return ""


def _is_known_to_be_away() -> bool:
    """A page must not wait for a server of which the listener knows that it does not answer."""
    lately = Instance.objects.filter(seen_at__gt=timezone.now() - SILENT)
    return lately.filter(atlas_stream=Instance.Stream.DISCONNECTED).exists()


def find(asked: str) -> str:
    """The instance id of the device with this id, beginning of an id, or name. Raises NotFound or WrongInput."""
    refresh()
    rows = list(Device.objects.all())
    for fits in (
        [row for row in rows if row.instance_id == asked],
        [row for row in rows if asked and row.name == asked],
        [row for row in rows if asked and row.instance_id.startswith(asked)],
    ):
        if len(fits) == 1:
            return fits[0].instance_id
        if fits:
            ids = ", ".join(row.instance_id for row in fits)
            raise wrong_value("device", asked, f"what names only one of {ids}")
    raise NotFound(f"There is no device {one_line(asked)!r} (see sync_devices)", "device")


def rename(device: str, name: str, user: Actor = None) -> str:
    """`device`: its id. An empty name takes it away. Returns the name. Raises NotFound, WrongInput or Unreachable."""
    name = name.strip()
    if len(name) > LONGEST_NAME or one_line(name) != name:
        raise wrong_value("name", name, f"one line of at most {LONGEST_NAME} characters, or nothing")
    with database(Side.ATLAS, PROCESS, TIMEOUT_MS) as atlas:
        if name and any(one.name == name and one.id != device for one in devices.load_devices(atlas)):
            raise wrong_value("name", name, "one that no other device has")
        if not devices.rename(atlas, device, name):
            raise _unknown(device)
        copy_devices(atlas)
    audit(user, "rename device", f"{device}: {name or 'no name'}")
    return name


def retire(device: str, user: Actor = None) -> None:
    """Forget a device that is gone. One that reports again comes back, with its name. Raises NotFound or Unreachable."""
    with database(Side.ATLAS, PROCESS, TIMEOUT_MS) as atlas:
        if not devices.retire(atlas, device):
            raise _unknown(device)
        copy_devices(atlas)
    audit(user, "retire device", device)


def _unknown(device: str) -> NotFound:
    return NotFound(f"There is no device {one_line(device)!r} (see sync_devices)", "device")
