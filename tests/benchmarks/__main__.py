"""`make bench`: the product and its baselines, side by side on the same real servers (docs/performance.md)."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from syncapp.conf.settings import BASE_DIR
from syncapp.core.values import Side
from tests.benchmarks.contenders import CEILING, LIMIT, NAIVE, PRODUCT, SMALL
from tests.benchmarks.devices import fleet
from tests.benchmarks.distance import distance
from tests.benchmarks.drain import tell
from tests.benchmarks.first_run import first_run
from tests.benchmarks.heartbeats import heartbeats
from tests.benchmarks.idle import idle
from tests.benchmarks.latency import latencies
from tests.benchmarks.options import GROUPS, Options, read_options
from tests.benchmarks.pages import pages
from tests.benchmarks.profile import profile
from tests.benchmarks.publish import publish
from tests.benchmarks.results import Results, machine
from tests.benchmarks.rules import drains_under_rules
from tests.benchmarks.steps import steps
from tests.benchmarks.streams import streams
from tests.benchmarks.tables import all_tables
from tests.benchmarks.unique import moves, refused
from tests.benchmarks.urgency import urgency
from tests.benchmarks.workloads import STORIES
from tests.benchmarks.world import World, world

FOLDER = BASE_DIR / "bench-results"


def main() -> int:
    signal.signal(signal.SIGTERM, _stop)
    options = read_options(sys.argv[1:])
    date = time.strftime("%Y-%m-%d")
    path = FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    results = Results(options={"command": options.command, "runs": options.runs, "changes": options.changes})
    with world() as servers:
        mongodb = str(servers.local_client.server_info()["version"])
        results.machine = machine(mongodb, date)
        for run in range(options.runs):
            for group in (name for name in GROUPS if name in options.groups):
                began = time.monotonic()
                MEASURES[group](group, servers, options, results)
                results.save(path)  # what was measured stays, whatever happens later
                took = time.monotonic() - began
                print(f"run {run + 1} of {options.runs}: {group}, {took:.0f} s", flush=True)
    print()
    print("\n\n".join(table.as_text() for table in all_tables(results)))
    print(f"\n{path.relative_to(BASE_DIR)}")
    if options.publish:
        publish(results)
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # so that everything is stopped in order


def _count(name: str, options: Options) -> int:
    return options.naive_changes if name == NAIVE else options.changes


def _drains(group: str, servers: World, options: Options, results: Results) -> None:
    story, live = ("basic", True) if group == "live" else (group, False)
    assert story in STORIES
    for source in options.sources:
        for name in options.peers:
            results.drains += tell(story, name, servers, source, _count(name, options), live=live)


def _latency(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        for name in (one for one in options.peers if one != CEILING):
            found = latencies(name, servers, source, list(options.rates), options.rate_seconds)
            results.latencies += found


def _workers(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        for count in options.workers:
            results.drains += tell("basic", PRODUCT, servers, source, options.changes, workers=count)


def _distance(group: str, servers: World, options: Options, results: Results) -> None:
    first = min(options.rates)
    for milliseconds in options.round_trips:
        with distance(servers.atlas.port, milliseconds) as port:
            for source in options.sources:
                for name in (one for one in options.peers if one in (PRODUCT, LIMIT)):
                    results.drains += tell(
                        "basic", name, servers, source, options.changes, round_trip_ms=milliseconds, atlas_port=port
                    )  # fmt: skip
                # A loop that waits for every write on Atlas can follow only a few a second
                for name in (one for one in options.peers if one in (PRODUCT, NAIVE)):
                    rate = first if name == PRODUCT or source is Side.ATLAS else 1.0
                    results.latencies += latencies(
                        name, servers, source, [rate], options.rate_seconds, round_trip_ms=milliseconds, atlas_port=port
                    )  # fmt: skip


def _devices(group: str, servers: World, options: Options, results: Results) -> None:
    for count in options.devices:
        results.fleets += fleet(servers, count, options.changes)


def _streams(group: str, servers: World, options: Options, results: Results) -> None:
    results.streams += streams(servers, options.streams, options.stream_seconds)


def _heartbeats(group: str, servers: World, options: Options, results: Results) -> None:
    results.heartbeats += heartbeats(servers, options.beating, 2 * options.stream_seconds)


def _first_run(group: str, servers: World, options: Options, results: Results) -> None:
    results.first_runs.append(first_run(servers, options.documents))


def _idle(group: str, servers: World, options: Options, results: Results) -> None:
    results.idles += [idle(servers, options.idle_seconds, profile) for profile in options.profiles]


def _steps(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        results.steps += steps(servers, source)


def _unique(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        results.moves += moves(servers, source, options.moved)
        results.moves.append(refused(servers, source, options.refused))


def _urgency(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        for name in (one for one in options.peers if one in (PRODUCT, SMALL)):
            results.urgent += urgency(name, servers, source, options.waiting)


def _rules(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        results.ruled += drains_under_rules(servers, source, options.changes)


def _pages(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        results.looked += pages(servers, source, list(options.page_rates), options.rate_seconds)


def _profile(group: str, servers: World, options: Options, results: Results) -> None:
    for source in options.sources:
        results.parts += profile(servers, source, options.changes)


Measure = Callable[[str, World, Options, Results], None]
MEASURES: dict[str, Measure] = {
    **dict.fromkeys(("basic", "hot", "mix", "large", "live"), _drains),
    "latency": _latency,
    "workers": _workers,
    "distance": _distance,
    "devices": _devices,
    "streams": _streams,
    "heartbeats": _heartbeats,
    "first-run": _first_run,
    "idle": _idle,
    "pages": _pages,
    "profile": _profile,
    "rules": _rules,
    "steps": _steps,
    "unique": _unique,
    "urgency": _urgency,
}


if __name__ == "__main__":
    sys.exit(main())
