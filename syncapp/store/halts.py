"""Transfers that are halted until an operator answers, in the local `_sync_halts`:
{_id, kind, side, collection, at, detail, preview, answer, answeredBy, answeredAt}.

The listener raises a halt and, once it is answered, carries the answer out and removes it. Workers read
halts with the rules: halted transfers are not written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice, zip_longest
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.text.extended_json import beyond, sample_id
from syncapp.core.text.one_line import one_line
from syncapp.core.values import DocumentKey, Side
from syncapp.store.names import HALTS

SAMPLES = 5  # of the documents concerned


class Kind(StrEnum):
    ATLAS_RESTORED = "atlas restored"  # Atlas is older than this device's record of it
    LOCAL_RESTORED = "local restored"  # the local database is older than Atlas's record of it
    DEVICE_COPIED = "device copied"  # two databases use one instance id
    MASS_DELETE = "mass delete"  # of one collection, on one side
    STRUCTURAL = "structural"  # a drop, a rename, dropDatabase


class Answer(StrEnum):
    TAKE_ATLAS = "take-atlas"  # where the sides differ, Atlas's version wins
    KEEP_LOCAL = "keep-local"  # where the sides differ, this device's version wins
    NEW_ID = "new-id"  # this database is a copy: it becomes a new device
    GO_ON = "go-on"  # apply the deletes on the other side
    BRING_BACK = "bring-back"  # restore the deleted documents from the other side


ANSWERS: Mapping[Kind, Mapping[Answer, str]] = {
    Kind.ATLAS_RESTORED: {
        Answer.KEEP_LOCAL: "Push what this device holds to Atlas again. Atlas's versions are kept as conflicts",
        Answer.TAKE_ATLAS: "Accept the restored Atlas: pull its versions. This device's are kept as conflicts",
    },
    Kind.LOCAL_RESTORED: {
        Answer.TAKE_ATLAS: "Pull what Atlas holds. Local versions that differ are kept as conflicts",
        Answer.KEEP_LOCAL: "Keep the backup: what it holds is pushed. Atlas's versions are kept as conflicts",
        Answer.NEW_ID: "This database is a copy of a device still in use: it gets an id of its own",
    },
    Kind.DEVICE_COPIED: {
        Answer.NEW_ID: "This database is the copy: it gets an id of its own",
        Answer.TAKE_ATLAS: "The other one is no longer in use: this device keeps the id, and pulls what Atlas holds",
    },
    Kind.MASS_DELETE: {
        Answer.GO_ON: "The deletes are intended: apply them on the other side",
        Answer.BRING_BACK: "The deletes are a mistake: restore what the other side still holds",
    },
    Kind.STRUCTURAL: {
        Answer.GO_ON: "It is intended: delete the documents on the other side too",
        Answer.BRING_BACK: "It is a mistake: restore the documents from the other side",
    },
}  # fmt: skip


DETAILS = {
    Kind.ATLAS_RESTORED: "Atlas is older than this device's record of it: it was restored from a backup",
    Kind.LOCAL_RESTORED: "The local database is older than Atlas's record of it: it was restored from a "
    "backup, or copied from a device still in use",
    Kind.DEVICE_COPIED: "Another database uses this device's id: one of the two is a copy of the other",
}


@dataclass(frozen=True, slots=True)
class Halt:
    """`side`: whose changes are halted; None: all transfers of the device. `collection`: empty: all."""

    id: str
    kind: Kind
    side: Side | None
    collection: str
    at: dt.datetime
    detail: str
    preview: Mapping[str, Any] = field(default_factory=dict)
    answer: Answer | None = None
    answered_at: dt.datetime | None = None

    @property
    def samples(self) -> list[str]:
        """Some of the documents concerned: their `_id`s in canonical extended JSON."""
        return list(self.preview.get("samples", ()))

    @property
    def exact_samples(self) -> list[tuple[str, str]]:
        """The same, each with what `beyond` says of it."""
        return list(zip_longest(self.samples, self.preview.get("samplesBson", ()), fillvalue=""))

    @property
    def whole_device(self) -> bool:
        return self.side is None

    def stops(self, source: Side, collection: str) -> bool:
        """Is a transfer of this side's version of a document in this collection halted?"""
        if self.side is None:
            return True
        return self.side is source and self.collection in ("", collection)

    def as_document(self) -> dict[str, Any]:
        """As API, `--json` and the mirror in Django have it."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "side": self.side.value if self.side else None,
            "collection": self.collection,
            "at": self.at.isoformat(),
            "detail": self.detail,
            "preview": dict(self.preview),
            "answers": {answer.value: text for answer, text in ANSWERS[self.kind].items()},
            "answer": self.answer.value if self.answer else None,
        }


def samples_of(keys: Iterable[DocumentKey]) -> dict[str, list[str]]:
    """For a preview: `_id`s in canonical extended JSON, of keys of one collection; and beside them, if one of them needs
    it, what `beyond` says of each."""
    texts = ((sample_id(key.id_bson), key.id_bson) for key in keys)
    found = list(islice((one for one in texts if one[0]), SAMPLES))
    exact = [beyond(*one) for one in found]
    return {"samples": [text for text, _ in found], **({"samplesBson": exact} if any(exact) else {})}


def stopped_sides(halts: Iterable[Halt], collection: str) -> frozenset[Side]:
    """Whose versions of this collection's documents must not be transferred."""
    return frozenset(halt_side for halt in halts for halt_side in Side if halt.stops(halt_side, collection))


def halt_id(kind: Kind, side: Side | None = None, collection: str = "") -> str:
    """One id per cause: detecting it twice changes nothing."""
    return ":".join([kind.value.replace(" ", "-"), side.value if side else "device", collection])


def load_halts(local: Database[Any]) -> tuple[Halt, ...]:
    """All halts, oldest first. Raises PyMongoError."""
    return tuple(_load(found) for found in local[HALTS].find().sort([("at", 1), ("_id", 1)]))


def raise_halt(
    local: Database[Any],
    kind: Kind,
    detail: str,
    *,
    side: Side | None = None,
    collection: str = "",
    preview: Mapping[str, Any] | None = None,
) -> bool:
    """Halt transfers. False: this halt exists already. Raises PyMongoError."""
    document = {
        "_id": halt_id(kind, side, collection),
        "kind": kind.value,
        "side": side.value if side else None,
        "collection": collection,
        "at": dt.datetime.now(dt.UTC),
        "detail": one_line(detail),
        "preview": dict(preview or {}),
    }
    try:
        local[HALTS].insert_one(document)
    except DuplicateKeyError:
        return False
    return True


def answer_halt(local: Database[Any], halt: str, answer: Answer, by: str) -> Halt | None:
    """Answer a halt, once. None: there is no such halt, or it was answered. Raises PyMongoError.

    The caller has checked that the answer is one of ANSWERS[kind].
    """
    local[HALTS].update_one(
        {"_id": halt, "answer": {"$exists": False}},
        {"$set": {"answer": answer.value, "answeredBy": by, "answeredAt": dt.datetime.now(dt.UTC)}},
    )
    found = local[HALTS].find_one({"_id": halt, "answer": answer.value})
    return _load(found) if found else None


def end_halt(local: Database[Any], halt: Halt, session: ClientSession) -> None:
    """Remove a halt that has been carried out. Raises PyMongoError."""
    local[HALTS].delete_one({"_id": halt.id}, session=session)


def end_all(local: Database[Any], session: ClientSession | None = None) -> None:
    """Remove all halts: everything has been compared. Raises PyMongoError."""
    local[HALTS].delete_many({}, session=session)


def end_kind(local: Database[Any], kind: Kind, side: Side) -> None:
    """Remove halts of a dropped database. Raises PyMongoError."""
    local[HALTS].delete_many({"kind": kind.value, "side": side.value})


def end_collections(local: Database[Any], names: Iterable[str]) -> None:
    """Remove halts of collections that are gone for good. Raises PyMongoError."""
    local[HALTS].delete_many({"collection": {"$in": list(names)}})


def _load(found: Mapping[str, Any]) -> Halt:
    return Halt(
        found["_id"],
        Kind(found["kind"]),
        Side(found["side"]) if found["side"] else None,
        found["collection"],
        _utc(found["at"]),
        found["detail"],
        found["preview"],
        Answer(found["answer"]) if found.get("answer") else None,
        _utc(found["answeredAt"]) if found.get("answeredAt") else None,
    )


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC)
