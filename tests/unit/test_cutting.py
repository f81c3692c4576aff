"""What stops a whole batch comes out as it was raised."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from syncapp.core.content import document_key
from syncapp.core.values import Outcome, Side, WorkItem
from syncapp.engine.cutting import in_parts
from syncapp.mongo.error_text import describe, note_side
from syncapp.mongo.errors import ConnectionDown, SyncError, TransientError, translate
from syncapp.mongo.transaction import translated
from tests.support import raw

ITEMS = (WorkItem(document_key("orders", raw.raw({"_id": 1}))),)


def raised_by(error: Exception) -> SyncError:
    def apply(items: tuple[WorkItem, ...]) -> list[Outcome]:
        with translated():
            raise error

    with pytest.raises(SyncError) as caught:
        in_parts(ITEMS, len, apply)
    return caught.value


def test_a_lost_connection_keeps_the_drivers_error_and_its_side() -> None:
    error = AutoReconnect("h:1: timed out")
    note_side(error, Side.ATLAS)
    raised = raised_by(error)
    assert isinstance(raised, ConnectionDown)
    assert raised.__cause__ is error
    assert describe(raised) == "Atlas: h:1: timed out"


def test_an_error_of_our_own_does_not_lead_back_to_itself() -> None:
    error = translate(AutoReconnect("h:1: timed out"))
    raised = raised_by(error)
    assert raised is error
    assert raised.__cause__ is None


def test_a_full_cache_ends_by_itself_but_not_for_a_transaction_that_alone_fills_it() -> None:
    assert isinstance(translate(OperationFailure("the cache is full", 365)), TransientError)
    too_large = translate(OperationFailure("transaction is too large and will not fit", 388))
    assert not isinstance(too_large, TransientError), "a batch is cut, and one document alone is set aside"
