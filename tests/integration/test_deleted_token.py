"""A resume token that a person deletes while sync works stays deleted, and is noticed."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.values import BOTH, Side
from syncapp.mongo.errors import HistoryLost
from syncapp.store.lease import Lease, active_listener
from syncapp.store.tokens import load_token, missing_tokens, save_token

OLD, NEW = {"_data": "82" + "0" * 16}, {"_data": "82" + "1" * 16}


def test_the_lease_does_not_bring_a_deleted_token_back(local_db: Database[Any]) -> None:
    local_db.create_collection("_sync_metadata")
    lease = Lease(local_db, "me", 60_000)
    assert lease.acquire()
    for side in BOTH:
        save_token(local_db, side, OLD)
    lease.renew({Side.ATLAS: NEW})
    assert load_token(local_db, Side.ATLAS) == NEW
    assert missing_tokens(local_db, BOTH) == set()

    local_db["_sync_metadata"].delete_one({"_id": "atlas-resume-token"})
    assert missing_tokens(local_db, BOTH) == {Side.ATLAS}
    assert missing_tokens(local_db, [Side.LOCAL]) == set()
    with pytest.raises(HistoryLost, match="atlas resume token was deleted"):
        lease.renew({Side.LOCAL: NEW, Side.ATLAS: NEW})
    assert load_token(local_db, Side.ATLAS) is None
    assert load_token(local_db, Side.LOCAL) == OLD, "all or nothing"


def test_whether_a_listener_is_active(local_db: Database[Any]) -> None:
    assert not active_listener(local_db)
    lease = Lease(local_db, "me", 60_000)
    assert lease.acquire()
    assert active_listener(local_db)
    lease.give_back()
    assert not active_listener(local_db)
