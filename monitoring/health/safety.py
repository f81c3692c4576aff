"""Safeguards as reasons for health: halts, loops, clocks, failed comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.health.limits import Thresholds
from monitoring.health.values import HOUR, Code, Page, Reason, Status, duration


@dataclass(frozen=True)
class HaltFacts:
    """`side`: whose changes are halted; empty: all transfers of the device."""

    id: str
    detail: str
    side: str = ""
    collection: str = ""
    answer: str = ""  # given, and being carried out

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> HaltFacts:
        """A halt as mirrored by the listener."""
        return cls(
            document["id"],
            document["detail"],
            document["side"] or "",
            document["collection"],
            document["answer"] or "",
        )


@dataclass(frozen=True)
class SafetyFacts:
    halts: tuple[HaltFacts, ...] = ()
    clock_warning: str = ""
    loops: int = 0  # documents in a sync loop since the listener started
    loop_ago_s: float | None = None  # the last one
    failed_run: str = ""  # why the newest comparison run failed; empty: it did not
    left_out: str = ""  # the documents it did not compare; empty: none
    differing: int = 0  # documents, as comparisons last found them, and did not repair them
    differing_in: tuple[str, ...] = ()  # some of their collections
    paused_runs: tuple[str, ...] = ()  # comparison runs: what each compares, and since when it is paused


def reasons(facts: SafetyFacts, limits: Thresholds, *, pulls: bool = True) -> list[Reason]:
    """`pulls`: two-way sync is enabled; otherwise halts of Atlas's changes have no effect."""
    found = [_halted(halt) for halt in facts.halts if pulls or halt.side != "atlas"]
    if facts.loop_ago_s is not None and facts.loop_ago_s < HOUR:
        text = (
            f"Sync loop detected: {facts.loops} since the listener started, the last "
            f"{duration(facts.loop_ago_s)} ago (critical for an hour). The log names the documents"
        )
        found.append(Reason(Status.CRITICAL, Code.LOOP, text, Page.DEVICES))
    if facts.clock_warning:
        found.append(Reason(Status.DEGRADED, Code.CLOCK, facts.clock_warning, Page.DEVICES))
    if facts.failed_run:
        text = f"The last comparison run failed: {facts.failed_run}"
        found.append(Reason(Status.DEGRADED, Code.FAILED_RUN, text, Page.RUNS))
    if facts.left_out:
        text = f"The last comparison run is incomplete: {facts.left_out}"
        found.append(Reason(Status.DEGRADED, Code.LEFT_OUT, text, Page.RUNS))
    if facts.differing > limits.differing_warning:
        few = limits.differing_warning
        normal = f"{few} {'is' if few == 1 else 'are'} normal" if few else "none is normal"
        text = (
            f"The last comparisons found {facts.differing:,} document{'s' * (facts.differing != 1)} that differ, in "
            f"{', '.join(facts.differing_in)} ({normal}, critical above {limits.differing_critical})"
        )
        status = Status.CRITICAL if facts.differing > limits.differing_critical else Status.DEGRADED
        found.append(Reason(status, Code.DIFFERENCES, text, Page.COMPARED))
    for run in facts.paused_runs:
        text = f"A comparison run is paused: {run}, until it is resumed (`manage.py sync_runs resume`, or its page)"
        found.append(Reason(Status.DEGRADED, Code.RUN_PAUSED, text, Page.RUNS))
    return found


def _halted(halt: HaltFacts) -> Reason:
    detail = halt.detail.rstrip(".")
    if halt.answer:
        text = f"{detail}: the answer {halt.answer} is being carried out"
        return Reason(Status.DEGRADED, Code.ANSWERED, text, Page.HALTS, halt.id)
    what = f"{halt.collection or 'every collection'} is paused" if halt.side else "nothing is transferred"
    return Reason(
        Status.CRITICAL,
        Code.HALTED,
        f"{detail}: {what} until an operator answers (`manage.py sync_halts`, or the page Halts)",
        Page.HALTS,
        halt.id,
    )
