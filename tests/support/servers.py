"""Real servers for as long as a test needs them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT
from typing import TypeVar

from syncapp.embedded.server import Server
from tests.support.eventually import eventually
from tests.support.replica_set import ReplicaSet

AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def started(server: AnyServer, mortal: bool = False) -> Iterator[AnyServer]:
    """Start it, and leave nothing of it at the end but its log: data of many servers would fill a disk.

    `mortal`: tests may kill it. Any other one must be there at the end.
    """
    try:
        server.start()
        yield server
        if not mortal:
            server.check_alive(float("inf"))
    finally:
        server.kill()
        shutil.rmtree(server.folder / "data", ignore_errors=True)


def revive(server: Server | ReplicaSet) -> None:
    """Thaw it if it is frozen, start it if it is not there."""
    members = server.members if isinstance(server, ReplicaSet) else [server]
    for member in members:
        if member.process is not None and member.running:
            member.process.send_signal(SIGCONT)
        else:
            member.start()
    if isinstance(server, ReplicaSet):
        eventually(server.all_ready, "all members are in the set", timeout=30, every=0.1)
