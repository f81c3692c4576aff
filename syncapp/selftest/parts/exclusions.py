"""Is an excluded collection left alone in the direction Atlas → local, still sent up, and pulled again afterwards?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from syncapp.core.values import Side
from syncapp.selftest.bench import ID, Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, Missed, failed, passed
from syncapp.services.rules.exclusions import exclude, include
from syncapp.store.selftest import Kind

IN_FORCE_S = 10.0  # a changed rule takes a second or two
BEHIND_S = 0.5  # what was written before a document that has arrived has been looked at, too


def look(bench: Bench) -> Iterator[Line]:
    held, up, beside = bench.scratch("exclusions"), bench.scratch("exclusions"), bench.scratch("beside")
    pattern = bench.pattern(Kind.EXCLUSION, "exclusions")
    exclude(pattern)
    started = time.monotonic()
    _wait_until_in_force(bench, held, beside)
    took = milliseconds(started)
    text = f"Atlas → Local: excluded, in force after {took:,} ms; a collection beside it is still pulled"
    yield passed(text, inForceMs=took)
    bench.at(Side.LOCAL, up).insert_one({"_id": ID})
    started = time.monotonic()
    bench.until(lambda: bench.equal(up), "Local → Atlas: a document of an excluded collection did not go up")
    took = milliseconds(started)
    yield passed(f"Local → Atlas: still works for excluded collections, after {took:,} ms", upMs=took)
    if bench.equal(held):
        yield failed("Atlas → Local: what is excluded was pulled after all")
    include(pattern)
    started = time.monotonic()
    bench.until(lambda: bench.equal(held), "The document did not arrive after the exclusion was removed")
    took = milliseconds(started)
    yield passed(f"Included again: what was not pulled arrives, after {took:,} ms", backfilledMs=took)


def _wait_until_in_force(bench: Bench, held: str, beside: str) -> None:
    """Write to both collections on Atlas until only the one beside the excluded one is pulled."""
    deadline, number = time.monotonic() + IN_FORCE_S, 0
    while time.monotonic() < deadline:
        number += 1
        for name in (held, beside):
            bench.at(Side.ATLAS, name).update_one({"_id": ID}, {"$set": {"n": number}}, upsert=True)
        bench.until(
            lambda: bench.equal(beside),
            "Atlas → Local: a document of a collection that is not excluded did not arrive",
        )
        time.sleep(BEHIND_S)
        if not bench.equal(held):
            return
    raise Missed(f"Atlas → Local: the collection was excluded, and is still pulled after {IN_FORCE_S:.0f} s")


PART = Part("exclusions", "an excluded collection is not pulled, and still goes up", look, place=5)
