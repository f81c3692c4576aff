"""The same for a longer time and at a higher rate: does the queue fall again, and does everything arrive?"""

from __future__ import annotations

from collections.abc import Iterator

from syncapp.selftest.bench import Bench
from syncapp.selftest.host import Processor, memory_available_mb
from syncapp.selftest.measured import Counted, of_arrivals, of_latency, of_queue, of_rate
from syncapp.selftest.part import Part
from syncapp.selftest.traffic import Traffic, rate_of
from syncapp.selftest.values import Line, passed

SECONDS = 60.0
SHARE = 0.25  # of what one client can write


def look(bench: Bench) -> Iterator[Line]:
    rate = rate_of(bench, SHARE)
    yield of_rate(rate)
    counted, processor = Counted.begin(), Processor()
    traffic = Traffic(bench, rate.value, bench.wanted.seconds or SECONDS)
    flows = traffic.run()
    yield of_arrivals(traffic, flows)
    yield from of_latency(flows)
    yield of_queue(traffic, at_end_only=True)
    yield from counted.lines(sum(flow.arrived for flow in flows))
    yield from _host(processor)


def _host(processor: Processor) -> Iterator[Line]:
    busy, free = processor.busy_percent(), memory_available_mb()
    if busy is not None and free is not None:
        yield passed(
            f"This host meanwhile: processor {busy:.0f} % busy, {free:,.0f} MB of memory available",
            processorPercent=round(busy),
            memoryAvailableMb=round(free),
        )


PART = Part("load", "a higher rate, for a given time", look, place=10, by_default=False)
