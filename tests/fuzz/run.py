"""One plan on one device: carry it out, wait until everything that can settle has settled, and judge."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from syncapp.core.values import Side
from tests.fuzz import api
from tests.fuzz.judge import WHOLE_DEVICE, Verdict, judge
from tests.fuzz.operation import save
from tests.fuzz.plan import Plan
from tests.fuzz.probe import Probe
from tests.fuzz.world import World, world
from tests.integration.conftest import Workshop

LOOK_SECONDS = 0.3
TRAFFIC_SECONDS = 20.0  # that ordinary traffic goes on for behind the last operation, at the longest
QUIET_SECONDS = 8.0  # so long nothing is under way, and still a difference is not named: it never will be
QUIET_SECONDS_SPECIAL = 75.0  # the same if it is looked at once a minute
SETTLE_SECONDS = 90.0  # without a step ahead
MOST_SECONDS = 600.0  # with steps: tens of thousands that a server refuses are tried one by one
ORDINARY_SECONDS = 10.0  # the longest that ordinary traffic may wait
ALIVE_SECONDS = 60.0  # the same in a quick run


@dataclass(frozen=True)
class Outcome:
    plan: Plan
    problems: tuple[str, ...]
    collections: frozenset[bytes]  # that the problems are about
    named: Counter[str]
    worst: dict[str, tuple[float, float]]  # direction → when in the run, and how long, in seconds
    log: tuple[str, ...]
    processes: str = ""  # the ends of their logs, if something is wrong

    def waits(self) -> str:
        return ", ".join(f"{name} {wait:.1f} s (at {at:.0f} s)" for name, (at, wait) in self.worst.items())

    def as_text(self) -> str:
        named = ", ".join(f"{count} {what}" for what, count in self.named.items())
        lines = [
            f"Seed {self.plan.seed}: {len(self.plan.operations)} operations; {named}; waits {self.waits()}"
        ]
        return "\n".join([*lines, *(f"  {one}" for one in self.problems)])


def run(workshop: Workshop, folder: Path, plan: Plan, *, quick: bool = False) -> Outcome:
    """Raises nothing for what the product does wrong: it is in the outcome's problems.

    `quick`: takes for named what will be within a minute, and judges no time but that ordinary traffic arrives at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save(plan.operations, folder / "operations.jsonl")
    with world(workshop, folder, plan) as made:
        probes = _probes(made)
        try:
            verdict = _carry_out_and_settle(made, plan, probes, quick)
        except RuntimeError as error:
            text = str(error).strip().rpartition("\n")[2]
            verdict = Verdict((f"the API has not answered: {text[:500]}",), frozenset(), Counter())
        worst = {name: probe.worst() for name, probe in probes.items()}
        late = [
            f"ordinary traffic ({name}) waited {wait:.1f} s, at {at:.0f} s of the run"
            for name, (at, wait) in worst.items()
            if wait > (ALIVE_SECONDS if quick else ORDINARY_SECONDS)
        ]
        ended = [f"{name} has ended" for name in ("listener", "worker") if not made.device.is_running(name)]
        problems = (*verdict.problems, *late, *ended)
        tails = made.device.tails() if problems else ""
        return Outcome(plan, problems, verdict.collections, verdict.named, worst, tuple(made.log), tails)


def _probes(made: World) -> dict[str, Probe]:
    local, atlas = made.device.local, made.device.atlas
    return {"up": Probe("up", local, atlas), "down": Probe("down", atlas, local)}


def _carry_out_and_settle(made: World, plan: Plan, probes: dict[str, Probe], quick: bool) -> Verdict:
    made.began = time.monotonic()
    for probe in probes.values():
        probe.start()
    try:
        for operation in plan.operations:
            if operation.what == "dropDatabase":
                _stop(probes)  # their collections are halted with it
            made.carry_out(operation)
        made.note("all operations are done")
        _settle(made, TRAFFIC_SECONDS, at_rest=False, quick=quick)
    finally:
        _stop(probes)
    made.note("ordinary traffic has stopped")
    verdict = _settle(made, SETTLE_SECONDS, at_rest=True, quick=quick)
    if verdict.named[WHOLE_DEVICE] and not any(one.what == "dropDatabase" for one in plan.operations):
        return replace(verdict, problems=("the whole device is halted, though no database was dropped",))
    if verdict.problems or not (verdict.named["halted"] or verdict.named[WHOLE_DEVICE]):
        return verdict
    api.answer_halts(made.device, plan.seed)
    made.note("every halt is answered")
    answered = _settle(made, SETTLE_SECONDS, at_rest=True, quick=quick)
    return Verdict(answered.problems, answered.collections, verdict.named)


def _stop(probes: dict[str, Probe]) -> None:
    for probe in probes.values():
        probe.stop()


def _settle(made: World, seconds: float, *, at_rest: bool, quick: bool) -> Verdict:
    """Until every difference is named; `at_rest`: and the listener has said twice that nothing is under way."""
    began = stepped = quiet_since = time.monotonic()
    settled: set[str] = set()
    named_before = 0
    while True:
        contents = [made.contents(side) for side in (Side.LOCAL, Side.ATLAS)]
        named = api.ask(made.device, soon=quick)
        verdict = judge(*contents, named)
        now = time.monotonic()
        if verdict.problems or (at_rest and named.busy):
            settled.clear()
        else:
            settled.add(named.health["listenerSeenAt"])
        if len(settled) > (2 if at_rest else 0):
            return verdict
        quiet_since = now if named.busy else quiet_since
        never = bool(verdict.problems) and now - quiet_since > _patience(made, verdict, quick)
        if at_rest and len(named.documents) > named_before and now - began < MOST_SECONDS:
            stepped, named_before = now, len(named.documents)
        if now - stepped > seconds or (at_rest and never):
            return _unsettled(verdict, named)
        time.sleep(LOOK_SECONDS)


def _patience(made: World, verdict: Verdict, quick: bool) -> float:
    """How many seconds nothing is under way until what is not named never will be."""
    if quick or verdict.collections.isdisjoint(made.special()):
        return QUIET_SECONDS
    return QUIET_SECONDS_SPECIAL


def _unsettled(verdict: Verdict, named: api.Named) -> Verdict:
    why = named.busy or ("" if verdict.problems else "the listener has not said that nothing is")
    busy = (f"still under way: {why}",) if why else ()
    said = tuple(f"(health: {reason['text']})" for reason in named.health["reasons"])
    return Verdict((*verdict.problems, *busy, *said), verdict.collections, verdict.named)
