"""Results as tables: ratios first, medians of all runs. Pure: text in cells, no servers."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from syncapp.core.values import Side
from tests.benchmarks.figures import median_of_maps, medians, ratio
from tests.benchmarks.fleet_tables import fleet_table, growth_table, heartbeat_table, stream_table
from tests.benchmarks.results import Results
from tests.benchmarks.rules import NO_RULE
from tests.benchmarks.steps import LARGE_BATCH, LARGE_DOCUMENTS, SINGLE
from tests.benchmarks.table import ARROWS, CEILING, LIMIT, NAIVE, PRODUCT, Table, number, times
from tests.benchmarks.urgency import Urgent


def all_tables(results: Results) -> list[Table]:
    makers: list[Callable[[Results], Table]] = [
        drain_table, live_table, cost_table, latency_table, worker_table, distance_table, fleet_table,
        stream_table, heartbeat_table, growth_table, first_run_table, idle_table, memory_table, unique_table, urgency_table, rule_table, page_table,
        part_table, step_table,
    ]  # fmt: skip
    return [table for table in (make(results) for make in makers) if table.rows]


def drain_table(results: Results) -> Table:
    return _throughput(results, "Draining a backlog", live=False)


def live_table(results: Results) -> Table:
    return _throughput(results, "Live writes", live=True)


def _throughput(results: Results, title: str, live: bool) -> Table:
    plain = [
        one for one in results.drains
        if one.live == live and not one.round_trip_ms and (one.contender != PRODUCT or not one.workers)
    ]  # fmt: skip
    rates = medians(((one.workload, one.source, one.contender), one.per_second) for one in plain)
    rows = []
    for workload, source in dict.fromkeys((one.workload, one.source) for one in plain):
        mine, limit, ceiling, naive = (
            rates.get((workload, source, name)) for name in (PRODUCT, LIMIT, CEILING, NAIVE)
        )
        rows.append((
            f"{workload}, {ARROWS[source]}", times(ratio(mine, limit)), times(ratio(mine, naive)),
            number(mine), number(limit), number(ceiling), number(naive),
        ))  # fmt: skip
    head = ("changes a second", "product / limit", "product / naive", "product", "limit", "ceiling", "naive")
    return Table(title, head, rows)


def cost_table(results: Results) -> Table:
    """Beside what the product spends: what all cores together have for a change at the rate of `limit`."""
    plain = [one for one in results.drains if not (one.live or one.round_trip_ms or one.workers)]
    kinds = ("listener", "worker", "broker", "local MongoDB", "Atlas")
    rates = medians(((one.workload, one.source, one.contender), one.per_second) for one in plain)
    rows = []
    for workload, source in dict.fromkeys((one.workload, one.source) for one in plain):
        product, limit, naive = (
            median_of_maps(
                one.cpu_us
                for one in plain
                if (one.workload, one.source, one.contender) == (workload, source, contender)
            )
            for contender in (PRODUCT, LIMIT, NAIVE)
        )
        rate = rates.get((workload, source, LIMIT))
        rows.append((
            f"{workload}, {ARROWS[source]}",
            *(number(product.get(kind)) for kind in kinds),
            number(sum(product.values()) or None),
            number(ratio(results.machine.get("cores", 0) * 1e6, rate)),
            number(limit.get(LIMIT)),
            number(naive.get(NAIVE)),
        ))  # fmt: skip
    head = ("", *kinds, "product in all", "all cores at limit's rate", LIMIT, NAIVE)
    return Table("CPU, µs a change, while a backlog is drained", head, rows)


def latency_table(results: Results) -> Table:
    rows = []
    points = ("p50", "p95", "p99")
    found = {
        point: medians(
            ((one.source, one.rate, one.round_trip_ms, one.contender), float(getattr(one, point)))
            for one in results.latencies
        )
        for point in points
    }
    worked = medians(
        ((one.source, one.rate, one.round_trip_ms), one.worked)
        for one in results.latencies
        if one.worked is not None
    )
    for source, rate, round_trip in dict.fromkeys(
        (one.source, one.rate, one.round_trip_ms) for one in results.latencies
    ):
        of = {
            (name, point): found[point].get((source, rate, round_trip, name))
            for name in (PRODUCT, NAIVE, LIMIT)
            for point in points
        }
        far = f", {round_trip} ms to Atlas" if round_trip else ""
        rows.append((
            f"{ARROWS[source]}, {rate:.0f} writes/s{far}",
            times(ratio(of[PRODUCT, "p50"], of[NAIVE, "p50"])),
            times(ratio(of[PRODUCT, "p99"], of[NAIVE, "p99"])),
            *(" / ".join(number(of[name, point], 1) for point in points) for name in (PRODUCT, NAIVE, LIMIT)),
            number(worked.get((source, rate, round_trip)), 1),
        ))  # fmt: skip
    head = ("milliseconds", "p50 / naive's", "p99 / naive's",
            "product p50 / p95 / p99", "naive", "limit", "of the product's p50, in the worker's task")  # fmt: skip
    return Table("Latency", head, rows)


def page_table(results: Results) -> Table:
    """Without and with somebody who looks."""
    points = ("p50", "p95", "p99", "requests", "request_p95", "web", "failed")
    found = {
        point: medians(
            ((one.source, one.rate, one.looked_at), float(getattr(one, point))) for one in results.looked
        )
        for point in points
    }
    rows = []
    for source, rate in dict.fromkeys((one.source, one.rate) for one in results.looked):
        without, with_ = (source, rate, False), (source, rate, True)
        rows.append((
            f"{ARROWS[source]}, {rate:,.0f} writes/s",
            *(" / ".join(number(found[point].get(key), 1) for point in points[:3]) for key in (without, with_)),
            times(ratio(found["p50"].get(with_), found["p50"].get(without))),
            times(ratio(found["p99"].get(with_), found["p99"].get(without))),
            number(found["requests"].get(with_)),
            number(found["request_p95"].get(with_)),
            f"{number(found['web'].get(with_))} %",
            number(found["failed"].get(with_)),
        ))  # fmt: skip
    head = ("milliseconds", "alone: p50 / p95 / p99", "looked at: p50 / p95 / p99", "p50", "p99", "requests/s",
            "their p95", "web process, of one core", "failed")  # fmt: skip
    return Table("Latency while 100 requests a second and an open live page are answered", head, rows)


def worker_table(results: Results) -> Table:
    grown = [one for one in results.drains if one.contender == PRODUCT and one.workers]
    rates = medians(((one.workload, one.source, one.workers), one.per_second) for one in grown)
    limits = medians(
        ((one.workload, one.source), one.per_second)
        for one in results.drains
        if one.contender == LIMIT and not one.live and not one.round_trip_ms
    )
    counts = sorted({one.workers for one in grown})
    rows = []
    for workload, source in dict.fromkeys((one.workload, one.source) for one in grown):
        limit = limits.get((workload, source))
        mine = [rates.get((workload, source, count)) for count in counts]
        cells = [f"{number(one)} ({times(ratio(one, limit))})" for one in mine]
        rows.append((f"{workload}, {ARROWS[source]}", *cells))
    head = ("changes a second (of limit)", *(f"{count} worker processes" for count in counts))
    return Table("Worker processes", head, rows)


def distance_table(results: Results) -> Table:
    far = [one for one in results.drains if one.round_trip_ms and not one.live]
    trips = sorted({one.round_trip_ms for one in far})
    names = {(one.workload, one.source) for one in far}
    near = [one for one in results.drains if not (one.round_trip_ms or one.live or one.workers)]
    rates = medians(
        ((one.workload, one.source, one.contender, one.round_trip_ms), one.per_second) for one in near + far
    )
    rows = []
    for workload, source in dict.fromkeys((one.workload, one.source) for one in near + far):
        for contender in (PRODUCT, LIMIT) if (workload, source) in names else ():
            cells = [rates.get((workload, source, contender, trip)) for trip in (0, *trips)]
            shares = [
                number(cells[0]),
                *(f"{number(one)} ({times(ratio(one, cells[0]))})" for one in cells[1:]),
            ]
            rows.append((f"{contender}: {workload}, {ARROWS[source]}", *shares))
    head = ("changes a second", *(f"{trip} ms to Atlas" for trip in (0, *trips)))
    return Table("High-latency links to Atlas", head, rows)


def first_run_table(results: Results) -> Table:
    found = results.first_runs
    copied = medians((one.documents, one.documents / one.copy_seconds) for one in found)
    verified = medians((one.documents, one.documents / one.verify_seconds) for one in found)
    commands = medians((one.documents, one.command_seconds) for one in found)
    head = ("documents", "copied per second", "verified per second", "`sync_verify` on the command line, s")
    rows = [(number(n), number(copied[n]), number(verified[n]), number(commands[n], 1)) for n in copied]
    return Table("First run, and verify", head, rows)


def idle_table(results: Results) -> Table:
    rows = []
    for profile in dict.fromkeys(one.profile for one in results.idles):
        found = [one for one in results.idles if one.profile == profile]
        percent = median_of_maps(one.percent for one in found)
        memory = median_of_maps(one.memory_mb for one in found)
        whole, whole_mb = (
            median([one.product for one in found]),
            median([one.product_mb for one in found]),
        )
        rows.append((profile, "the product in all", number(whole, 2), number(whole_mb)))
        rows += [(profile, kind, number(percent[kind], 2), number(memory.get(kind))) for kind in percent]
    return Table("Idle", ("profile", "process", "% of one core", "MB (PSS)"), rows)


def memory_table(results: Results) -> Table:
    """The most of all runs, not the median."""
    rows = []
    kinds = ("listener", "worker", "broker", LIMIT, NAIVE)
    most: dict[str, float] = {}
    for one in (*results.drains, *results.first_runs):
        for kind, megabytes in one.memory_mb.items():
            most[kind] = max(most.get(kind, 0.0), megabytes)
    rows = [(kind, number(most[kind])) for kind in kinds if kind in most]
    return Table("Peak memory, per process", ("", "MB"), rows)


def unique_table(results: Results) -> Table:
    took = medians(((one.kind, one.documents, one.source), one.seconds) for one in results.moves)
    waits: dict[tuple[str, int, str], float] = {}
    for one in results.moves:
        what = (one.kind, one.documents, one.source)
        waits[what] = max(waits.get(what, 0.0), one.worst_wait)
    rows = [
        (
            f"{kind}, {documents:,}, {ARROWS[source]}",
            number(seconds, 1),
            number(waits[kind, documents, source], 2),
        )
        for (kind, documents, source), seconds in took.items()
    ]
    head = (
        "documents",
        "seconds until all arrived, or were set aside",
        "longest wait of another collection, s",
    )
    return Table("Unique values that move", head, rows)


def urgency_table(results: Results) -> Table:
    """Medians of all runs; of the worst the worst."""
    runs: dict[tuple[str, ...], list[Urgent]] = {}
    for one in results.urgent:
        behind = f"{one.waiting:,} {ARROWS[one.source]} ({one.contender})"
        runs.setdefault((f"{ARROWS[str(Side(one.target).other)]}, behind {behind}",), []).append(one)
    rows = [
        (
            *what,
            *(number(median(getattr(one, name) for one in found)) for name in ("p50", "p95")),
            *(number(max(getattr(one, name) for one in found)) for name in ("most", "away")),
            number(median(one.rest for one in found)),
            number(max(one.memory_mb for one in found)),
        )
        for what, found in runs.items()
    ]
    head = (
        "payments",
        "p50, ms",
        "p95",
        "worst",
        "worst of those made while away",
        "the rest, s",
        "listener, MB",
    )
    return Table("What goes first past a backlog of what goes last", head, rows)


def rule_table(results: Results) -> Table:
    """Rows: what is carried, under which rule; beside the same without a rule."""
    found = {
        name: medians(((one.workload, one.source, one.rule), getattr(one, name)) for one in results.ruled)
        for name in ("per_second", "worker_us")
    }
    rates = found["per_second"]
    rows = [
        (
            f"{workload}, {ARROWS[source]}, {rule}",
            times(ratio(rate, rates[workload, source, NO_RULE])),
            number(rate),
            number(found["worker_us"][workload, source, rule]),
        )
        for (workload, source, rule), rate in rates.items()
    ]
    return Table(
        "Under rules, without conflicts", ("", "of without", "changes a second", "workers, µs a change"), rows
    )


def part_table(results: Results) -> Table:
    """Columns: what is carried; rows: what is done for it, the dearest first."""
    columns = list(dict.fromkeys((one.source, one.operation) for one in results.parts))
    found = medians(((one.process, one.name, one.source, one.operation), one.cpu_us) for one in results.parts)
    rows = []
    for process in dict.fromkeys(one.process for one in results.parts):
        names = {one.name for one in results.parts if one.process == process}
        lines = {name: [found.get((process, name, *column)) or 0.0 for column in columns] for name in names}
        rows.append(
            (f"**{process}**", *(number(sum(values), 1) for values in zip(*lines.values(), strict=True)))
        )
        for name, values in sorted(lines.items(), key=lambda line: -sum(line[1])):
            rows.append((name, *(number(value, 1) for value in values)))
    head = ("µs of CPU a change", *(f"{operation}, {ARROWS[source]}" for source, operation in columns))
    return Table("What the listener and the workers spend their CPU on", head, rows)


def step_table(results: Results) -> Table:
    """Of a large batch what all costs a document, of a single document how long it takes."""
    columns = ("wall_us", "client_us", "local_us", "atlas_us")
    found = {
        column: medians(
            ((one.source, one.operation, one.name, one.batch == SINGLE), float(getattr(one, column)))
            for one in results.steps
        )
        for column in columns
    }
    rows = []
    for source, operation in dict.fromkeys((one.source, one.operation) for one in results.steps):
        names = dict.fromkeys(
            one.name for one in results.steps if (one.source, one.operation) == (source, operation)
        )
        total = [0.0] * (len(columns) + 1)
        for name in names:
            large = [found[column].get((source, operation, name, False)) for column in columns]
            single = found["wall_us"].get((source, operation, name, True))
            values = [*large, None if single is None else single / 1e3]
            total = [before + (value or 0.0) for before, value in zip(total, values, strict=True)]
            rows.append((name, *(number(value, 1) for value in values)))
        sums = (f"**{operation}, {ARROWS[source]}**", *(number(value, 1) for value in total))
        rows.insert(len(rows) - len(names), sums)
    head = (f"µs a document, in batches of {LARGE_BATCH:,} (64 KB: {LARGE_DOCUMENTS})", "time", "CPU of the engine",
            "local MongoDB", "Atlas", "alone, ms")  # fmt: skip
    return Table("Step by step, the engine alone", head, rows)
