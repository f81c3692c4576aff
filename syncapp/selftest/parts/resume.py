"""Would sync go on where it stopped? The resume tokens are there and current, and a stream can be opened after them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from bson.raw_bson import RawBSONDocument

from syncapp.core.values import BOTH, Side
from syncapp.mongo.change_stream import ChangeStream, token_position
from syncapp.mongo.majority import newest_position
from syncapp.selftest.bench import ID, NAMES, Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, Missed, passed
from syncapp.store.tokens import InvalidToken, load_token

PASSED_S = 30.0  # the token of an idle stream is saved every ten seconds, in the small profile every twenty
FETCH_MS = 200


def look(bench: Bench) -> Iterator[Line]:
    tokens = {side: _saved(bench, side) for side in BOTH}
    for side in BOTH:
        behind = max(0, (newest_position(bench.databases[side]) >> 32) - (token_position(tokens[side]) >> 32))
        text = f"{NAMES[side]}: the resume token is saved and valid, {behind:,} s behind the server"
        yield passed(text, **{f"{side}BehindSeconds": behind})
    names = {side: bench.scratch("resume") for side in BOTH}
    started = time.monotonic()
    written = {side: _write(bench, side, names[side]) for side in BOTH}
    for side in BOTH:
        yield _delivers(bench, side, names[side], tokens[side])
    for side in BOTH:
        bench.until(
            lambda one=side: token_position(_saved(bench, one)) >= written[one],  # type: ignore[misc]
            f"{NAMES[side]}: the saved resume token did not pass a write of this test",
            PASSED_S,
        )
        took = milliseconds(started)
        text = f"{NAMES[side]}: the saved resume token has passed a write of this test, after {took / 1000:.1f} s"
        yield passed(text, **{f"{side}PassedMs": took})


def _saved(bench: Bench, side: Side) -> Mapping[str, Any]:
    try:
        token = load_token(bench.local, side)
    except InvalidToken as error:
        raise Missed(f"{NAMES[side]}: {error}: the listener compares both sides at its next start") from None
    if token is None:
        raise Missed(f"{NAMES[side]}: no resume token is saved")
    return token


def _write(bench: Bench, side: Side, name: str) -> int:
    """The position of a write, at most."""
    bench.at(side, name).insert_one({"_id": ID})
    return newest_position(bench.databases[side])


def _delivers(bench: Bench, side: Side, name: str, token: Mapping[str, Any]) -> Line:
    """What was written after the token was saved."""
    stages: list[dict[str, Any]] = [{"$match": {"ns.coll": name}}, {"$project": {"documentKey": 1}}]
    started = time.monotonic()
    stream = ChangeStream.open(bench.databases[side], stages, 10, token)
    try:
        bench.until(
            lambda: ID in _ids(stream),
            f"{NAMES[side]}: a stream after the saved token delivers nothing",
        )
    finally:
        stream.close()
    took = milliseconds(started)
    text = f"{NAMES[side]}: a stream opened after the saved token delivers what was written since, after {took:,} ms"
    return passed(text, **{f"{side}ResumedMs": took})


def _ids(stream: ChangeStream) -> list[Any]:
    return [RawBSONDocument(event)["documentKey"]["_id"] for event in stream.fetch(FETCH_MS).events]


PART = Part(
    "resume", "the resume tokens: saved, valid, current, and a stream opens after them", look, place=7
)
