"""The lease in the local `_sync_metadata`: one listener per device is active, others stand by.
{_id: "lease", holder, epoch, until: date}; listeners write it.

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
from syncapp.store.names import LEASE, METADATA
from syncapp.store.tokens import save_token

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # the end of a lease that was never held


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
                {"_id": LEASE}, {"$setOnInsert": {"epoch": 0, "until": EPOCH}}, upsert=True
            )
            taken = self._local[METADATA].find_one_and_update(
                {"_id": LEASE, "$expr": free}, [{"$set": change}], return_document=ReturnDocument.AFTER
            )
        except PyMongoError as error:
            raise translate(error) from error
        if taken is None:
            return False
        self.epoch = taken["epoch"]
        return True

    def holder(self) -> str:
        """Who holds the lease now."""
        found = self._local[METADATA].find_one({"_id": LEASE}) or {}
        return str(found.get("holder", ""))

    def renew(self, tokens: Mapping[Side, Mapping[str, Any]]) -> None:
        """Renew the lease, and save these tokens over older ones. Raises LeaseLost,
        HistoryLost if a token was deleted, or another SyncError."""
        try:
            if not tokens:
                self._extend(None)  # every second on an idle machine: a transaction would cost twice as much
                return
            with transaction(self._local) as session:
                self._extend(session)
                for side, token in tokens.items():
                    # A token that an operator deleted, to force a comparison, must not be restored
                    if not save_token(self._local, side, token, session, anew=False):
                        raise HistoryLost(f"the {side} resume token was deleted: both sides are compared")
        except PyMongoError as error:
            raise translate(error) from error

    def _extend(self, session: ClientSession | None) -> None:
        renewed = self._local[METADATA].update_one(
            {"_id": LEASE, "holder": self._holder, "epoch": self.epoch},
            [{"$set": {"until": {"$add": ["$$NOW", self._duration_ms]}}}],
            session=session,
        )
        if not renewed.matched_count:
            raise LeaseLost("another listener has taken over")

    def give_back(self) -> None:
        """Let another listener take over at once. Raises nothing: the lease expires anyway."""
        try:
            self._local[METADATA].update_one(
                {"_id": LEASE, "holder": self._holder, "epoch": self.epoch},
                [{"$set": {"until": {"$subtract": ["$$NOW", 1]}}}],
            )
        except PyMongoError:
            pass


def active_listener(local: Database[Any]) -> str:
    """The holder of an unexpired lease; empty: none. Raises PyMongoError."""
    held = {"_id": LEASE, "$expr": {"$gt": ["$until", "$$NOW"]}}
    found = local[METADATA].find_one(held) or {}
    return str(found.get("holder", ""))
