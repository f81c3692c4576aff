"""Names and values that the server takes and Python, or the driver, does not: they are carried, halted or named,
and the streams go on."""

from __future__ import annotations

import json

import bson
import pytest

from syncapp.core.content import wrap
from syncapp.core.values import Side
from syncapp.store.halts import Kind, load_halts
from tests.integration.conftest import MakeDevice
from tests.support import wire
from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.raw import documents

REFUSED = {b"a.": "a.", b"a..b": "a..b", b"\xff\xfe": "\\xff\\xfe"}
BYTES = wrap(wire.string(b"_id", b"\xff\xfe\x80a"))
FAR = bson.encode({"_id": bson.DatetimeMS(1 << 60)})


def refused(device: Device) -> set[str]:
    return {
        name for (text,) in device.rows("SELECT refused FROM syncapp_instance") for name in json.loads(text)
    }


def ordinary_goes_on(device: Device, number: int) -> None:
    for side in Side:
        databases(device)[side]["ordinary"].insert_one({"_id": f"{side} {number}"})
    for side in Side:
        one = {"_id": f"{side} {number}"}
        eventually(lambda: databases(device)[side.other]["ordinary"].find_one(one), f"{side} goes on")  # noqa: B023


@pytest.mark.timeout(180)
def test_what_cannot_be_decoded_stops_no_stream(make_device: MakeDevice) -> None:
    device = make_device()
    both = databases(device)
    for database in both.values():
        for name in REFUSED:
            wire.create(database, name)
            wire.insert(database, name, bson.encode({"_id": 1}))
        validator = b"\x03validator\0" + wrap(b"\x03v\0" + wrap(wire.string(b"$ne", b"\xff")))
        wire.command(database, wire.string(b"create", b"validated") + validator)
    device.start()
    ordinary_goes_on(device, 1)
    eventually(lambda: refused(device) == set(REFUSED.values()), "they are named")

    for side in Side:
        for name in (f"texts_{side}", f"dates_{side}"):
            wire.insert(both[side], name.encode(), BYTES, FAR)
            eventually(lambda: len(documents(both[side.other], name)) == 2, "they are carried")  # noqa: B023
        for name in REFUSED:
            wire.insert(both[side], name, bson.encode({"_id": str(side)}))
    ordinary_goes_on(device, 2)

    for side in Side:
        for name in (*REFUSED, f"texts_{side}".encode(), f"dates_{side}".encode()):
            wire.command(both[side], wire.string(b"drop", name))
    ordinary_goes_on(device, 3)
    wanted = {(Kind.STRUCTURAL, side, f"{name}_{side}") for side in Side for name in ("texts", "dates")}
    eventually(
        lambda: {(halt.kind, halt.side, halt.collection) for halt in load_halts(device.local)} == wanted,
        "what can be carried is asked about",
    )
    for state, reconnects in device.rows("SELECT local_stream, local_reconnects FROM syncapp_instance"):
        assert (state, reconnects) == ("connected", 0)
