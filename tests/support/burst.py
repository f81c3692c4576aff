"""Applications that write on both sides at once: most on documents of their own, some on shared ones.

Every version has a stamp of its own in the field `v`, by which `History` follows it.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, DuplicateKeyError, ExecutionTimeout, NotPrimaryError

from tests.support.device import Device, databases

SHARED = 40  # documents that both sides write
GONE = (AutoReconnect, NotPrimaryError, ExecutionTimeout)  # the server was killed: it comes back


class Burst:
    def __init__(
        self, device: Device, rng: random.Random, writes: int, seconds: float = 2.5, collection: str = "burst"
    ) -> None:
        """`writes` on each side, spread over about so many seconds."""
        self.writes = writes
        self._seconds = seconds
        self._done = {"local": 0, "atlas": 0}
        self._errors: list[BaseException] = []
        self._abandoned = False
        self._threads = [
            threading.Thread(
                target=self._write,
                args=(side, database[collection], random.Random(rng.random())),
                daemon=True,
            )
            for side, database in databases(device).items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait_until(self, share: float, timeout: float = 60) -> None:
        """Until each side has done this share of its writes."""
        deadline = time.monotonic() + timeout
        while min(self._done.values()) < share * self.writes and not self._errors:
            assert time.monotonic() < deadline, self._done
            time.sleep(0.01)
        self._check()

    def abandon(self) -> None:
        """Write no more, whatever was written. Does not wait: a server may be frozen."""
        self._abandoned = True

    def finish(self, timeout: float = 90) -> None:
        for thread in self._threads:
            thread.join(timeout)
            assert not thread.is_alive(), f"still writing after {timeout} s: {self._done}"
        self._check()

    def _check(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _write(self, side: str, collection: Collection[dict[str, Any]], rng: random.Random) -> None:
        try:
            own: list[str] = []
            started = time.monotonic()
            for number in range(self.writes):
                if self._abandoned:
                    return
                self._write_one(side, collection, rng, own, number)
                self._done[side] = number + 1
                ahead = number / self.writes * self._seconds - (time.monotonic() - started)
                if ahead > 0.02:
                    time.sleep(ahead)
        except BaseException as error:
            self._errors.append(error)

    def _write_one(
        self,
        side: str,
        collection: Collection[dict[str, Any]],
        rng: random.Random,
        own: list[str],
        number: int,
    ) -> None:
        document = {"v": f"{side} {number}", "text": "x" * rng.randrange(300), "n": rng.random()}
        key = f"shared {rng.randrange(SHARED)}" if rng.random() < 0.1 else ""
        kind = rng.random()
        if not key and (kind < 0.5 or not own):
            own.append(key := f"{side} {number}")
        key = key or rng.choice(own)
        while True:
            try:
                if kind < 0.5:
                    collection.replace_one({"_id": key}, document, upsert=True)
                elif kind < 0.85:
                    collection.update_one(
                        {"_id": key}, {"$set": {"v": document["v"], "n": number}}, upsert=True
                    )
                else:
                    collection.delete_one({"_id": key})
                return
            except DuplicateKeyError:
                continue  # sync inserted it at the same moment
            except GONE:
                time.sleep(0.05)
