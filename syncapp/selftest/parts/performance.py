"""Latency, processing time, queue and errors at a modest rate, against the limits of the migration guide."""

from __future__ import annotations

from collections.abc import Iterator

from syncapp.selftest.bench import Bench
from syncapp.selftest.measured import Counted, of_arrivals, of_latency, of_queue, of_rate
from syncapp.selftest.part import Part
from syncapp.selftest.traffic import Traffic, rate_of
from syncapp.selftest.values import Line

SECONDS = 10.0
SHARE, MOST = 0.1, 50.0  # of what one client can write; writes a second, if none are asked for


def look(bench: Bench) -> Iterator[Line]:
    rate = rate_of(bench, SHARE, MOST)
    yield of_rate(rate)
    counted = Counted.begin()
    traffic = Traffic(bench, rate.value, bench.wanted.seconds or SECONDS)
    flows = traffic.run()
    yield of_arrivals(traffic, flows)
    yield from of_latency(flows)
    yield of_queue(traffic, at_end_only=False)
    yield from counted.lines(sum(flow.arrived for flow in flows))


PART = Part("performance", "latency, processing time and queue at a modest rate", look, place=9)
