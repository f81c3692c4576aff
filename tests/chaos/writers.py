"""Applications that write on every side at once: most on documents of their own, some on documents of others
and on a few that everybody writes. Every version has a stamp of its own in the field `v`.

A writer whose server is down goes on with its next version: what really happened is read from the servers'
own history afterwards, never from what a writer believes.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, DuplicateKeyError, ExecutionTimeout, OperationFailure

from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.mongo.transaction import session_of

Document = dict[str, Any]
COLLECTIONS = ("orders", "customers", "stock")
# Counters under field-merge with sums, and what was sold: each sale is written in one transaction with its counter
TILLS, SALES = "tills", "sales"
TILL_IDS = range(3)
FIRST_STOCK = 100_000
SALE = 0.15  # share of the writes
RULE = CollectionRule(pattern=TILLS, strategy="field-merge", numbers={"stock": "sum"})
SHARED = 40  # documents of each collection that everybody writes
DELETES = 0.04  # share of the writes: mass deletes would, rightly, halt sync
BURST = 100  # writes without a pause
GONE = (ConnectionFailure, ExecutionTimeout)


class Writer(threading.Thread):
    """`known`: keys of all writers, by collection; shared by them."""

    def __init__(
        self, side: str, uri: str, rng: random.Random, rate: float, known: dict[str, list[str]]
    ) -> None:
        super().__init__(name=f"writer {side}", daemon=True)
        self.side = side
        self.writes = self.refused = 0
        self.error: BaseException | None = None
        self._rng, self._rate, self._known = rng, rate, known
        self._client = MongoClient[Document](
            uri, serverSelectionTimeoutMS=2_000, connectTimeoutMS=2_000, socketTimeoutMS=5_000
        )
        self._own: dict[str, list[str]] = {name: [] for name in COLLECTIONS}
        self._ending = threading.Event()
        self._number = 0

    def stop(self) -> None:
        self._ending.set()

    def run(self) -> None:
        try:
            while not self._ending.is_set():
                if self._rng.random() < 0.005:
                    for _ in range(BURST):
                        self._try_one()
                self._try_one()
                self._ending.wait(self._rng.expovariate(self._rate))
        except BaseException as error:
            self.error = error
        finally:
            self._client.close()

    def _try_one(self) -> None:
        collection = self._client.get_default_database()[self._rng.choice(COLLECTIONS)]
        try:
            if self._rng.random() < SALE:
                self._sell(collection.database)
            elif self._rng.random() < 0.03:
                self._write_several(collection)
            else:
                self._write_one(collection)
            self.writes += 1
        except DuplicateKeyError:
            self.refused += 1  # sync inserted it at the same moment
        except GONE:
            self.refused += 1
            self._ending.wait(0.2)
        except OperationFailure as error:
            # A transaction that met another one, or a server that has just begun or is about to end
            if not error.has_error_label("TransientTransactionError") and error.code not in {112, 11600, 91}:
                raise
            self.refused += 1

    def _write_one(self, collection: Collection[Document]) -> None:
        choice, kind = self._rng.random(), self._rng.random()
        key = ""
        if choice < 0.08:
            key = f"shared {self._rng.randrange(SHARED)}"
        elif choice < 0.16 and self._known[collection.name]:
            key = self._rng.choice(self._known[collection.name])
        elif choice < 0.6 and self._own[collection.name]:
            key = self._rng.choice(self._own[collection.name])
        version = self._version()
        if not key:
            collection.insert_one({"_id": self._new_key(collection.name), **version})
        elif kind < DELETES:
            collection.delete_one({"_id": key})
        elif kind < 0.45:
            collection.replace_one({"_id": key}, version, upsert=choice < 0.08)
        else:
            collection.update_one({"_id": key}, {"$set": {"v": version["v"], "n": self._number}})

    def _write_several(self, collection: Collection[Document]) -> None:
        """A transaction of an application: its events look like those of sync's own, but for the marker."""
        with session_of(collection.database) as session, session.start_transaction():
            for _ in range(self._rng.randrange(2, 5)):
                document = {"_id": self._new_key(collection.name), **self._version()}
                collection.insert_one(document, session=session)

    def _sell(self, database: Database[Document]) -> None:
        """Most sell one piece: equal changes of several sides all count."""
        till, count = self._rng.choice(TILL_IDS), self._rng.choice((1, 1, 1, 2))
        with session_of(database) as session, session.start_transaction():
            found = database[TILLS].update_one({"_id": till}, {"$inc": {"stock": -count}}, session=session)
            if found.matched_count:
                database[SALES].insert_one({"till": till, "count": count}, session=session)

    def _version(self) -> Document:
        self._number += 1
        return {
            "v": f"{self.side} {self._number}",
            "at": time.time(),
            "text": "x" * self._rng.randrange(300),
            "n": self._rng.random(),
        }

    def _new_key(self, collection: str) -> str:
        key = f"{self.side} {self._number} of {collection}"
        self._own[collection].append(key)
        self._known[collection].append(key)
        return key


def fill(uri: str, documents: int) -> None:
    """What the first run finds: so many documents a collection."""
    with MongoClient[Document](uri) as client:
        for name in COLLECTIONS:
            shared = [{"_id": f"shared {n}", "v": f"first shared {name} {n}"} for n in range(SHARED)]
            others = [{"_id": f"first {n}", "v": f"first {name} {n}", "n": n} for n in range(documents)]
            client.get_default_database()[name].insert_many([*shared, *others])


def open_tills(uri: str) -> None:
    """When the devices have the rule: what they pull then has a base."""
    with MongoClient[Document](uri) as client:
        tills = [{"_id": till, "stock": FIRST_STOCK} for till in TILL_IDS]
        client.get_default_database()[TILLS].insert_many(tills)


def wrong_sums(database: Database[Document]) -> list[str]:
    """A sentence for each till whose stock is not what the sales say."""
    sold: Counter[int] = Counter()
    for sale in database[SALES].find():
        sold[sale["till"]] += sale["count"]
    stocks = {one["_id"]: one["stock"] for one in database[TILLS].find()}
    return [
        f"till {till} has {stocks.get(till)}, and {sold[till]} of {FIRST_STOCK} were sold"
        for till in TILL_IDS
        if stocks.get(till) != FIRST_STOCK - sold[till]
    ]
