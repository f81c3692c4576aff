"""Brings the loser of a conflict back, as a new change that live sync carries like any other.

The version is written into the local MongoDB exactly as it was (raw bytes); one that was absent is
deleted. The conflict is marked and the act is in the audit log.
"""

from __future__ import annotations

from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from django.db import transaction
from django.utils import timezone
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, PyMongoError, WriteError

from syncapp.conf import get_settings
from syncapp.models import Conflict
from syncapp.models.choices import SideChoices
from syncapp.switches import Actor, audit

# Values that cannot be represented in Python (a date in the year 20000) keep their exact value
_EXACT: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_MS
)
_IMMUTABLE_FIELD = 66


class RestoreError(Exception):
    """The version was not brought back. The text says why."""


class RestoreRefused(RestoreError):
    """It cannot be brought back as things stand; trying again changes nothing."""


class LocalUnreachable(RestoreError):
    """The local MongoDB cannot be reached; trying again later helps."""


def restore(conflict: Conflict, user: Actor = None) -> Conflict:
    """Write the loser's version. Raises `RestoreRefused` or `LocalUnreachable`."""
    if conflict.restored_at is not None:
        raise RestoreRefused(
            f"This version was restored already, at {conflict.restored_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    _write(conflict.collection, bytes(conflict.document_id_raw), losing_version(conflict))
    # Written first, marked second: a crash in between means one more restore of the same bytes, which is
    # no change. The other way round the version would count as restored and be missing.
    with transaction.atomic():
        now = timezone.now()
        if Conflict.objects.filter(pk=conflict.pk, restored_at=None).update(restored_at=now):
            audit(
                user, "restore", f"{conflict.collection} {conflict.document_id}: the {conflict.loser} version"
            )
    conflict.refresh_from_db(fields=["restored_at"])
    return conflict


def losing_version(conflict: Conflict) -> bytes | None:
    """Raw BSON of the version that lost. None: the document was absent on that side."""
    raw = conflict.local_raw if conflict.loser == SideChoices.LOCAL else conflict.atlas_raw
    return None if raw is None else bytes(raw)


def _write(collection: str, id_raw: bytes, version: bytes | None) -> None:
    settings = get_settings()
    if not settings.mongodb_uri:
        raise LocalUnreachable(
            "The local MongoDB is unknown here: MONGODB_URI is not set for the web process"
        )
    client: MongoClient[Any] = MongoClient(
        settings.mongodb_uri, serverSelectionTimeoutMS=5_000, connectTimeoutMS=5_000, socketTimeoutMS=20_000
    )
    try:
        target = client[settings.local_database].get_collection(
            collection, codec_options=_EXACT, write_concern=WriteConcern("majority", wtimeout=10_000)
        )
        if version is None:
            target.delete_one(_by_id(id_raw))
        else:
            _put(target, id_raw, version)
    except ConnectionFailure as error:
        raise LocalUnreachable(f"The local MongoDB cannot be reached: {_first_line(error)}") from error
    except PyMongoError as error:
        raise RestoreRefused(f"The local MongoDB refuses the version: {_first_line(error)}") from error
    finally:
        client.close()


def _put(target: Collection[Any], id_raw: bytes, version: bytes) -> None:
    # A pipeline with $literal stores exactly these bytes; a plain replace rewrites Timestamp(0, 0)
    pipeline = [{"$replaceWith": {"$literal": RawBSONDocument(version, _EXACT)}}]
    try:
        target.update_one(_by_id(version), pipeline, upsert=True)
    except WriteError as error:
        if error.code != _IMMUTABLE_FIELD:
            raise
        # The document there has an _id of another number type (1 and 1.0 are one _id to the server)
        _exchange(target, id_raw, version)


def _exchange(target: Collection[Any], id_raw: bytes, version: bytes) -> None:
    def work(session: Any) -> None:
        target.delete_one(_by_id(id_raw), session=session)
        target.insert_one(RawBSONDocument(version, _EXACT), session=session)

    with target.database.client.start_session() as session:
        session.with_transaction(work)


def _by_id(raw: bytes) -> dict[str, Any]:
    # $eq: an _id that is a regular expression is meant as a value, not as a pattern
    return {"_id": {"$eq": bson.decode(raw, _EXACT)["_id"]}}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].split(", full error")[0][:300]
