"""The layout of mongodump and mongorestore: <database>/<collection>.bson, concatenated documents,
and <collection>.metadata.json; both may be compressed (.gz).

A backup of ours has such a folder for each side, and a manifest with counts and hashes beside them.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from bson import json_util

from syncapp.store.names import SCRATCH

MANIFEST = "manifest.json"
PART = ".part"  # how the name of a backup ends that is not complete
LONGEST_NAME = 238  # of a file, without its extension; mongodump truncates longer ones
CUT_AT = 208
LARGEST_DOCUMENT = 17_000_000
BUCKETS = "system.buckets."  # where the server keeps the documents of a time series


class DumpError(Exception):
    """A folder cannot be written, or is invalid. The text names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Dumped:
    """The files of one collection. `data` is None for a view, which has no documents."""

    name: str
    metadata: Path
    data: Path | None


def is_dumped(collection: str) -> bool:
    """Not the server's own collections, nor the doctor's temporary ones."""
    return collection == "system.js" or not collection.startswith(("system.", "$", SCRATCH))


def file_name(collection: str) -> str:
    """A collection's name as a file name, as mongodump encodes it."""
    escaped = quote(collection, safe="$&+=:@-_.~")
    if len(escaped) <= LONGEST_NAME:
        return escaped
    digest = hashlib.sha1(collection.encode(), usedforsecurity=False).digest()
    return f"{escaped[:CUT_AT]}%24{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def find_dump(folder: Path, side: str, database: str) -> Path:
    """The folder with the collections of one database. Raises DumpError."""
    if not folder.is_dir():
        raise DumpError(f"{folder} is not a folder (a file that mongodump --archive wrote cannot be read)")
    if (folder / MANIFEST).exists():
        folder = folder / side
        if not folder.is_dir():
            raise DumpError(f"{folder.parent} holds no backup of the side {side}")
    if _holds_collections(folder):
        return folder
    found = {one.name: one for one in sorted(folder.iterdir()) if one.is_dir() and _holds_collections(one)}
    if database in found:
        return found[database]
    users = {name: path for name, path in found.items() if name not in {"admin", "config", "local"}}
    if len(users) == 1:
        return next(iter(users.values()))
    if not users:
        raise DumpError(f"{folder} holds no collections: <collection>.metadata.json was looked for")
    raise DumpError(f"{folder} holds several databases ({', '.join(users)}): name the folder of one of them")


def _holds_collections(folder: Path) -> bool:
    return any(folder.glob("*.metadata.json")) or any(folder.glob("*.metadata.json.gz"))


def collections_in(folder: Path) -> list[Dumped]:
    """All collections of a dumped database, by name. Raises DumpError."""
    found = []
    for metadata in [*folder.glob("*.metadata.json"), *folder.glob("*.metadata.json.gz")]:
        stem = metadata.name.removesuffix(".gz").removesuffix(".metadata.json")
        name = str(read_metadata(metadata).get("collectionName") or unquote(stem))
        buckets = stem if name.startswith(BUCKETS) else file_name(BUCKETS + name)
        places = [folder / f"{one}.bson{end}" for one in (stem, buckets) for end in ("", ".gz")]
        found.append(Dumped(name, metadata, next((path for path in places if path.exists()), None)))
    return sorted(found, key=lambda one: one.name)


def read_metadata(path: Path) -> dict[str, Any]:
    """Options and indexes of a collection. Raises DumpError."""
    try:
        with open_to_read(path) as file:
            found = json_util.loads(file.read())
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise DumpError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise DumpError(f"{path} is not the metadata of a collection")
    return found


def write_metadata(file: IO[bytes], info: Mapping[str, Any], indexes: Iterable[Mapping[str, Any]]) -> None:
    """`info` as listCollections gives it."""
    kind = info.get("type", "collection")
    uuid = info.get("info", {}).get("uuid")
    document = {
        "options": info.get("options", {}),
        "indexes": [{name: value for name, value in index.items() if name != "ns"} for index in indexes],
        **({"uuid": uuid.hex()} if uuid is not None else {}),
        "collectionName": info["name"],
        "type": kind,
    }
    file.write(json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS).encode())


def read_documents_of(path: Path) -> Iterator[bytes]:
    """The raw documents of a .bson file. Raises DumpError for invalid or truncated BSON."""
    position = 0
    try:
        with open_to_read(path) as file:
            while head := file.read(4):
                size = int.from_bytes(head, "little")
                if len(head) < 4 or not 5 <= size <= LARGEST_DOCUMENT:
                    raise DumpError(f"{path} is damaged at byte {position}")
                document = head + file.read(size - 4)
                if len(document) < size or document[-1]:
                    raise DumpError(f"{path} is truncated or damaged at byte {position}")
                yield document
                position += size
    except (OSError, EOFError) as error:
        raise DumpError(f"{path} cannot be read: {error}") from error


def open_to_read(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def open_to_write(path: Path) -> IO[bytes]:
    """Raises FileExistsError: nothing is ever overwritten."""
    return gzip.open(path, "xb", 6) if path.suffix == ".gz" else path.open("xb")  # type: ignore[return-value]


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """None: the folder was made by mongodump. Raises DumpError."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DumpError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("sides"), dict):
        raise DumpError(f"{folder / MANIFEST} is not the manifest of a backup")
    return found
