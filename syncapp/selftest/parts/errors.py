"""Is a document that the other side's server refuses set aside with the reason, and does it arrive when it may?"""

from __future__ import annotations

from collections.abc import Iterator

from pymongo.errors import OperationFailure

from syncapp.core.values import BOTH, Side
from syncapp.selftest.bench import ID, Bench
from syncapp.selftest.part import Part
from syncapp.selftest.refusals import arrives_by_retry, is_refused, stops_nobody
from syncapp.selftest.values import Line

VALIDATOR = {"price": {"$lt": 1_000}}
UNAUTHORIZED = 13


def look(bench: Bench) -> Iterator[Line]:
    for source in BOTH:
        name, beside, target = bench.scratch("errors"), bench.scratch("errors"), source.other
        bench.databases[target].create_collection(name, validator=VALIDATOR)
        yield from is_refused(bench, source, name, {"_id": ID, "price": 5_000}, "validator")
        yield stops_nobody(bench, source, beside, {"_id": ID, "price": 5})
        _remove_validator(bench, target, name)
        yield arrives_by_retry(bench, source, name, "after the validator was removed")


def _remove_validator(bench: Bench, side: Side, name: str) -> None:
    """The role readWrite may not change a validator; it may drop the collection, which holds nothing."""
    try:
        bench.databases[side].command("collMod", name, validator={})
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        bench.databases[side].drop_collection(name)


PART = Part("errors", "a document that a server refuses is rejected, and arrives later", look, place=8)
