"""Who is the active listener of a device: one at a time, and whoever was it before notices."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.store.lease import Lease, LeaseLost
from syncapp.store.names import LEASE, METADATA
from syncapp.store.tokens import read_token, save_token

LONG_MS = 60_000


def expire(local: Database[Any]) -> None:
    change = {"$set": {"until": {"$subtract": ["$$NOW", 1]}}}
    assert local[METADATA].update_one({"_id": LEASE}, [change]).modified_count == 1


def test_a_lease_that_is_held_is_taken_by_nobody_else(local_db: Database[Any]) -> None:
    first, second = (Lease(local_db, name, LONG_MS) for name in ("first", "second"))
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == "first"
    first.renew({})
    assert first.acquire(), "its own"
    first.give_back()
    assert second.acquire()
    assert not first.acquire()


def test_one_that_has_expired_is_taken_and_its_former_holder_saves_nothing(local_db: Database[Any]) -> None:
    save_token(local_db, Side.LOCAL, {"_data": "before"})
    first, second = (Lease(local_db, name, LONG_MS) for name in ("first", "second"))
    assert first.acquire()
    expire(local_db)
    assert second.acquire()
    assert second.epoch > first.epoch
    for tokens in ({}, {Side.LOCAL: {"_data": "late"}}):
        with pytest.raises(LeaseLost):
            first.renew(tokens)
    first.give_back()
    second.renew({})
    saved = read_token(local_db, Side.LOCAL)
    assert saved is not None
    assert saved.token == {"_data": "before"}


def test_a_holder_that_took_it_anew_is_told_from_itself_before(local_db: Database[Any]) -> None:
    """A process that was frozen in the middle of a session, and one of its name that began since."""
    before, now = (Lease(local_db, "the same", LONG_MS) for _ in range(2))
    assert before.acquire()
    assert now.acquire()
    with pytest.raises(LeaseLost):
        before.renew({})
    now.renew({})
