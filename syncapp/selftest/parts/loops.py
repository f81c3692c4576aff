"""Does a write that sync makes stay the last one? An echo that is taken for a change would go back and forth for ever."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

from syncapp.core.values import BOTH, Side
from syncapp.models import Instance
from syncapp.selftest.bench import ARROWS, NAMES, Bench
from syncapp.selftest.part import Part
from syncapp.selftest.values import Line, Missed, failed, passed
from syncapp.selftest.watching import Watch
from syncapp.store.instance import known_instance_id

DOCUMENTS = 5
QUIET_S = 2.0  # an echo comes back within milliseconds


def look(bench: Bench) -> Iterator[Line]:
    loops = _loops(bench)
    for source in (Side.LOCAL, Side.ATLAS):
        yield _no_echo(bench, source)
    found = _loops(bench) - loops
    text = f"Sync loops that the listener noticed meanwhile: {found}"
    yield passed(text, loops=found) if not found else failed(text, loops=found)


def _no_echo(bench: Bench, source: Side) -> Line:
    name, writes = bench.scratch("loops"), Counter[Side]()
    number = min(DOCUMENTS, bench.most_documents)
    with ExitStack() as stack:
        watches = [
            stack.enter_context(Watch(bench.at(side, name), lambda _, side=side: writes.update([side])))  # type: ignore[misc]
            for side in BOTH
        ]
        bench.at(source, name).insert_many([{"_id": str(one), "n": 1} for one in range(number)])
        _wait_for_all(bench, source, name, number)
        bench.at(source, name).update_many({}, {"$inc": {"n": 1}})
        _wait_for_all(bench, source, name, number)
        time.sleep(QUIET_S)
        if lost := next((watch.error for watch in watches if watch.error), None):
            raise lost
    return _judge(source, 2 * number, writes)


def _wait_for_all(bench: Bench, source: Side, name: str, number: int) -> None:
    missing = f"{ARROWS[source]}: the documents did not arrive"
    bench.until(lambda: all(bench.equal(name, str(one)) for one in range(number)), missing)


def _judge(source: Side, expected: int, writes: Counter[Side]) -> Line:
    here, there = writes[source], writes[source.other]
    if here < expected or there < expected:
        raise Missed(f"{ARROWS[source]}: only {here} and {there} of {expected} writes were seen")
    echoes = here + there - 2 * expected
    said = f"{expected} writes on {NAMES[source]}, {there} on {NAMES[source.other]}"
    figures = {f"{source}Writes": expected, f"{source}Echoes": echoes}
    if echoes:
        return failed(f"{ARROWS[source]}: {said}, and {here - expected} more came back", **figures)
    return passed(f"{ARROWS[source]}: {said}, and none came back within {QUIET_S:.0f} s", **figures)


def _loops(bench: Bench) -> int:
    device = Instance.objects.filter(instance_id=known_instance_id(bench.local)).first()
    return device.loops if device else 0


PART = Part("loops", "no write comes back as an echo", look, place=3)
