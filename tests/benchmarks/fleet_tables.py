"""Tables of what many devices on one Atlas cost."""

from __future__ import annotations

from statistics import median

from tests.benchmarks.figures import medians
from tests.benchmarks.results import Results
from tests.benchmarks.streams import Streams
from tests.benchmarks.table import Table, number

WRITES = (1, 10, 100)  # a second, of all devices together


def fleet_table(results: Results) -> Table:
    rates = medians(((one.source, one.devices), one.per_second) for one in results.fleets)
    moved = medians(((one.source, one.devices), one.transfers_per_second) for one in results.fleets)
    counts = sorted({one.devices for one in results.fleets})
    rows = []
    for source in dict.fromkeys(one.source for one in results.fleets):
        name = "from Atlas" if source == "atlas" else "from the devices, each a part"
        cells = [f"{number(rates.get((source, n)))} ({number(moved.get((source, n)))})" for n in counts]
        rows.append((name, *cells))
    head = ("changes that reach all (transfers), a second", *(f"{count} devices" for count in counts))
    return Table("Devices", head, rows)


def stream_table(results: Results) -> Table:
    rows = []
    for count, several in _streams(results).items():
        cells = (
            median(getattr(one, name) for one in several) for name in ("idle", "alone", "backlog", "foreign")
        )
        rows.append((number(count), *map(number, cells)))
    head = (
        "streams", "one stream, a second", "an event alone", "an event of a backlog", "another device's heartbeat",
    )  # fmt: skip
    return Table("Streams on Atlas, µs of its CPU (events: for each stream)", head, rows)


def heartbeat_table(results: Results) -> Table:
    rows = []
    for count in sorted({one.devices for one in results.heartbeats}):
        several = [one for one in results.heartbeats if one.devices == count]
        share = 1 / several[0].seconds
        cells = (
            median(one.quiet for one in several),
            median(one.each_look for one in several),
            median(one.each_look_beats * share for one in several),
            median(one.now for one in several),
            median(one.now_beats * share for one in several),
        )
        rows.append((number(count), *(number(cell, 2) for cell in cells)))
    head = (
        "idle devices", "their streams", "+ a beat at each look", "beats a second", "+ beats as they are", "beats a second",
    )  # fmt: skip
    return Table("Heartbeats of idle devices, % of one core of Atlas", head, rows)


def growth_table(results: Results) -> Table:
    rows = []
    if found := _streams(results):
        several = found[max(found)]
        for devices in (10, 100, 1_000):
            cells = []
            for writes in WRITES:
                bounds = (
                    median(one.cores(devices, writes, together=together) for one in several)
                    for together in (True, False)
                )
                cells.append(" to ".join(number(one, 2) for one in bounds))
            rows.append((number(devices), *cells))
    head = ("devices", *(f"{writes} writes a second" for writes in WRITES))
    return Table("Cores of Atlas that the devices' streams take, by arithmetic", head, rows)


def _streams(results: Results) -> dict[int, list[Streams]]:
    found: dict[int, list[Streams]] = {}
    for one in results.streams:
        found.setdefault(one.streams, []).append(one)
    return found
