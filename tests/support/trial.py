"""A burst on both sides in the middle of which something breaks, and what must hold afterwards."""

from __future__ import annotations

import random
import time

from tests.support.burst import Burst
from tests.support.device import Device
from tests.support.history import History


class Trial:
    """`name`: the collection that the burst writes. Leaving the block waits until all is settled, and checks."""

    def __init__(
        self,
        device: Device,
        rng: random.Random,
        name: str,
        writes: int,
        seconds: float | None = None,
        timeout: float = 0,
    ) -> None:
        self.device = device
        self.history = History(device, name)
        seconds = writes / 500 if seconds is None else seconds
        self.burst = Burst(device, rng, writes, seconds=seconds, collection=name)
        self.started = time.monotonic()
        self.timeout = timeout or 40 + writes / 50

    def __enter__(self) -> Trial:
        self.burst.start()
        self.burst.wait_until(0.4)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is not None:
            self.burst.abandon()  # what went wrong must be seen, not that the burst cannot end now
            return
        self.burst.finish()
        self.check()

    def check(self) -> None:
        wrote = time.monotonic() - self.started
        self.device.wait_until_settled(self.timeout)
        print(
            f"wrote for {wrote:.1f} s, settled after {time.monotonic() - self.started:.1f} s",
            self.history.check(),
        )
        self.device.check_figures()
        assert self.device.rejected() == []
