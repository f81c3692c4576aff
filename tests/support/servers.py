"""Real servers for as long as a test needs them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from syncapp.embedded.server import Server

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
