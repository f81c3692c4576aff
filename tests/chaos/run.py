"""One run: start, break things while applications write, heal, wait until all is equal, and judge."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bson

from tests.chaos import log_reader
from tests.chaos.history import Key
from tests.chaos.judge import Loser, judge
from tests.chaos.report import Report
from tests.chaos.schedule import Schedule
from tests.chaos.world import World
from tests.chaos.writers import COLLECTIONS, SALES, wrong_sums
from tests.support.eventually import eventually
from tests.support.faketime import faketime
from tests.support.processes import processes_of

MEMORY_SECONDS = 5.0  # how often memory is looked at
STAYS_EQUAL_SECONDS = 5.0
STEP_SECONDS = 0.1
SHOWN = 20  # lines of one kind of problem


@dataclass(frozen=True)
class Options:
    seed: int
    devices: int = 3
    seconds: float = 600.0  # of faults
    every: float = 4.0  # seconds between two faults, on the average
    rate: float = 8.0  # writes a second on each side
    documents: int = 1_000  # of each collection, on Atlas before the first run
    settle_seconds: float = 180.0


def run(options: Options, folder: Path, say: Callable[[str], None] = print) -> Report:
    """Raises nothing for what chaos finds: it is in the report's problems."""
    report = Report(options.seed, options.devices, options.seconds)
    if faketime() is None:
        report.impossible = ("a wrong clock (libfaketime is not installed)",)
    world = World(folder, options.devices)
    try:
        world.start(options.documents)
        say(f"{options.devices} devices were up and equal after {world.seconds_to_start:.0f} s")
        schedule = _break_things(world, options, say)
        report.faults = schedule.counts
        say("All faults are over; waiting until all is equal")
        if _settle(world, options, report):
            _judge(world, report)
        _stop(world, report)
        _read_logs(world, report)
    finally:
        world.end()
    return report


def _break_things(world: World, options: Options, say: Callable[[str], None]) -> Schedule:
    rng = random.Random(options.seed)
    world.start_writers(rng, options.rate)
    schedule = Schedule(world, rng, options.every, say)
    end = time.monotonic() + options.seconds
    next_look = 0.0
    while (now := time.monotonic()) < end:
        schedule.step()
        world.revive()
        if now >= next_look:
            world.take_memory()
            next_look = now + MEMORY_SECONDS
        time.sleep(STEP_SECONDS)
    schedule.heal()
    world.stop_writers()
    return schedule


def _settle(world: World, options: Options, report: Report) -> bool:
    """Equal, nothing pending, and so for some seconds in which every listener has reported again."""
    began = time.monotonic()
    quiet_since: float | None = None
    seen: list[str] = []
    while True:
        world.revive()
        unfinished = _unfinished(world)
        now = time.monotonic()
        if unfinished:
            quiet_since = None
        elif quiet_since is None:
            quiet_since, seen = now, [device.seen_at() for device in world.devices]
        elif now - quiet_since > STAYS_EQUAL_SECONDS:
            if all(device.seen_at() != before for device, before in zip(world.devices, seen, strict=True)):
                report.settled_after = quiet_since - began
                return True
            unfinished = ["a listener has stopped reporting"]
        if unfinished and now - began > options.settle_seconds:
            report.problems += [f"after {options.settle_seconds:.0f} s: {one}" for one in unfinished]
            return False
        time.sleep(0.5)


def _unfinished(world: World) -> list[str]:
    pending = [f"{device.name}: {text}" for device in world.devices if (text := device.pending())]
    return pending or [f"{name} differs from Atlas: {text}" for name, text in world.differences().items()]


def _judge(world: World, report: Report) -> None:
    final: dict[Key, str] = {
        (name, document["_id"]): document["v"]
        for name in COLLECTIONS
        for document in world.atlas[name].find({}, {"v": 1})
    }
    report.documents = len(final)
    losers = [loser for device in world.devices for loser in losers_of(device.conflicts())]
    verdict = judge(world.histories(), final, losers)
    report.verdict = verdict
    report.problems += [f"Lost: {one}" for one in verdict.lost[:SHOWN]]
    report.problems += [f"Loop: {one}" for one in verdict.loops[:SHOWN]]
    report.problems += [f"Wrong sum: {one}" for one in wrong_sums(world.atlas)]
    report.moved["sales that add up"] = world.atlas[SALES].count_documents({})
    report.moved["merges"] = sum(
        number or 0
        for device in world.devices
        for (number,) in device.rows("SELECT SUM(merged) FROM syncapp_metricminute")
    )
    report.refused = sum(writer.refused for writer in world.writers)
    report.restarts = sum(device.starts - 1 for device in world.devices)
    report.moved["conflict records"] = len(losers)
    for device in world.devices:
        report.problems += [f"{device.name}: rejected {one}" for one in device.rejected()[:SHOWN]]
        try:
            device.check_figures()
        except AssertionError as error:
            report.problems.append(f"{device.name}: the figures do not add up: {error}")


def losers_of(conflicts: list[dict[str, object]]) -> list[Loser]:
    found = []
    for conflict in conflicts:
        stamps: dict[str, str | None] = {"local": None, "atlas": None}
        key = None
        for side in stamps:
            version = conflict[f"{side}_raw"]
            if version:  # else the document was deleted there
                document = bson.decode(version)  # type: ignore[arg-type]
                key, stamps[side] = document["_id"], document["v"]
        winner = str(conflict["winner"])
        loser = "atlas" if winner == "local" else "local"
        found.append(Loser((str(conflict["collection"]), key), stamps[loser], stamps[winner]))
    return found


def _stop(world: World, report: Report) -> None:
    world.take_memory()
    report.memory = dict(world.memory)
    for device in world.devices:
        device.stop()
        try:
            eventually(lambda: not processes_of(device.home), "no process is left", 20, every=0.2)  # noqa: B023
        except AssertionError:
            left = [process.command for process in processes_of(device.home)]
            report.problems.append(f"{device.name}: processes are left: {left}")


def _read_logs(world: World, report: Report) -> None:
    for device in world.devices:
        logs = device.home / "logs"
        report.tracebacks += log_reader.tracebacks(log_reader.programs(logs))
        report.errors += log_reader.errors(log_reader.programs(logs))
        report.problems += [f"{device.name}: {line}" for line in log_reader.loops(logs)[:SHOWN]]
    unexplained = [one for one in report.tracebacks if not log_reader.is_explained(one)]
    report.problems += [f"No fault explains this traceback: {one}" for one in unexplained]
