"""Does a validation rule hold back what it does not allow, in both directions, and only as long as it is there?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from syncapp.core.values import BOTH, Side
from syncapp.selftest.bench import ID, Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.refusals import arrives_by_retry, is_refused, rejected, stops_nobody
from syncapp.selftest.values import Line, Missed, passed
from syncapp.services.rules.validation import remove_rule, set_rule
from syncapp.store.selftest import Kind

SCHEMA = {"required": ["price"], "properties": {"price": {"type": "number"}}}
IN_FORCE_S = 10.0


def look(bench: Bench) -> Iterator[Line]:
    pattern = bench.pattern(Kind.RULE, "rules")
    set_rule(pattern, SCHEMA)
    started = time.monotonic()
    _wait_until_in_force(bench)
    took = milliseconds(started)
    yield passed(f"The validation rule is in force, after {took:,} ms", inForceMs=took)
    held = {side: bench.scratch("rules") for side in BOTH}
    for source in BOTH:
        yield from is_refused(bench, source, held[source], {"_id": ID, "price": "a text"}, pattern)
        yield stops_nobody(bench, source, bench.scratch("rules"), {"_id": ID, "price": 1})
    remove_rule(pattern)
    for source in BOTH:
        yield arrives_by_retry(bench, source, held[source], "after the rule was removed")


def _wait_until_in_force(bench: Bench) -> None:
    """A document that it does not allow is written until it is held back."""
    name, deadline, number = bench.scratch("rules"), time.monotonic() + IN_FORCE_S, 0
    while time.monotonic() < deadline:
        number += 1
        bench.at(Side.LOCAL, name).update_one({"_id": ID}, {"$set": {"n": number}}, upsert=True)
        bench.until(
            lambda: rejected(name) or bench.equal(name),
            "Local → Atlas: a document was neither rejected, nor did it arrive",
        )
        if rejected(name):
            return
        time.sleep(0.3)
    raise Missed(f"The validation rule is not in force after {IN_FORCE_S:.0f} s")


PART = Part("rules", "a validation rule holds back what it does not allow", look, place=6)
