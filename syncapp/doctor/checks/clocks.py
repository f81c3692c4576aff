"""The offsets between the clocks of both servers and of this host.

Offsets between the servers are measured and corrected while sync runs; a large one still means that
a clock is wrong, and that times in reports are misleading.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from syncapp.core.values import BOTH, Side
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo import clock_probe

TODO = "Enable time synchronisation (chrony, systemd-timesyncd, w32time) where the clock is wrong"


def judge(atlas_ms: float, host_ms: float, warning_ms: int) -> Iterator[Finding]:
    """Offsets of Atlas's clock, and this host's, to the local server's, and the threshold for a warning, in
    milliseconds."""
    for name, offset in (("Atlas's clock", atlas_ms), ("This host's clock", host_ms)):
        way = "ahead of" if offset >= 0 else "behind"
        text = f"{name} is {abs(offset):,.0f} ms {way} the local server's"
        far = abs(offset) > warning_ms
        yield Finding(Level.WARNING if far else Level.OK, text, TODO if far else "")


def look(setup: Setup) -> Iterator[Finding]:
    local = setup.databases[Side.LOCAL]
    measured = clock_probe.measure(local, setup.databases[Side.ATLAS])
    before = time.time()
    server = local.client.admin.command("hello")["localTime"].timestamp()
    host_ms = ((before + time.time()) / 2 - server) * 1000
    yield from judge(measured.offset, host_ms, setup.settings.sync_clock_warning)


CHECKS = (Check("clocks", look, BOTH, place=15),)
