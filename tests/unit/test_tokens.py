"""Which resume tokens are saved, and when: with the lease, and never ahead of what is done."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from pymongo.database import Database

from syncapp.apply.messages import Report
from syncapp.core.values import BOTH, Ending, Side
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.tokens import Tokens
from syncapp.mongo.errors import HistoryLost
from syncapp.store.lease import Lease, LeaseLost
from syncapp.store.tokens import forget_token, read_token, save_token
from tests.support.dirty import bring, key

L, A = BOTH


class Keeper:
    """The tokens of a listener that has the lease."""

    def __init__(self, local: Database[Any], idle_seconds: float = 0.0, lease_ms: int = 60_000) -> None:
        self.local = local
        self.dirty = DirtyKeys()
        self.lease = Lease(local, f"listener {time.monotonic()}", lease_ms)
        assert self.lease.acquire()
        intervals = replace(USUAL, idle_token=idle_seconds)
        self.tokens = Tokens(self.lease, "device", self.dirty, intervals)

    def saved(self, side: Side) -> str:
        found = read_token(self.local, side)
        return "deleted" if found is None else str(found.token["_data"])

    def work(self, ending: Ending = Ending.DONE) -> None:
        handed = self.dirty.take("t", 1, 0.0)
        assert handed is not None
        self.dirty.finish([Report("t", handed.side, (ending,))])


@pytest.fixture
def local(local_db: Database[Any]) -> Database[Any]:
    for side in BOTH:
        save_token(local_db, side, {"_data": "at first"})
    return local_db


def test_no_token_is_saved_ahead_of_what_is_not_done(local: Database[Any]) -> None:
    keeper = Keeper(local)
    bring(keeper.dirty, A, key(1), token="1")
    bring(keeper.dirty, A, token="2")
    keeper.tokens.keep()
    assert keeper.saved(A) == "at first"
    keeper.work(Ending.AGAIN)
    keeper.tokens.keep()
    assert keeper.saved(A) == "at first"
    keeper.work()
    keeper.tokens.keep()
    assert (keeper.saved(A), keeper.saved(L)) == ("2", "at first")


def test_the_token_of_an_idle_stream_is_saved_now_and_then_and_at_last(local: Database[Any]) -> None:
    keeper = Keeper(local, idle_seconds=60)
    bring(keeper.dirty, A, token="1")
    keeper.tokens.keep()
    assert keeper.saved(A) == "1", "the first one at once"
    bring(keeper.dirty, A, token="2")
    keeper.tokens.keep()
    assert keeper.saved(A) == "1"
    bring(keeper.dirty, L, key(1))
    keeper.tokens.keep()
    assert keeper.saved(A) == "2", "it is not idle"
    keeper.work()
    bring(keeper.dirty, A, token="3")
    keeper.tokens.keep(at_last=True)
    assert keeper.saved(A) == "3"


def test_who_has_lost_the_lease_saves_nothing(local: Database[Any]) -> None:
    keeper = Keeper(local, lease_ms=1)
    bring(keeper.dirty, A, token="1")
    time.sleep(0.01)
    Keeper(local)
    with pytest.raises(LeaseLost):
        keeper.tokens.keep()
    assert keeper.saved(A) == "at first"


def test_a_token_that_somebody_deleted_does_not_come_back(local: Database[Any]) -> None:
    keeper = Keeper(local)
    forget_token(local, A)
    bring(keeper.dirty, A, token="1")
    bring(keeper.dirty, L, token="1")
    with pytest.raises(HistoryLost):
        keeper.tokens.keep()
    assert (keeper.saved(A), keeper.saved(L)) == ("deleted", "at first")


def test_a_side_that_is_given_up_keeps_what_was_done_and_is_read_again_from_there(
    local: Database[Any],
) -> None:
    keeper = Keeper(local)
    bring(keeper.dirty, A, key(1), token="1")
    bring(keeper.dirty, A, key(2), token="2")
    keeper.work()
    keeper.tokens.give_up(A)
    assert keeper.saved(A) == "1"
    assert keeper.dirty.size == 0
    bring(keeper.dirty, A, key(2), token="2")
    keeper.tokens.keep()
    assert keeper.saved(A) == "1"
