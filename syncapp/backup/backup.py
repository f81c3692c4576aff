"""Backup of a side's database to files for mongorestore: raw documents, options and indexes.

All collections are read from one snapshot, where the server supports that. Sync's own data
(`_sync_*`) is included: restored together, they are consistent.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bson import Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.backup.dump_folder import (
    BUCKETS,
    MANIFEST,
    PART,
    DumpError,
    file_name,
    hash_of,
    is_dumped,
    open_to_write,
    write_metadata,
)
from syncapp.core.values import Side
from syncapp.mongo.listing import list_collections
from syncapp.mongo.transaction import session_of
from syncapp.rules.refusals import why_refused_name

FORMAT = 1
FETCH = 1_000
# No snapshot read: server too old (72, 9), a capped collection, created or changed after the snapshot (246),
# or the snapshot is too old (239)
NO_SNAPSHOT = frozenset({9, 72, 123, 239, 246, 263})
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SavedCollection:
    name: str
    documents: int
    bytes: int
    at_one_moment: bool
    files: Mapping[str, str]  # name → SHA-256


@dataclass(slots=True)
class SavedSide:
    database: str
    server_version: str
    at_cluster_time: str = ""  # empty: not read at one moment
    collections: list[SavedCollection] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # whose names no driver accepts

    @property
    def documents(self) -> int:
        return sum(one.documents for one in self.collections)

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.collections)

    @property
    def apart(self) -> list[str]:
        """Collections that are not part of the snapshot."""
        return [one.name for one in self.collections if not one.at_one_moment]


def back_up(
    databases: Mapping[Side, Database[Any]],
    folder: Path,
    *,
    only: Collection[str] = (),
    compress: bool = False,
    product_version: str = "",
    say: Say = lambda text: None,
) -> dict[Side, SavedSide]:
    """Write a new folder. It gets its name when it is complete. Raises DumpError, OSError or PyMongoError."""
    part = folder.with_name(folder.name + PART)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DumpError(f"{folder} already exists; nothing is overwritten")
    if part.exists():
        raise DumpError(f"{part} exists: another backup is writing it, or was interrupted; then delete it")
    part.mkdir(parents=True)
    try:
        saved = {
            side: _save_side(database, part / side.value, only, ".gz" if compress else "", say)
            for side, database in databases.items()
        }
        manifest = {
            "format": FORMAT,
            "madeAt": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "product": f"isthmus {product_version}".strip(),
            "sides": {side.value: asdict(one) for side, one in saved.items()},
        }
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
        for path in (*part.rglob("*"), part):
            _to_disk(path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    if folder.exists():
        folder.rmdir()
    part.rename(folder)
    _to_disk(folder.parent)
    return saved


def _to_disk(path: Path) -> None:
    """Of a file its contents, of a folder its entries. After a power failure a complete name must not stand for empty files."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError:
        if path.is_file():  # of folders some network storage does not know it
            raise
    finally:
        os.close(opened)


def _save_side(
    database: Database[Any], folder: Path, only: Collection[str], ending: str, say: Say
) -> SavedSide:
    target = folder / file_name(database.name)
    target.mkdir(parents=True)
    infos = [i for i in list_collections(database) if is_dumped(i["name"])]
    unknown = sorted(set(only) - {info["name"] for info in infos})
    if unknown:
        raise DumpError(f"{database.name} has no collection {', '.join(unknown)}")
    saved = SavedSide(database.name, database.client.server_info()["version"])
    reader = SnapshotReader(database)
    for info in sorted(infos, key=lambda one: str(one["name"])):
        if why := why_refused_name(info):
            saved.left_out.append(info["name"])
            say(f"{folder.name}: {info['name']} is left out: {why}")
            continue
        if not only or info["name"] in only:
            one = _save_collection(reader, info, target, ending)
            saved.collections.append(one)
            say(f"{folder.name}: {one.name}: {one.documents:,} documents")
    saved.at_cluster_time = f"{reader.at.time}:{reader.at.inc}" if reader.at else ""
    return saved


def _save_collection(
    reader: SnapshotReader, info: Mapping[str, Any], folder: Path, ending: str
) -> SavedCollection:
    name, kind = info["name"], info.get("type", "collection")
    paths, documents, size, at_one_moment = [], 0, 0, True
    if kind != "view":
        source = BUCKETS + name if kind == "timeseries" else name
        data = folder / f"{file_name(source)}.bson{ending}"
        documents, size, at_one_moment = _save_documents(reader, source, data)
        paths.append(data)
    metadata = folder / f"{file_name(name)}.metadata.json{ending}"
    indexes = [] if kind == "view" else list(reader.database[name].list_indexes())
    with open_to_write(metadata) as file:
        write_metadata(file, info, indexes)
    files = {path.name: hash_of(path) for path in (*paths, metadata)}
    return SavedCollection(name, documents, size, at_one_moment, files)


def _save_documents(reader: SnapshotReader, name: str, path: Path) -> tuple[int, int, bool]:
    """Numbers of documents and bytes, and whether they are part of the snapshot."""
    for at_one_moment in (True, False):
        documents = size = 0
        try:
            with open_to_write(path) as file:
                for raw in reader.read(name, at_one_moment):
                    file.write(raw)
                    documents += 1
                    size += len(raw)
            return documents, size, at_one_moment
        except OperationFailure as error:
            if not at_one_moment or error.code not in NO_SNAPSHOT:
                raise
            path.unlink()
    raise AssertionError("not reached")


class SnapshotReader:
    """Reads whole collections, all from the snapshot of the first read."""

    def __init__(self, database: Database[Any]) -> None:
        self.database = database
        self.at: Timestamp | None = None

    def read(self, name: str, at_one_moment: bool) -> Iterator[bytes]:
        """Raw documents. Raises PyMongoError."""
        concern: dict[str, Any] = {"level": "snapshot" if at_one_moment else "majority"}
        if at_one_moment and self.at is not None:
            concern["atClusterTime"] = self.at
        # A cursor without an explicit session would be closed after half an hour
        with session_of(self.database) as session:
            cursor = self._run({"find": name, "batchSize": FETCH, "readConcern": concern}, session)
            if at_one_moment and self.at is None:
                self.at = cursor["atClusterTime"]
            batch = cursor["firstBatch"]
            while True:
                yield from (document.raw for document in batch)
                if not cursor["id"]:
                    return
                cursor = self._run({"getMore": cursor["id"], "collection": name, "batchSize": FETCH}, session)
                batch = cursor["nextBatch"]

    def _run(self, command: dict[str, Any], session: ClientSession) -> Any:
        return self.database.command(command, session=session, codec_options=_RAW)["cursor"]
