"""How far the clocks of both servers and of this host are apart.

Offsets between the servers are measured and corrected while sync runs; a large one still means that
somebody's clock is wrong, and that times in reports mislead.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from syncapp.core import clock
from syncapp.core.values import Side
from syncapp.doctor.values import Finding, Level, Setup

TODO = "Turn on time synchronisation (chrony, systemd-timesyncd, w32time) where the clock is wrong"


def judge(atlas_ms: float, host_ms: float, warning_ms: int) -> Iterator[Finding]:
    """Milliseconds that Atlas's clock, and this host's, are ahead of the local server's, and how many are
    a warning."""
    for name, offset in (("Atlas's clock", atlas_ms), ("This host's clock", host_ms)):
        way = "ahead of" if offset >= 0 else "behind"
        text = f"{name} is {abs(offset):,.0f} ms {way} the local server's"
        far = abs(offset) > warning_ms
        yield Finding(Level.WARNING if far else Level.OK, text, TODO if far else "")


def look(setup: Setup) -> Iterator[Finding]:
    local = setup.databases[Side.LOCAL]
    measured = clock.measure(local, setup.databases[Side.ATLAS])
    before = time.time()
    server = local.client.admin.command("hello")["localTime"].timestamp()
    host_ms = ((before + time.time()) / 2 - server) * 1000
    yield from judge(measured.offset, host_ms, setup.settings.sync_clock_warning)
