"""Who goes first where processors are short."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BEHIND = 10  # steps of niceness


def step_behind() -> None:
    """This process and what it starts from now on get what the others leave.

    Linux shares processors out among sessions first (autogroups, see sched(7)), and niceness counts within one. A service manager
    starts each program in a session of its own, which is told as well then; whoever shares a session with the
    others is not its leader and leaves the session as it is.
    """
    os.nice(BEHIND)
    if os.getsid(0) in (os.getpid(), os.getppid()):
        with suppress(OSError):  # kernels without autogroups
            Path("/proc/self/autogroup").write_text(str(BEHIND))
