"""A rejected change, from the refusal to the arrival: for the parts that have documents refused on purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from syncapp.core.values import Side
from syncapp.models import RejectedChange
from syncapp.selftest.bench import ARROWS, Bench, milliseconds
from syncapp.selftest.values import Line, failed, passed
from syncapp.services.errors import Overtaken
from syncapp.services.rejected import retry

RETRY_S = 0.2


def rejected(name: str) -> RejectedChange | None:
    """The row of the one document of a scratch collection."""
    return RejectedChange.objects.filter(collection=name).first()


def is_refused(bench: Bench, source: Side, name: str, document: dict[str, Any], why: str) -> Iterator[Line]:
    """`document`: one that must be refused; `why`: a word of the reason."""
    bench.at(source, name).insert_one(document)
    started = time.monotonic()
    said = f"{ARROWS[source]}: the refused document was not recorded as rejected"
    row = bench.until(lambda: rejected(name), said)
    took = milliseconds(started)
    text = f"{ARROWS[source]}: rejected after {took:,} ms: {row.reason}"
    figures = {f"{source}RejectedMs": took}
    yield passed(text, **figures) if why in row.reason else failed(f"{text} (no word of {why})", **figures)
    if bench.raw(source.other, name) is not None:
        yield failed(f"{ARROWS[source]}: it is on the other side all the same")


def arrives_by_retry(bench: Bench, source: Side, name: str, after: str) -> Line:
    """Retried as an operator does it, once nothing refuses it any more; again if a rule was still in force."""
    started = time.monotonic()

    def is_settled() -> bool:
        row = rejected(name)
        if row is not None and (row.retried_at is None or row.last_at > row.retried_at):
            with suppress(Overtaken):  # it was accepted meanwhile
                retry(RejectedChange.objects.filter(pk=row.pk))
            time.sleep(RETRY_S)
        return row is None and bench.equal(name) is not None

    bench.until(is_settled, f"{ARROWS[source]}: the rejected document did not arrive {after}")
    took = milliseconds(started)
    text = f"{ARROWS[source]}: the rejected document arrives {after} and is not listed any more, {took:,} ms after a retry"
    return passed(text, **{f"{source}RetriedMs": took})


def stops_nobody(bench: Bench, source: Side, name: str, document: dict[str, Any]) -> Line:
    """A document beside it, which nothing refuses."""
    bench.at(source, name).insert_one(document)
    started = time.monotonic()
    text = f"{ARROWS[source]}: a document beside the rejected one did not arrive"
    bench.until(lambda: bench.equal(name), text)
    return passed(f"{ARROWS[source]}: a document beside it arrives, after {milliseconds(started):,} ms")
