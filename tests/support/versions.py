"""Which MongoDB the tests run on, where `make test-versions` says so."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pymongo import MongoClient

NEWEST = (99,)
# "4.4.2/6.0.27": the local one, and the one that plays Atlas
OLDEST = min(
    (
        tuple(map(int, one.split(".")))
        for one in os.environ.get("TEST_MONGODB_VERSIONS", "").split("/")
        if one
    ),
    default=NEWEST,
)
ODD_NAMES = OLDEST >= (5, 0)  # before that, no server takes names with $ in front
needs_mongodb_5 = pytest.mark.skipif(not ODD_NAMES, reason="MongoDB 4.4 has nothing of the kind")
needs_mongodb_6 = pytest.mark.skipif(OLDEST < (6, 0), reason="MongoDB before 6.0 does not do it")


def version_of(client: MongoClient[Any]) -> tuple[int, ...]:
    """The server's own, where it matters which of the two is the older."""
    return tuple(client.server_info()["versionArray"][:2])
