"""A rejected change, from the refusal to the arrival: for the parts that have documents refused on purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import bson

from syncapp.core.extended_json import extended_id
from syncapp.core.values import Side
from syncapp.models import RejectedChange
from syncapp.selftest.bench import ARROWS, Bench, milliseconds
from syncapp.selftest.values import Line, failed, passed
from syncapp.services.rejected import retry


def rejected(name: str, document_id: str) -> RejectedChange | None:
    wanted = extended_id(bson.encode({"_id": document_id}))
    return RejectedChange.objects.filter(collection=name, document_id=wanted).first()


def is_refused(bench: Bench, source: Side, name: str, document: dict[str, Any], why: str) -> Iterator[Line]:
    """`document`: one that must be refused; `why`: a word of the reason."""
    bench.at(source, name).insert_one(document)
    started = time.monotonic()
    said = f"{ARROWS[source]}: the refused document was not recorded as rejected"
    row = bench.until(lambda: rejected(name, document["_id"]), said)
    took = milliseconds(started)
    text = f"{ARROWS[source]}: rejected after {took:,} ms: {row.reason}"
    figures = {f"{source}RejectedMs": took}
    yield passed(text, **figures) if why in row.reason else failed(f"{text} (no word of {why})", **figures)
    if bench.raw(source.other, name, document["_id"]) is not None:
        yield failed(f"{ARROWS[source]}: it is on the other side all the same")


def arrives_by_retry(bench: Bench, source: Side, name: str, document_id: str, after: str) -> Line:
    """Retried as an operator does it, once nothing refuses it any more."""
    rows = RejectedChange.objects.filter(collection=name)
    started = time.monotonic()
    if rows.exists():
        retry(rows)
    text = f"{ARROWS[source]}: the rejected document did not arrive {after}"
    bench.until(lambda: bench.equal(name, document_id), text)
    bench.until(lambda: not rejected(name, document_id), "The rejected change is still listed")
    took = milliseconds(started)
    return passed(
        f"{ARROWS[source]}: arrives {after}, {took:,} ms after the retry", **{f"{source}RetriedMs": took}
    )


def stops_nobody(bench: Bench, source: Side, name: str, document: dict[str, Any]) -> Line:
    """A document beside it, which nothing refuses."""
    bench.at(source, name).insert_one(document)
    started = time.monotonic()
    text = f"{ARROWS[source]}: a document beside the rejected one did not arrive"
    bench.until(lambda: bench.equal(name, document["_id"]), text)
    return passed(f"{ARROWS[source]}: a document beside it arrives, after {milliseconds(started):,} ms")
