"""Is a document that is changed on both sides decided as the strategy says, and is the other version kept?

The later version is written in a transaction that is still open while the other side is written: sync cannot carry one of
them before it sees both, so each trial is a conflict, without a pause of sync.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import bson

from syncapp.core.strategies import atlas_wins, local_wins, manual
from syncapp.core.strategies.last_write_wins import WITHIN_A_SECOND
from syncapp.core.values import Side
from syncapp.models import Conflict
from syncapp.mongo.transaction import transaction
from syncapp.selftest.bench import ID, NAMES, Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, failed, passed
from syncapp.services import switches

LATER_S = 0.3  # more than two clocks that are corrected can differ
BEFORE, EARLY, LATE = 1, 2, 3  # prices


def look(bench: Bench) -> Iterator[Line]:
    strategy = switches.show().strategy
    for late in (Side.ATLAS, Side.LOCAL):
        yield from _trial(bench, late, strategy)


def _trial(bench: Bench, late: Side, strategy: str) -> Iterator[Line]:
    name, started = bench.scratch("conflicts"), time.monotonic()
    _clash(bench, name, late)
    query = Conflict.objects.filter(collection=name).defer("local_document", "atlas_document")
    row = bench.until(query.first, f"{NAMES[late]} changed later: no conflict was recorded")
    took = milliseconds(started)
    yield passed(
        f"Conflict detected ({NAMES[late]} changed {LATER_S * 1000:.0f} ms later), after {took:,} ms",
        **{f"{late}LaterDetectedMs": took},
    )
    expected = _expected(strategy, late, row)
    won = "nobody: it waits for an operator" if row.winner == Conflict.Winner.OPEN else row.winner
    text = f"Winner by {row.strategy}: {won}"
    figures = {f"{late}LaterWinner": row.winner}
    yield passed(text, **figures) if row.winner == expected else failed(f"{text}, not {expected}", **figures)
    yield _kept(row, late)
    yield _consistent(bench, name, row, late)


def _clash(bench: Bench, name: str, late: Side) -> None:
    early = late.other
    bench.at(early, name).insert_one({"_id": ID, "price": BEFORE})
    bench.until(lambda: bench.equal(name), "The document of the trial did not arrive")
    with transaction(bench.databases[late]) as session:
        bench.at(late, name).update_one({"_id": ID}, _price(LATE), session=session)
        bench.at(early, name).update_one({"_id": ID}, _price(EARLY))
        time.sleep(LATER_S)


def _price(value: int) -> dict[str, Any]:
    return {"$set": {"price": value}}


def _expected(strategy: str, late: Side, row: Conflict) -> str:
    if strategy == manual.NAME:
        return Conflict.Winner.OPEN
    if WITHIN_A_SECOND in row.strategy:  # these servers do not tell which was the later
        return row.winner
    fixed = {atlas_wins.NAME: Side.ATLAS, local_wins.NAME: Side.LOCAL}
    return fixed.get(strategy, late).value


def _kept(row: Conflict, late: Side) -> Line:
    """Both versions in full, each as its side had it."""
    held = {Side.LOCAL: row.local_raw, Side.ATLAS: row.atlas_raw}
    prices = {side: bson.decode(bytes(raw))["price"] if raw else None for side, raw in held.items()}
    if prices == {late: LATE, late.other: EARLY}:
        return passed(f"Both versions are kept in the record: {row.because or row.strategy}")
    return failed(f"The record does not hold both versions: {prices[Side.LOCAL]}, {prices[Side.ATLAS]}")


def _consistent(bench: Bench, name: str, row: Conflict, late: Side) -> Line:
    if row.winner == Conflict.Winner.OPEN:
        both = [bench.raw(side, name) for side in Side]
        kept = all(both) and both[0] != both[1]
        return (
            passed("Both sides keep their version until then") if kept else failed("A side was overwritten")
        )
    price = LATE if row.winner == late.value else EARLY

    def holds() -> bool:
        found = bench.equal(name)
        return found is not None and bson.decode(found)["price"] == price

    bench.until(holds, f"The two sides do not both hold {row.winner}'s version")
    return passed("Both sides hold the winner's version")


PART = Part("conflicts", "a document changed on both sides: the winner and the record", look, place=4)
