"""An `_id` so large that no change stream can bring its event: the stream goes on after it, and what it left out is
compared."""

from __future__ import annotations

import pytest

from syncapp.engine.values import Side
from tests.integration.conftest import MakeDevice
from tests.support.device import databases
from tests.support.eventually import eventually

MEGABYTE = 1_000_000


@pytest.mark.timeout(240)
@pytest.mark.parametrize("side", list(Side))
def test_the_stream_goes_on_after_an_event_that_cannot_be_read(make_device: MakeDevice, side: Side) -> None:
    device = make_device()
    device.start()
    here, there = databases(device)[side], databases(device)[side.other]
    here["orders"].insert_one({"_id": 0})
    eventually(lambda: there["orders"].count_documents({}) == 1, "it is read on")
    # A reply that holds the first one's event, and its token once more, cannot be sent: the connection is closed. The
    # other one's event is too large by itself
    here["blobs"].insert_many([{"_id": f"{n}" * 5 * MEGABYTE} for n in range(3)])
    here["blobs"].insert_one({"_id": "7" * 7 * MEGABYTE})
    here["orders"].insert_one({"_id": 1})
    eventually(lambda: there["orders"].count_documents({}) == 2, "what came after it arrives", 60)

    def is_named() -> bool:
        """Each has arrived, or is rejected."""
        arrived = there["blobs"].count_documents({})
        return arrived + len(device.rejected()) == 4

    eventually(is_named, "they are compared", 120)
    runs = device.local["_sync_runs"].distinct("why")
    print(runs, [(row[0], row[3]) for row in device.rejected()])
    assert "a change event could not be read" in runs
    here["orders"].insert_one({"_id": 2})
    eventually(lambda: there["orders"].count_documents({}) == 3, "it goes on", 60)
    device.wait_until_idle(60)
    assert "the resume token" not in device.lines("listener")
