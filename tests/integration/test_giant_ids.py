"""An `_id` so large that no change stream can bring its event: the stream goes on after it, and what it left out is
compared."""

from __future__ import annotations

import pytest

from tests.integration.conftest import MakeDevice
from tests.support.eventually import eventually

MEGABYTE = 1_000_000


@pytest.mark.timeout(240)
def test_the_stream_goes_on_after_an_event_that_cannot_be_read(make_device: MakeDevice) -> None:
    device = make_device()
    device.start()
    here, there = device.atlas, device.local
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
    assert "a change event could not be read" in runs
    here["orders"].insert_one({"_id": 2})
    eventually(lambda: there["orders"].count_documents({}) == 3, "it goes on", 60)
    device.wait_until_idle(60)
    assert "event_name=event_too_large" in device.lines("listener")
