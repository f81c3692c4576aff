"""Restores a database from a folder of `sync_backup` or mongodump, document by document as raw bytes.

Sync's own data (`_sync_*`) is dropped first and restored last: an interrupted restore
leaves a database that sync treats as new, and asks about, instead of one whose documents seem deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from syncapp.backup.dump_folder import (
    BUCKETS,
    PART,
    Dumped,
    DumpError,
    collections_in,
    find_dump,
    hash_of,
    is_dumped,
    read_documents_of,
    read_manifest,
    read_metadata,
)
from syncapp.core.content import has_empty_timestamp
from syncapp.core.values import Side
from syncapp.mongo.error_text import shorten
from syncapp.mongo.errors import DUPLICATE_KEY, NAMESPACE_EXISTS
from syncapp.mongo.read_commands import RAW
from syncapp.store.names import DEVICES, METADATA, PREFIX

PORTION, PORTION_BYTES = 1_000, 8_000_000
VALIDATION = ("validator", "validationLevel", "validationAction")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Dump:
    """The content of a dump: collections in restore order, and whether hashes were verified."""

    folder: Path
    collections: tuple[Dumped, ...]
    checked: bool

    @property
    def holds_sync_data(self) -> bool:
        return any(one.name in (METADATA, DEVICES) for one in self.collections)


@dataclass(slots=True)
class Restored:
    """The result of one collection."""

    name: str
    documents: int = 0  # inserted
    there: int = 0  # existing _ids, left unchanged
    problems: list[str] = field(default_factory=list)


def open_dump(folder: Path, side: Side, database: str) -> Dump:
    """Find the collections of a folder, and verify them against a manifest. Raises DumpError."""
    manifest = read_manifest(folder)
    if manifest is None and any(one.name.endswith(PART) for one in (folder, *folder.absolute().parents[:2])):
        # Its files may be whole, each for itself: some are missing
        raise DumpError(f"{folder} is of a backup that was interrupted, or is being written")
    place = find_dump(folder, side.value, database)
    if manifest is not None:
        _check(place, manifest, side)
    found = [one for one in collections_in(place) if is_dumped(one.name)]
    ordered = sorted(found, key=lambda one: (one.name.startswith(PREFIX), one.name == METADATA))
    return Dump(place, tuple(ordered), manifest is not None)


def _check(place: Path, manifest: Mapping[str, Any], side: Side) -> None:
    for collection in manifest["sides"][side.value]["collections"]:
        for name, expected in collection["files"].items():
            path = place / name
            if not path.is_file():
                raise DumpError(f"{path} is missing")
            if hash_of(path) != expected:
                raise DumpError(f"{path} has changed: its hash differs from the manifest's")


def restore(
    database: Database[Any], dump: Dump, drop: bool, say: Say = lambda text: None
) -> Iterator[Restored]:
    """Restore every collection. `drop`: empty each one first.

    Raises DumpError or PyMongoError; a document that the server refuses is a problem of its collection.
    """
    if drop:
        # Sync's own first: see above
        for one in reversed(dump.collections):
            database.drop_collection(one.name)
    for one in dump.collections:
        restored = _restore_collection(database, one)
        say(f"{restored.name}: {restored.documents:,} documents")
        yield restored


def _restore_collection(database: Database[Any], dumped: Dumped) -> Restored:
    metadata, done = read_metadata(dumped.metadata), Restored(dumped.name)
    options = dict(metadata.get("options", {}))
    # Documents may be older than the validator: it is restored after them
    validation = {name: options.pop(name) for name in VALIDATION if name in options}
    options.pop("autoIndexId", None)  # of old servers; new ones refuse it
    try:
        database.command({"create": dumped.name, **options}, codec_options=RAW)
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            done.problems.append(f"could not be created: {_text(error)}")
            return done
        validation = {}
    if dumped.data is not None:
        source = dumped.name
        if metadata.get("type") == "timeseries" or "timeseries" in options:
            source = BUCKETS + dumped.name
        for portion in _portions(dumped.data):
            _insert(database[source], portion, done)
    for index in metadata.get("indexes", []):
        _create_index(database, dumped.name, index, done)
    if validation:
        _set_validation(database, dumped.name, validation, done)
    return done


def _set_validation(database: Database[Any], name: str, options: dict[str, Any], done: Restored) -> None:
    try:
        database.command({"collMod": name, **options}, codec_options=RAW)
    except OperationFailure as error:  # the role readWrite lacks this privilege
        done.problems.append(f"its validator could not be set (collMod, role dbAdmin): {_text(error)}")


def _portions(path: Path) -> Iterator[list[bytes]]:
    portion: list[bytes] = []
    size = 0
    for document in read_documents_of(path):
        if portion and (len(portion) >= PORTION or size + len(document) > PORTION_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(document)
        size += len(document)
    if portion:
        yield portion


def _insert(collection: Collection[Any], documents: list[bytes], done: Restored) -> None:
    writes = [_write(document) for document in documents]
    try:
        collection.bulk_write(writes, ordered=False)
        done.documents += len(writes)
    except BulkWriteError as error:
        details: Mapping[str, Any] = error.details or {}
        errors = details.get("writeErrors", [])
        done.documents += len(writes) - len(errors)
        for one in errors:
            if one.get("code") == DUPLICATE_KEY and one.get("keyPattern") == {"_id": 1}:
                done.there += 1
            else:
                done.problems.append(f"a document was refused: {str(one.get('errmsg'))[:200]}")
        if not errors:
            raise


def _write(document: bytes) -> InsertOne[Any] | UpdateOne:
    if not has_empty_timestamp(document):
        return InsertOne(RawBSONDocument(document))
    # The server would fill in a Timestamp(0, 0) of an insert; a literal is not changed. The filter matches
    # nothing, so that an existing document is an error, as with an insert
    literal = [{"$replaceWith": {"$literal": RawBSONDocument(document)}}]
    return UpdateOne({"$nor": [{}]}, literal, upsert=True)


def _create_index(database: Database[Any], name: str, index: Mapping[str, Any], done: Restored) -> None:
    wanted = {field: value for field, value in index.items() if field != "ns"}
    if wanted.get("name") == "_id_" or wanted.get("clustered"):
        return  # created with the collection
    try:
        database.command({"createIndexes": name, "indexes": [wanted]}, codec_options=RAW)
    except OperationFailure as error:
        done.problems.append(f"index {wanted.get('name')} could not be created: {_text(error)}")


def _text(error: OperationFailure) -> str:
    return shorten(str(error))
