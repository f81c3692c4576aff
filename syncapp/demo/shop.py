"""The shop's traffic: small bursts of writes on both sides, and an occasional conflict."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

import structlog
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.values import BOTH
from syncapp.demo import samples
from syncapp.demo.branch import HeadOffice, Till
from syncapp.demo.samples import Document
from syncapp.store.tokens import missing_tokens

log = structlog.get_logger(__name__)

FIRST_CONFLICT_S, CONFLICT_EVERY_S = 15.0, 1_200.0  # below the five per hour at which health degrades
RETRY_S = 2.0
LARGEST_BURST = 6


@dataclass
class Shop:
    """`run` writes until `stop` is set or `seconds` have passed, also through server outages."""

    local: Database[Document]
    atlas: Database[Document]
    rate: float  # writes a second on both sides together, on average
    stop: threading.Event
    dice: random.Random
    written: int = 0
    conflicts: int = 0

    def __post_init__(self) -> None:
        self.till = Till(self.local, "till", self.dice)
        self.office = HeadOffice(self.atlas, "online", self.dice)
        self.next_conflict = time.monotonic() + FIRST_CONFLICT_S

    def run(self, seconds: float | None = None) -> None:
        end = time.monotonic() + seconds if seconds else None
        is_open = False
        while not self.stop.is_set() and (end is None or time.monotonic() < end):
            try:
                is_open = is_open or self.open()
                burst = self.burst() if is_open else 0
            except PyMongoError as error:
                # A server is down: the demo continues
                log.warning(
                    "Sample traffic paused: a server is unavailable",
                    event_name="demo_waits",
                    error=type(error).__name__,
                )
                burst = 0
            self.stop.wait(burst / self.rate if burst else RETRY_S)

    def open(self) -> bool:
        """False until the listener has started: it would not see earlier writes."""
        if missing_tokens(self.local, BOTH):
            return False
        self.till.open()
        self.office.open()
        log.info("Sample traffic has started", event_name="demo_started", rate=self.rate)
        return True

    def burst(self) -> int:
        """A few writes, and a conflict if one is due. Returns the number of writes."""
        count = self.dice.randint(1, LARGEST_BURST)
        for _ in range(count):
            self.dice.choice((self.till, self.office)).act()
        if time.monotonic() >= self.next_conflict and self.clash():
            self.next_conflict = time.monotonic() + CONFLICT_EVERY_S
        self.written += count
        return count

    def clash(self) -> bool:
        """Write one menu item on both sides at the same moment. False: it is not on both sides yet."""
        key = {"_id": self.dice.randrange(len(samples.DISHES)) + 1}
        if not self.till.menu.count_documents(key):
            return False
        at_once = threading.Barrier(2, timeout=5)

        def write(branch: Till | HeadOffice, note: str) -> None:
            at_once.wait()
            branch.menu.update_one(key, {"$set": {"note": note, "notedAt": samples.now()}})

        other = threading.Thread(target=write, args=(self.office, "from head office"))
        other.start()
        write(self.till, "from the till")
        other.join()
        self.conflicts += 1
        return True
