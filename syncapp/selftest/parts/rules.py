"""Does a validation rule hold back what it does not allow, in both directions, and only as long as it is there?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from syncapp.core.values import Side
from syncapp.selftest.bench import Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.refusals import arrives_by_retry, is_refused, rejected, stops_nobody
from syncapp.selftest.values import Line, Missed, passed
from syncapp.services.validation import remove_rule, set_rule
from syncapp.store.selftest import Kind

SCHEMA = {"required": ["price"], "properties": {"price": {"type": "number"}}}
IN_FORCE_S = 10.0
TRIALS = 20


def look(bench: Bench) -> Iterator[Line]:
    name = bench.scratch("rules")
    bench.plan(Kind.RULE, name)
    set_rule(name, SCHEMA)
    started = time.monotonic()
    _wait_until_in_force(bench, name)
    took = milliseconds(started)
    yield passed(f"The validation rule is in force, after {took:,} ms", inForceMs=took)
    for source in (Side.LOCAL, Side.ATLAS):
        yield from is_refused(bench, source, name, {"_id": f"bad-{source}", "price": "a text"}, name)
        yield stops_nobody(bench, source, name, {"_id": f"good-{source}", "price": 1})
    remove_rule(name)
    for source in (Side.LOCAL, Side.ATLAS):
        yield arrives_by_retry(bench, source, name, f"bad-{source}", "after the rule was removed")


def _wait_until_in_force(bench: Bench, name: str) -> None:
    """Documents that it does not allow are written until one of them is held back."""
    deadline = time.monotonic() + IN_FORCE_S
    for number in range(min(TRIALS, bench.most_documents)):
        trial = f"trial-{number}"
        bench.at(Side.LOCAL, name).insert_one({"_id": trial})
        bench.until(
            lambda one=trial: rejected(name, one) or bench.equal(name, one),  # type: ignore[misc]
            "Local → Atlas: a document was neither rejected, nor did it arrive",
        )
        if rejected(name, trial):
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    raise Missed(f"The validation rule is not in force after {IN_FORCE_S:.0f} s")


PART = Part("rules", "a validation rule holds back what it does not allow", look, place=6)
