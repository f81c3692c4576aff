"""What workers could not tell Django's database while it was away, durable in the local MongoDB until the listener
brings it there: changes that were rejected, and that other changes have ended since.

A rejected change is a head with the key's hash as `_id`, and its documents in parts, so that two of 16 MB fit:
{_id: "<hash>:<which>:<part>", bytes}.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from pymongo import ReplaceOne
from pymongo.database import Database

from syncapp.core.content import document_key, key_hash
from syncapp.core.values import Ending, Outcome, Side
from syncapp.store.names import METADATA

PENDING = "_sync_rejected"
BEHIND_ID = "kept-behind"
EMPTIED_ID = "kept-emptied"
PART_BYTES = 8_000_000
_BODIES = ("document", "other_document")


def keep(local: Database[Any], rejected: Iterable[Outcome]) -> None:
    """A document that is rejected again takes the place of what is kept of it. Raises PyMongoError."""
    # The head last: what has none is not read
    documents = [one for outcome in rejected for one in (*_parts(outcome), _head(outcome))]
    local[PENDING].bulk_write([ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents])


def load(local: Database[Any], limit: int = 100) -> list[Outcome]:
    """Raises PyMongoError."""
    return [_outcome(local, head) for head in local[PENDING].find({"head": True}).limit(limit)]


def forget(local: Database[Any], outcomes: Iterable[Outcome]) -> None:
    """Raises PyMongoError."""
    for outcome in outcomes:
        name = key_hash(outcome.key).hex()
        # ";" is the character after ":"
        local[PENDING].delete_many({"_id": {"$gte": name, "$lt": f"{name};"}})


def note_behind(local: Database[Any]) -> None:
    """Documents went through whose rejections and conflicts may still stand in Django's database. Raises PyMongoError."""
    local[METADATA].replace_one({"_id": BEHIND_ID}, {"mark": uuid.uuid4().hex}, upsert=True)


def behind(local: Database[Any]) -> str:
    """The newest such note; empty: there is none. Raises PyMongoError."""
    found = local[METADATA].find_one({"_id": BEHIND_ID}) or {}
    return str(found.get("mark", ""))


def caught_up(local: Database[Any], mark: str) -> None:
    """Everything that this note stands for was done. Raises PyMongoError."""
    local[METADATA].delete_one({"_id": BEHIND_ID, "mark": mark})


def note_emptied(local: Database[Any], names: Iterable[str]) -> None:
    """Documents of these collections went without events of their own. Raises PyMongoError."""
    local[METADATA].update_one(
        {"_id": EMPTIED_ID}, {"$addToSet": {"names": {"$each": list(names)}}}, upsert=True
    )


def emptied(local: Database[Any]) -> list[str]:
    """The collections of which that was noted. Raises PyMongoError."""
    return list((local[METADATA].find_one({"_id": EMPTIED_ID}) or {}).get("names", []))


def looked_at(local: Database[Any], names: Iterable[str]) -> None:
    """What is kept of these collections is looked at again. Raises PyMongoError."""
    local[METADATA].update_one({"_id": EMPTIED_ID}, {"$pullAll": {"names": list(names)}})


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
            local[PENDING].find_one({"_id": f"{head['_id']}:{which}:{number}"})["bytes"]  # type: ignore[index]
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
