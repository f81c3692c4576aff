"""Copies indexes, validators and options of collections from the side that has them to the side that lacks them. Nothing
is ever dropped, and an index or option that differs is left to the operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.compare.definitions import ON, DefinitionDifference, What, in_json
from syncapp.compare.gone import count_documents
from syncapp.core.content import elements
from syncapp.core.text.durations import duration
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.mongo.definitions import LENIENT, Specification
from syncapp.mongo.duplicates import Duplicates, find_duplicates
from syncapp.mongo.error_text import shorten
from syncapp.mongo.read_commands import RAW
from syncapp.mongo.sides import of_side

FAST, SLOW = 200_000, 20_000  # documents a second that a server sorts into an index
NAMED = 3  # documents that a validator would refuse
NAMESPACE_EXISTS = 48
EXPIRES = (
    "a TTL index is only copied on request (--ttl): with it on both sides, both delete expired documents; on one side is "
    "enough, since sync carries its deletes"
)


NOT_CHOSEN = "both sides have one: choose with --from local or --from atlas"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`text`: what was done, or why not."""

    difference: DefinitionDifference
    done: bool
    text: str

    def as_document(self) -> dict[str, Any]:
        return {**self.difference.as_document(), "done": self.done, "outcome": self.text}


@dataclass(frozen=True, slots=True)
class Copy:
    """`expiring`: TTL indexes too. `prefer`: the side whose validator wins where both have one. `say`: gets a line before
    something that may take long."""

    databases: Mapping[Side, Database[Any]]
    expiring: bool = False
    prefer: Side | None = None
    say: Callable[[str], None] = lambda line: None

    def mend(self, difference: DefinitionDifference) -> Outcome:
        """What the server refuses is an outcome, too. Raises PyMongoError if a server cannot be reached."""
        if why := self._why_not(difference):
            return Outcome(difference, False, why)
        side = difference.missing or (self.prefer.other if self.prefer else None)
        if side is None:
            return Outcome(difference, False, NOT_CHOSEN)
        try:
            with of_side(self.databases[side]):
                done, text = self._write(difference, side)
        except OperationFailure as error:
            cause = shorten(str(error).rpartition("caused by :: ")[2])
            return Outcome(difference, False, f"{ON[side]} refuses it: {cause}")
        return Outcome(difference, done, one_line(text))

    def _why_not(self, difference: DefinitionDifference) -> str:
        """Empty: it can be tried."""
        if difference.what is What.INDEX and difference.expires and not self.expiring:
            return EXPIRES
        if difference.missing is not None:
            return ""
        if difference.what is What.INDEX:
            return "not changed, since nothing is dropped: drop the wrong one, and repeat this"
        if difference.what is What.OPTION:
            return "not changed: a collection that exists keeps its options"
        return ""

    def _write(self, difference: DefinitionDifference, side: Side) -> tuple[bool, str]:
        target, spec = self.databases[side], difference.specs[side.other]
        if difference.what is What.INDEX:
            return self._build(target, difference, side, spec)
        if difference.absent:
            return _create(target, difference.collection, spec, side)
        return _validate(target, difference.collection, spec, side)

    def _build(
        self, target: Database[Any], difference: DefinitionDifference, side: Side, spec: Specification
    ) -> tuple[bool, str]:
        name, collection = difference.name, difference.collection
        documents = count_documents(target, collection)
        if documents:
            took = f"{duration(documents / FAST)} to {duration(max(1, documents / SLOW))}"
            self.say(
                one_line(
                    f'Building index "{name}" of {collection} on {ON[side]}: about {documents:,} documents, which takes '
                    f"{took} on most servers; reads and writes go on meanwhile"
                )
            )
        if spec.values.get("unique"):
            found = find_duplicates(target, collection, spec)
            if found.values:
                return False, f"not built on {ON[side]}: {refused_text(found)}"
        command = {"createIndexes": collection, "indexes": [RawBSONDocument(spec.raw)]}
        target.command({**command, "writeConcern": {"w": "majority"}}, codec_options=RAW)
        return True, f"built on {ON[side]}"


def refused_text(found: Duplicates) -> str:
    """Which documents a unique index would refuse."""
    some = []
    for one in found.examples:
        values = ", ".join(f"{name} {in_json(value)}" for name, value in one.values.items())
        some.append(
            f"{values} in {one.documents:,}, among them _id {in_json(one.first)} and _id {in_json(one.last)}"
        )
    first = f"{found.documents:,} documents hold {found.values:,} value{'s' * (found.values != 1)} that must be unique"
    return f"{first}: {'; '.join(some)}{'; …' * (found.values > len(some))}"


def _create(target: Database[Any], name: str, options: Specification, side: Side) -> tuple[bool, str]:
    command = {"create": name, **RawBSONDocument(options.raw), "writeConcern": {"w": "majority"}}
    try:
        target.command(command, codec_options=RAW)
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise
    return True, f"the collection was created on {ON[side]} with the same options"


def _validate(target: Database[Any], name: str, options: Specification, side: Side) -> tuple[bool, str]:
    validator = RawBSONDocument(
        next(value for _, part, value in elements(options.raw) if part == b"validator")
    )
    command = {
        "collMod": name,
        "validator": validator,
        "validationLevel": options.values.get("validationLevel", "strict"),
        "validationAction": options.values.get("validationAction", "error"),
        "writeConcern": {"w": "majority"},
    }
    target.command(command, codec_options=RAW)
    refused = _refused(target, name, validator)
    more = (
        f"; documents there that it would refuse stay as they are, among them _id {refused}"
        if refused
        else ""
    )
    return True, f"set on {ON[side]}{more}"


def _refused(target: Database[Any], name: str, validator: RawBSONDocument) -> str:
    command = {
        "find": name,
        "filter": {"$nor": [validator]},
        "projection": {"_id": 1},
        "limit": NAMED,
        "singleBatch": True,
    }
    found = target.command(command, codec_options=LENIENT)["cursor"]["firstBatch"]
    return " and ".join(in_json(one["_id"]) for one in found)
