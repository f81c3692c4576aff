"""The lease in the local `_sync_metadata`: one listener a device is active, others stand by.

Times are the local server's, so that the clocks of two hosts do not matter. The epoch rises with every
takeover; saving a token renews the lease in the same transaction, so that a listener that was paused,
and lost its lease meanwhile, saves nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.core.values import Side
from syncapp.mongo.errors import HistoryLost, SyncError, translate
from syncapp.mongo.transaction import transaction
from syncapp.store.names import METADATA
from syncapp.store.tokens import save_token

LEASE_ID = "lease"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # the end of the lease that nobody has held yet


class LeaseLost(SyncError):
    """Another listener is active for this device."""


class Lease:
    def __init__(self, local: Database[Any], holder: str, duration_ms: int) -> None:
        self._local = local
        self._holder = self.who = holder
        self._duration_ms = duration_ms
        self.epoch = 0

    def acquire(self) -> bool:
        """Try to become the active listener. False: another one is. Raises SyncError."""
        free = {"$or": [{"$lt": ["$until", "$$NOW"]}, {"$eq": ["$holder", self._holder]}]}
        change = {
            "holder": self._holder,
            "epoch": {"$add": ["$epoch", 1]},
            "until": {"$add": ["$$NOW", self._duration_ms]},
        }
        try:
            self._local[METADATA].update_one(
                {"_id": LEASE_ID}, {"$setOnInsert": {"epoch": 0, "until": EPOCH}}, upsert=True
            )
            taken = self._local[METADATA].find_one_and_update(
                {"_id": LEASE_ID, "$expr": free}, [{"$set": change}], return_document=ReturnDocument.AFTER
            )
        except PyMongoError as error:
            raise translate(error) from error
        if taken is None:
            return False
        self.epoch = taken["epoch"]
        return True

    def holder(self) -> str:
        """Who holds the lease now."""
        found = self._local[METADATA].find_one({"_id": LEASE_ID}) or {}
        return str(found.get("holder", ""))

    def renew(self, tokens: Mapping[Side, Mapping[str, Any]]) -> None:
        """Go on being active, and save these tokens, of which there are older ones. Raises LeaseLost,
        HistoryLost if a token was deleted, or another SyncError."""
        try:
            if not tokens:
                self._extend(None)  # every second on an idle machine: a transaction would cost twice as much
                return
            with transaction(self._local) as session:
                self._extend(session)
                for side, token in tokens.items():
                    # A token that a person deleted, to force a comparison, must not come back
                    if not save_token(self._local, side, token, session, anew=False):
                        raise HistoryLost(f"the {side} resume token was deleted: both sides are compared")
        except PyMongoError as error:
            raise translate(error) from error

    def _extend(self, session: ClientSession | None) -> None:
        renewed = self._local[METADATA].update_one(
            {"_id": LEASE_ID, "holder": self._holder, "epoch": self.epoch},
            [{"$set": {"until": {"$add": ["$$NOW", self._duration_ms]}}}],
            session=session,
        )
        if not renewed.matched_count:
            raise LeaseLost("another listener has taken over")

    def give_back(self) -> None:
        """Let another listener take over at once. Raises nothing: the lease runs out by itself."""
        try:
            self._local[METADATA].update_one(
                {"_id": LEASE_ID, "holder": self._holder, "epoch": self.epoch},
                [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}],
            )
        except PyMongoError:
            pass


def active_listener(local: Database[Any]) -> str:
    """Who holds a lease that has not run out; empty: nobody. Raises PyMongoError."""
    held = {"_id": LEASE_ID, "$expr": {"$gt": ["$until", "$$NOW"]}}
    found = local[METADATA].find_one(held) or {}
    return str(found.get("holder", ""))
