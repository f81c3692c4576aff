"""What was kept in the local MongoDB while Django's database was down comes there whole, and once."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.values import Ending, Outcome, Side
from syncapp.listener.telemetry.catching_up import catch_up
from syncapp.models import RejectedChange
from syncapp.store import rejected as pending
from tests.support import rows

pytestmark = pytest.mark.django_db


def rejected(number: int, **values: Any) -> Outcome:
    key = document_key("orders", bson.encode({"_id": number}))
    return Outcome(
        key, Ending.REJECTED, **{"transfer": Side.ATLAS, "reason": "refused", "code": 121, **values}
    )


def marked(local: Database[Any]) -> set[int]:
    return {one["key"]["_id"] for one in local["_sync_dirty"].find()}


def test_rejections_are_recorded_whole_and_looked_at_again(local_db: Database[Any]) -> None:
    large = bson.encode({"_id": 1, "x": "x" * 9_000_000})
    held = {"other_id": bson.encode({"_id": 7}), "other_document": bson.encode({"_id": 7, "n": 1})}
    kept = [rejected(1, document=large), rejected(2, transfer=Side.LOCAL, **held), rejected(3, code=None)]
    pending.keep(local_db, [rejected(2, reason="an older reason")])
    pending.keep(local_db, kept)
    assert sorted(pending.load(local_db), key=lambda one: one.key.id_bson) == kept
    catch_up(local_db, rows.DEVICE)
    assert bytes(RejectedChange.objects.get(document_id='{"$numberInt": "1"}').document_raw or b"") == large
    assert RejectedChange.objects.count() == 3
    assert local_db["_sync_rejected"].count_documents({}) == 0
    assert marked(local_db) == {1, 2, 3}


def test_what_stands_is_looked_at_again_if_somebody_could_not_tell_what_went_through(
    local_db: Database[Any],
) -> None:
    rows.device()
    pending.keep(local_db, [rejected(1)])
    catch_up(local_db, rows.DEVICE)
    local_db["_sync_dirty"].delete_many({})
    catch_up(local_db, rows.DEVICE)
    assert marked(local_db) == set(), "nothing has happened since"
    pending.note_behind(local_db)
    before = pending.behind(local_db)
    catch_up(local_db, rows.DEVICE)
    assert marked(local_db) == {1}
    assert pending.behind(local_db) == ""
    pending.note_behind(local_db)
    pending.caught_up(local_db, before)
    assert pending.behind(local_db), "a newer note stays"
