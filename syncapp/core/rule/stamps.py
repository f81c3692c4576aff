"""The time of a version by a field of the document: for conflicts whose times sync does not know."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bson import DatetimeMS, Decimal128, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument

from syncapp.core.values import Stamp

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_MS
)


def stamp_of(document: bytes | None, field: str) -> Stamp | None:
    """A date, a timestamp, an ISO 8601 text, or a number. None: the version has none of them.

    `field` may be a path; a field whose own name holds the dots comes first.
    """
    if document is None:
        return None
    found: Any = RawBSONDocument(document, _RAW)
    if field in found:
        return _stamp(found[field])
    for name in field.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return _stamp(found)


def _stamp(value: Any) -> Stamp | None:
    if isinstance(value, DatetimeMS):
        return Stamp("time", int(value) * 1000)
    if isinstance(value, Timestamp):
        return Stamp("time", value.time * 1_000_000 + value.inc)
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, int | float | Decimal) and math.isfinite(value):
        return Stamp("number", value)
    return None


def _from_text(text: str) -> Stamp | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return Stamp("time", (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1))
