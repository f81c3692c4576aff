"""Stops everything that `make run` started: in order, in less than ten seconds, and without
leftovers. It only uses the standard library, like the waiting process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from syncapp.conf.running import forget_environment
from syncapp.embedded import orphans

STOP_TIMEOUT = 9.0  # seconds
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed


def has_ended(child: int) -> bool:
    """Also reaps it."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True


def end_everything(manager: int, home: Path) -> None:
    """`manager`: Supervisor's process id; 0: it was not started."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave servers behind
    deadline = time.monotonic() + STOP_TIMEOUT
    if manager and not has_ended(manager):
        os.kill(manager, signal.SIGTERM)
        while not has_ended(manager):
            if time.monotonic() > deadline:
                os.kill(manager, signal.SIGKILL)
            time.sleep(0.05)
    orphans.end_all(deadline - time.monotonic())
    forget_environment(home)
