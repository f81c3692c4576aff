"""The filter of a collection rule: a match expression in extended JSON, which the servers evaluate. What does not say the
same of a document each time, or needs an index or a program of the server, cannot be one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion

_VALUES = json_util.JSONOptions(tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_MS)
LONGEST = 20_000  # characters: it is sent with every read
_PROGRAM = "it runs a program on the server"
_INDEX = "it needs an index, and cannot be asked of single documents"
_CHANCE = "it answers by chance"
_LATER = "its answer changes without the document"
_REFUSED = {
    "$where": _PROGRAM,
    "$function": _PROGRAM,
    "$accumulator": _PROGRAM,
    "$text": _INDEX,
    "$near": _INDEX,
    "$nearSphere": _INDEX,
    "$geoNear": _INDEX,
    "$sampleRate": _CHANCE,
    "$rand": _CHANCE,
    "$meta": "documents have none when they are read by their _id",
}
_COMBINE = ("$and", "$or", "$nor")
_REFUSED_VARIABLES = {
    "$$NOW": _LATER,
    "$$CLUSTER_TIME": _LATER,
    "$$USER_ROLES": "its answer depends on the login",
    "$$SEARCH_META": _INDEX,
}


class WrongFilter(ValueError):
    """The text says why."""


def read_filter(given: Mapping[str, Any]) -> dict[str, Any]:
    """The expression with BSON values. Raises WrongFilter."""
    try:
        text = json.dumps(dict(given), allow_nan=False)
        read = json.loads(text, object_pairs_hook=_value)
    except Exception as error:  # any of a value that only looks like extended JSON
        raise WrongFilter(f"it is not valid extended JSON: {error}") from None
    if not isinstance(read, dict):
        raise WrongFilter("it is a value, not a match expression")
    if len(text) > LONGEST:
        raise WrongFilter(f"it has {len(text):,} characters; allowed: {LONGEST:,}")
    return read


def _value(pairs: list[tuple[str, Any]]) -> Any:
    """An object: a BSON value, or as it is. Beside `$regex` there may be other operators, which json_util leaves out."""
    given = dict(pairs)
    if "$regex" in given and not given.keys() <= {"$regex", "$options"}:
        return given
    return json_util.object_hook(given, _VALUES)


def check_filter(given: Mapping[str, Any]) -> None:
    """All that can be told without a server. Raises WrongFilter."""
    read_filter(given)
    _check(given)


def asked(expression: Any) -> Iterator[str]:
    """The paths of the fields that it asks about, as far as it names them."""
    if isinstance(expression, list):
        for part in expression:
            yield from asked(part)
    elif isinstance(expression, Mapping):
        for name, part in expression.items():
            if not name.startswith("$"):
                yield name
            elif name == "$expr":
                yield from _variables(part)
            elif name in _COMBINE:
                yield from asked(part)


def _variables(expression: Any) -> Iterator[str]:
    if isinstance(expression, Mapping | list):
        for part in expression.values() if isinstance(expression, Mapping) else expression:
            yield from _variables(part)
    elif isinstance(expression, str) and expression.startswith("$"):
        # `$shop`, or `$$ROOT.shop`
        yield expression[1:] if not expression.startswith("$$") else expression.partition(".")[2]


def _check(value: Any) -> None:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name in _REFUSED:
                raise WrongFilter(f"{name} cannot be part of it: {_REFUSED[name]}")
            _check(part)
    elif isinstance(value, list):
        for part in value:
            _check(part)
    elif isinstance(value, str):
        variable = value.split(".")[0]
        if variable in _REFUSED_VARIABLES:
            raise WrongFilter(f"{variable} cannot be part of it: {_REFUSED_VARIABLES[variable]}")
