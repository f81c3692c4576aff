"""Is an excluded collection left alone in the direction Atlas → local, still sent up, and pulled again afterwards?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from syncapp.core.values import Side
from syncapp.selftest.bench import Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, Missed, failed, passed
from syncapp.services.exclusions import exclude, include
from syncapp.store.selftest import Kind

IN_FORCE_S = 10.0  # a changed rule takes a second or two
BEHIND_S = 0.5  # what was written before a document that has arrived has been looked at, too
TRIALS = 20


def look(bench: Bench) -> Iterator[Line]:
    name, beside = bench.scratch("exclusions"), bench.scratch("exclusions")
    bench.plan(Kind.EXCLUSION, name)
    exclude(name)
    started = time.monotonic()
    held = _first_that_stays(bench, name, beside)
    took = milliseconds(started)
    yield passed(
        f"Atlas → Local: excluded, in force after {took:,} ms; a collection beside it is still pulled",
        inForceMs=took,
    )
    bench.at(Side.LOCAL, name).insert_one({"_id": "up"})
    started = time.monotonic()
    bench.until(
        lambda: bench.equal(name, "up"), "Local → Atlas: a document of the excluded collection did not go up"
    )
    took = milliseconds(started)
    yield passed(f"Local → Atlas: still works for the excluded collection, after {took:,} ms", upMs=took)
    if bench.raw(Side.LOCAL, name, held) is not None:
        yield failed("A document of the excluded collection was pulled after all")
    include(name)
    started = time.monotonic()
    bench.until(
        lambda: bench.equal(name, held), "The document did not arrive after the exclusion was removed"
    )
    took = milliseconds(started)
    yield passed(f"Included again: what was not pulled arrives, after {took:,} ms", backfilledMs=took)


def _first_that_stays(bench: Bench, name: str, beside: str) -> str:
    """Write to both collections on Atlas until only the one beside it is pulled. Returns the `_id` that was not."""
    deadline = time.monotonic() + IN_FORCE_S
    for number in range(min(TRIALS, bench.most_documents)):
        trial = str(number)
        bench.at(Side.ATLAS, name).insert_one({"_id": trial})
        bench.at(Side.ATLAS, beside).insert_one({"_id": trial})
        bench.until(
            lambda one=trial: bench.raw(Side.LOCAL, beside, one),  # type: ignore[misc]
            "Atlas → Local: a document of a collection that is not excluded did not arrive",
        )
        time.sleep(BEHIND_S)
        if bench.raw(Side.LOCAL, name, trial) is None:
            return trial
        if time.monotonic() > deadline:
            break
    raise Missed(f"Atlas → Local: the collection was excluded, and is still pulled after {IN_FORCE_S:.0f} s")


PART = Part("exclusions", "an excluded collection is not pulled, and still goes up", look, place=5)
