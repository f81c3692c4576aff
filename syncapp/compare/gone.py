"""Documents removed by a drop or a rename: both sides had agreed on them, the other side still holds them, and
there were no delete events."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.content import document_key, ids_filter
from syncapp.core.values import ABSENT, FOREIGN, DocumentKey, Intent, Side, SyncState
from syncapp.mongo.documents import FILTER_BYTES
from syncapp.mongo.read_commands import RAW, portions
from syncapp.mongo.transaction import session_of
from syncapp.store.batches import applied_keys
from syncapp.store.states import read_states

PAGE = 1_000  # `_id`s looked for at once


@dataclass(slots=True)
class Gone:
    """Their number, and the first of them."""

    number: int = 0
    samples: list[DocumentKey] = field(default_factory=list)

    def add(self, keys: list[DocumentKey], wanted: int) -> None:
        self.number += len(keys)
        self.samples += keys[: max(0, wanted - len(self.samples))]


def count_documents(database: Database[Any], name: str) -> int:
    """The estimated number of documents; like the driver's, but for any name. Raises PyMongoError."""
    return int(database.command({"count": name}, codec_options=RAW)["n"])


def count_gone(
    databases: dict[Side, Database[Any]],
    side: Side,
    name: str,
    position: int,
    enough: int,
    samples: int,
    markers_since: int,
) -> Gone:
    """How many documents are gone from `side`, after an event at this position; counting ends above `enough`.
    `samples`: how many of them are wanted by their keys. `markers_since`: milliseconds; older batch markers may have
    expired.

    Documents that the other side holds and that were never agreed on are not gone: they are in flight, or were rejected.
    Raises PyMongoError.
    """
    there = databases[side.other]
    command = {
        "find": name,
        "projection": {"_id": 1},
        "hint": {"_id": 1},  # reads only the index
        "batchSize": PAGE,
        "readConcern": {"level": "majority"},
    }
    gone = Gone()
    with session_of(there) as session, closing(portions(there, command, session)) as replies:
        for ids in replies:
            for start in range(0, len(ids), PAGE):
                page = ids[start : start + PAGE]
                gone.add(_gone(databases, side, name, position, page, markers_since), samples)
                if gone.number > enough:
                    return gone
    return gone


def _gone(
    databases: dict[Side, Database[Any]],
    side: Side,
    name: str,
    position: int,
    ids: list[bytes],
    markers_since: int,
) -> list[DocumentKey]:
    with session_of(databases[side], causal=True) as session:
        # A deposed primary that lacks the event cannot answer
        session.advance_operation_time(Timestamp(position >> 32, position & 0xFFFFFFFF))
        here = _held(databases[side], name, ids, session)
        missing = [key for one in ids if (key := document_key(name, one)) not in here]
        states = read_states(databases[Side.LOCAL], missing)
        gone = [key for key in missing if _was_there(states[key], side)]
        if side is Side.ATLAS:
            gone += _pushed(databases[side], states, set(missing).difference(gone), markers_since, session)
    return gone


def _was_there(state: SyncState, side: Side) -> bool:
    return (state.local if side is Side.LOCAL else state.atlas) not in (ABSENT, FOREIGN)


def _pushed(
    atlas: Database[Any],
    states: dict[DocumentKey, SyncState],
    keys: set[DocumentKey],
    markers_since: int,
    session: ClientSession,
) -> list[DocumentKey]:
    """Those whose push was applied, though that is not recorded. One that was rejected has left its intent, too."""
    intents: dict[DocumentKey, Intent] = {}
    for key in keys:
        if (intent := states[key].intent) is not None:
            intents[key] = intent
    applied = (
        applied_keys(atlas, {intent.batch_id for intent in intents.values()}, session) if intents else {}
    )
    return [
        key
        for key, intent in intents.items()
        if key in applied.get(intent.batch_id, ()) or intent.at < markers_since
    ]


def _held(database: Database[Any], name: str, ids: list[bytes], session: ClientSession) -> set[DocumentKey]:
    """Those that are there, of `_id`s given as BSON of {_id: …}."""
    if len(ids) > 1 and sum(map(len, ids)) > FILTER_BYTES:
        half = len(ids) // 2
        return _held(database, name, ids[:half], session) | _held(database, name, ids[half:], session)
    command: dict[str, Any] = {
        "find": name,
        "filter": RawBSONDocument(ids_filter(ids)),
        "projection": {"_id": 1},
        "batchSize": len(ids) + 1,
        "readConcern": {"level": "majority", "afterClusterTime": session.operation_time},
    }
    with closing(portions(database, command, session)) as replies:
        return {document_key(name, one) for found in replies for one in found}
