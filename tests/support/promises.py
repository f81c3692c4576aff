"""An application on each side whose every write is acknowledged by a majority, and what it was promised by that:
the write is there, on both sides, whatever happens to single members."""

from __future__ import annotations

import threading
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import PyMongoError

from tests.support.device import Device, databases

DOCUMENTS = 40  # of each side
PAUSE = 0.01  # seconds between two writes
# It soon sees that a frozen server is down, and writes to another one
TIMEOUTS = {"socketTimeoutMS": 2_000, "connectTimeoutMS": 1_000, "heartbeatFrequencyMS": 500}


class Promises:
    """Writes from the start of the block to its end. `check` afterwards, when all is settled."""

    def __init__(self, device: Device, collection: str) -> None:
        self._device, self._collection = device, collection
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self.kept: dict[str, int] = {}  # the newest acknowledged version of each document
        self._threads = [
            threading.Thread(target=self._write, args=(side, device.settings[setting]), daemon=True)
            for side, setting in (("local", "MONGODB_URI"), ("atlas", "MONGODB_ATLAS_URI"))
        ]

    def __enter__(self) -> Promises:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *rest: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def newest(self, side: str) -> int:
        """The newest version that was acknowledged on this side."""
        return max((version for key, version in list(self.kept.items()) if key.startswith(side)), default=0)

    def check(self, least: int = 3) -> None:
        """Each document is at least as new as the last version that was acknowledged, on both sides."""
        assert not self._errors, self._errors
        assert not any(thread.is_alive() for thread in self._threads)
        for side in ("local", "atlas"):
            assert self.newest(side) >= least, f"{side}: too few writes to say anything"
        for side, database in databases(self._device).items():
            stored = {one["_id"]: one["v"] for one in database[self._collection].find()}
            lost = {key: v for key, v in self.kept.items() if stored.get(key, 0) < v}
            assert not lost, f"acknowledged by a majority and missing on {side}: {lost}"

    def _write(self, side: str, uri: str) -> None:
        try:
            with MongoClient[dict[str, Any]](uri, **TIMEOUTS) as client:
                collection = client.get_default_database()[self._collection].with_options(
                    write_concern=WriteConcern("majority")
                )
                version = 0
                while not self._over.wait(PAUSE):
                    version += 1
                    key = f"{side} {version % DOCUMENTS}"
                    try:
                        collection.replace_one({"_id": key}, {"v": version}, upsert=True)
                    except PyMongoError:
                        continue  # nothing was promised: it may be there or not
                    self.kept[key] = version
        except BaseException as error:
            self._errors.append(error)
