"""Records for Django's database while that is down, durable in the local MongoDB until the listener
writes them there: rejected changes, and the note that other changes have resolved some since.

A rejected change is a head with the key's hash as `_id`, and its documents in parts, so that two of 16 MB fit:
{_id: "<hash>", head: true, c: collection, key: {_id}, target: side, reason, code, otherId, parts: {which: number}} and
{_id: "<hash>:<which>:<part>", bytes}, in `_sync_rejected`. What has ended is a note in `_sync_metadata`: {_id:
"kept-behind", mark} and, of collections that were emptied, {_id: "kept-emptied", names}. Workers and the listener write them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from pymongo import ReplaceOne
from pymongo.database import Database

from syncapp.core.content import document_key, key_hash
from syncapp.core.values import Ending, Outcome, Side
from syncapp.store.names import METADATA, REJECTED, REJECTED_BEHIND, REJECTED_EMPTIED

PART_BYTES = 8_000_000
_BODIES = ("document", "other_document")


def keep(local: Database[Any], rejected: Iterable[Outcome]) -> None:
    """A document that is rejected again replaces its record. Raises PyMongoError."""
    # The head last: a record without one is not read
    documents = [one for outcome in rejected for one in (*_parts(outcome), _head(outcome))]
    local[REJECTED].bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents])


def load(local: Database[Any], limit: int = 100) -> list[Outcome]:
    """Raises PyMongoError."""
    return [_outcome(local, head) for head in local[REJECTED].find({"head": True}).limit(limit)]


def forget(local: Database[Any], outcomes: Iterable[Outcome]) -> None:
    """Raises PyMongoError."""
    for outcome in outcomes:
        name = key_hash(outcome.key).hex()
        # ";" is the character after ":"
        local[REJECTED].delete_many({"_id": {"$gte": name, "$lt": f"{name};"}})


def note_behind(local: Database[Any]) -> None:
    """Documents were accepted whose rejections and conflicts may still be in Django's database. Raises PyMongoError."""
    local[METADATA].replace_one({"_id": REJECTED_BEHIND}, {"mark": uuid.uuid4().hex}, upsert=True)


def behind(local: Database[Any]) -> str:
    """The newest such note; empty: none. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": REJECTED_BEHIND}) or {}
    return str(found.get("mark", ""))


def caught_up(local: Database[Any], mark: str) -> None:
    """Remove this note: its work is done. Raises PyMongoError."""
    local[METADATA].delete_one({"_id": REJECTED_BEHIND, "mark": mark})


def note_emptied(local: Database[Any], names: Iterable[str]) -> None:
    """Documents of these collections were removed without events. Raises PyMongoError."""
    local[METADATA].update_one(
        {"_id": REJECTED_EMPTIED}, {"$addToSet": {"names": {"$each": list(names)}}}, upsert=True
    )


def emptied(local: Database[Any]) -> list[str]:
    """The collections of which that was noted. Raises PyMongoError."""
    return list((local[METADATA].find_one({"_id": REJECTED_EMPTIED}) or {}).get("names", []))


def looked_at(local: Database[Any], names: Iterable[str]) -> None:
    """The records of these collections have been queued again. Raises PyMongoError."""
    local[METADATA].update_one({"_id": REJECTED_EMPTIED}, {"$pullAll": {"names": list(names)}})


def _parts(outcome: Outcome) -> Iterator[dict[str, Any]]:
    for which in _BODIES:
        body = getattr(outcome, which) or b""
        for number, start in enumerate(range(0, len(body), PART_BYTES)):
            name = f"{key_hash(outcome.key).hex()}:{which}:{number}"
            yield {"_id": name, "bytes": body[start : start + PART_BYTES]}


def _head(outcome: Outcome) -> dict[str, Any]:
    return {
        "_id": key_hash(outcome.key).hex(),
        "head": True,
        "c": outcome.key.collection,
        "key": outcome.key.id_bson,
        "target": outcome.transfer.value if outcome.transfer else None,
        "reason": outcome.reason,
        "code": outcome.code,
        "otherId": outcome.other_id,
        "parts": {which: -(-len(getattr(outcome, which) or b"") // PART_BYTES) for which in _BODIES},
    }


def _outcome(local: Database[Any], head: dict[str, Any]) -> Outcome:
    bodies = {
        which: b"".join(
            local[REJECTED].find_one({"_id": f"{head['_id']}:{which}:{number}"})["bytes"]  # type: ignore[index]
            for number in range(count)
        )
        for which, count in head["parts"].items()
    }
    return Outcome(
        document_key(head["c"], head["key"]),
        Ending.REJECTED,
        transfer=Side(head["target"]) if head["target"] else None,
        reason=head["reason"],
        code=head["code"],
        document=bodies["document"] or None,
        other_id=head["otherId"],
        other_document=bodies["other_document"] or None,
    )
